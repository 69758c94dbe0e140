//! `/v2/…`: a method and a path become one of the specification's endpoints.

use http::Method;

use crate::{Digest, NameError, Reference, RepositoryName};

/// An endpoint of the distribution specification ("Endpoints", end-1 to end-14), with its words parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// end-1: `GET /v2/`.
    Base,
    /// end-2: `GET`, `HEAD …/blobs/<digest>`; end-10: `DELETE`.
    Blob(RepositoryName, Digest),
    /// end-3, 7, 9: `GET`, `HEAD`, `PUT`, `DELETE …/manifests/<reference>`.
    Manifest(RepositoryName, Reference),
    /// end-4, 11: `POST …/blobs/uploads/`.
    Uploads(RepositoryName),
    /// end-5, 6, 13, 14: `PATCH`, `PUT`, `GET`, `DELETE …/blobs/uploads/<id>`.
    Upload(RepositoryName, String),
    /// end-8: `GET …/tags/list`.
    Tags(RepositoryName),
    /// end-12: `GET …/referrers/<digest>`.
    Referrers(RepositoryName, Digest),
    /// `GET /v2/_catalog`, which the specification left to registries.
    Catalog,
}

/// Why a path is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// Nothing under `/v2/` looks like this.
    NotFound,
    /// The endpoint exists, but not with this method; these it has.
    Method(&'static str),
    /// The repository's part is no name.
    Name(String),
    /// The digest's part is no digest: `DIGEST_INVALID` for writes, unknown for reads.
    Digest(RepositoryName, String),
    /// The reference's part is neither tag nor digest.
    Reference(RepositoryName, String),
}

impl Route {
    /// Reads `path`, what follows `/v2/`, percent-decoded. Names hold slashes, so it is read from the right.
    ///
    /// # Errors
    /// [`RouteError`], never a panic.
    pub fn parse(method: &Method, path: &str) -> Result<Self, RouteError> {
        if path.is_empty() {
            return allow(method, "GET, HEAD").map(|()| Self::Base);
        }
        if path == "_catalog" {
            return allow(method, "GET").map(|()| Self::Catalog);
        }
        if let Some(name) = path.strip_suffix("/tags/list") {
            allow(method, "GET, HEAD")?;
            return Ok(Self::Tags(repository(name)?));
        }
        if let Some(name) = path
            .strip_suffix("/blobs/uploads")
            .or_else(|| path.strip_suffix("/blobs/uploads/"))
        {
            allow(method, "POST")?;
            return Ok(Self::Uploads(repository(name)?));
        }
        let (rest, last) = path.rsplit_once('/').ok_or(RouteError::NotFound)?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            allow(method, "GET, HEAD, PATCH, PUT, DELETE")?;
            return Ok(Self::Upload(repository(name)?, last.to_owned()));
        }
        let (name, noun) = rest.rsplit_once('/').ok_or(RouteError::NotFound)?;
        match noun {
            "manifests" => {
                allow(method, "GET, HEAD, PUT, DELETE")?;
                let name = repository(name)?;
                match last.parse() {
                    Ok(reference) => Ok(Self::Manifest(name, reference)),
                    Err(NameError) => Err(RouteError::Reference(name, last.to_owned())),
                }
            }
            "blobs" => {
                allow(method, "GET, HEAD, DELETE")?;
                digest(name, last).map(|(name, digest)| Self::Blob(name, digest))
            }
            "referrers" => {
                allow(method, "GET, HEAD")?;
                digest(name, last).map(|(name, digest)| Self::Referrers(name, digest))
            }
            _ => Err(RouteError::NotFound),
        }
    }
}

fn allow(method: &Method, methods: &'static str) -> Result<(), RouteError> {
    let is_allowed = methods
        .split(", ")
        .any(|allowed| allowed == method.as_str());
    if is_allowed {
        Ok(())
    } else {
        Err(RouteError::Method(methods))
    }
}

fn repository(text: &str) -> Result<RepositoryName, RouteError> {
    text.parse()
        .map_err(|NameError| RouteError::Name(text.to_owned()))
}

fn digest(name: &str, last: &str) -> Result<(RepositoryName, Digest), RouteError> {
    let name = repository(name)?;
    match last.parse() {
        Ok(digest) => Ok((name, digest)),
        Err(_) => Err(RouteError::Digest(name, last.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Result<Route, RouteError> {
        Route::parse(&Method::GET, path)
    }

    #[test]
    fn names_with_slashes_are_read_from_the_right() {
        let name: RepositoryName = "hub/blobs/manifests/tags".parse().unwrap();
        assert_eq!(
            get("hub/blobs/manifests/tags/tags/list"),
            Ok(Route::Tags(name.clone()))
        );
        assert_eq!(
            get("hub/blobs/manifests/tags/manifests/v1"),
            Ok(Route::Manifest(name.clone(), "v1".parse().unwrap()))
        );
        let digest = Digest::sha256(b"");
        assert_eq!(
            get(&format!("{name}/blobs/{digest}")),
            Ok(Route::Blob(name.clone(), digest))
        );
        assert_eq!(
            Route::parse(&Method::POST, &format!("{name}/blobs/uploads/")),
            Ok(Route::Uploads(name.clone()))
        );
        assert_eq!(
            Route::parse(&Method::PATCH, &format!("{name}/blobs/uploads/1-2")),
            Ok(Route::Upload(name, "1-2".into()))
        );
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        assert_eq!(
            get("alpine/manifests/v1"),
            Err(RouteError::Name("alpine".into()))
        );
        assert_eq!(get("a/b"), Err(RouteError::NotFound));
        assert_eq!(get("x"), Err(RouteError::NotFound));
        assert!(matches!(
            get("a/b/blobs/sha256:x"),
            Err(RouteError::Digest(..))
        ));
        assert!(matches!(
            get("a/b/manifests/sha256:x"),
            Err(RouteError::Reference(..))
        ));
        assert_eq!(
            Route::parse(&Method::PUT, ""),
            Err(RouteError::Method("GET, HEAD"))
        );
    }
}
