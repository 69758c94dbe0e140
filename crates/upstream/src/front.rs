//! Endpoints whose URL names a cloud's API and no registry: Harbor's form for Amazon's,
//! `https://api.ecr.<region>.amazonaws.com`. Where the registry is comes with the first credential.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::credential::Source;
use crate::egress::Ways;
use crate::{Client, Config, Endpoint, Error, Kind};

/// The API that stands before a registry.
pub(crate) struct Front {
    endpoint: Endpoint,
    config: Config,
    source: Source,
    registry: OnceCell<Client>,
}

impl Front {
    /// `None`: the endpoint's URL is the registry's.
    ///
    /// # Errors
    /// [`Error::Configuration`] where no credential can be come by as the endpoint says.
    pub(crate) fn of(
        endpoint: &Endpoint,
        config: &Config,
        ways: &Arc<Ways>,
    ) -> Result<Option<Self>, Error> {
        let host = ways.upstream().host_str().unwrap_or_default();
        if endpoint.kind != Kind::AwsEcr || !host.starts_with("api.ecr") {
            return Ok(None);
        }
        let source = Source::new(endpoint, endpoint.credential.as_ref(), ways)?;
        Ok(source.map(|source| Self {
            endpoint: endpoint.clone(),
            config: config.clone(),
            source,
            registry: OnceCell::new(),
        }))
    }

    /// The registry behind it, where that is known already.
    pub(crate) fn known(&self) -> Option<&Client> {
        self.registry.get()
    }

    /// The registry behind it.
    ///
    /// # Errors
    /// [`Error::Credential`] where the API does not tell.
    pub(crate) async fn registry(&self) -> Result<&Client, Error> {
        let locate = async {
            let lease = self.source.current().await?;
            let url = lease.registry.ok_or_else(|| Error::Credential {
                reason: "the cloud's API names no registry: use the registry's own URL".to_owned(),
            })?;
            let endpoint = Endpoint {
                url: url.into(),
                ..self.endpoint.clone()
            };
            Client::new(endpoint, &self.config)
        };
        self.registry.get_or_try_init(|| locate).await
    }
}
