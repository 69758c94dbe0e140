//! Addresses of endpoints, as Harbor keeps them.

use url::Url;

use crate::{Error, Result};

const MAX_URL_BYTES: usize = 256;

/// An address as Harbor keeps it: no white space or slash at its ends, `http://` where there is no scheme, a path
/// prefix kept, a query dropped. One with a user and password in it is refused, because addresses are shown.
pub(crate) fn normal_url(kind: &str, typed: &str) -> Result<String> {
    let typed = typed.trim();
    if let Some(usual) = usual_url(kind).filter(|_| typed.is_empty()) {
        return Ok(usual.to_owned());
    }
    let refused = |why: &str| Error::BadRequest(format!("the registry's url {why}"));
    let whole = if typed.contains("://") {
        typed.to_owned()
    } else {
        format!("http://{typed}")
    };
    let mut url: Url = whole.parse().map_err(|_| refused("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(refused("must be an http or https URL with a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "must not hold credentials: put them into access_key and access_secret",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let url = url.as_str().trim_end_matches('/').to_owned();
    if url.len() > MAX_URL_BYTES {
        return Err(refused(&format!(
            "is longer than {MAX_URL_BYTES} characters"
        )));
    }
    Ok(url)
}

/// The address of the kinds that have one alone, or nearly.
fn usual_url(kind: &str) -> Option<&'static str> {
    match kind {
        "docker-hub" => Some("https://hub.docker.com"),
        "github-ghcr" => Some("https://ghcr.io"),
        "quay" => Some("https://quay.io"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_harbor_keeps_it() {
        let table = [
            (
                "docker-registry",
                " https://r.example/ ",
                "https://r.example",
            ),
            ("docker-registry", "r.example:5000", "http://r.example:5000"),
            (
                "docker-registry",
                "https://r.example/a/b//?x=y#z",
                "https://r.example/a/b",
            ),
            ("docker-hub", "", "https://hub.docker.com"),
            ("github-ghcr", " ", "https://ghcr.io"),
            ("quay", "", "https://quay.io"),
            ("quay", "quay.lab.example", "http://quay.lab.example"),
            (
                "docker-hub",
                "http://127.0.0.1:5000/",
                "http://127.0.0.1:5000",
            ),
        ];
        for (kind, typed, expected) in table {
            assert_eq!(normal_url(kind, typed).unwrap(), expected, "{typed}");
        }
        let long = format!("https://r.example/{}", "a".repeat(300));
        for typed in [
            "",
            "https://",
            "ftp://r.example",
            "http://a b",
            "https://user:secret@r.example",
            &long,
        ] {
            assert!(
                matches!(
                    normal_url("docker-registry", typed),
                    Err(Error::BadRequest(_))
                ),
                "{typed}"
            );
        }
    }
}
