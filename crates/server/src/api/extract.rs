//! What handlers take out of a request: who asks, names in the path, the query, a JSON body. What cannot be taken is
//! answered as by Harbor, whose validation says 422.

use std::net::IpAddr;

use auth::{Access, Action, Caller, Denied, Identity, SystemAccess, SystemAction};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use metadata::{AuditEvent, Project, Visibility};
use oci::{Reference, RepositoryName, media_type};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::Result;
use crate::audit::Trail;
use crate::error::{Error, harbor};
use crate::{State, caller, client};

/// No project has this name.
const NO_NAME: &str = "";

/// Who asks, and the state to answer from.
pub(super) struct Asked {
    pub(super) state: State,
    pub(super) caller: Caller,
    /// Where from.
    pub(super) from: IpAddr,
    trail: Trail,
    /// `X-Is-Resource-Name`: a number in the path is a name too.
    is_name: bool,
}

impl FromRequestParts<State> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        let caller = caller::of_management(state, &parts.headers, &parts.extensions)
            .await
            .map_err(Error::of_caller_management)?;
        let trail = parts.extensions.get::<Trail>().cloned();
        let trail = trail.unwrap_or_default();
        trail.by(&caller.identity);
        Ok(Self {
            state: state.clone(),
            caller,
            from: client::address(&parts.extensions),
            trail,
            is_name: is_true(&parts.headers, "x-is-resource-name"),
        })
    }
}

impl Asked {
    /// Says for the audit log what the request is about, where only its body does.
    pub(super) fn about(&self, resource: &str) {
        self.trail.about(resource);
    }

    /// Says for the audit log in which project it is done, where the path does not.
    pub(super) fn within(&self, project: &Project) {
        self.trail.within(project);
    }

    /// Says for the audit log who did it, where nobody had signed in.
    pub(super) fn done_by(&self, identity: &Identity) {
        self.trail.by(identity);
    }

    /// Says for the audit log what is done, where the operation does not.
    pub(super) fn is(&self, event: AuditEvent) {
        self.trail.is(event);
    }

    /// The proof that the caller may do `action` in a project, which is named by name or number.
    pub(super) async fn project(&self, action: Action, name_or_id: &str) -> Result<Access> {
        let id = name_or_id.parse::<i64>().ok().filter(|_| !self.is_name);
        match id {
            Some(id) => self.numbered_project(action, id).await,
            None => self.named_project(action, name_or_id).await,
        }
    }

    /// The same, where a number is known to be one.
    pub(super) async fn numbered_project(&self, action: Action, id: i64) -> Result<Access> {
        let missing = project_not_found(&id.to_string());
        self.project_of(action, Some(id), missing).await
    }

    /// The same for the project of something else. Where there is none, `missing` is what administrators are told.
    pub(super) async fn project_of(
        &self,
        action: Action,
        id: Option<i64>,
        missing: Error,
    ) -> Result<Access> {
        let name = match id {
            Some(id) => self.project_name(id).await?,
            None => NO_NAME.to_owned(),
        };
        self.authorize(action, &name, missing).await
    }

    /// The name of a project, to ask about rights in it. For a number that no project has it is a name that none has, so
    /// that the answers are the same.
    pub(super) async fn project_name(&self, id: i64) -> Result<String> {
        let project = self.state.db().find_project_by_id(id).await;
        let project = project.map_err(Error::of_metadata)?;
        Ok(project.map_or_else(|| NO_NAME.to_owned(), |project| project.name.clone()))
    }

    /// The same, where the path takes names only.
    pub(super) async fn named_project(&self, action: Action, name: &str) -> Result<Access> {
        self.authorize(action, name, project_not_found(name)).await
    }

    /// The proof for a repository's project, and the repository's whole name.
    pub(super) async fn repository(
        &self,
        action: Action,
        project: &str,
        path: &str,
    ) -> Result<(Access, RepositoryName)> {
        let access = self.named_project(action, project).await?;
        // Clients encode its slashes twice, because proxies on the way decode once.
        let path = percent_decode_str(path).decode_utf8_lossy();
        let not_found = |_| {
            Error::new(
                StatusCode::NOT_FOUND,
                harbor::NOT_FOUND,
                format!("repository {project}/{path} not found"),
            )
        };
        let name = RepositoryName::new(project, &path).map_err(not_found)?;
        Ok((access, name))
    }

    /// The proof for what belongs to no project.
    pub(super) async fn system(&self, action: SystemAction) -> Result<SystemAccess> {
        self.state
            .auth()
            .authorize_system(&self.caller, action)
            .await
            .map_err(Error::of_denied_management)
    }

    /// The caller's own number: a user who signed in.
    pub(super) fn user_id(&self) -> Result<i64> {
        match &self.caller.identity {
            Identity::User { id, .. } => Ok(*id),
            // Harbor's answer, by which clients tell a robot.
            Identity::Robot { name, .. } => Err(Error::new(
                StatusCode::PRECONDITION_FAILED,
                harbor::PRECONDITION,
                format!("{name} is a robot account, which has no profile"),
            )),
            Identity::Anonymous => Err(Error::of_denied_management(Denied::Unauthenticated)),
        }
    }

    /// Somebody who signed in.
    pub(super) fn signed_in(&self) -> Result<()> {
        match self.caller.identity.is_anonymous() {
            true => Err(Error::of_denied_management(Denied::Unauthenticated)),
            false => Ok(()),
        }
    }

    /// Which projects lists may show to the caller.
    pub(super) async fn visibility(&self) -> Result<Visibility> {
        let visible_to = self.state.auth().visibility(&self.caller).await;
        visible_to.map_err(Error::of_auth_failure)
    }

    async fn authorize(&self, action: Action, name: &str, missing: Error) -> Result<Access> {
        self.state
            .auth()
            .authorize(&self.caller, action, name)
            .await
            .map_err(|denied| match denied {
                Denied::ProjectNotFound => missing,
                denied => Error::of_denied_management(denied),
            })
    }
}

fn project_not_found(told: &str) -> Error {
    let message = format!("project {told} not found");
    Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
}

/// A tag or digest of the path. What can be neither is no artifact's.
pub(super) fn reference(name: &RepositoryName, text: &str) -> Result<Reference> {
    let not_found = |_| {
        Error::new(
            StatusCode::NOT_FOUND,
            harbor::NOT_FOUND,
            format!("artifact {name}:{text} not found"),
        )
    };
    text.parse().map_err(not_found)
}

/// Whether a header says `true`.
pub(super) fn is_true(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get(name)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The variable parts of the path, decoded once.
pub(super) struct Names<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<State> for Names<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(names)| Self(names))
            .map_err(|rejection| Error::invalid(&rejection.body_text()))
    }
}

/// The query.
pub(super) struct Parameters(Vec<(String, String)>);

impl FromRequestParts<State> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self> {
        Ok(Self::of(parts.uri.query()))
    }
}

impl Parameters {
    pub(super) fn of(query: Option<&str>) -> Self {
        Self(
            form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first of that name. An empty one is as good as none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// As text, but not to be done without.
    pub(super) fn required(&self, name: &str) -> Result<&str> {
        self.text(name)
            .ok_or_else(|| Error::invalid(&format!("{name} in query is required")))
    }

    /// A whole number from 0.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                Error::invalid(&format!(
                    "{name} in query must be of type integer, not {text:?}"
                ))
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// A truth, in the spellings Go takes.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
            _ => Err(Error::invalid(&format!(
                "{name} in query must be of type boolean, not {text:?}"
            ))),
        };
        self.text(name).map(parse).transpose()
    }

    /// All but those of these names, to build another page's address of.
    pub(super) fn without(&self, names: &[&str]) -> impl Iterator<Item = &(String, String)> {
        self.0
            .iter()
            .filter(move |(key, _)| !names.contains(&key.as_str()))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<State> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(media_type::essence);
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Error::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        harbor::REQUEST_ENTITY_TOO_LARGE,
                        "the body is too large",
                    ),
                    _ => Error::new(
                        StatusCode::BAD_REQUEST,
                        harbor::BAD_REQUEST,
                        rejection.body_text(),
                    ),
                })?;
        if bytes.is_empty() {
            return Err(Error::invalid("body in body is required"));
        }
        if let Some(other) = content_type.filter(|essence| essence != "application/json") {
            let message =
                format!("unsupported media type {other:?}, only [application/json] are allowed");
            return Err(Error::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                harbor::UNSUPPORTED_MEDIA_TYPE,
                message,
            ));
        }
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Self).map_err(|error| {
            Error::invalid(&format!(
                "parsing body body from \"\" failed, because {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_go_reads_it() {
        let parameters = Parameters::of(Some("a=1&b=T&c=&d=x%20y&a=2&e=-1&f=maybe"));
        assert_eq!(parameters.number("a").unwrap(), Some(1));
        assert_eq!(
            (parameters.flag("b").unwrap(), parameters.flag("c").unwrap()),
            (Some(true), None)
        );
        assert_eq!(parameters.text("d"), Some("x y"));
        assert!(parameters.number("e").is_err() && parameters.flag("f").is_err());
        assert!(parameters.required("c").is_err() && parameters.required("d").is_ok());
        assert_eq!(parameters.without(&["a", "b", "d"]).count(), 3);
    }
}
