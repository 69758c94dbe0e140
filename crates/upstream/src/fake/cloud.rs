//! The clouds' services that make credentials, on loopback sockets, each after its provider's documentation: they
//! refuse what the provider refuses, and count what they are asked. And [`Account`], to look at what comes out.

pub mod alibaba;
mod aws;
pub mod azure;
pub mod desk;
pub mod google;
mod jwt;
mod registry;

use std::sync::Arc;

pub use self::aws::{Aws, Call as AwsCall};
use crate::credential::{Lease, Source};
use crate::egress::Ways;
use crate::{Config, Credential, Endpoint, Error, provider};

/// One account of an endpoint as the client itself has it, for tests that look at its credential alone.
pub struct Account(Source);

/// What an account would show the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The name and the secret.
    pub credential: Credential,
    /// Which of the account's credentials this is, from 1; 0 where there will be no other.
    pub number: u64,
    /// Where the registry is, where that came with the credential.
    pub registry: Option<String>,
}

impl Account {
    /// The account of the endpoint's own credential. `None`: strangers have none.
    ///
    /// # Errors
    /// [`Error::Configuration`] where the endpoint's options do not fit it.
    pub fn new(endpoint: &Endpoint, config: &Config) -> Result<Option<Self>, Error> {
        let url = provider::data_url(endpoint)?;
        let ways = Arc::new(Ways::new(endpoint.clone(), url, config.clone()));
        let source = Source::new(endpoint, endpoint.credential.as_ref(), &ways)?;
        Ok(source.map(Self))
    }

    /// What it shows now.
    ///
    /// # Errors
    /// [`Error::Credential`] where it has nothing to show.
    pub async fn current(&self) -> Result<Shown, Error> {
        self.0.current().await.map(Shown::from)
    }

    /// What it shows after `refused` was refused; `None` where that would be the same.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub async fn newer_than(&self, refused: &Shown) -> Result<Option<Shown>, Error> {
        let lease = Lease {
            credential: refused.credential.clone(),
            number: refused.number,
            registry: None,
        };
        Ok(self.0.newer_than(&lease).await?.map(Shown::from))
    }
}

impl From<Lease> for Shown {
    fn from(lease: Lease) -> Self {
        Self {
            credential: lease.credential,
            number: lease.number,
            registry: lease.registry.map(String::from),
        }
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account")
    }
}
