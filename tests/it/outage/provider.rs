//! An upstream of each provider, let in as that one does it, at a name of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tests::fake::FakeUpstream;
use tests::fake::cloud::Aws;
use tests::fake::cloud::alibaba::{self, Alibaba};
use tests::{Kind, Names, Setup};

/// A name in the table, the type, and the registry's host.
pub(super) const PROVIDERS: [(&str, Kind, &str); 11] = [
    ("ali-acr", Kind::AliAcr, "registry.cn-hangzhou.aliyuncs.com"),
    (
        "aws-ecr",
        Kind::AwsEcr,
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    ),
    ("aws-ecr-public", Kind::AwsEcr, "public.ecr.aws"),
    ("azure-acr", Kind::AzureAcr, "team.azurecr.io"),
    ("docker-hub", Kind::DockerHub, "hub.example"),
    ("docker-registry", Kind::DockerRegistry, "registry.example"),
    ("github-ghcr", Kind::GithubGhcr, "ghcr.io"),
    ("google-gcr", Kind::GoogleGcr, "europe-docker.pkg.dev"),
    ("harbor", Kind::Harbor, "harbor.example"),
    ("jfrog-artifactory", Kind::JfrogArtifactory, "team.jfrog.io"),
    ("quay", Kind::Quay, "quay.io"),
];

const USER: &str = "robot";
const SECRET: &str = "the right secret";
const AWS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// The registry, and who makes credentials for it.
pub(super) struct Provider {
    kind: Kind,
    host: &'static str,
    pub(super) fake: FakeUpstream,
    maker: Maker,
}

enum Maker {
    None,
    Amazon(Arc<Aws>),
    Alibaba(Arc<Alibaba>),
}

impl Provider {
    /// By its place in the list.
    pub(super) async fn start(number: usize) -> Self {
        let (name, kind, host) = PROVIDERS[number];
        let fake = FakeUpstream::start().await;
        let maker = match kind {
            Kind::AwsEcr => {
                let aws = Arc::new(Aws::start().await);
                aws.add_key(AWS_KEY, SECRET);
                Maker::Amazon(aws)
            }
            Kind::AliAcr => Maker::Alibaba(Arc::new(Alibaba::start().await)),
            _ => Maker::None,
        };
        match (&maker, kind) {
            (Maker::Amazon(aws), _) => {
                let aws = Arc::clone(aws);
                let door = move |user: &str, secret: &str| aws.entry(user, secret);
                match name {
                    "aws-ecr" => fake.require_basic_by(door),
                    _ => fake.require_bearer_by(door),
                }
            }
            (Maker::Alibaba(alibaba), _) => {
                let alibaba = Arc::clone(alibaba);
                fake.require_bearer_by(move |user, secret| alibaba.entry(user, secret));
            }
            (Maker::None, Kind::DockerRegistry) => fake.require_basic(USER, SECRET),
            (Maker::None, _) => fake.require_bearer(USER, SECRET),
        }
        let provider = Self {
            kind,
            host,
            fake,
            maker,
        };
        // Credentials go to no other host.
        let realm = format!("{}/token", provider.url("http"));
        provider.fake.set_token_realm(&realm);
        provider
    }

    fn url(&self, scheme: &str) -> String {
        let own = self.fake.host().replace("127.0.0.1", self.host);
        format!("{scheme}://{own}")
    }

    /// Its endpoint, as an operator would write it.
    pub(super) fn declare(&self, setup: Setup, name: &str, scheme: &str) -> Setup {
        let (user, secret, options) = match &self.maker {
            Maker::None => (USER, SECRET, String::new()),
            Maker::Amazon(aws) => {
                let options = format!("method: aws, ecr_endpoint: \"{}\"", aws.url());
                (AWS_KEY, SECRET, options)
            }
            Maker::Alibaba(alibaba) => {
                let url = alibaba.desk().url();
                let options = format!("method: alibaba, api_endpoint: \"{url}\"");
                (alibaba::KEY_ID, alibaba::KEY_SECRET, options)
            }
        };
        let options = match options.is_empty() {
            true => options,
            false => format!(", options: {{auth: {{{options}}}}}"),
        };
        let credential = format!("{{access_key: {user}, access_secret: \"{secret}\"}}");
        // Any certificate is taken: reading the system's takes longer than all that is asked here.
        let rest = format!("insecure: true, credential: {credential}{options}");
        setup.endpoint_with(name, self.kind.as_str(), &self.url(scheme), &rest)
    }

    /// Whether what is shown to the registry is made elsewhere.
    pub(super) fn makes_credentials(&self) -> bool {
        !matches!(self.maker, Maker::None)
    }

    /// Takes nothing any more that it took.
    pub(super) fn withdraw(&self) {
        match self.kind {
            Kind::DockerRegistry => self.fake.require_basic("nobody", ""),
            _ => {
                self.fake.require_bearer("nobody", "");
                self.fake
                    .set_token_realm(&format!("{}/token", self.url("http")));
            }
        }
    }

    /// Ends what was made, and makes no more.
    pub(super) fn stop_makers(&self) {
        self.fake.revoke_tokens();
        match &self.maker {
            Maker::None => {}
            Maker::Amazon(aws) => {
                aws.revoke_tokens();
                aws.set_down(true);
            }
            Maker::Alibaba(alibaba) => {
                alibaba.desk().expire_all();
                alibaba.desk().fail("/tokens");
            }
        }
    }
}

/// Every name is this machine's, or nobody's.
#[derive(Default)]
pub(super) struct NameServer {
    is_silent: Arc<AtomicBool>,
}

impl NameServer {
    pub(super) fn names(&self) -> Names {
        let is_silent = Arc::clone(&self.is_silent);
        Names::new(move |_| {
            let known = !is_silent.load(Ordering::SeqCst);
            Some(
                known
                    .then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
                    .into_iter()
                    .collect(),
            )
        })
    }

    pub(super) fn set_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::SeqCst);
    }
}
