//! The one place where a request to a registry is sent: its pass, its redirects, and what its failure means.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci::{Challenge, media_type};
use reqwest::Response;
use tokio::time::Instant;
use url::Url;

use crate::account::{Account, Accounts};
use crate::breaker::Asker;
use crate::budget::{self, Class, Reading};
use crate::egress::{self, Ways};
use crate::figures::Counters;
use crate::limits::Slot;
use crate::token::Pass;
use crate::{Ask, Breaker, Endpoint, Error, Figures, Limits};

/// A content network may have its own redirects; more than this is a loop.
const MAX_REDIRECTS: usize = 5;
/// Without a pass, with a kept one, with a new one.
const MAX_ATTEMPTS: usize = 3;
/// However long the wait for a turn was, this much is left for the answer: less would say nothing about the registry.
const LEAST_ANSWER_TIME: Duration = Duration::from_secs(5);

/// Sends requests to one registry.
pub(crate) struct Sender {
    ways: Arc<Ways>,
    accounts: Accounts,
    breaker: Breaker,
    limits: Limits,
    counters: Arc<Counters>,
    /// A limit of manifests is none of blobs there: Docker Hub's.
    spares_blobs: bool,
    /// When a cached tag was last checked although little was left of the budget.
    last_thrifty_check: Mutex<Option<DateTime<Utc>>>,
}

/// The right to send a request: kept until its answer has been read.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    _slots: [Option<Slot>; 2],
    waited: Duration,
}

/// A request, before its pass.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// What a token must be good for; empty: for nothing but knowing who we are.
    pub(crate) scope: String,
    pub(crate) headers: HeaderMap,
    pub(crate) class: Class,
}

/// A success.
pub(crate) struct Answer {
    pub(crate) response: Response,
}

/// A failure, and whether it came from where the registry redirected to.
struct Failure {
    error: Error,
    is_elsewhere: bool,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url, scope: String) -> Self {
        let mut headers = HeaderMap::new();
        // Blobs and manifests are named by the hash of their bytes: nothing may recode them on the way.
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        Self {
            method,
            url,
            scope,
            headers,
            class: Class::Document,
        }
    }

    /// Marks it as one for a blob.
    pub(crate) fn for_blob(mut self) -> Self {
        self.class = Class::Blob;
        self
    }

    pub(crate) fn accept(mut self, types: &'static str) -> Self {
        self.headers
            .insert(header::ACCEPT, HeaderValue::from_static(types));
        self
    }

    /// The bytes from `offset` on, or `length` of them.
    pub(crate) fn of_part(mut self, offset: u64, length: Option<u64>) -> Self {
        let range = match length {
            Some(length) => format!("bytes={offset}-{}", offset.saturating_add(length) - 1),
            None if offset > 0 => format!("bytes={offset}-"),
            None => return self,
        };
        if let Ok(value) = HeaderValue::from_str(&range) {
            self.headers.insert(header::RANGE, value);
        }
        self
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response
            .headers()
            .get(name)?
            .to_str()
            .ok()
            .map(str::trim)
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The type, without parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        self.header("content-type")
            .map(media_type::essence)
            .filter(|essence| !essence.is_empty())
    }

    /// Portals, sign-in pages and captive networks answer 200 with a page, whatever was asked for.
    fn refuse_web_page(self) -> Result<Self, Error> {
        match self.media_type().as_deref() {
            Some("text/html" | "application/xhtml+xml") => Err(Error::bad_answer("a web page")),
            _ => Ok(self),
        }
    }
}

impl Sender {
    pub(crate) fn new(
        ways: Arc<Ways>,
        accounts: Accounts,
        limits: Limits,
        spares_blobs: bool,
    ) -> Self {
        Self {
            ways,
            accounts,
            breaker: Breaker::new(),
            limits,
            counters: Arc::default(),
            spares_blobs,
            last_thrifty_check: Mutex::default(),
        }
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn v2_url(&self) -> Url {
        self.ways.v2_url()
    }

    pub(crate) fn figures(&self, now: DateTime<Utc>) -> Figures {
        Figures {
            is_open: self.breaker.outage(now).is_some(),
            in_use: self.limits.in_use(),
            budgets: self.accounts.budgets(now),
            ..self.counters.figures()
        }
    }

    /// Waits for a turn among the project's requests, then among the endpoint's: always in this order, so that no two
    /// wait for each other.
    ///
    /// # Errors
    /// [`Error::Busy`] after `patience`.
    pub(crate) async fn turn(
        &self,
        project: Option<&Limits>,
        patience: Duration,
    ) -> Result<Turn, Error> {
        let start = Instant::now();
        let deadline = start + patience;
        let of_project = match project {
            Some(limits) => limits.slot(deadline).await?,
            None => None,
        };
        let of_endpoint = self.limits.slot(deadline).await?;
        Ok(Turn {
            _slots: [of_project, of_endpoint],
            waited: start.elapsed(),
        })
    }

    /// Whether a cached tag may be checked, with little left of the rate limit: now and then.
    ///
    /// # Errors
    /// [`Error::Resting`] where not.
    pub(crate) fn spare(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let Some(thrift) = self.accounts.thrift(now) else {
            return Ok(());
        };
        let last = self.last_thrifty_check.lock();
        let mut last = last.unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now < last + thrift.pause) {
            return Err(Error::Resting {
                reason: thrift.reason,
            });
        }
        *last = Some(now);
        Ok(())
    }

    /// Runs `work`, a request with as much of its answer as must be in, within `limit`, and tells the breaker. Time
    /// spent waiting for `turn` counts, within reason.
    pub(crate) async fn within<T>(
        &self,
        ask: Ask,
        limit: Duration,
        turn: &Turn,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let left = limit
            .saturating_sub(turn.waited)
            .max(limit.min(LEAST_ANSWER_TIME));
        let start = Instant::now();
        let outcome = tokio::time::timeout(left, work)
            .await
            .unwrap_or(Err(Error::Timeout));
        let told = outcome.as_ref().map(drop);
        self.counters.answered(ask, told, start.elapsed());
        self.breaker.record(Asker::Request, told, Utc::now());
        outcome
    }

    /// The endpoint that is asked.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.ways.endpoint()
    }

    /// The registry's first answer, to somebody without a pass: whether it asks for a token.
    pub(crate) async fn is_token_wanted(&self) -> Result<bool, Error> {
        self.breaker.refuse_in_drill(Utc::now())?;
        let url = self.ways.v2_url();
        let asked = send_once(&self.ways.data()?, Method::GET, &url, &HeaderMap::new()).await;
        let response = self.ways.by_proxy(&url, asked)?;
        Ok(matches!(
            challenge(response.headers()),
            Some(Challenge::Bearer { .. })
        ))
    }

    /// Whether the registry answers at all: anything, to somebody without a pass.
    pub(crate) async fn probe(&self, limit: Duration) {
        let asked = async {
            let response = send_once(
                &self.ways.data()?,
                Method::GET,
                &self.ways.v2_url(),
                &HeaderMap::new(),
            )
            .await?;
            let status = response.status();
            match status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                true => Err(Error::of_status(
                    status,
                    budget::retry_after(response.headers(), Utc::now()),
                )),
                false => Ok(()),
            }
        };
        let outcome = tokio::time::timeout(limit, asked)
            .await
            .unwrap_or(Err(Error::Timeout));
        self.breaker
            .record(Asker::Probe, outcome.as_ref().map(drop), Utc::now());
    }

    /// Sends `request` with the right pass and follows it to a success.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        self.try_send(request)
            .await
            .map_err(|failure| failure.error)
    }

    /// The same for a `HEAD`. `None`: the registry redirected, and the place it redirected to takes no `HEAD`
    /// (a signed URL is good for one method). There is something, then; nothing is known about it.
    pub(crate) async fn send_head(&self, request: &Request) -> Result<Option<Answer>, Error> {
        match self.try_send(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure {
                error: Error::Refused { .. } | Error::Failed { status: 400..=499 },
                is_elsewhere: true,
            }) => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Tries the accounts in turn, while another may fare better.
    async fn try_send(&self, request: &Request) -> Result<Answer, Failure> {
        self.breaker.refuse_in_drill(Utc::now())?;
        let mut failed: Option<Failure> = None;
        for account in self.accounts.in_turn(request.class, Utc::now())? {
            match self.send_as(account, request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_of_account() => {
                    // What a limit says is worth less than what anything else does.
                    let is_better = !matches!(failure.error, Error::RateLimited { .. });
                    if failed.is_none() || is_better {
                        failed = Some(failure);
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(failed.unwrap_or_else(|| Error::RateLimited { retry_after: None }.into()))
    }

    async fn send_as(&self, account: &Account, request: &Request) -> Result<Answer, Failure> {
        let login = &account.login;
        let mut pass = login.pass(&request.scope).await?;
        for _ in 0..MAX_ATTEMPTS {
            let (response, is_elsewhere) = self.follow(request, pass.as_ref()).await?;
            let status = response.status();
            if !is_elsewhere {
                self.note_limits(account, request.class, &response);
            }
            let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            if is_refused && !is_elsewhere {
                let challenge = challenge(response.headers());
                let answer = login.answer(status.as_u16(), challenge, &request.scope, pass.take());
                pass = Some(answer.await?);
                continue;
            }
            if let Some(pass) = pass
                .as_ref()
                .filter(|_| status.is_success() || status == StatusCode::NOT_FOUND)
            {
                login.accepted(&request.scope, pass);
            }
            if !status.is_success() {
                let retry_after = budget::retry_after(response.headers(), Utc::now());
                return Err(Failure {
                    error: Error::of_status(status, retry_after),
                    is_elsewhere,
                });
            }
            return Ok(Answer { response }.refuse_web_page()?);
        }
        Err(Error::Refused { status: 401 }.into())
    }

    fn note_limits(&self, account: &Account, class: Class, response: &Response) {
        let (headers, now) = (response.headers(), Utc::now());
        if let Some(reading) = Reading::of(headers, now) {
            account.read(reading, now);
        }
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = budget::retry_after(headers, now);
            account.hold(class, self.spares_blobs, retry_after, now);
        }
    }

    /// Sends `request`, follows redirects, and says whether another origin answered. The pass is for the
    /// registry's own origin and goes nowhere else.
    async fn follow(
        &self,
        request: &Request,
        pass: Option<&Pass>,
    ) -> Result<(Response, bool), Error> {
        let client = self.ways.data()?;
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_elsewhere = !egress::is_same_origin(self.ways.upstream(), &url);
            let mut headers = request.headers.clone();
            if !is_elsewhere {
                headers.extend(self.ways.headers().clone());
                if let Some(pass) = pass {
                    headers.insert(header::AUTHORIZATION, pass.header.clone());
                }
            }
            let outcome = send_once(&client, request.method.clone(), &url, &headers).await;
            let response = self.ways.by_proxy(&url, outcome)?;
            let Some(next) = redirect(&response, &url) else {
                return Ok((response, is_elsewhere));
            };
            url = next?;
            egress::check_redirect(&self.ways, &url)?;
        }
        Err(Error::bad_answer(format!(
            "more than {MAX_REDIRECTS} redirects"
        )))
    }
}

impl Failure {
    /// Whether another account of the same registry may fare better.
    fn is_of_account(&self) -> bool {
        !self.is_elsewhere
            && matches!(
                self.error,
                Error::Refused { .. } | Error::RateLimited { .. } | Error::Credential { .. }
            )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_elsewhere: false,
        }
    }
}

/// Sends one request without a body. A kept connection may be closed by the other side in the very moment it
/// is used again; that is no answer, and the request is sent once more.
pub(crate) async fn send_once(
    client: &reqwest::Client,
    method: Method,
    url: &Url,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let send = || {
        client
            .request(method.clone(), url.clone())
            .headers(headers.clone())
            .send()
    };
    let outcome = match send().await {
        Err(error) if is_lost_connection(&error) => send().await,
        outcome => outcome,
    };
    outcome.map_err(|error| egress::of_transport(&error))
}

fn is_lost_connection(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

/// The challenge of a 401, which may stand in several header lines.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let lines: Vec<_> = headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    Challenge::parse(&lines.join(", "))
}

/// Where a redirect points. `None`: it is none.
fn redirect(response: &Response, from: &Url) -> Option<Result<Url, Error>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    let to = location
        .to_str()
        .ok()
        .and_then(|location| from.join(location).ok());
    Some(
        to.ok_or_else(|| Error::bad_answer("its redirect is no URL"))
            .map(|mut to| {
                // Credentials in a location are not ours to send. Both calls fail only where there can be none.
                let _ = to.set_username("");
                let _ = to.set_password(None);
                to
            }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_may_stand_in_several_lines() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"a\""),
        );
        headers.append(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"https://a/t\""),
        );
        assert!(matches!(
            challenge(&headers),
            Some(Challenge::Bearer { .. })
        ));
        assert_eq!(challenge(&HeaderMap::new()), None);
    }
}
