//! Getting in: what a registry's challenge asks for is learned once, tokens are kept by scope, fetched once
//! however many wait for them, and renewed before they end. A refusal is remembered, so that a wrong password
//! does not lock an account.

mod fetch;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use oci::Challenge;
use tokio::sync::{OnceCell, OwnedMutexGuard};

use self::fetch::{Token, TokenService};
use self::state::{Known, State, Step};
use crate::credential::{Lease, Source};
use crate::egress::Ways;
use crate::{Credential, Error, request};

/// How long a request waits for another to find out whether the credential is good. A registry that takes longer
/// to say no than this slows guessing down by itself.
const TURN: Duration = Duration::from_secs(5);

/// The way into one registry for one credential.
#[derive(Clone)]
pub(crate) struct Login(Arc<Inner>);

struct Inner {
    ways: Arc<Ways>,
    source: Option<Source>,
    /// Set once the registry was asked how it wants to see the credential.
    asked: OnceCell<()>,
    /// Held while a credential not known to be good is shown.
    showing: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

/// What a request carries.
pub(crate) struct Pass {
    /// The `Authorization` header.
    pub(crate) header: HeaderValue,
    kind: PassKind,
    /// Others wait until this request is answered.
    _turn: Option<Turn>,
}

/// The right to show a credential that nobody knows to be good.
type Turn = OwnedMutexGuard<()>;

#[derive(Clone, PartialEq, Eq)]
enum PassKind {
    Basic(Lease),
    Token {
        number: u64,
        /// Made for this very request: if this one is refused, another will be too.
        is_fresh: bool,
    },
}

/// A token's way from its service, shared by all who wait for it. Who waits drives it: it ends when the last
/// of them leaves, and nobody's leaving ends it for the others.
type Flight = Shared<Fetching>;
type Fetching = BoxFuture<'static, Result<Known, Error>>;

impl Login {
    pub(crate) fn new(ways: Arc<Ways>, source: Option<Source>) -> Self {
        Self(Arc::new(Inner {
            ways,
            source,
            asked: OnceCell::new(),
            showing: Arc::default(),
            state: Mutex::default(),
        }))
    }

    /// Whether it is somebody's.
    pub(crate) fn has_credential(&self) -> bool {
        self.0.source.is_some()
    }

    /// What the first request for `scope` should carry, from what earlier challenges taught. `None`: nothing
    /// was ever asked for.
    pub(crate) async fn pass(&self, scope: &str) -> Result<Option<Pass>, Error> {
        if self.0.source.is_some() {
            self.0.asked.get_or_try_init(|| self.ask()).await?;
        }
        let service = match &self.0.lock().scheme {
            None => return Ok(None),
            Some(Challenge::Basic { .. }) => None,
            Some(Challenge::Bearer { realm, service, .. }) => Some(TokenService {
                realm: realm.clone(),
                service: service.clone(),
                scope: None,
            }),
        };
        match service {
            None => self.basic(scope).await.map(Some),
            Some(service) => self.token(scope, service, None).await.map(Some),
        }
    }

    /// Asks `/v2/` how to get in. For a credential only: some registries serve strangers what is public
    /// without a challenge, at a stranger's rate, and would never learn who we are. What else `/v2/` answers
    /// does not matter: some registries have none worth the name, and serve all the same.
    async fn ask(&self) -> Result<(), Error> {
        let client = self.0.ways.data()?;
        let response = request::send_once(
            &client,
            Method::GET,
            &self.0.ways.v2_url(),
            &HeaderMap::new(),
        )
        .await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.0.lock().scheme = request::challenge(response.headers());
        }
        Ok(())
    }

    /// After a 401 or 403, the former with a `challenge`: what to try instead of `refused`.
    ///
    /// # Errors
    /// [`Error::Refused`] where nothing better can be had.
    pub(crate) async fn answer(
        &self,
        status: u16,
        challenge: Option<Challenge>,
        scope: &str,
        refused: Option<Pass>,
    ) -> Result<Pass, Error> {
        let no = Err(Error::Refused { status });
        let challenge = match challenge {
            Some(challenge) => {
                self.0.lock().scheme = Some(challenge.clone());
                challenge
            }
            // A 403 needs no challenge: what had been let in may have expired.
            None => match self.0.lock().scheme.clone() {
                Some(scheme) if status == 403 => scheme,
                _ => return no,
            },
        };
        let kind = refused.as_ref().map(|pass| pass.kind.clone());
        match (challenge, kind) {
            (Challenge::Basic { .. }, Some(PassKind::Basic(lease))) => {
                drop(refused);
                self.basic_after(status, scope, &lease).await
            }
            (Challenge::Basic { .. }, _) if status == 403 => no,
            (Challenge::Basic { .. }, _) => self.basic(scope).await,
            (Challenge::Bearer { .. }, Some(PassKind::Token { is_fresh: true, .. })) => no,
            (
                Challenge::Bearer {
                    realm,
                    service,
                    scope: wanted,
                },
                kind,
            ) => {
                // What comes next may need the turn itself.
                drop(refused);
                let number = match kind {
                    Some(PassKind::Token { number, .. }) => Some(number),
                    _ if status == 403 => return no,
                    _ => None,
                };
                // Docker Hub makes a token without rights for what does not exist. Making another for each
                // pull of it would meet the service's limits, not the token's.
                if number.is_some_and(|number| {
                    !self.0.lock().is_worth_renewing(scope, number, Utc::now())
                }) {
                    return no;
                }
                let wanted = wanted.filter(|wanted| wanted != scope);
                let service = TokenService {
                    realm,
                    service,
                    scope: wanted,
                };
                self.token(scope, service, number).await
            }
        }
    }

    /// A request with this pass was let in.
    pub(crate) fn accepted(&self, scope: &str, pass: &Pass) {
        let mut state = self.0.lock();
        match &pass.kind {
            PassKind::Basic(lease) => {
                state.credential_worked(Utc::now());
                self.0.source.iter().for_each(|source| source.worked(lease));
            }
            PassKind::Token { number, .. } => state.token_worked(scope, *number),
        }
    }

    async fn basic(&self, scope: &str) -> Result<Pass, Error> {
        let Some(source) = &self.0.source else {
            return Err(Error::Refused { status: 401 });
        };
        let lease = source.current().await?;
        let turn = self.0.turn().await;
        self.0.lock().check_refusals(scope, Utc::now())?;
        basic_pass(lease, turn)
    }

    /// After `lease` was refused: a newer one, or the refusal, remembered.
    async fn basic_after(&self, status: u16, scope: &str, lease: &Lease) -> Result<Pass, Error> {
        if let Some(newer) = self.0.newer_than(lease).await? {
            return basic_pass(newer, None);
        }
        // A 403 is about the repository; the credential was good enough to be told so.
        if status == 401 {
            self.0.lock().refused(scope, status, true, Utc::now());
        }
        Err(Error::Refused { status })
    }

    /// The kept token for `scope`, or a new one; never the one that was refused.
    async fn token(
        &self,
        scope: &str,
        service: TokenService,
        refused: Option<u64>,
    ) -> Result<Pass, Error> {
        let flight = {
            let mut state = self.0.lock();
            match state.step(scope, refused, Utc::now())? {
                Step::Use(known) => return Ok(known.pass(false)),
                Step::Join(flight) => flight,
                Step::Fetch { last_scope } => {
                    let service = TokenService {
                        scope: service.scope.or(last_scope),
                        ..service
                    };
                    let flight = fly(Arc::clone(&self.0), scope.to_owned(), service)
                        .boxed()
                        .shared();
                    state.started(scope, &flight);
                    flight
                }
            }
        };
        match flight.await {
            Ok(known) => Ok(known.pass(true)),
            // Renewal comes before the end, so that the token service may be away for a while.
            Err(error) => self
                .0
                .lock()
                .fall_back(scope, refused, Utc::now())
                .map(|known| known.pass(false))
                .ok_or(error),
        }
    }
}

impl Known {
    fn pass(&self, is_fresh: bool) -> Pass {
        Pass {
            header: self.header.clone(),
            kind: PassKind::Token {
                number: self.number,
                is_fresh,
            },
            _turn: None,
        }
    }
}

impl Inner {
    /// Waits until the credential is known to be good, known to be wrong, or this caller's to try. A wrong
    /// password is shown once then, not once for each repository that is pulled from at the same time: accounts
    /// get locked for less.
    async fn turn(&self) -> Option<Turn> {
        let is_known_good = || self.lock().is_known_good(Utc::now());
        if self.source.is_none() || is_known_good() {
            return None;
        }
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.showing).lock_owned()).await;
        turn.ok().filter(|_| !is_known_good())
    }

    /// A credential that was not refused yet. With it nothing is known to be wrong any more.
    async fn newer_than(&self, lease: &Lease) -> Result<Option<Lease>, Error> {
        let Some(source) = &self.source else {
            return Ok(None);
        };
        let newer = source.newer_than(lease).await?;
        if newer.is_some() {
            self.lock().credential_changed();
        }
        Ok(newer)
    }

    /// A token, made with the credential as it stands now, or with the one that replaces it where it is refused.
    async fn fetch(&self, scope: &str, service: &TokenService) -> Result<Token, Error> {
        let Some(source) = &self.source else {
            return fetch::fetch(&self.ways, None, scope, service).await;
        };
        let lease = source.current().await?;
        let outcome = fetch::fetch(&self.ways, Some(&lease.credential), scope, service).await;
        let (lease, outcome) = match outcome {
            Err(Error::Refused { .. }) => match self.newer_than(&lease).await? {
                Some(newer) => {
                    let credential = Some(&newer.credential);
                    let outcome = fetch::fetch(&self.ways, credential, scope, service).await;
                    (newer, outcome)
                }
                None => (lease, outcome),
            },
            outcome => (lease, outcome),
        };
        if outcome.is_ok() {
            source.worked(&lease);
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for look-ups only, never across an await; a panic within leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fly(inner: Arc<Inner>, scope: String, service: TokenService) -> Result<Known, Error> {
    let _turn = inner.turn().await;
    let asked_at = Utc::now();
    {
        let mut state = inner.lock();
        if let Err(error) = state.check_refusals(&scope, asked_at) {
            state.landed(&scope);
            return Err(error);
        }
    }
    let outcome = inner.fetch(&scope, &service).await;
    let mut state = inner.lock();
    state.landed(&scope);
    match outcome {
        Ok(token) => Ok(state.keep(&scope, service.scope, token, asked_at)),
        Err(error) => {
            if let Error::Refused { status } = error {
                state.refused(&scope, status, inner.source.is_some(), Utc::now());
            }
            Err(error)
        }
    }
}

fn basic_pass(lease: Lease, turn: Option<Turn>) -> Result<Pass, Error> {
    Ok(Pass {
        header: basic_header(&lease.credential)?,
        kind: PassKind::Basic(lease),
        _turn: turn,
    })
}

fn basic_header(credential: &Credential) -> Result<HeaderValue, Error> {
    let pair = STANDARD.encode(format!("{}:{}", credential.username, credential.secret));
    secret_header(&format!("Basic {pair}"))
}

fn secret_header(text: &str) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(text)
        .map_err(|_| Error::bad_answer("its token is no header value"))?;
    header.set_sensitive(true);
    Ok(header)
}
