//! Every provider, every failure, cached and not: what the client gets. The upstreams are at [`super::provider`].

use std::time::Duration;

use futures_util::future::join_all;
use tests::fake::{Image, Mode};
use tests::{Answer, Client, Kind, Setup, TestServer};

use super::provider::{NameServer, PROVIDERS, Provider};

/// What comes of a failure: `stale` is part of the reason that a cached tag is served with, `told` part of the message
/// about what is not cached, which names the upstream too. The same for every provider; a failure of what makes
/// credentials for those that have such a thing.
const TABLE: &str = "
failure                 | cached | stale                          | not cached           | told
connection refused      | 200    | connection: connection refused | 502 UNKNOWN          | connection: connection refused
no answer               | 200    | did not answer in time         | 504 UNKNOWN          | did not answer in time
no such name            | 200    | name look-up: the name         | 502 UNKNOWN          | name look-up: the name
no TLS                  | 200    | TLS: it does not speak TLS     | 502 UNKNOWN          | TLS: it does not speak TLS
401                     | 200    | refused, or does not exist     | 403 DENIED           | it answered 401
403                     | 200    | refused, or does not exist     | 403 DENIED           | it answered 403
credential withdrawn    | 200    | refused, or does not exist     | 403 DENIED           | check the endpoint's credentials
no credential made      | 200    | no credential could be had     | 502 UNKNOWN          | see whether the provider has an outage
404                     | 404    |                                | 404 MANIFEST_UNKNOWN |
404 where gone is kept  | 200    | gone upstream                  | 404 MANIFEST_UNKNOWN |
429                     | 200    | limits the rate of requests    | 429 TOOMANYREQUESTS  | limits the rate of requests
429 for 17 s            | 200    | limits the rate of requests    | 429 TOOMANYREQUESTS  | limits the rate of requests
500                     | 200    | failed with status 500         | 502 UNKNOWN          | failed with status 500
502                     | 200    | failed with status 502         | 502 UNKNOWN          | failed with status 502
503                     | 200    | failed with status 503         | 502 UNKNOWN          | failed with status 503
a web page              | 200    | wrong answer: a web page       | 502 UNKNOWN          | wrong answer: a web page
";

/// In place of the 25 s of what is not cached.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_provider_and_every_failure_cached_and_not() {
    for kind in Kind::ALL {
        let is_there = PROVIDERS.iter().any(|(_, known, _)| *known == kind);
        assert!(is_there, "{kind} has no column");
    }
    let rows: Vec<Row> = TABLE.lines().skip(2).map(Row::parse).collect();
    let names = NameServer::default();
    let mut cells = Vec::new();
    for row in &rows {
        for (number, (name, ..)) in PROVIDERS.iter().enumerate() {
            let provider = Provider::start(number).await;
            if row.failure != "no credential made" || provider.makes_credentials() {
                cells.push(Cell::new(row, cells.len(), name, provider));
            }
        }
    }
    let setup = |is_tls_expected: bool| {
        let setup = Setup::new()
            .names(names.names())
            .answer_timeout(ANSWER_TIMEOUT);
        cells
            .iter()
            .fold(setup, |setup, cell| cell.declare(setup, is_tls_expected))
    };
    let server = TestServer::start(setup(false)).await;
    let client = server.anonymous();
    for some in cells.chunks(PROVIDERS.len()) {
        join_all(some.iter().map(|cell| cell.warm(&client))).await;
    }
    server.settled().await;
    let mut wrong = Vec::new();
    let (last, others): (Vec<&Cell>, _) =
        cells.iter().partition(|cell| cell.row.failure == "no TLS");
    for row in &rows {
        let cells: Vec<_> = others
            .iter()
            .filter(|cell| cell.row.failure == row.failure)
            .collect();
        names.set_silent(row.failure == "no such name");
        cells.iter().for_each(|cell| cell.fail());
        let found = cells.iter().map(|cell| cell.mistakes(&client));
        wrong.extend(join_all(found).await.concat());
        // Nobody waits for what hangs any more.
        cells
            .iter()
            .for_each(|cell| cell.provider.fake.set_mode(Mode::RefuseConnections));
    }
    let server = server.restart_as(setup(true)).await;
    let client = server.anonymous();
    let found = last.iter().map(|cell| cell.mistakes(&client));
    wrong.extend(join_all(found).await.concat());
    assert!(
        wrong.is_empty(),
        "{} answers in {} cells:\n{}",
        wrong.len(),
        cells.len(),
        wrong.join("\n")
    );
}

struct Row {
    failure: &'static str,
    cached: u16,
    stale: &'static str,
    uncached: (u16, &'static str),
    told: &'static str,
}

impl Row {
    fn parse(line: &'static str) -> Self {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let [failure, cached, stale, uncached, told] = columns[..] else {
            panic!("{line:?} has no five columns");
        };
        let (status, code) = uncached.split_once(' ').expect("a status and a code");
        Self {
            failure,
            cached: cached.parse().expect("a status"),
            stale,
            uncached: (status.parse().expect("a status"), code),
            told,
        }
    }
}

/// A failure of one provider, with an endpoint and a project to itself.
struct Cell<'t> {
    row: &'t Row,
    /// The endpoint's and the project's.
    name: String,
    provider: Provider,
    cached: Image,
    other: Image,
}

impl<'t> Cell<'t> {
    fn new(row: &'t Row, number: usize, name: &str, provider: Provider) -> Self {
        let push = |tag: &str| {
            let layer = format!("{tag} of {number}").into_bytes();
            provider.fake.push_image("team/app", tag, &[layer])
        };
        Self {
            row,
            name: format!("{name}-{number}"),
            cached: push("v1"),
            other: push("v2"),
            provider,
        }
    }

    fn repository(&self) -> String {
        format!("{}/team/app", self.name)
    }

    fn declare(&self, setup: Setup, is_tls_expected: bool) -> Setup {
        let is_kept = self.row.failure.contains("gone is kept");
        let scheme = match is_tls_expected && self.row.failure == "no TLS" {
            true => "https",
            false => "http",
        };
        self.provider.declare(setup, &self.name, scheme).project(&format!(
            "{{name: {0}, public: true, registry: {0}, metadata: {{proxy_cache_local_on_not_found: {is_kept}}}}}",
            self.name
        ))
    }

    async fn warm(&self, client: &Client) {
        client.pull(&self.repository(), "v1").await;
    }

    fn fail(&self) {
        let fake = &self.provider.fake;
        let mode = match self.row.failure {
            "connection refused" => Mode::RefuseConnections,
            "no answer" => Mode::Hang,
            "a web page" => Mode::Html,
            "no such name" => return fake.cut_connections(),
            "credential withdrawn" => return self.provider.withdraw(),
            "no credential made" => return self.provider.stop_makers(),
            "429 for 17 s" => Mode::Status(429, vec![("retry-after".to_owned(), "17".to_owned())]),
            failure => {
                let status = failure.split(' ').next().and_then(|word| word.parse().ok());
                Mode::Status(status.expect("a status"), Vec::new())
            }
        };
        fake.set_mode(mode);
    }

    /// What is not as the table has it.
    async fn mistakes(&self, client: &Client) -> Vec<String> {
        let repository = self.repository();
        let manifest = |reference: &str| format!("/v2/{repository}/manifests/{reference}");
        let blob = |image: &Image| format!("/v2/{repository}/blobs/{}", image.layer_digests[0]);
        let (tag, other, other_blob) = (manifest("v1"), manifest("v2"), blob(&self.other));
        let mut found = Vec::new();
        let mut check = |question: &str, answer: &Answer, wrong: Option<String>| {
            let told = match answer.status.is_success() {
                true => "".into(),
                false => String::from_utf8_lossy(&answer.body),
            };
            found.extend(wrong.map(|wrong| {
                let Self { row, name, .. } = self;
                let status = answer.status;
                format!(
                    "{}, {name}, {question}: {wrong} ({status} {})",
                    row.failure,
                    told.trim()
                )
            }));
        };

        let answer = client.get(&tag).await;
        check("the tag", &answer, self.wrong_with_tag(&answer));
        let answer = client.head(&tag).await;
        check(
            "HEAD of the tag",
            &answer,
            differs(&answer, self.row.cached),
        );
        let digest = manifest(self.cached.manifest_digest.as_str());
        for (question, path) in [("the digest", digest), ("its blob", blob(&self.cached))] {
            let answer = client.get(&path).await;
            let is_hit = answer.outcome() == "hit";
            let wrong = differs(&answer, 200).or((!is_hit).then(|| answer.outcome().to_owned()));
            check(question, &answer, wrong);
        }
        let (answer, head, blob) = futures_util::join!(
            client.get(&other),
            client.head(&other),
            client.get(&other_blob),
        );
        let (status, code) = self.row.uncached;
        check("another tag", &answer, self.wrong_with_other(&answer, code));
        check("HEAD of another tag", &head, differs(&head, status));
        let code = code.replace("MANIFEST", "BLOB");
        check("another blob", &blob, self.wrong_with_other(&blob, &code));
        found
    }

    fn wrong_with_tag(&self, answer: &Answer) -> Option<String> {
        let outcome = answer.outcome();
        let digest = answer.header("docker-content-digest");
        differs(answer, self.row.cached).or_else(|| match self.row.cached {
            200 if digest != self.cached.manifest_digest.as_str() => Some("other bytes".to_owned()),
            200 if outcome.starts_with("stale; reason=") && outcome.contains(self.row.stale) => {
                None
            }
            200 => Some(outcome.to_owned()),
            _ => (answer.code() != "MANIFEST_UNKNOWN").then(|| answer.code()),
        })
    }

    fn wrong_with_other(&self, answer: &Answer, code: &str) -> Option<String> {
        let (status, _) = self.row.uncached;
        let (told, upstream) = (answer.message(), format!("upstream {}", self.name));
        let is_told = told.contains(self.row.told) && (status == 404 || told.contains(&upstream));
        let pause = answer.header("retry-after").parse::<u64>();
        let longest = if self.row.failure == "429 for 17 s" {
            17
        } else {
            60
        };
        let is_pause = match status {
            429 => pause.is_ok_and(|pause| (1..=longest).contains(&pause)),
            _ => pause.is_err(),
        };
        differs(answer, status)
            .or((answer.code() != code).then(|| answer.code()))
            .or((!is_told).then(|| "something else is told".to_owned()))
            .or((!is_pause).then(|| format!("retry-after: {}", answer.header("retry-after"))))
    }
}

fn differs(answer: &Answer, status: u16) -> Option<String> {
    let found = answer.status.as_u16();
    (found != status).then(|| format!("{found} for {status}"))
}
