//! Requests, counted by operation, method and status, with the time until their answer began. Harbor's operations of
//! the registry API have the names it gives them; those of the management API their `operationId`.
//!
//! There are as many counters as operations, methods and statuses: none is made of what a client has written.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State as Extract};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use utoipa::openapi::OpenApi;

use crate::State;

/// What a request asks for, by its place among all operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation(u16);

impl Operation {
    const UNKNOWN: Self = Self(0);
    pub(crate) const CATALOG: Self = Self(1);
    pub(crate) const TAGS: Self = Self(2);
    pub(crate) const MANIFEST: Self = Self(3);
    pub(crate) const BLOB: Self = Self(4);
    pub(crate) const BLOB_UPLOAD: Self = Self(5);
    pub(crate) const OTHERS: Self = Self(6);
}

/// Those whose places are fixed.
const FIXED: [&str; 7] = [
    "unknown",
    "v2_catalog",
    "v2_tags",
    "v2_manifest",
    "v2_blob",
    "v2_blob_upload",
    "v2_others",
];

/// The last one is whatever is none of the others.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
];
/// Those that are answered; 0 stands for others.
const CODES: [u16; 32] = [
    0, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408,
    409, 412, 413, 415, 416, 422, 429, 500, 501, 502, 503, 504, 507,
];
/// Upper bounds of the buckets, in seconds; one more has none.
pub(crate) const BOUNDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 25.0,
];

/// All counters.
pub(crate) struct Requests {
    operations: Vec<String>,
    by_path: HashMap<(Method, String), Operation>,
    counters: Vec<[OnceLock<Box<Counters>>; METHODS.len()]>,
    in_flight: AtomicI64,
}

#[derive(Default)]
struct Counters {
    codes: [AtomicU64; CODES.len()],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// One operation by one method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OperationFigures {
    pub(crate) operation: String,
    pub(crate) method: &'static str,
    /// Status and how often.
    pub(crate) codes: Vec<(u16, u64)>,
    /// By [`BOUNDS`], not cumulative.
    pub(crate) buckets: [u64; BOUNDS.len() + 1],
    pub(crate) sum_seconds: f64,
}

impl Requests {
    /// For the registry API's operations and those that `described` has.
    pub(crate) fn new(described: OpenApi) -> Self {
        let mut operations: Vec<String> = FIXED.map(str::to_owned).into();
        let mut by_path = HashMap::new();
        for (path, item) in described.paths.paths {
            let methods = [
                (Method::GET, item.get),
                (Method::HEAD, item.head),
                (Method::POST, item.post),
                (Method::PUT, item.put),
                (Method::PATCH, item.patch),
                (Method::DELETE, item.delete),
            ];
            for (method, described) in methods {
                let place = u16::try_from(operations.len());
                if let (Some(id), Ok(place)) = (described.and_then(|it| it.operation_id), place) {
                    by_path.insert((method, path.clone()), Operation(place));
                    operations.push(id);
                }
            }
        }
        Self {
            counters: operations.iter().map(|_| Default::default()).collect(),
            operations,
            by_path,
            in_flight: AtomicI64::new(0),
        }
    }

    /// What an operation is called.
    pub(crate) fn name_of(&self, operation: Operation) -> &str {
        let name = self.operations.get(usize::from(operation.0));
        name.map_or(FIXED[0], String::as_str)
    }

    fn find(&self, method: &Method, path: &str) -> Option<Operation> {
        let of = |method: &Method| {
            self.by_path
                .get(&(method.clone(), path.to_owned()))
                .copied()
        };
        // A `HEAD` that has no handler of its own is answered by that of `GET`.
        of(method).or_else(|| of(&Method::GET).filter(|_| *method == Method::HEAD))
    }

    fn answered(&self, operation: Operation, method: usize, status: StatusCode, took: Duration) {
        let Some(by_method) = self.counters.get(usize::from(operation.0)) else {
            return;
        };
        let counters = by_method[method].get_or_init(Box::default);
        let code = CODES.iter().position(|code| *code == status.as_u16());
        counters.codes[code.unwrap_or_default()].fetch_add(1, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound);
        counters.buckets[bucket.unwrap_or(BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counters.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many have no answer yet.
    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What was counted, of operations that were asked for.
    pub(crate) fn figures(&self) -> Vec<OperationFigures> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut figures = Vec::new();
        for (operation, by_method) in self.operations.iter().zip(&self.counters) {
            for (method, counters) in METHODS.into_iter().zip(by_method) {
                let Some(counters) = counters.get() else {
                    continue;
                };
                let codes = CODES.into_iter().zip(&counters.codes);
                let codes = codes.map(|(code, count)| (code, load(count)));
                figures.push(OperationFigures {
                    operation: operation.clone(),
                    method,
                    codes: codes.filter(|(_, count)| *count > 0).collect(),
                    buckets: std::array::from_fn(|bucket| load(&counters.buckets[bucket])),
                    sum_seconds: Duration::from_micros(load(&counters.micros)).as_secs_f64(),
                });
            }
        }
        figures
    }
}

/// The layer around everything: counts a request once its answer has begun.
pub(crate) async fn count(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().as_str();
    let method = METHODS.iter().position(|known| *known == method);
    let method = method.unwrap_or(METHODS.len() - 1);
    let started = Instant::now();
    let flying = InFlight::new(&state);
    let response = next.run(request).await;
    drop(flying);
    let operation = response.extensions().get::<Operation>().copied();
    let operation = operation.unwrap_or(Operation::UNKNOWN);
    let (status, took) = (response.status(), started.elapsed());
    state.requests().answered(operation, method, status, took);
    response
}

/// A request without an answer, however it ends: its client may leave.
struct InFlight(State);

impl InFlight {
    fn new(state: &State) -> Self {
        state.requests().in_flight.fetch_add(1, Ordering::Relaxed);
        Self(state.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.requests().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The layer around a management API: says which operation a request asks for, to those within and those around.
pub(crate) async fn name(
    Extract((state, prefix)): Extract<(State, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    let operation = request.extensions().get::<MatchedPath>().and_then(|path| {
        // A path that was cleaned has been matched without what stands before it.
        let path = path.as_str();
        let whole = match path.starts_with(prefix) {
            true => path.to_owned(),
            false => format!("{prefix}{path}"),
        };
        state.requests().find(request.method(), &whole)
    });
    if let Some(operation) = operation {
        request.extensions_mut().insert(operation);
    }
    let mut response = next.run(request).await;
    if let Some(operation) = operation {
        response.extensions_mut().insert(operation);
    }
    response
}
