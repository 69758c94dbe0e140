//! A provider's registry and services, running, and an endpoint on them that shows one credential.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Sub;
use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;
use upstream::fake::cloud::alibaba::Alibaba;
use upstream::fake::cloud::azure::Azure;
use upstream::fake::cloud::desk::Desk;
use upstream::fake::cloud::google::Google;
use upstream::fake::cloud::{Aws, AwsCall};
use upstream::fake::{FakeUpstream, Image};
use upstream::{Client, Credential, Endpoint, Error, Kind, Names};

use super::{amazon, clouds, plain};
use crate::client_with;

/// Whom the endpoint says we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody.
    Anonymous,
    /// Somebody who may pull.
    Right,
    /// Somebody, with a secret that is not theirs.
    Wrong,
    /// Somebody whose credential, or what is made with it, has ended.
    Expired,
}

pub(super) struct Rig {
    pub(super) endpoint: Endpoint,
    /// The registry, or what stands behind the cloud's front.
    pub(super) fake: FakeUpstream,
    pub(super) services: Services,
    /// What the platform writes for a workload.
    files: Vec<NamedTempFile>,
    counted: Calls,
}

/// Who makes credentials beside the registry.
pub(super) enum Services {
    None,
    Amazon(Arc<Aws>),
    Azure(Azure),
    Google(Google),
    Alibaba(Alibaba),
}

/// How often each was asked.
#[derive(Clone, Copy, Default)]
struct Calls {
    login: usize,
    metadata: usize,
    token: usize,
    registry: usize,
}

impl Who {
    pub(super) const ALL: [Self; 4] = [Self::Anonymous, Self::Right, Self::Wrong, Self::Expired];

    pub(super) fn parse(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|who| who.to_string() == word);
        known.unwrap_or_else(|| panic!("{word:?} is no credential"))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl Rig {
    /// By the first column of the table.
    pub(super) async fn start(provider: &str, who: Who) -> Self {
        let (kind, way) = provider.split_once(", ").unwrap_or((provider, ""));
        let kind: Kind = kind.parse().unwrap();
        match (kind, way) {
            (Kind::AwsEcr, _) => amazon::start(way, who).await,
            (Kind::AzureAcr, "workload identity" | "managed identity")
            | (Kind::GoogleGcr | Kind::AliAcr, _) => clouds::start(kind, way, who).await,
            _ => plain::start(kind, way, who).await,
        }
    }

    pub(super) fn new(fake: FakeUpstream, kind: Kind, services: Services) -> Self {
        let desk = services.desk();
        let endpoint = Endpoint {
            kind,
            // Nothing here speaks TLS, and the system's certificates take longer to read than a pull.
            is_insecure: true,
            url: desk.map_or_else(|| fake.url(), Desk::url),
            ..fake.endpoint()
        };
        if let Some(desk) = desk {
            desk.stand_before(&fake.url());
            desk.publish("open/");
        }
        Self {
            endpoint,
            fake,
            services,
            files: Vec::new(),
            counted: Calls::default(),
        }
    }

    /// The registry is reached by this name: its provider's.
    pub(super) fn named(mut self, host: &str) -> Self {
        let url = self.endpoint.url.replace("127.0.0.1", host);
        self.endpoint.url = url;
        self
    }

    pub(super) fn shows(&mut self, username: &str, secret: &str) {
        self.endpoint.credential = Some(Credential {
            username: username.to_owned(),
            secret: secret.to_owned(),
        });
    }

    /// The path of a file with this text.
    pub(super) fn file(&mut self, text: &str) -> String {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        self.files.push(file);
        path
    }

    pub(super) fn desk(&self) -> &Desk {
        self.services.desk().expect("a cloud's")
    }

    pub(super) fn secret(&self) -> &str {
        let credential = self.endpoint.credential.as_ref();
        credential.map_or("", |credential| &credential.secret)
    }

    /// An image of two layers and a configuration, with the tag `v1`.
    pub(super) fn push(&self, repository: &str) -> Image {
        let layers = ["base", "top"].map(|layer| format!("{layer} of {repository}").into_bytes());
        self.fake.push_image(repository, "v1", &layers)
    }

    /// A new one; calls are counted from here on.
    pub(super) fn client(&mut self) -> Client {
        self.counted = self.calls();
        client_with(self.endpoint.clone(), |config| {
            // Every name is this machine's.
            config.names = Some(Names::new(|_| Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])));
        })
    }

    /// How long what is made from now on lives.
    pub(super) fn set_life(&self, life: Duration) {
        self.fake.set_token_life(life);
        match &self.services {
            Services::Amazon(aws) => {
                aws.set_token_life(life);
                aws.set_session_life(life);
            }
            services => services
                .desk()
                .into_iter()
                .for_each(|desk| desk.set_life(life)),
        }
    }

    /// Refuses all that was made so far.
    pub(super) fn end_all(&self) {
        self.fake.revoke_tokens();
        match &self.services {
            Services::Amazon(aws) => {
                aws.revoke_tokens();
                aws.rotate_keys();
            }
            services => services.desk().into_iter().for_each(Desk::expire_all),
        }
    }

    /// The outcome and the calls since the last cell, as the table writes them.
    pub(super) fn cell(&mut self, outcome: &Result<(), Error>) -> String {
        let mut cell = match outcome {
            Ok(()) => "ok".to_owned(),
            Err(Error::Refused { status }) => status.to_string(),
            Err(Error::Credential { .. }) => "none".to_owned(),
            Err(other) => format!("{other:?}"),
        };
        let calls = self.calls();
        let new = calls - self.counted;
        self.counted = calls;
        for (letter, count) in [
            ('l', new.login),
            ('m', new.metadata),
            ('t', new.token),
            ('r', new.registry),
        ] {
            if count > 0 {
                cell += &format!(" {letter}{count}");
            }
        }
        cell
    }

    fn calls(&self) -> Calls {
        if let Some(desk) = self.services.desk() {
            return Calls::of_desk(desk);
        }
        let token = self.fake.token_requests();
        let (login, metadata) = match &self.services {
            Services::Amazon(aws) => calls_of(aws),
            _ => (0, 0),
        };
        Calls {
            login,
            metadata,
            token,
            registry: self.fake.requests().len() - token,
        }
    }
}

impl Services {
    /// The server of a cloud whose registry is at the same socket.
    fn desk(&self) -> Option<&Desk> {
        match self {
            Self::None | Self::Amazon(_) => None,
            Self::Azure(azure) => Some(azure.desk()),
            Self::Google(google) => Some(google.desk()),
            Self::Alibaba(alibaba) => Some(alibaba.desk()),
        }
    }
}

/// Those to STS and ECR, and those to the metadata service.
fn calls_of(aws: &Aws) -> (usize, usize) {
    let metadata = [
        AwsCall::MetadataToken,
        AwsCall::MetadataRole,
        AwsCall::MetadataKeys,
    ];
    let metadata = metadata.into_iter().map(|call| aws.calls(call)).sum();
    (aws.all_calls() - metadata, metadata)
}

impl Calls {
    fn of_desk(desk: &Desk) -> Self {
        let is_metadata = |path: &str| path.contains("metadata") || path.contains("Metadata");
        // Azure's, Google's and Alibaba's.
        let is_token = |path: &str| ["/oauth2/token", "/v2/token", "/auth"].contains(&path);
        let is_registry = |path: &str| path.starts_with("/v2/") && !is_token(path);
        let all = Self {
            login: 0,
            metadata: desk.count_of(is_metadata),
            token: desk.count_of(is_token),
            registry: desk.count_of(is_registry),
        };
        let login = desk.count("") - all.metadata - all.token - all.registry;
        Self { login, ..all }
    }
}

impl Sub for Calls {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            login: self.login - before.login,
            metadata: self.metadata - before.metadata,
            token: self.token - before.token,
            registry: self.registry - before.registry,
        }
    }
}
