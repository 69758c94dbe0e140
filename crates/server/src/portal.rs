//! The portal's files, and the answer to what is nowhere. The portal itself is `ui/`: this only hands it out, and it
//! speaks to the API like any other client.

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::State;
use crate::error::{Error, harbor};

/// A file of the built portal, compressed ahead.
struct File {
    path: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/portal_files.rs"));

const NOT_BUILT: &str = include_str!("portal/not-built.html");

/// Everything comes from here, and no script is written in a page. The component library writes styles into the page.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What belongs to programs: whoever asks for something there that is not, is not shown a page.
const NOT_OURS: [&str; 8] = [
    "api",
    "c",
    "devcenter-api-2.0",
    "metrics",
    "service",
    "v1",
    "v2",
    "assets",
];

/// The page, under every address it has, and what it loads. `/harbor/…` and `/account/…` are Harbor's.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/", get(page))
        .route("/harbor", get(page))
        .route("/harbor/{*rest}", get(page))
        .route("/account/{*rest}", get(page))
        .route("/assets/{*name}", get(asset))
}

async fn page(headers: HeaderMap) -> Response {
    index(StatusCode::OK, &headers)
}

/// A name has its content's hash in it: it never changes. Private, as answers bring cookies.
async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("assets/{name}");
    match FILES.iter().find(|file| file.path == path) {
        Some(file) => answer(
            StatusCode::OK,
            file,
            "private, max-age=31536000, immutable",
            &headers,
        ),
        None => not_found().await.into_response(),
    }
}

/// Someone with a browser is shown the portal, which says that there is nothing here; a program is told so.
pub(crate) async fn elsewhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let first = uri.path().split('/').nth(1).unwrap_or_default();
    let wants_page = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_page && [Method::GET, Method::HEAD].contains(&method) && !NOT_OURS.contains(&first) {
        return index(StatusCode::NOT_FOUND, &headers);
    }
    not_found().await.into_response()
}

/// Nothing is here.
pub(crate) async fn not_found() -> Error {
    Error::new(
        StatusCode::NOT_FOUND,
        harbor::NOT_FOUND,
        "there is nothing at this path",
    )
}

fn index(status: StatusCode, headers: &HeaderMap) -> Response {
    let not_built = File {
        path: "index.html",
        tag: "W/\"not-built\"",
        plain: NOT_BUILT.as_bytes(),
        brotli: None,
        gzip: None,
    };
    let built = FILES.iter().find(|file| file.path == "index.html");
    answer(status, built.unwrap_or(&not_built), "no-cache", headers)
}

fn answer(status: StatusCode, file: &File, cache: &'static str, asked: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CACHE_CONTROL, cache),
        (ETAG, file.tag),
        (VARY, "accept-encoding"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let known = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if status == StatusCode::OK
        && known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == file.tag))
    {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let content_type = HeaderValue::from_static(content_type(file.path));
    headers.insert(CONTENT_TYPE, content_type);
    let compressed = [("br", file.brotli), ("gzip", file.gzip)]
        .into_iter()
        .find_map(|(name, bytes)| Some((name, bytes.filter(|_| takes(asked, name))?)));
    let body = match compressed {
        Some((name, bytes)) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            bytes
        }
        None => file.plain,
    };
    (status, headers, body).into_response()
}

/// Whether the client takes that encoding: it names it, and not with a weight of nothing.
fn takes(asked: &HeaderMap, encoding: &str) -> bool {
    asked
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|item| {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let weight = weight.trim().strip_prefix("q=");
            name.trim() == encoding && weight.and_then(|weight| weight.parse().ok()) != Some(0.0)
        })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_when_it_is_named_and_weighs_something() {
        let asked = |text: &str| HeaderMap::from_iter([(ACCEPT_ENCODING, text.parse().unwrap())]);
        assert!(takes(&asked("gzip, deflate, br"), "br"));
        assert!(takes(&asked("br;q=0.5"), "br"));
        assert!(!takes(&asked("br;q=0, gzip"), "br"));
        assert!(!takes(&asked("identity"), "gzip"));
        assert!(!takes(&HeaderMap::new(), "gzip"));
    }
}
