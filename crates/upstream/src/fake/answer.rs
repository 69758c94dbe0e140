//! A fake registry's answers, by the distribution specification where it behaves.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};
use oci::{ByteRange, Satisfied, Scope, media_type};
use serde_json::{Value, json};

use super::auth::{Refusal, Visitor};
use super::mode::Behaviour;
use super::progress::UnderWay;
use super::{Seen, Shared, body};

const DEFAULT_PAGE: usize = 10_000;

pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let under_way = UnderWay::begin(&shared.progress);
    let (number, asked) = note(&shared, &request);
    let form = form(request).await;
    let behaviour = {
        let is_blob_get = asked.method == Method::GET && asked.path.contains("/blobs/");
        shared.lock().modes.of(&asked.path, is_blob_get)
    };
    if behaviour.hangs {
        std::future::pending::<()>().await;
    }
    if let Some(delay) = behaviour.delay {
        tokio::time::sleep(delay).await;
    }
    let extra = behaviour.headers.clone();
    let mut response = respond(&shared, &asked, &form, behaviour);
    response.headers_mut().extend(extra);
    // A test may have cleared the list meanwhile.
    if let Some(seen) = shared
        .lock()
        .seen
        .get_mut(number)
        .filter(|seen| seen.path == asked.path)
    {
        seen.status = Some(response.status().as_u16());
    }
    under_way.until_sent(response)
}

/// What a form holds; nothing, where the request has none.
async fn form(request: Request) -> Vec<(String, String)> {
    if request.method() != Method::POST {
        return Vec::new();
    }
    let body = axum::body::to_bytes(request.into_body(), 64 * 1024).await;
    url::form_urlencoded::parse(&body.unwrap_or_default())
        .into_owned()
        .collect()
}

fn note(shared: &Shared, request: &Request) -> (usize, Seen) {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let seen = Seen {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        range: header(header::RANGE),
        authorization: header(header::AUTHORIZATION),
        accept: header(header::ACCEPT),
        user_agent: header(header::USER_AGENT),
        status: None,
    };
    let mut state = shared.lock();
    state.seen.push(seen.clone());
    (state.seen.len() - 1, seen)
}

fn respond(
    shared: &Arc<Shared>,
    asked: &Seen,
    form: &[(String, String)],
    behaviour: Behaviour,
) -> Response {
    if let Some((status, headers)) = &behaviour.status {
        return plain(*status, headers.clone(), "{\"errors\":[]}");
    }
    if behaviour.is_html {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            "text/html; charset=utf-8".parse().expect("a type"),
        )]);
        return plain(200, headers, "<html><body>Sign in</body></html>");
    }
    if asked.path == shared.lock().auth.token_path() {
        return token(shared, asked, form);
    }
    let Some(rest) = asked.path.strip_prefix("/v2/") else {
        return error(404, "NOT_FOUND");
    };
    let place = Place::parse(rest);
    let visitor = match let_in(shared, asked, place.as_ref()) {
        Ok(visitor) => visitor,
        Err(response) => return *response,
    };
    let Some(place) = place else {
        return if rest.is_empty() {
            document("application/json", &json!({}), &behaviour)
        } else {
            error(404, "NOT_FOUND")
        };
    };
    match place.noun {
        "manifests" => limited_manifest(shared, asked, &place, visitor, &behaviour),
        "blobs" => blob(shared, asked, &place, behaviour),
        "tags" => tags(shared, asked, &place, &behaviour),
        _ => referrers(shared, asked, &place, &behaviour),
    }
}

/// `<repository>/<noun>/<last>`.
struct Place<'p> {
    repository: &'p str,
    noun: &'p str,
    last: &'p str,
}

impl<'p> Place<'p> {
    fn parse(rest: &'p str) -> Option<Self> {
        let (rest, last) = rest.rsplit_once('/')?;
        let (repository, noun) = rest.rsplit_once('/')?;
        matches!(noun, "manifests" | "blobs" | "tags" | "referrers").then_some(Self {
            repository,
            noun,
            last,
        })
    }
}

fn let_in(
    shared: &Shared,
    asked: &Seen,
    place: Option<&Place<'_>>,
) -> Result<Visitor, Box<Response>> {
    let state = shared.lock();
    let own_url = format!("http://{}", shared.door.address());
    let scope = place
        .map(|place| Scope::pull(place.repository).to_string())
        .unwrap_or_default();
    let mut checked = state
        .auth
        .check(asked.authorization.as_deref(), &scope, &own_url);
    if place.is_some_and(|place| state.denied.iter().any(|denied| denied == place.repository)) {
        checked = checked.and(state.auth.check(None, &scope, &own_url));
    }
    checked.map_err(|refusal| {
        let Refusal::Challenge(challenge) = refusal else {
            return Box::new(error(403, "DENIED"));
        };
        let mut response = error(401, "UNAUTHORIZED");
        let value = challenge.to_string().parse().expect("a header value");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
        Box::new(response)
    })
}

fn token(shared: &Shared, asked: &Seen, form: &[(String, String)]) -> Response {
    let query = query(asked);
    let scopes = query
        .iter()
        .chain(form)
        .filter(|(key, _)| key == "scope")
        .map(|(_, scope)| scope.clone())
        .collect();
    let identity = form.iter().find(|(key, _)| key == "refresh_token");
    let identity = identity.map(|(_, token)| token.as_str());
    let made = shared
        .lock()
        .auth
        .make_token(asked.authorization.as_deref(), identity, scopes);
    match made {
        Ok(answer) => document("application/json", &answer, &Behaviour::default()),
        Err(403) => error(403, "DENIED"),
        Err(status) => error(status, "UNAUTHORIZED"),
    }
}

fn limited_manifest(
    shared: &Shared,
    asked: &Seen,
    place: &Place<'_>,
    visitor: Visitor,
    behaviour: &Behaviour,
) -> Response {
    let counted = {
        let mut state = shared.lock();
        state
            .rate
            .as_mut()
            .map(|rate| rate.count(visitor, &asked.method))
    };
    let (headers, is_refused) = counted.unwrap_or_default();
    let mut response = match is_refused {
        true => error(429, "TOOMANYREQUESTS"),
        false => manifest(shared, place, behaviour),
    };
    response.headers_mut().extend(headers);
    response
}

fn manifest(shared: &Shared, place: &Place<'_>, behaviour: &Behaviour) -> Response {
    let state = shared.lock();
    let found = state
        .repositories
        .get(place.repository)
        .and_then(|repository| repository.manifest(place.last));
    let Some((digest, stored)) = found else {
        return error(404, "MANIFEST_UNKNOWN");
    };
    let mut response = Response::builder().header(header::CONTENT_TYPE, stored.media_type);
    if !behaviour.hides_digest {
        response = response.header("docker-content-digest", digest.as_str());
    }
    // axum sends the length of what is known whole, for HEAD too.
    let body = match behaviour.hides_length {
        true => Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(
            stored.bytes,
        )])),
        false => Body::from(stored.bytes),
    };
    response.body(body).expect("a response")
}

fn blob(shared: &Arc<Shared>, asked: &Seen, place: &Place<'_>, behaviour: Behaviour) -> Response {
    let (content, redirect) = {
        let state = shared.lock();
        let repository = state.repositories.get(place.repository);
        (
            repository.and_then(|repository| repository.blob(place.last)),
            state.redirect_blobs_to.clone(),
        )
    };
    let Some(content) = content else {
        return error(404, "BLOB_UNKNOWN");
    };
    if let Some(other) = redirect {
        let location = format!("{other}{}?signature=secret", asked.path)
            .parse()
            .expect("a location");
        return plain(
            307,
            HeaderMap::from_iter([(header::LOCATION, location)]),
            "",
        );
    }
    let size = content.size();
    let range = asked
        .range
        .as_deref()
        .filter(|_| !behaviour.ignores_range)
        .and_then(ByteRange::parse);
    let (status, range) = match range.map(|range| range.of(size)) {
        None => (200, 0..size),
        Some(Satisfied::Partial(range)) => (206, range),
        Some(Satisfied::Unsatisfiable) => return error(416, "RANGE_INVALID"),
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type::OCTET_STREAM);
    if status == 206 {
        response = response.header(
            header::CONTENT_RANGE,
            format!("bytes {}-{}/{size}", range.start, range.end - 1),
        );
    }
    if !behaviour.hides_length {
        response = response.header(header::CONTENT_LENGTH, range.end - range.start);
    }
    if !behaviour.hides_digest {
        response = response.header("docker-content-digest", place.last);
    }
    let body = match asked.method == Method::HEAD {
        true => Body::empty(),
        false => Body::from_stream(body::stream(Arc::clone(shared), content, range, behaviour)),
    };
    response.body(body).expect("a response")
}

fn tags(shared: &Shared, asked: &Seen, place: &Place<'_>, behaviour: &Behaviour) -> Response {
    let query: HashMap<_, _> = query(asked).into_iter().collect();
    let limit = query
        .get("n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(DEFAULT_PAGE);
    let last = query.get("last").map(String::as_str).unwrap_or_default();
    let state = shared.lock();
    let Some(repository) = state.repositories.get(place.repository) else {
        return error(404, "NAME_UNKNOWN");
    };
    let (page, has_more) = repository.tags(last, limit);
    let next = page
        .last()
        .filter(|_| has_more)
        .map(|last| format!("<{}?n={limit}&last={last}>; rel=\"next\"", asked.path));
    let mut response = document(
        "application/json",
        &json!({ "name": place.repository, "tags": page }),
        behaviour,
    );
    if let Some(next) = next {
        response
            .headers_mut()
            .insert(header::LINK, next.parse().expect("a link"));
    }
    response
}

fn referrers(shared: &Shared, asked: &Seen, place: &Place<'_>, behaviour: &Behaviour) -> Response {
    let query: HashMap<_, _> = query(asked).into_iter().collect();
    let artifact_type = query.get("artifactType").map(String::as_str);
    let state = shared.lock();
    let referrers = state
        .repositories
        .get(place.repository)
        .map(|repo| repo.referrers(place.last, artifact_type));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": referrers.unwrap_or_default(),
    });
    document(media_type::OCI_INDEX, &index, behaviour)
}

fn query(asked: &Seen) -> Vec<(String, String)> {
    url::form_urlencoded::parse(asked.query.as_bytes())
        .into_owned()
        .collect()
}

fn document(media_type: &str, document: &Value, behaviour: &Behaviour) -> Response {
    let text = document.to_string();
    let body = match behaviour.hides_length {
        true => Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(text)])),
        false => Body::from(text),
    };
    Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .body(body)
        .expect("a response")
}

fn error(status: u16, code: &str) -> Response {
    plain(
        status,
        HeaderMap::new(),
        &json!({ "errors": [{ "code": code, "message": "said the fake" }] }).to_string(),
    )
}

fn plain(status: u16, headers: HeaderMap, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().extend(headers);
    response
}
