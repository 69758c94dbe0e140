//! A full disk: pulls are streamed through uncached, pushes are told why not, and nothing is corrupted.
//!
//! Told twice. With a limit on what the blob store may write, which every machine can do and which can come at any
//! byte; and on a small file system in memory, database and all, where this process may mount one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use http::Method;
use oci::{Digest, media_type};
use tempfile::TempDir;
use tests::fake::{FakeUpstream, Image, Mode};
use tests::{Client, ProcessServer, Setup, TestServer, data};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes that repeat nowhere near.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let word = |at: u32| (at ^ seed).wrapping_mul(0x9e37_79b1).rotate_left(seed % 31);
    let count = len.div_ceil(4) as u32;
    let mut bytes: Vec<u8> = (0..count).flat_map(|at| word(at).to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

fn setup(upstream: &FakeUpstream) -> Setup {
    Setup::new()
        .proxy_of("hub", &upstream.url())
        .project("{name: hosted, public: true}")
}

fn layer_path(image: &Image) -> String {
    format!("/v2/hub/app/blobs/{}", image.layer_digests[0])
}

#[tokio::test]
async fn a_pull_on_a_full_disk_is_streamed_through_and_cached_when_there_is_room_again() {
    let upstream = FakeUpstream::start().await;
    let layer = noise(2 * MIB, 1);
    let image = upstream.push_image("app", "v1", std::slice::from_ref(&layer));
    let server = TestServer::start(setup(&upstream)).await;
    let client = server.anonymous();
    server.limit_room(Some(0));
    for _ in 0..2 {
        let pulled = client.pull("hub/app", "v1").await;
        assert_eq!(pulled.digest, image.manifest_digest);
    }
    assert!(data::verified_blobs(&server.data()).is_empty());
    assert!(data::names(&server.data().join("fills")).is_empty());

    server.limit_room(None);
    client.pull("hub/app", "v1").await;
    upstream.set_mode(Mode::RefuseConnections);
    client.pull("hub/app", "v1").await;
    is_cached(&client, &image).await;
    assert_eq!(data::verified_blobs(&server.data()).len(), 3);
}

#[tokio::test]
async fn a_disk_that_fills_up_in_the_middle_of_a_fill_harms_none_of_its_readers() {
    let upstream = FakeUpstream::start().await;
    let layer = noise(6 * MIB, 2);
    let image = upstream.push_image("app", "v1", std::slice::from_ref(&layer));
    let server = TestServer::start(setup(&upstream)).await;
    let client = server.anonymous();
    client.manifest("hub/app", "v1").await.expect(200);
    upstream.clear();
    upstream.set_mode_for("/blobs/", Mode::Gate);
    server.limit_room(Some(2 * MIB));
    let path = layer_path(&image);
    let open = async |range: Option<&str>| {
        let request = client.request(Method::GET, &path);
        let request = range
            .into_iter()
            .fold(request, |request, range| request.header("range", range));
        request.send().await.expect("headers come before the bytes")
    };
    // Some read along, one has not begun to read when the disk is full, some want parts before, across and behind.
    let eager = [open(None).await, open(None).await, open(None).await];
    let late = open(None).await;
    let parts = [
        (open(Some("bytes=1000-1000000")).await, 1000..1_000_001),
        (
            open(Some("bytes=1000000-3000000")).await,
            1_000_000..3_000_001,
        ),
        (open(Some("bytes=5000000-")).await, 5_000_000..layer.len()),
    ];
    assert_eq!(
        upstream.count("GET", "/blobs/"),
        1,
        "one fill for all of them"
    );
    upstream.release_all();
    for answer in join_all(eager.map(reqwest::Response::bytes)).await {
        assert!(answer.expect("an unbroken body") == layer);
    }
    for (answer, range) in parts {
        assert_eq!(answer.status(), 206);
        assert!(answer.bytes().await.expect("an unbroken body") == layer[range]);
    }
    assert!(late.bytes().await.expect("an unbroken body") == layer);
    // What was on the disk already was not fetched again by anyone.
    let offsets: Vec<_> = upstream
        .requests()
        .into_iter()
        .filter(|seen| seen.path == path.replace("/v2/hub/", "/v2/"))
        .skip(1)
        .map(|seen| seen.range.unwrap_or_default())
        .collect();
    assert!(offsets.len() <= 6, "{offsets:?}");
    assert!(!offsets.contains(&String::new()), "{offsets:?}");
    assert!(!data::verified_blobs(&server.data()).contains_key(&image.layer_digests[0]));

    server.limit_room(None);
    assert!(client.get(&path).await.expect(200).body == layer);
    is_cached(&client, &image).await;
    data::verified_blobs(&server.data());
}

#[tokio::test]
async fn wrong_bytes_are_found_out_on_a_full_disk_too() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[noise(MIB, 3)]);
    let server = TestServer::start(setup(&upstream)).await;
    let client = server.anonymous();
    upstream.set_mode_for("/blobs/", Mode::WrongBytes);
    for room in [0, 500 * KIB] {
        server.limit_room(Some(room));
        let request = client.request(Method::GET, &layer_path(&image));
        let answer = client.try_send(request).await;
        assert!(answer.is_err(), "wrong bytes, whole, with room for {room}");
    }
}

#[tokio::test]
async fn a_push_on_a_full_disk_is_told_so_in_every_form_and_leaves_nothing() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(setup(&upstream)).await;
    let admin = server.admin();
    admin.push_image("hosted/app", "before", &[b"kept"]).await;
    let before = data::verified_blobs(&server.data());
    server.limit_room(Some(300 * KIB));
    pushes_are_refused(&admin).await;
    assert_eq!(data::verified_blobs(&server.data()), before);

    server.limit_room(None);
    assert_eq!(
        data::names(&server.data().join("uploads")),
        Default::default()
    );
    admin
        .push_image("hosted/app", "after", &[&noise(MIB, 9)])
        .await;
    for tag in ["before", "after"] {
        server.anonymous().pull("hosted/app", tag).await;
    }
}

/// Pulls the layer until it is a hit: the one who filled it has its bytes a moment before they are committed.
async fn is_cached(client: &Client, image: &Image) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while client.get(&layer_path(image)).await.expect(200).outcome() != "hit" {
        assert!(Instant::now() < deadline, "never cached");
    }
}

/// Each form of push, of more than there is room for.
async fn pushes_are_refused(admin: &Client) {
    let bytes = noise(MIB, 4);
    let digest = Digest::sha256(&bytes);
    let told = |answer: tests::Answer| {
        let answer = answer.expect(507);
        assert!(
            answer.message().contains("no space left"),
            "{}",
            answer.message()
        );
    };
    let whole = format!("/v2/hosted/app/blobs/uploads/?digest={digest}");
    told(
        admin
            .send(admin.request(Method::POST, &whole).body(bytes.clone()))
            .await,
    );

    let begin = admin.request(Method::POST, "/v2/hosted/app/blobs/uploads/");
    let location = admin
        .send(begin)
        .await
        .expect(202)
        .header("location")
        .to_owned();
    let patch = admin.request(Method::PATCH, &location).body(bytes.clone());
    told(admin.send(patch).await);
    // The upload is as it was said to be, so that the client could go on with it after a while.
    let range = admin
        .get(&location)
        .await
        .expect(204)
        .header("range")
        .to_owned();
    let last: usize = range.trim_start_matches("0-").parse().expect("a number");
    assert!(last < bytes.len(), "{range}");
    let put = admin.request(Method::PUT, &format!("{location}?digest={digest}"));
    let rest = if last == 0 { 0 } else { last + 1 };
    told(admin.send(put.body(bytes[rest..].to_vec())).await);
    admin.delete(&location).await.expect(204);

    // Its blobs are here, and still it does not fit.
    let annotation = "x".repeat(400 * KIB);
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": [],
        "annotations": { "org.example.large": annotation },
    });
    let media_type = media_type::OCI_INDEX;
    told(
        admin
            .push_manifest("hosted/app", "large", media_type, manifest.to_string())
            .await,
    );
    admin.manifest("hosted/app", "large").await.expect(404);
    admin.blob("hosted/app", &digest).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_really_full_with_the_database_on_it_corrupts_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(disk) = Disk::mount(&folder) else {
        return;
    };
    let upstream = FakeUpstream::start().await;
    let layers = [noise(3 * MIB, 5), noise(4 * MIB, 6), noise(MIB, 7)];
    let images: Vec<Image> = layers
        .iter()
        .enumerate()
        .map(|(number, layer)| {
            upstream.push_image("app", &format!("v{number}"), std::slice::from_ref(layer))
        })
        .collect();
    let server = ProcessServer::start_in(setup(&upstream), folder, &[]).await;
    let (admin, client) = (server.admin(), server.anonymous());
    admin.push_image("hosted/app", "before", &[b"kept"]).await;
    client.pull("hub/app", "v2").await;

    // Room for the beginning of a fill only: two who read along, and one who begins when it is full.
    disk.fill_but(2 * MIB);
    let path = layer_path(&images[0]);
    upstream.set_mode_for("/blobs/", Mode::Throttle(20 * MIB as u64));
    let readers = (0..2).map(|_| client.get(&path));
    let late = async {
        let answer = client
            .request(Method::GET, &path)
            .send()
            .await
            .expect("headers");
        let mut body = answer.bytes_stream();
        let first = body.next().await.expect("bytes").expect("bytes");
        while upstream.bytes_sent() < 4 * MIB as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut all = first.to_vec();
        while let Some(chunk) = body.next().await {
            all.extend_from_slice(&chunk.expect("an unbroken body"));
        }
        all
    };
    let (answers, late) = tokio::join!(join_all(readers), late);
    for answer in answers {
        assert!(answer.expect(200).body == layers[0]);
    }
    assert!(late == layers[0]);
    upstream.set_mode_for("/blobs/", Mode::Normal);

    // Not a byte: new images come through, old ones are served, pushes are told why not.
    disk.fill_but(0);
    for tag in ["v1", "v0", "v1"] {
        client.pull("hub/app", tag).await;
    }
    is_cached(&client, &images[2]).await;
    client.pull("hosted/app", "before").await;
    let post = admin.request(
        Method::POST,
        &format!(
            "/v2/hosted/app/blobs/uploads/?digest={}",
            Digest::sha256(b"no room")
        ),
    );
    let refused = admin.send(post.body("no room")).await.expect(507);
    assert!(
        refused.message().contains("no space left"),
        "{}",
        refused.message()
    );

    // Killed while full, it still comes back.
    let server = server.kill_and_restart().await;
    let (admin, client) = (server.admin(), server.anonymous());
    client.pull("hub/app", "v1").await;
    client.pull("hosted/app", "before").await;

    disk.clear();
    for tag in ["v0", "v1"] {
        client.pull("hub/app", tag).await;
    }
    admin.push_image("hosted/app", "after", &[b"more"]).await;
    upstream.set_mode(Mode::RefuseConnections);
    for image in &images {
        is_cached(&client, image).await;
    }
    for tag in ["before", "after"] {
        client.pull("hosted/app", tag).await;
    }
    let (rows, stored) = (
        data::rows(&server.data()).await,
        data::verified_blobs(&server.data()),
    );
    assert!(
        rows.held
            .union(&rows.manifests)
            .all(|digest| stored.contains_key(digest))
    );
}

/// A small file system, unmounted on drop, and a file that takes up its room.
struct Disk {
    root: PathBuf,
}

impl Disk {
    #[expect(clippy::print_stderr, reason = "a story that was skipped says so")]
    fn mount(folder: &TempDir) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            let root = folder.path().to_owned();
            return Some(Self { root });
        }
        eprintln!(
            "skipped: mounting a small file system takes root; the other stories limit the blob store instead"
        );
        None
    }

    /// Leaves room for so many bytes.
    fn fill_but(&self, bytes: usize) {
        self.clear();
        let ballast = self.ballast();
        let mut file = fs::File::create(&ballast).expect("a file");
        // Ends with an error: there is no room for more.
        let _full = std::io::copy(&mut std::io::repeat(0), &mut file);
        let full = file.metadata().expect("a file").len();
        file.set_len(full.saturating_sub(bytes as u64))
            .expect("a shorter file");
    }

    fn clear(&self) {
        let _not_there = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        Path::new(&self.root).join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may still be ending.
        let _unmounted = Command::new("umount").arg("-l").arg(&self.root).status();
        let _removed = fs::remove_dir(&self.root);
    }
}
