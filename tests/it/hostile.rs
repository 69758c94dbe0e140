//! Registries that mean harm, through the whole server: 172 ways of lying, each on an endpoint with a credential and a
//! project of its own, all before one process. Whatever they send, the credential goes to nobody else, nothing wrong is
//! kept, what was good is served on, and memory stays where it was.
//!
//! What takes a time-out to end is told to the client alone, with short ones: `crates/upstream/tests/it/hostile.rs`.

mod cases;

use std::collections::BTreeSet;
use std::sync::Arc;

use oci::{Digest, media_type};
use serde_json::json;
use tests::fake::{Heard, HostileUpstream, Reply};
use tests::{Answer, Client, ProcessServer, Setup, data};

use self::cases::{Ask, Case};

/// How far memory may grow above its level before a case. A body of which all is kept is larger.
const MEMORY_KIB: u64 = 64 * 1024;

const USER: &str = "robot";
const SECRET: &str = "Keep-this-1";
/// `robot:Keep-this-1`, as a Basic header has it.
const PAIR: &str = "cm9ib3Q6S2VlcC10aGlzLTE=";

const GOOD_LAYER: &[u8] = b"a layer that came while the registry was good";
/// Named by the good manifest, and fetched by nobody before the registry turned.
const NEVER: &[u8] = b"a layer that never comes as it is";

/// What every hostile registry has while it is good, and who stands by to be told its secrets.
struct World {
    manifest: String,
    digest: Digest,
    good: Digest,
    never: Digest,
    /// Another host.
    stranger: HostileUpstream,
    /// Another port of the registry's host.
    next_door: HostileUpstream,
}

impl World {
    async fn new() -> Self {
        let (good, never) = (Digest::sha256(GOOD_LAYER), Digest::sha256(NEVER));
        let layer = |digest: &Digest, bytes: &[u8]| json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": layer(&good, GOOD_LAYER),
            "layers": [layer(&good, GOOD_LAYER), layer(&never, NEVER)],
        })
        .to_string();
        let curious = |heard: &Heard| match heard.target.contains("ask") {
            true => Reply::challenge("Basic realm=\"tell me\""),
            false => Reply::ok(
                "content-type: application/json\r\n",
                "{\"token\":\"stranger\"}",
            ),
        };
        Self {
            digest: Digest::sha256(manifest.as_bytes()),
            manifest,
            good,
            never,
            stranger: HostileUpstream::start_at([127, 0, 0, 2].into(), curious).await,
            next_door: HostileUpstream::start(curious).await,
        }
    }

    /// What a good registry answers.
    fn good(&self, heard: &Heard) -> Reply {
        let path = heard.target.as_str();
        if path == "/v2/" {
            return Reply::challenge("Basic realm=\"registry\"");
        }
        let is_manifest = path == "/v2/app/manifests/v1" || path.ends_with(self.digest.as_str());
        let (bytes, kind) = match path {
            _ if is_manifest => (self.manifest.as_bytes(), media_type::OCI_MANIFEST),
            _ if path.ends_with(self.good.as_str()) => (GOOD_LAYER, "application/octet-stream"),
            _ => return Reply::with("404 Not Found", "content-length: 0\r\n", ""),
        };
        let headers = format!(
            "content-type: {kind}\r\ncontent-length: {}\r\n",
            bytes.len()
        );
        match heard.method.as_str() {
            "HEAD" => Reply::ok(
                &format!("{headers}docker-content-digest: {}\r\n", self.digest),
                "",
            ),
            _ => Reply::ok(&headers, bytes),
        }
    }

    /// Nobody but the registry was told who asks.
    fn nobody_was_told(&self, what: &str) {
        for other in [&self.stranger, &self.next_door] {
            for heard in other.heard() {
                assert!(!heard.tells(&[USER, SECRET, PAIR]), "{what}: {heard:?}");
            }
        }
    }
}

/// One server, and the registries that will turn.
struct Stage {
    server: ProcessServer,
    world: Arc<World>,
    hostile: Vec<HostileUpstream>,
}

impl Stage {
    /// All projects have pulled `app:v1` and one of its layers, while the registries were good.
    async fn set(count: usize) -> Self {
        let world = Arc::new(World::new().await);
        let (mut setup, mut hostile) = (Setup::new(), Vec::new());
        for number in 0..count {
            let behind = Arc::clone(&world);
            let registry = HostileUpstream::start(move |heard| behind.good(heard)).await;
            let name = project(number);
            // Without certificates: reading the system's, once for each endpoint, would be most of this story.
            let rest = format!(
                "insecure: true, credential: {{access_key: {USER}, access_secret: {SECRET}}}"
            );
            setup = setup
                .endpoint_with(&name, "docker-registry", &registry.url(), &rest)
                .proxy(&name, &name);
            hostile.push(registry);
        }
        let server = ProcessServer::start(setup).await;
        let stage = Self {
            server,
            world,
            hostile,
        };
        let client = stage.server.anonymous();
        for number in 0..count {
            stage.still_serves(number).await.expect("it is good");
            let repository = format!("{}/app", project(number));
            let blob = client
                .blob(&repository, &stage.world.good)
                .await
                .expect(200);
            assert_eq!(blob.body, GOOD_LAYER);
            assert!(
                stage.hostile[number]
                    .heard()
                    .iter()
                    .any(|heard| heard.head.contains(PAIR))
            );
            stage.hostile[number].clear();
        }
        stage
    }

    fn turn(&self, number: usize, case: Case) -> String {
        let (world, port) = (Arc::clone(&self.world), self.hostile[number].port());
        let script = case.script;
        self.hostile[number].turn(move |heard| match heard.target.as_str() {
            "/v2/" => world.good(heard),
            _ => script(&world, port, heard).unwrap_or_else(|| world.good(heard)),
        });
        case.what
    }

    /// The cached tag is served as it was.
    async fn still_serves(&self, number: usize) -> Result<(), String> {
        let repository = format!("{}/app", project(number));
        let answer = self.server.anonymous().manifest(&repository, "v1").await;
        let digest = answer.header("docker-content-digest");
        let is_it = answer.body == self.world.manifest && digest == self.world.digest.as_str();
        is_it
            .then_some(())
            .ok_or_else(|| format!("the cached tag became {answer:?}"))
    }

    /// It is all that the project has.
    async fn nothing_else_is_known(&self, number: usize) -> Result<(), String> {
        let path = format!(
            "/api/v2.0/projects/{}/repositories/app/artifacts",
            project(number)
        );
        let known = self.server.admin().get(&path).await.expect(200).json();
        let is_one = known.as_array().map(Vec::len) == Some(1)
            && known[0]["digest"] == json!(self.world.digest)
            && known[0]["tags"].as_array().map(Vec::len) == Some(1)
            && known[0]["tags"][0]["name"] == "v1";
        is_one
            .then_some(())
            .ok_or_else(|| format!("more is known than was: {known}"))
    }

    /// From here on the most memory there was is counted anew.
    fn forget_peak(&self) -> u64 {
        std::fs::write(format!("/proc/{}/clear_refs", self.server.pid()), "5")
            .expect("our own child");
        self.server.memory_kib("VmRSS")
    }
}

fn project(number: usize) -> String {
    format!("p{number}")
}

/// Asks, and holds the answer against what may be answered.
async fn ask(client: &Client, repository: &str, ask: Ask, world: &World) -> Result<(), String> {
    let path = match ask {
        Ask::Tag => format!("/v2/{repository}/manifests/v2"),
        Ask::CachedTag => format!("/v2/{repository}/manifests/v1"),
        Ask::Digest => format!("/v2/{repository}/manifests/{}", world.never),
        Ask::Layer | Ask::LayerSize => format!("/v2/{repository}/blobs/{}", world.never),
        Ask::Tags => format!("/v2/{repository}/tags/list"),
        Ask::Referrers => format!("/v2/{repository}/referrers/{}", world.never),
    };
    let method = match ask {
        Ask::LayerSize => http::Method::HEAD,
        _ => http::Method::GET,
    };
    // A body that is cut off is the one way to take back an answer that had begun.
    let Ok(answer) = client.try_send(client.request(method, &path)).await else {
        return match ask {
            Ask::Layer => Ok(()),
            _ => Err("no whole answer".to_owned()),
        };
    };
    let told = format!(
        "{:?} {}",
        answer.headers,
        String::from_utf8_lossy(&answer.body)
    );
    if told.contains(SECRET) || told.contains(PAIR) {
        return Err(format!("the client was told the secret: {told}"));
    }
    let is_failure = answer.status.is_client_error() || answer.status.is_server_error();
    let is_fine = match ask {
        Ask::CachedTag => answer.status == 200 && answer.body == world.manifest,
        Ask::Tags => is_failure || lists_only_tags(&answer),
        Ask::Referrers => is_failure || answer.json()["manifests"].is_array(),
        Ask::Tag | Ask::Digest | Ask::Layer | Ask::LayerSize => is_failure,
    };
    let shown: String = told.chars().take(2000).collect();
    is_fine
        .then_some(())
        .ok_or_else(|| format!("{} {shown}", answer.status))
}

fn lists_only_tags(answer: &Answer) -> bool {
    let list = answer.json();
    let names = list["tags"].as_array().expect("tags");
    let is_tag = |name: &serde_json::Value| {
        name.as_str()
            .is_some_and(|name| name.parse::<oci::Tag>().is_ok())
    };
    names.iter().any(|name| name == "v1") && names.iter().all(is_tag)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_lying_does_harm() {
    let cases = cases::all();
    assert_eq!(cases.len(), 172);
    let stage = Stage::set(cases.len()).await;
    let (client, world) = (stage.server.anonymous(), Arc::clone(&stage.world));
    let mut failed = Vec::new();
    for (number, case) in cases.into_iter().enumerate() {
        let (asked, is_followed) = (case.ask, case.is_followed);
        let what = stage.turn(number, case);
        let level = stage.forget_peak();
        let repository = format!("{}/app", project(number));
        if let Err(wrong) = ask(&client, &repository, asked, &world).await {
            failed.push(format!("{what}: {wrong}"));
        }
        let grown = stage.server.memory_kib("VmHWM").saturating_sub(level);
        if grown > MEMORY_KIB {
            failed.push(format!("{what}: {grown} KiB more than before"));
        }
        // The trick was played at all, and as far as it could be.
        let heard = stage.hostile[number].heard();
        if heard.iter().all(|heard| heard.target == "/v2/") {
            failed.push(format!("{what}: never asked"));
        }
        let strangers = world.stranger.heard().len() + world.next_door.heard().len();
        if (strangers > 0) != is_followed {
            failed.push(format!("{what}: {strangers} requests elsewhere"));
        }
        world.nobody_was_told(&what);
        world.stranger.clear();
        world.next_door.clear();
        for held in [
            stage.still_serves(number).await,
            stage.nothing_else_is_known(number).await,
        ] {
            failed.extend(held.err().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");

    // What lies in the folder, with nobody's word for it but its own.
    let ended = stage.server.stop().await;
    assert_eq!(ended.code, Some(0));
    let folder = ended.folder.path().join("data");
    for unfinished in ["fills", "uploads"] {
        assert_eq!(data::names(&folder.join(unfinished)), BTreeSet::new());
    }
    let kept: BTreeSet<Digest> = data::verified_blobs(&folder).into_keys().collect();
    assert_eq!(kept, [world.digest.clone(), world.good.clone()].into());
    let rows = data::rows(&folder).await;
    assert_eq!(rows.manifests, [world.digest.clone()].into());
    assert_eq!(rows.held, [world.good.clone()].into());
    assert_eq!(rows.named, [world.good.clone(), world.never.clone()].into());
    assert_eq!(rows.uploads, BTreeSet::new());
}
