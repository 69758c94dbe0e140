//! The program as an operator meets it: starting, stopping, configuring, and what is listened on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Version};
use oci::Digest;
use tests::fake::{FakeUpstream, Mode};
use tests::{ADMIN_PASSWORD, Client, Launch, ProcessServer, Setup, program};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// From the start of a process to its readiness, on a folder that is there. Unoptimised code is given more.
const READY: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1500 } else { 200 });

#[tokio::test]
async fn sigterm_lets_transfers_finish_and_turns_new_ones_away() {
    let upstream = FakeUpstream::start().await;
    let layer = vec![7; 2_000_000];
    let image = upstream.push_image("app", "v1", std::slice::from_ref(&layer));
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .project("{name: hosted, public: true}");
    let server = ProcessServer::start(setup).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    upstream.set_mode_for("/blobs/", Mode::Gate);

    // A pull that waits for its upstream, and a push that waits for its client.
    let client = server.anonymous();
    let path = format!("/v2/hub/app/blobs/{}", image.layer_digests[0]);
    let pull = client.request(Method::GET, &path).send();
    let pull = pull.await.expect("headers come before the bytes");
    upstream.release(1000);
    let mut pulled = pull.bytes_stream();
    let mut received = pulled.next().await.expect("bytes").expect("bytes").to_vec();
    let (sender, pushed) = body();
    let digest = Digest::sha256(b"roadstead");
    let push = server.admin().request(
        Method::POST,
        &format!("/v2/hosted/app/blobs/uploads/?digest={digest}"),
    );
    let push = tokio::spawn(push.body(pushed).send());
    sender
        .send(Bytes::from_static(b"road"))
        .await
        .expect("it is read");
    one_upload_is_growing(&server.data()).await;

    server.terminate();
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let mut server = server;
    upstream.release_all();
    while let Some(chunk) = pulled.next().await {
        received.extend_from_slice(&chunk.expect("the rest"));
    }
    assert!(received == layer);
    sender
        .send(Bytes::from_static(b"stead"))
        .await
        .expect("it is read");
    drop(sender);
    let answer = push.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 201);
    let drained = Instant::now();
    assert_eq!(server.wait().await, Some(0));
    assert!(
        drained.elapsed() < Duration::from_secs(5),
        "nothing was left to wait for"
    );

    // Both were kept.
    upstream.set_mode(Mode::RefuseConnections);
    let server = server.start_again().await;
    let client = server.anonymous();
    assert_eq!(client.get(&path).await.expect(200).outcome(), "hit");
    assert_eq!(
        client.blob("hosted/app", &digest).await.expect(200).body,
        "roadstead"
    );
}

#[tokio::test]
async fn what_does_not_finish_is_cut_off_when_the_drain_is_over() {
    let upstream = FakeUpstream::start().await;
    let layer = upstream.push_blob("app", vec![7; 100_000]);
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .line("drain_timeout: 2s");
    let server = ProcessServer::start(setup).await;
    upstream.set_mode_for("/blobs/", Mode::Gate);
    let client = server.anonymous();
    let path = format!("/v2/hub/app/blobs/{layer}");
    let stuck = client
        .request(Method::GET, &path)
        .send()
        .await
        .expect("headers");
    let told = Instant::now();
    let ended = server.stop().await;
    let took = told.elapsed();
    assert_eq!(ended.code, Some(0));
    assert!(
        (Duration::from_secs(2)..Duration::from_millis(3500)).contains(&took),
        "a drain of 2 s took {took:?}"
    );
    stuck.bytes().await.expect_err("half a blob is no blob");
}

#[tokio::test]
async fn it_is_ready_at_once_on_its_folder_with_every_upstream_away() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "v1", &[vec![7; 100_000]]);
    let silent = FakeUpstream::start().await;
    silent.set_mode(Mode::Hang);
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .proxy_of("silent", &silent.url())
        .proxy_of("unknown", "https://registry.invalid")
        .project("{name: hosted, public: true}");
    let server = ProcessServer::start(setup).await;
    let first = server.anonymous().pull("hub/app", "v1").await;
    for number in 0..20_u8 {
        let tag = format!("v{number}");
        server
            .admin()
            .push_image("hosted/app", &tag, &[&[number; 50]])
            .await;
    }
    upstream.set_mode(Mode::RefuseConnections);
    // The quickest of three: other stories may be using the machine.
    let mut server = server;
    let mut ready_after = Duration::MAX;
    for _ in 0..3 {
        server = server.kill_and_restart().await;
        ready_after = ready_after.min(server.ready_after);
        let pong = server.anonymous().get("/api/v2.0/ping").await.expect(200);
        assert_eq!(pong.body, "Pong");
    }
    assert!(ready_after < READY, "ready after {ready_after:?}");
    assert_eq!(server.anonymous().pull("hub/app", "v1").await, first);
}

#[tokio::test]
async fn the_first_password_is_made_up_shown_once_and_kept_for_its_owner_only() {
    let setup = Setup::new().without_password();
    let server = ProcessServer::start(setup.clone()).await;
    let url = server.url().to_owned();
    let file = server.data().join("admin-password");
    let password = fs::read_to_string(&file).expect("the file that is named");
    let password = password.trim().to_owned();
    assert_eq!(mode(&file), 0o600);
    assert!(password.len() >= 16, "{password}");
    let login = |url: String, password: String| async move {
        let client = Client::new(&url, Some(("admin", &password)));
        client.get("/api/v2.0/users/current").await
    };
    let current = login(url.clone(), password.clone()).await.expect(200);
    assert_eq!(current.json()["username"], "admin");
    login(url.clone(), "Harbor12345".into()).await.expect(401);
    login(url, ADMIN_PASSWORD.into()).await.expect(401);
    let ended = server.stop().await;
    let shown = |lines: &[String]| lines.join("\n").matches(&password).count();
    assert_eq!(shown(&ended.printed), 1, "{:?}", ended.printed);
    let named = file.display().to_string();
    assert!(ended.printed.iter().any(|line| line.contains(&named)));

    let server = ProcessServer::start_in(setup, ended.folder, &[]).await;
    login(server.url().to_owned(), password.clone())
        .await
        .expect(200);
    let ended = server.stop().await;
    assert_eq!(shown(&ended.printed), 0, "{:?}", ended.printed);
}

#[tokio::test]
async fn a_mistake_in_the_file_stops_check_config_and_serve_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("mistaken.yml");
    let mistaken = format!(
        "data_volume: {}\nhttp:\n  port: 0\n  adress: 127.0.0.1\ndrain_timeout: soon\n",
        folder.path().join("data").display()
    );
    fs::write(&file, mistaken).expect("a file");
    for command in ["check-config", "serve"] {
        let ended = program()
            .arg(command)
            .arg("--config")
            .arg(&file)
            .output()
            .await
            .expect("the program");
        let told = String::from_utf8(ended.stderr).expect("text");
        assert_eq!(ended.status.code(), Some(1), "{command}: {told}");
        let place = |line: u8, key: &str| format!("{}:{line}:3: {key}: ", file.display());
        assert!(
            told.contains(&format!(
                "{}unknown key; did you mean `address`?",
                place(4, "http.adress")
            )),
            "{command}: {told}"
        );
        assert!(
            told.contains("drain_timeout: expected a duration such as 30s"),
            "{command}: {told}"
        );
    }
    assert!(!folder.path().join("data").exists(), "nothing was started");
}

#[tokio::test]
async fn flags_win_over_the_environment_which_wins_over_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (variable, flag) = (place("by-variable"), place("by-flag"));
    let environment = [
        ("ROADSTEAD_LISTEN", "127.0.0.2:0"),
        ("ROADSTEAD_DATA", &*variable),
    ];
    let arguments = ["--listen", "127.0.0.3:0", "--data", &flag];
    let ways: [(Launch<'_>, &str, &str); 3] = [
        (Launch::default(), "http://127.0.0.1:", "data"),
        (
            Launch {
                environment: &environment,
                ..Launch::default()
            },
            "http://127.0.0.2:",
            "by-variable",
        ),
        (
            Launch {
                environment: &environment,
                arguments: &arguments,
                ..Launch::default()
            },
            "http://127.0.0.3:",
            "by-flag",
        ),
    ];
    let root = folder.path().to_owned();
    let mut folder = folder;
    for (launch, address, data) in ways {
        let server = ProcessServer::launch(Setup::new(), folder, &launch).await;
        assert!(
            server.url().starts_with(address),
            "{} for {data}",
            server.url()
        );
        assert!(root.join(data).join("roadstead.db").exists(), "{data}");
        // What wins is complete: nothing was written where the losers point.
        server.anonymous().get("/api/v2.0/ping").await.expect(200);
        folder = server.stop().await.folder;
        fs::remove_dir_all(root.join(data)).expect("a folder");
        let left = ["data", "by-variable", "by-flag"].map(|name| root.join(name).exists());
        assert_eq!(left, [false; 3], "{data}");
    }
}

#[tokio::test]
async fn tls_serves_pulls_over_http_2_and_http_1() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    make_certificate(&certificate, &key);
    let upstream = FakeUpstream::start().await;
    let layer: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    let image = upstream.push_image("app", "v1", std::slice::from_ref(&layer));
    let https = format!(
        "https: {{address: 127.0.0.1, port: 0, certificate: {}, private_key: {}}}",
        certificate.display(),
        key.display()
    );
    let setup = Setup::new().proxy_of("hub", &upstream.url()).line(&https);
    let server = ProcessServer::start_in(setup, folder, &[]).await;
    let url = server.url().replace("http://", "https://");
    let layer_path = format!("/v2/hub/app/blobs/{}", image.layer_digests[0]);
    let trusting = || {
        reqwest::Client::builder()
            .danger_accept_invalid_certs(true)
            .no_proxy()
    };
    let new = trusting().build().expect("a client");
    let old = trusting().http1_only().build().expect("a client");
    for (client, version, outcome) in [
        (new, Version::HTTP_2, "filled"),
        (old, Version::HTTP_11, "revalidated"),
    ] {
        let get = async |path: String| {
            let answer = client.get(format!("{url}{path}")).send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{error:?}"));
            assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
            let outcome = answer.headers()["x-roadstead-cache"].to_str();
            let outcome = outcome.expect("text").to_owned();
            (outcome, answer.bytes().await.expect("a body"))
        };
        let manifest = get("/v2/hub/app/manifests/v1".into()).await;
        assert_eq!(manifest, (outcome.into(), image.manifest.clone()));
        let (_, bytes) = get(layer_path.clone()).await;
        assert!(bytes == layer);
    }
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
    let strict = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let refused = strict.get(format!("{url}/v2/")).send().await;
    refused.expect_err("nobody vouches for this certificate");
    assert_eq!(server.stop().await.code, Some(0));
}

/// A request body that is sent piece by piece.
fn body() -> (mpsc::Sender<Bytes>, reqwest::Body) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let pieces = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (
        sender,
        reqwest::Body::wrap_stream(pieces.map(Ok::<_, std::io::Error>)),
    )
}

/// Waits until the server has an upload.
async fn one_upload_is_growing(data: &Path) {
    while tests::data::names(&data.join("uploads")).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("a file").permissions().mode() & 0o777
}

/// One that signs itself.
fn make_certificate(certificate: &Path, key: &Path) {
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext"])
        .arg("subjectAltName=DNS:localhost,IP:127.0.0.1")
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .output()
        .expect("this story needs `openssl` (Debian: apt-get install openssl)");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
