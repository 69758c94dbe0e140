//! A fake registry's rate limit, as Docker Hub has it
//! (<https://docs.docker.com/docker-hub/usage/pulls/>): so many manifests an account, `HEAD` is free, and both answers
//! say what is left.

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};

/// The limit, and what each account has used of it.
pub(super) struct Rate {
    limit: u64,
    window: Duration,
    used: HashMap<Option<String>, u64>,
}

impl Rate {
    pub(super) fn new(limit: u64, window: Duration) -> Self {
        Self {
            limit,
            window,
            used: HashMap::new(),
        }
    }

    /// The headers to add, and whether it is refused.
    pub(super) fn count(&mut self, user: Option<String>, method: &Method) -> (HeaderMap, bool) {
        let used = self.used.entry(user).or_default();
        let is_refused = method == Method::GET && *used >= self.limit;
        if method == Method::GET && !is_refused {
            *used += 1;
        }
        let window = self.window.as_secs();
        let value = |number: u64| {
            HeaderValue::try_from(format!("{number};w={window}")).expect("a header value")
        };
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit-limit", value(self.limit));
        headers.insert("ratelimit-remaining", value(self.limit - *used));
        if is_refused {
            headers.insert("retry-after", HeaderValue::from(window));
        }
        (headers, is_refused)
    }
}
