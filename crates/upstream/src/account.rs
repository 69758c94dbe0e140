//! The accounts of one endpoint: used in turn, each with its own way in and its own budget. All of them are the
//! endpoint's; what one may read is served to whoever may see the project, as with one alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::budget::{Allowance, Budget, Class, Reading, Thrift};
use crate::credential::Source;
use crate::egress::Ways;
use crate::token::Login;
use crate::{Credential, Endpoint, Error};

/// One account, or nobody.
pub(crate) struct Account {
    pub(crate) login: Login,
    /// Its user name, for people.
    name: Option<String>,
    allowance: Mutex<Allowance>,
}

/// At least one.
pub(crate) struct Accounts {
    all: Vec<Account>,
    next: AtomicUsize,
}

impl Account {
    pub(crate) fn read(&self, reading: Reading, now: DateTime<Utc>) {
        self.lock().read(reading, now);
    }

    /// See [`Allowance::hold`].
    pub(crate) fn hold(
        &self,
        class: Class,
        spares_blobs: bool,
        retry_after: Option<Duration>,
        now: DateTime<Utc>,
    ) {
        self.lock().hold(class, spares_blobs, retry_after, now);
    }

    fn lock(&self) -> MutexGuard<'_, Allowance> {
        // Held for look-ups only; a stale allowance would still be one.
        self.allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    /// The endpoint's own account first; nobody, where there is none.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a credential that cannot be come by as the endpoint says.
    pub(crate) fn of(endpoint: &Endpoint, ways: &Arc<Ways>) -> Result<Self, Error> {
        let further = endpoint
            .options
            .credentials
            .iter()
            .map(|further| Credential {
                username: further.access_key.clone(),
                secret: further.access_secret.expose().to_owned(),
            });
        let mut all = Vec::new();
        for credential in std::iter::once(endpoint.credential.clone()).chain(further.map(Some)) {
            let source = Source::new(endpoint, credential.as_ref(), ways)?;
            let name = credential.map(|credential| credential.username);
            all.push(Account {
                login: Login::new(Arc::clone(ways), source),
                name: name.filter(|name| !name.is_empty()),
                allowance: Mutex::default(),
            });
        }
        // Nobody's turn is not worth taking where somebody has one.
        if all.iter().any(|account| account.login.has_credential()) {
            all.retain(|account| account.login.has_credential());
        }
        Ok(Self {
            all,
            next: AtomicUsize::new(0),
        })
    }

    /// Those that may ask for something of `class` now, the one whose turn it is first.
    ///
    /// # Errors
    /// [`Error::RateLimited`] until the first of them may.
    pub(crate) fn in_turn(
        &self,
        class: Class,
        now: DateTime<Utc>,
    ) -> Result<impl Iterator<Item = &Account>, Error> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len();
        let (before, from) = self.all.split_at(first);
        let (mut willing, mut soonest) = (Vec::new(), None::<Duration>);
        for account in from.iter().chain(before) {
            match account.lock().held_for(class, now) {
                None => willing.push(account),
                Some(left) => soonest = Some(soonest.map_or(left, |soonest| soonest.min(left))),
            }
        }
        if willing.is_empty() {
            return Err(Error::RateLimited {
                retry_after: soonest,
            });
        }
        Ok(willing.into_iter())
    }

    /// Whether all of them are near their budgets' ends.
    pub(crate) fn thrift(&self, now: DateTime<Utc>) -> Option<Thrift> {
        let each: Option<Vec<Thrift>> = self
            .all
            .iter()
            .map(|account| account.lock().thrift(now))
            .collect();
        each?.into_iter().min_by_key(|thrift| thrift.pause)
    }

    pub(crate) fn budgets(&self, now: DateTime<Utc>) -> Vec<Budget> {
        self.all
            .iter()
            .map(|account| account.lock().budget(account.name.as_deref(), now))
            .collect()
    }

    /// Whether there is somebody among them.
    pub(crate) fn have_credentials(&self) -> bool {
        self.all
            .iter()
            .any(|account| account.login.has_credential())
    }
}
