//! What a machine gives the programs on it: variables that name an identity, and files that hold its token.

use std::path::Path;

use tokio::io::AsyncReadExt;

use crate::Error;

/// A token or a key takes a few kilobytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A look-up of variables; none is empty.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What was given, else what a variable says.
pub(super) fn given_or(
    given: Option<String>,
    environment: Environment<'_>,
    name: &str,
) -> Option<String> {
    given
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .or_else(|| environment(name))
}

/// The text of a file, without white space around it. Read anew for every credential: tokens in files are rotated.
///
/// # Errors
/// [`Error::Credential`] where it cannot be read, is empty or too large; never with what is in it.
pub(super) async fn read_file(path: &Path) -> Result<String, Error> {
    let wrong = |why: String| Error::Credential {
        reason: format!(
            "the file {} {why}; see that it is there and this process may read it",
            path.display()
        ),
    };
    let read = async {
        let mut text = String::new();
        let file = tokio::fs::File::open(path).await?;
        let mut bounded = file.take(MAX_FILE_BYTES + 1);
        bounded.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = read
        .await
        .map_err(|error| wrong(format!("cannot be read ({error})")))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(wrong("is too large for a token or key".to_owned()));
    }
    match text.trim() {
        "" => Err(wrong("is empty".to_owned())),
        text => Ok(text.to_owned()),
    }
}
