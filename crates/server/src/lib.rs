//! HTTP: the registry API, Harbor's management API, tokens, the portal. The whole URL map is here.
//!
//! Handlers say: parse, authorize, act, answer. What the acts mean is `registry`'s; how an error becomes a
//! status is [`error`]'s alone.

mod api;
mod audit;
mod caller;
mod client;
mod error;
mod layers;
mod listen;
mod metrics;
mod openapi;
mod portal;
mod read_only;
mod requests;
mod session;
mod state;
mod token;
mod v2;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get, post};
use url::Url;

pub use listen::{Listener, TlsFiles};
pub use metrics::metrics;
pub use openapi::openapi;
pub use state::{Config, State};

/// What a [`Listener`] answers with.
#[derive(Clone)]
pub struct App(Router);

/// Everything this server answers.
pub fn app(state: State) -> App {
    let router = Router::new()
        .route("/v2", any(v2::base))
        .route("/v2/", any(v2::dispatch_base))
        .route("/v2/{*rest}", any(v2::dispatch))
        .route("/service/token", get(token::issue))
        .route("/c/login", post(session::login))
        .route("/c/log_out", get(session::log_out))
        .route("/c/userExists", post(session::user_exists))
        .nest("/api/v2.0", api::router(&state))
        .nest("/api/roadstead/v1", api::roadstead::router(&state))
        .route("/api/version", get(api::version))
        .route("/api/openapi.json", openapi::explorer::description())
        .route("/devcenter-api-2.0", get(openapi::explorer::page))
        .route("/devcenter-api-2.0/{file}", get(openapi::explorer::file))
        .merge(portal::router())
        .fallback(portal::elsewhere)
        .layer(from_fn_with_state(state.clone(), read_only::refuse))
        .layer(from_fn_with_state(state.clone(), session::protect))
        .layer(from_fn_with_state(state.clone(), client::find))
        .layer(from_fn(layers::request_id))
        .layer(from_fn_with_state(state.clone(), requests::count))
        .with_state(state);
    App(router)
}

/// Sends every request to `url`, path kept: for the plain port beside a TLS one, as in Harbor.
pub fn redirect_to(url: Url) -> App {
    App(Router::new().fallback(move |uri: http::Uri| {
        let mut target = url.clone();
        target.set_path(uri.path());
        target.set_query(uri.query());
        async move { Redirect::permanent(target.as_str()).into_response() }
    }))
}
