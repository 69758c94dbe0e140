//! What a kill leaves behind. At whatever moment it comes, it costs what nobody was promised, and nothing else.

mod syscalls;
mod traffic;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use oci::Digest;
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, ProcessServer, Setup, data};
use tokio::task::JoinSet;

use traffic::{HOSTED, Image, MOVING, Promised, Random};

const KILLS: usize = 50;
/// From the start to ready, on the folder of one that was killed. Unoptimised code is given more.
const READY: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
/// A line so slow that most kills come in the middle of a fill.
const SLOW: Mode = Mode::Throttle(2 * 1024 * 1024);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_during_pulls_and_pushes_break_no_promise_and_leave_no_litter() {
    let mut random = seeded();
    let upstream = FakeUpstream::start().await;
    let images: Arc<[Image]> = (0..KILLS)
        .map(|number| Image::push(&upstream, number, &mut random))
        .collect();
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .project("{name: hosted, public: true}");
    let mut server = ProcessServer::start(setup).await;
    let mut kept = Kept::default();
    let (mut cut_fills, mut cut_uploads) = (0, 0);
    for kill in 0..KILLS {
        // A first login costs what half a round does; it is not what is to be interrupted.
        let admin = server.admin();
        admin.get("/api/v2.0/users/current").await.expect(200);
        upstream.set_mode_for("/blobs/", SLOW);
        let mut clients = traffic(&server, &images, kill, &mut random);
        // Time is the subject: any moment will do, so long as it is another each time.
        tokio::time::sleep(Duration::from_millis(30 + random.below(300) as u64)).await;
        server.kill().await;
        let mut promised = Promised::default();
        while let Some(client) = clients.join_next().await {
            promised.add(client.expect("every answer was right"));
        }
        upstream.set_mode_for("/blobs/", Mode::Normal);
        cut_fills += data::names(&server.data().join("fills")).len();
        cut_uploads += promised.uploads.len();

        server = server.start_again().await;
        assert!(
            server.ready_after < READY,
            "kill {kill}: ready after {:?}",
            server.ready_after
        );
        assert!(data::names(&server.data().join("fills")).is_empty());
        kept.check(&server, &images, promised).await;
    }
    // The kills came when there was something to break.
    let (blobs, manifests) = (kept.blobs.len(), kept.manifests.len());
    assert!(
        blobs > 2 * KILLS && manifests.min(cut_fills).min(cut_uploads) > 5,
        "{blobs} blobs, {manifests} manifests, {cut_fills} fills and {cut_uploads} uploads cut off"
    );

    // Once the hour of grace is over, the janitor leaves nothing that no row names, and no row without its bytes.
    let folder = server.data();
    server.kill().await;
    let orphan = plant_orphan(&folder);
    make_old(&folder.join("blobs"), 2 * HOUR);
    make_old(&folder.join("uploads"), 25 * HOUR);
    let server = server.start_again().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Some(litter) = litter(&folder, &orphan).await {
        assert!(Instant::now() < deadline, "not swept: {litter}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (rows, stored) = (data::rows(&folder).await, data::verified_blobs(&folder));
    for digest in rows.held.union(&rows.manifests) {
        assert!(
            stored.contains_key(digest),
            "{digest} has a row, but no bytes"
        );
    }
    let known = ["roadstead.db", "roadstead.db-shm", "roadstead.db-wal"];
    let known = known
        .into_iter()
        .chain(["blobs", "fills", "keys", "uploads"]);
    assert_eq!(
        data::names(&folder),
        known.map(str::to_owned).collect(),
        "no lock, no process number"
    );

    // All that was promised is there; and what was cached is answered with upstream away.
    let client = server.anonymous();
    join_all(kept.blobs.iter().map(|digest| blob(&client, digest))).await;
    for (tag, digest) in &kept.manifests {
        assert_eq!(&client.pull(HOSTED, tag).await.digest, digest);
    }
    join_all(
        images
            .iter()
            .map(|image| client.pull("hub/app", &image.tag)),
    )
    .await;
    upstream.set_mode(Mode::RefuseConnections);
    join_all(
        images
            .iter()
            .map(|image| client.pull("hub/app", &image.tag)),
    )
    .await;
}

/// Clients of every kind, each until the kill.
fn traffic(
    server: &ProcessServer,
    images: &Arc<[Image]>,
    kill: usize,
    random: &mut Random,
) -> JoinSet<Promised> {
    let (admin, anyone) = (server.admin(), server.anonymous());
    let mut clients = JoinSet::new();
    for _ in 0..3 {
        clients.spawn(traffic::pull(
            anyone.clone(),
            images.clone(),
            kill + 1,
            random.fork(),
        ));
    }
    clients.spawn(traffic::push_whole(admin.clone(), random.fork()));
    for _ in 0..2 {
        clients.spawn(traffic::push_chunks(admin.clone(), random.fork()));
    }
    clients.spawn(traffic::push_images(
        admin,
        format!("k{kill}"),
        random.fork(),
    ));
    clients
}

/// All that was ever acknowledged.
#[derive(Default)]
struct Kept {
    blobs: BTreeSet<Digest>,
    manifests: Vec<(String, Digest)>,
    moving: Option<Digest>,
}

impl Kept {
    /// Holds a server that has just come back against what its predecessor promised.
    async fn check(&mut self, server: &ProcessServer, images: &[Image], promised: Promised) {
        let (anyone, admin) = (server.anonymous(), server.admin());
        join_all(promised.blobs.iter().map(|digest| blob(&anyone, digest))).await;
        for (tag, digest) in &promised.manifests {
            assert_eq!(&anyone.pull(HOSTED, tag).await.digest, digest, "{tag}");
        }
        let before = self.moving.take().filter(|_| !promised.is_moved);
        let found = anyone.manifest(HOSTED, MOVING).await;
        if found.status == 404 {
            assert!(before.is_none() && !promised.is_moved, "{MOVING} is lost");
        } else {
            let digest = Digest::sha256(&found.expect(200).body);
            let mut candidates = promised.moving.iter().chain(&before);
            assert!(candidates.any(|it| *it == digest), "{MOVING} is {digest}");
            self.moving = Some(digest);
        }
        let resumed = promised
            .uploads
            .into_iter()
            .map(|upload| upload.resume(&admin));
        let resumed: Vec<_> = join_all(resumed).await.into_iter().flatten().collect();
        join_all(resumed.iter().map(|digest| blob(&anyone, digest))).await;
        let pulled: BTreeSet<_> = promised.pulled.into_iter().rev().take(3).collect();
        join_all(
            pulled
                .iter()
                .map(|index| anyone.pull("hub/app", &images[*index].tag)),
        )
        .await;
        self.blobs.extend(promised.blobs);
        self.blobs.extend(resumed);
        self.manifests.extend(promised.manifests);
    }
}

/// A pushed blob, whole and right.
async fn blob(client: &Client, digest: &Digest) {
    let answer = client.blob(HOSTED, digest).await.expect(200);
    assert_eq!(&Digest::sha256(&answer.body), digest);
}

/// What a kill between a commit and its row leaves, put there by hand so that there is some for sure.
fn plant_orphan(folder: &Path) -> std::path::PathBuf {
    let digest = Digest::sha256(b"committed, and never named");
    let place = folder.join("blobs/sha256").join(&digest.hex()[..2]);
    fs::create_dir_all(&place).expect("a folder");
    let path = place.join(digest.hex());
    fs::write(&path, b"committed, and never named").expect("a file");
    path
}

/// Makes all files of a folder look as if nobody had touched them for so long.
fn make_old(folder: &Path, age: Duration) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            make_old(&path, age);
        } else {
            let file = File::options().write(true).open(&path).expect("a file");
            file.set_modified(SystemTime::now() - age).expect("a time");
        }
    }
}

/// What the janitor has still to remove: uploads, rows of uploads, blobs that no row names.
async fn litter(folder: &Path, orphan: &Path) -> Option<String> {
    let uploads = data::names(&folder.join("uploads"));
    if orphan.exists() || !uploads.is_empty() {
        return Some(format!("the orphan, or files of uploads {uploads:?}"));
    }
    let rows = data::rows(folder).await;
    let mut unnamed: Vec<_> = data::blobs(folder).into_keys().collect();
    unnamed.retain(|digest| {
        let known = [&rows.held, &rows.manifests, &rows.named];
        !known.iter().any(|known| known.contains(digest))
    });
    let is_clean = unnamed.is_empty() && rows.uploads.is_empty();
    (!is_clean).then(|| format!("blobs {unnamed:?}, rows of uploads {:?}", rows.uploads))
}

#[expect(clippy::print_stderr, reason = "shown when the story fails")]
fn seeded() -> Random {
    use std::hash::BuildHasher;
    let seed = std::collections::hash_map::RandomState::new().hash_one(0);
    eprintln!("seed {seed}");
    Random::new(seed)
}
