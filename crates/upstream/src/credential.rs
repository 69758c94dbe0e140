//! Where the user name and secret of an account come from: what was typed in, or a maker of short-lived ones (a
//! cloud's token service, a program). Whatever it is, what comes out is a name and a secret, to be shown as the
//! registry's challenge asks. Keeping, sharing and renewing what was made is the same for all makers.

mod alibaba;
mod ambient;
mod aws;
mod azure;
mod call;
mod exec;
mod google;
#[cfg(test)]
mod rig;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use serde::Deserialize;
use tokio::task::AbortHandle;
use url::Url;

use self::state::{State, Step};
use crate::egress::Ways;
use crate::{AlibabaOptions, AuthOptions, Credential, Endpoint, Error, Kind};

/// The source of one account's credential.
pub(crate) struct Source(Kept);

enum Kept {
    Fixed(Lease),
    Made {
        inner: Arc<Inner>,
        /// The renewal under way behind the requests; it ends with this source.
        renewal: Mutex<Option<AbortHandle>>,
    },
}

struct Inner {
    maker: Maker,
    state: Mutex<State>,
}

/// Who makes credentials.
enum Maker {
    Alibaba(alibaba::Maker),
    Aws(Box<aws::Maker>),
    Azure(azure::Maker),
    Exec(exec::Maker),
    Google(google::Maker),
}

/// A credential as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) credential: Credential,
    /// Which of the source's credentials this is; a newer one has a higher number.
    pub(crate) number: u64,
    /// Where the data is, where the maker knows better than the endpoint's URL: see [`Made::registry`].
    pub(crate) registry: Option<Url>,
}

/// What a maker made.
#[derive(Clone, Debug)]
struct Made {
    credential: Credential,
    /// How long it may be used from now on. `None`: until it is refused.
    life: Option<Duration>,
    /// The registry it is for, where the endpoint's URL names the cloud's API alone (`api.ecr.<region>…`, Harbor's
    /// form for ECR).
    registry: Option<Url>,
}

/// A credential's way from its maker, shared by all who wait for it. Who waits drives it: it ends when the last of
/// them leaves, and nobody's leaving ends it for the others.
type Flight = Shared<Making>;
type Making = BoxFuture<'static, Result<Lease, Error>>;

impl Source {
    /// The source for `credential` of `endpoint`, by the endpoint's options or its kind. `None`: nobody, and the
    /// registry is asked as a stranger. Asks nobody yet.
    ///
    /// # Errors
    /// [`Error::Configuration`] where the options do not fit the endpoint.
    pub(crate) fn new(
        endpoint: &Endpoint,
        credential: Option<&Credential>,
        ways: &Arc<Ways>,
    ) -> Result<Option<Self>, Error> {
        // Harbor's portal saves empty fields for "none".
        let credential = credential
            .filter(|credential| !credential.username.is_empty() || !credential.secret.is_empty());
        let of_file = credential
            .filter(|own| endpoint.kind == Kind::Quay && own.username == QUAY_JSON_FILE)
            .map(|own| of_quay_file(&own.secret))
            .transpose()?;
        let credential = of_file.as_ref().or(credential);
        Ok(match maker(endpoint, credential, ways)? {
            Some(maker) => Some(Self::made_by(maker)),
            // Harbor sends an empty access key for "nobody".
            None => credential
                .filter(|credential| !credential.username.is_empty())
                .cloned()
                .map(Self::fixed),
        })
    }

    /// A name and secret that stay.
    pub(crate) fn fixed(credential: Credential) -> Self {
        Self(Kept::Fixed(Lease {
            credential,
            number: 0,
            registry: None,
        }))
    }

    fn made_by(maker: Maker) -> Self {
        Self(Kept::Made {
            inner: Arc::new(Inner {
                maker,
                state: Mutex::default(),
            }),
            renewal: Mutex::default(),
        })
    }

    /// The credential to show now: kept, made once however many wait for it, renewed behind the requests from three
    /// quarters of its life on.
    ///
    /// # Errors
    /// [`Error::Credential`] where none can be had; after a failure its maker is left alone for a while.
    pub(crate) async fn current(&self) -> Result<Lease, Error> {
        let (inner, renewal) = match &self.0 {
            Kept::Fixed(lease) => return Ok(lease.clone()),
            Kept::Made { inner, renewal } => (inner, renewal),
        };
        let flight = {
            let mut state = inner.lock();
            match state.step(Utc::now())? {
                Step::Use(lease) => return Ok(lease),
                Step::Renew(lease) => {
                    let flight = take_off(inner, &mut state);
                    drop(state);
                    let task = tokio::spawn(flight.map(drop)).abort_handle();
                    *lock(renewal) = Some(task);
                    return Ok(lease);
                }
                Step::Join(flight) => flight,
                Step::Make => take_off(inner, &mut state),
            }
        };
        flight.await
    }

    /// The registry, or its token service, took `lease`.
    pub(crate) fn worked(&self, lease: &Lease) {
        if let Kept::Made { inner, .. } = &self.0 {
            inner.lock().worked(lease.number);
        }
    }

    /// After the registry refused `lease`: a newer one. `None`: there is none to be had, or `lease` is so new and
    /// untried that it is not to blame.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub(crate) async fn newer_than(&self, lease: &Lease) -> Result<Option<Lease>, Error> {
        let Kept::Made { inner, .. } = &self.0 else {
            return Ok(None);
        };
        let flight = {
            let mut state = inner.lock();
            match state.step_beyond(lease.number, Utc::now())? {
                None => return Ok(None),
                Some(Step::Use(lease) | Step::Renew(lease)) => return Ok(Some(lease)),
                Some(Step::Join(flight)) => flight,
                Some(Step::Make) => take_off(inner, &mut state),
            }
        };
        flight.await.map(Some)
    }
}

/// The access key by which Harbor says that a Quay endpoint's secret is a file.
const QUAY_JSON_FILE: &str = "json_file";

/// Harbor's form for Quay: `{"account_name": …, "docker_cli_password": …}`.
fn of_quay_file(text: &str) -> Result<Credential, Error> {
    #[derive(Deserialize)]
    struct File {
        account_name: String,
        docker_cli_password: String,
    }
    let file: File = serde_json::from_str(text).map_err(|_| Error::Configuration {
        reason: "its secret is no JSON with account_name and docker_cli_password, as the access key json_file says; \
                 or give a robot's name and token"
            .to_owned(),
    })?;
    Ok(Credential {
        username: file.account_name,
        secret: file.docker_cli_password,
    })
}

/// Who makes the credential, by the endpoint's options or its kind. `None`: nobody, it is as it was typed in.
fn maker(
    endpoint: &Endpoint,
    credential: Option<&Credential>,
    ways: &Arc<Ways>,
) -> Result<Option<Maker>, Error> {
    let own = Arc::clone(ways);
    Ok(Some(match (&endpoint.options.auth, endpoint.kind) {
        (Some(AuthOptions::Aws(options)), _) => {
            let maker = aws::Maker::new(endpoint, (**options).clone(), credential, own)?;
            Maker::Aws(Box::new(maker))
        }
        (Some(AuthOptions::Azure(options)), _) => {
            Maker::Azure(azure::Maker::new((**options).clone(), credential, own)?)
        }
        (Some(AuthOptions::Google(options)), _) => {
            Maker::Google(google::Maker::new((**options).clone(), credential, own)?)
        }
        (Some(AuthOptions::Alibaba(options)), _) => {
            Maker::Alibaba(alibaba::Maker::new((**options).clone(), credential, own)?)
        }
        (Some(AuthOptions::Exec { helper }), _) => Maker::Exec(exec::Maker::new(helper, ways)?),
        (None, Kind::AwsEcr) => {
            let maker = aws::Maker::of_kind(endpoint, credential, ways)?;
            return Ok(maker.map(|maker| Maker::Aws(Box::new(maker))));
        }
        (None, Kind::AliAcr) if credential.is_some() => Maker::Alibaba(alibaba::Maker::new(
            AlibabaOptions::default(),
            credential,
            own,
        )?),
        (None, _) => return Ok(None),
    }))
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Kept::Made { renewal, .. } = &self.0
            && let Some(task) = lock(renewal).take()
        {
            task.abort();
        }
    }
}

impl Maker {
    async fn make(&self) -> Result<Made, Error> {
        match self {
            Self::Alibaba(maker) => maker.make().await,
            Self::Aws(maker) => maker.make().await,
            Self::Azure(maker) => maker.make().await,
            Self::Google(maker) => maker.make().await,
            Self::Exec(maker) => maker.make().await,
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn take_off(inner: &Arc<Inner>, state: &mut State) -> Flight {
    let flight = fly(Arc::clone(inner)).boxed().shared();
    state.started(&flight);
    flight
}

async fn fly(inner: Arc<Inner>) -> Result<Lease, Error> {
    let asked_at = Utc::now();
    let outcome = inner.maker.make().await;
    let mut state = inner.lock();
    match outcome {
        Ok(made) => Ok(state.keep(made, asked_at)),
        Err(error) => {
            tracing::warn!(%error, "no credential from its maker");
            state.failed(error.clone(), Utc::now());
            Err(error)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for look-ups only, never across an await; a panic within leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A failure to come by a credential, in a sentence for the operator.
fn no_credential(reason: impl Into<String>) -> Error {
    Error::Credential {
        reason: reason.into(),
    }
}
