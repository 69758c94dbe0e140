//! Repository names, tags and references, by the grammar of the distribution specification.

use std::fmt;
use std::str::FromStr;

use crate::Digest;

const MAX_NAME_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;

/// `<project>/<path>`: a full repository name, at least two components, at most 255 characters.
///
/// Harbor's rule: the first component is the project, so a name of one component is no repository.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Box<str>);

impl RepositoryName {
    /// The name of the repository at `path` in `project`.
    pub fn new(project: &str, path: &str) -> Result<Self, NameError> {
        format!("{project}/{path}").parse()
    }

    /// The first component.
    pub fn project(&self) -> &str {
        self.0
            .split_once('/')
            .map_or(&self.0, |(project, _)| project)
    }

    /// What follows the project: the name an upstream knows the repository by.
    pub fn path(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, path)| path)
    }

    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_name =
            text.len() <= MAX_NAME_LEN && text.contains('/') && text.split('/').all(is_component);
        if is_name {
            Ok(Self(text.into()))
        } else {
            Err(NameError)
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_word = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    if !bytes.first().is_some_and(is_word) || !bytes.last().is_some_and(is_word) {
        return false;
    }
    bytes
        .split(is_word)
        .filter(|separator| !separator.is_empty())
        .all(|separator| {
            matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
        })
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Box<str>);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut bytes = text.bytes();
        let is_tag = text.len() <= MAX_TAG_LEN
            && bytes.next().is_some_and(is_word)
            && bytes.all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
        if is_tag {
            Ok(Self(text.into()))
        } else {
            Err(NameError)
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A name that may move.
    Tag(Tag),
    /// The bytes themselves.
    Digest(Digest),
}

impl Reference {
    /// The digest, where it is one.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::Tag(_) => None,
        }
    }

    /// The tag, where it is one.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains(':') {
            return text.parse().map(Self::Digest).map_err(|_| NameError);
        }
        text.parse().map(Self::Tag)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// The text is not a repository name, tag or reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a repository is <project>/<path> in lower-case letters, digits and single separators (. _ - /), \
     at most 255 characters; a tag is at most 128 letters, digits, '_', '.' and '-'"
)]
pub struct NameError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_project_and_a_path() {
        let name: RepositoryName = "hub/library/alpine".parse().unwrap();
        assert_eq!((name.project(), name.path()), ("hub", "library/alpine"));
        for text in ["a/b", "a/b--c", "a/b__c/d.e", "my_project/x", "0/1"] {
            assert!(text.parse::<RepositoryName>().is_ok(), "{text}");
        }
        for text in [
            "", "a", "a/", "/a", "a//b", "A/b", "a/b_", "a/b___c", "a/b..c", "a/-b", "a/é",
            "a/b._c",
        ] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text}");
        }
        assert!(
            format!("a/{}", "b".repeat(254))
                .parse::<RepositoryName>()
                .is_err()
        );
    }

    #[test]
    fn a_reference_with_a_colon_is_a_digest_or_nothing() {
        assert!(matches!("latest".parse(), Ok(Reference::Tag(_))));
        assert!(matches!(
            Digest::sha256(b"").as_str().parse(),
            Ok(Reference::Digest(_))
        ));
        for text in ["sha256:abc", ".hidden", "-x", "", "a/b", &"x".repeat(129)] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
