//! Who may read what: permission comes before any question to an upstream, and a digest is no permission.

use http::Method;
use oci::{Challenge, Digest};
use serde_json::json;
use tests::fake::{FakeUpstream, Image, Mode};
use tests::{Answer, Client, Setup, TestServer};

const PASSWORD: &str = "Berth-and-buoy-2";
const LAYER: &[u8] = b"what is in the vault";

/// Creates a user.
async fn user(server: &TestServer, name: &str) -> Client {
    let body = json!({ "username": name, "password": PASSWORD, "realname": name, "email": format!("{name}@example.com") });
    server
        .admin()
        .post("/api/v2.0/users", &body)
        .await
        .expect(201);
    server.user(name, PASSWORD)
}

/// Makes a user a member of a project.
async fn join(server: &TestServer, project: &str, name: &str, role: i32) {
    let body = json!({ "role_id": role, "member_user": { "username": name } });
    let path = format!("/api/v2.0/projects/{project}/members");
    server.admin().post(&path, &body).await.expect(201);
}

/// A client with a token, come by as docker does: from where the refusal of a pull says.
async fn with_token(server: &TestServer, client: &Client, repository: &str) -> Client {
    let refused = server.anonymous().manifest(repository, "v1").await;
    let challenge = Challenge::parse(refused.expect(401).header("www-authenticate"));
    let Some(Challenge::Bearer {
        realm,
        service: Some(service),
        scope: Some(scope),
    }) = challenge
    else {
        panic!("{challenge:?}");
    };
    assert_eq!(scope, format!("repository:{repository}:pull"));
    let path = realm.strip_prefix(server.url()).expect("our own realm");
    let answer = client
        .get(&format!("{path}?service={service}&scope={scope}"))
        .await
        .expect(200);
    let token = answer.json()["token"].as_str().expect("a token").to_owned();
    client.with_token(&token)
}

/// Everything that one may ask of an image.
fn questions(repository: &str, image: &Image) -> Vec<(Method, String)> {
    let (manifest, layer) = (&image.manifest_digest, &image.layer_digests[0]);
    let paths = [
        "manifests/v1".to_owned(),
        "manifests/never-cached".to_owned(),
        format!("manifests/{manifest}"),
        format!("blobs/{layer}"),
        format!("blobs/{}", Digest::sha256(b"never cached")),
    ];
    let both = paths.iter().flat_map(|path| {
        [Method::GET, Method::HEAD].map(|method| (method, format!("/v2/{repository}/{path}")))
    });
    let lists = ["tags/list".to_owned(), format!("referrers/{manifest}")];
    let lists = lists.map(|path| (Method::GET, format!("/v2/{repository}/{path}")));
    both.chain(lists).collect()
}

#[tokio::test]
async fn who_may_not_pull_costs_upstream_nothing() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[LAYER.to_vec()]);
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .project("{name: vault, public: false, registry: up}");
    let server = TestServer::start(setup).await;
    let (member, stranger) = (user(&server, "anna").await, user(&server, "bert").await);
    // The least of all roles.
    join(&server, "vault", "anna", 5).await;
    let anonymous = server.anonymous();
    let nobody = with_token(&server, &anonymous, "vault/app").await;
    let tokened = with_token(&server, &stranger, "vault/app").await;
    let mistaken = server.user("anna", "wrong-Password-1");
    upstream.clear();

    let everybody = [
        (&anonymous, 401),
        (&nobody, 401),
        (&mistaken, 401),
        (&stranger, 403),
        (&tokened, 403),
    ];
    for is_cached in [false, true] {
        if is_cached {
            member.pull("vault/app", "v1").await;
            upstream.clear();
        }
        // A project that does not exist is no different.
        for repository in ["vault/app", "vault/other", "nowhere/app"] {
            for (method, path) in questions(repository, &image) {
                for (number, (client, status)) in everybody.iter().enumerate() {
                    let request = from_somewhere_new(client.request(method.clone(), &path));
                    let answer = client.send(request).await;
                    assert_eq!(
                        answer.status, *status,
                        "caller {number}: {method} {path}, cached: {is_cached}"
                    );
                    if method == Method::GET && *status == 403 {
                        assert_eq!(answer.code(), "DENIED");
                    }
                }
            }
        }
        assert_eq!(upstream.requests(), [], "cached: {is_cached}");
    }
    for path in [
        "/repositories",
        "/repositories/app/artifacts",
        "/repositories/app",
        "/summary",
    ] {
        let path = format!("/api/v2.0/projects/vault{path}");
        anonymous.get(&path).await.expect(401);
        stranger.get(&path).await.expect(403);
    }
    assert_eq!(upstream.requests(), []);
}

#[tokio::test]
async fn a_member_pulls_with_a_token_and_with_a_password_until_they_are_no_member() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[LAYER.to_vec()]);
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .project("{name: vault, public: false, registry: up}");
    let server = TestServer::start(setup).await;
    let member = user(&server, "anna").await;
    join(&server, "vault", "anna", 5).await;
    let tokened = with_token(&server, &member, "vault/app").await;
    for client in [&tokened, &member] {
        let pulled = client.pull("vault/app", "v1").await;
        assert_eq!(pulled.digest, image.manifest_digest);
        for (method, path) in questions("vault/app", &image) {
            let expected = if path.contains(&Digest::sha256(b"never cached").to_string())
                || path.contains("never-cached")
            {
                404
            } else {
                200
            };
            client
                .send(client.request(method, &path))
                .await
                .expect(expected);
        }
    }
    // A token lives for half an hour; the right it speaks of need not.
    let members = "/api/v2.0/projects/vault/members";
    let listed = server.admin().get(members).await.expect(200).json();
    let anna = listed
        .as_array()
        .and_then(|members| {
            members
                .iter()
                .find(|member| member["entity_name"] == "anna")
        })
        .expect("a member");
    let path = format!("{members}/{}", anna["id"]);
    server.admin().delete(&path).await.expect(200);
    upstream.clear();
    for client in [&tokened, &member] {
        client.manifest("vault/app", "v1").await.expect(403);
        client
            .blob("vault/app", &image.layer_digests[0])
            .await
            .expect(403);
    }
    assert_eq!(upstream.requests(), []);
}

#[tokio::test]
async fn a_wrong_password_is_401_wherever_it_is_shown() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[LAYER.to_vec()]);
    let setup = Setup::new()
        .proxy_of("open", &upstream.url())
        .project("{name: hosted, public: true}");
    let server = TestServer::start(setup).await;
    let mut asked = questions("open/app", &image);
    asked.extend(questions("hosted/app", &image));
    for path in [
        "/v2/",
        "/v2/_catalog",
        "/service/token?service=harbor-registry",
        "/service/token?service=harbor-registry&scope=repository:open/app:pull",
        "/api/v2.0/users/current",
        "/api/v2.0/projects",
        "/api/v2.0/projects/open",
        "/api/v2.0/projects/open/repositories",
        "/api/v2.0/repositories",
        "/api/v2.0/registries",
        "/api/v2.0/search?q=app",
        "/api/v2.0/systeminfo",
    ] {
        asked.push((Method::GET, path.to_owned()));
    }
    for repository in ["open/app", "hosted/app"] {
        asked.push((Method::POST, format!("/v2/{repository}/blobs/uploads/")));
        asked.push((Method::PUT, format!("/v2/{repository}/manifests/v1")));
        asked.push((Method::DELETE, format!("/v2/{repository}/manifests/v1")));
    }
    let clients = [
        server.user("admin", "wrong-Password-1"),
        server.user("nobody", tests::ADMIN_PASSWORD),
        server.user("", ""),
    ];
    for client in &clients {
        for (method, path) in &asked {
            let request = from_somewhere_new(client.request(method.clone(), path));
            let answer = client.send(request).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            if path.starts_with("/v2/") {
                let challenge = Challenge::parse(answer.header("www-authenticate"));
                assert!(challenge.is_some(), "{method} {path}");
            }
        }
    }
    let forged = server.anonymous().with_token("not.a.token");
    for (method, path) in asked.iter().filter(|(_, path)| path.starts_with("/v2/")) {
        let answer = forged.send(forged.request(method.clone(), path)).await;
        assert_eq!(answer.status, 401, "{method} {path}");
    }
    assert_eq!(upstream.requests(), []);
}

/// A private project whose upstream's image its member has pulled, beside a hosted project, and public ones on
/// another upstream and on the same.
struct Harbour {
    theirs: FakeUpstream,
    ours: FakeUpstream,
    server: TestServer,
    image: Image,
    layer: Digest,
}

async fn harbour() -> Harbour {
    let (theirs, ours) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let image = theirs.push_image("app", "v1", &[LAYER.to_vec()]);
    let setup = Setup::new()
        .endpoint("theirs", "docker-registry", &theirs.url())
        .endpoint("ours", "docker-registry", &ours.url())
        .project("{name: vault, public: false, registry: theirs}")
        .project("{name: beside, public: true, registry: theirs}")
        .project("{name: open, public: true, registry: ours}")
        .project("{name: hosted, public: true}");
    let server = TestServer::start(setup).await;
    let layer = image.layer_digests[0].clone();
    Harbour {
        theirs,
        ours,
        server,
        image,
        layer,
    }
}

impl Harbour {
    /// With the image in the vault.
    async fn filled(self) -> Self {
        self.server.admin().pull("vault/app", "v1").await;
        self.theirs.clear();
        self
    }

    /// All ways to ask for the vault's layer in another repository.
    async fn layer_in(&self, repository: &str) -> [Answer; 4] {
        let client = self.server.anonymous();
        let path = format!("/v2/{repository}/blobs/{}", self.layer);
        let get = || client.request(Method::GET, &path);
        [
            client.get(&path).await,
            client.head(&path).await,
            client.send(get().header("range", "bytes=0-3")).await,
            client
                .send(get().header("if-none-match", format!("\"{}\"", self.layer)))
                .await,
        ]
    }

    async fn is_hidden_in(&self, repository: &str) {
        for (number, answer) in self.layer_in(repository).await.into_iter().enumerate() {
            assert_eq!(answer.status, 404, "way {number} in {repository}");
            assert!(!answer.body.starts_with(b"what"));
            if number != 1 {
                assert_eq!(answer.code(), "BLOB_UNKNOWN");
            }
        }
    }
}

#[tokio::test]
async fn a_hosted_project_shows_no_blob_of_a_private_one() {
    let harbour = harbour().await.filled().await;
    let (server, layer) = (&harbour.server, &harbour.layer);
    harbour.is_hidden_in("hosted/app").await;
    server
        .anonymous()
        .manifest("hosted/app", harbour.image.manifest_digest.as_str())
        .await
        .expect(404);
    // Who may push there gets it no other way.
    let pusher = user(server, "bert").await;
    join(server, "hosted", "bert", 2).await;
    let tokened = {
        let path = "/service/token?service=harbor-registry&scope=repository:hosted/app:pull,push&scope=repository:vault/app:pull";
        let answer = pusher.get(path).await.expect(200).json();
        pusher.with_token(answer["token"].as_str().expect("a token"))
    };
    for client in [&pusher, &tokened] {
        for query in [
            format!("mount={layer}&from=vault/app"),
            format!("mount={layer}"),
        ] {
            let path = format!("/v2/hosted/app/blobs/uploads/?{query}");
            let answer = client
                .send(client.request(Method::POST, &path))
                .await
                .expect(202);
            assert!(answer.header("location").contains("/blobs/uploads/"));
        }
        let manifest = String::from_utf8(harbour.image.manifest.to_vec()).expect("text");
        let answer = client
            .push_manifest("hosted/app", "v1", oci::media_type::OCI_MANIFEST, manifest)
            .await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
    }
    harbour.is_hidden_in("hosted/app").await;
    assert_eq!(harbour.theirs.requests(), []);
}

#[tokio::test]
async fn another_upstream_must_name_a_blob_and_have_it_before_it_is_shown() {
    let harbour = harbour().await.filled().await;
    let (server, ours, layer) = (&harbour.server, &harbour.ours, &harbour.layer);
    let asked = || {
        (
            ours.count("HEAD", layer.as_str()),
            ours.count("GET", layer.as_str()),
        )
    };
    let client = server.anonymous();

    // Its upstream knows nothing of it.
    ours.push_image("other", "v1", &[b"something else".to_vec()]);
    client.pull("open/other", "v1").await;
    client.blob("open/other", layer).await.expect(404);
    assert_eq!(asked(), (1, 0));
    harbour.is_hidden_in("open/other").await;
    client
        .manifest("open/other", harbour.image.manifest_digest.as_str())
        .await
        .expect(404);

    // Its upstream names it in a manifest, as anybody can who knows the digest, and does not have it.
    ours.push_image("app", "v1", &[LAYER.to_vec()]);
    ours.delete_blob("app", layer);
    client.manifest("open/app", "v1").await.expect(200);
    ours.clear();
    client.blob("open/app", layer).await.expect(404);
    assert_eq!(asked(), (1, 0));
    harbour.is_hidden_in("open/app").await;

    // Its upstream has it: its word is enough, and the bytes are here.
    ours.push_blob("app", LAYER);
    ours.clear();
    let served = client.blob("open/app", layer).await.expect(200);
    assert_eq!((&served.body[..], served.outcome()), (LAYER, "revalidated"));
    assert_eq!((asked(), ours.bytes_sent()), ((1, 0), 0));
    ours.set_mode(Mode::RefuseConnections);
    let again = client.blob("open/app", layer).await.expect(200);
    assert_eq!((&again.body[..], again.outcome()), (LAYER, "hit"));
    // What one repository was shown to have, its neighbour still was not.
    let neighbour = client.blob("open/other", layer).await;
    assert_ne!(neighbour.status, 200);
    assert_eq!(harbour.theirs.requests(), []);
}

#[tokio::test]
async fn another_repository_of_the_same_upstream_must_name_a_blob_or_have_it() {
    let harbour = harbour().await.filled().await;
    let (theirs, layer) = (&harbour.theirs, &harbour.layer);
    theirs.push_image("public", "v1", &[b"something else".to_vec()]);
    let client = harbour.server.anonymous();
    client.pull("beside/public", "v1").await;
    theirs.clear();
    client.blob("beside/public", layer).await.expect(404);
    assert_eq!(
        (
            theirs.count("HEAD", layer.as_str()),
            theirs.count("GET", "")
        ),
        (1, 0)
    );
    harbour.is_hidden_in("beside/public").await;

    theirs.push_blob("public", LAYER);
    theirs.clear();
    let served = client.blob("beside/public", layer).await.expect(200);
    assert_eq!((&served.body[..], served.outcome()), (LAYER, "revalidated"));
    assert_eq!(
        (
            theirs.count("HEAD", layer.as_str()),
            theirs.count("GET", "")
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_blob_still_arriving_in_a_private_project_is_no_more_to_be_had() {
    let harbour = harbour().await;
    let (theirs, ours, layer) = (&harbour.theirs, &harbour.ours, &harbour.layer);
    theirs.push_image("public", "v1", &[b"something else".to_vec()]);
    ours.push_image("other", "v1", &[b"something else".to_vec()]);
    let admin = harbour.server.admin();
    admin.manifest("vault/app", "v1").await.expect(200);
    theirs.clear();
    theirs.set_mode_for("/blobs/", Mode::Gate);
    let filling = tokio::spawn({
        let (admin, layer) = (admin.clone(), layer.clone());
        async move { admin.blob("vault/app", &layer).await }
    });
    theirs.requests_are("GET", layer.as_str(), 1).await;
    for repository in ["beside/public", "open/other", "hosted/app"] {
        harbour.is_hidden_in(repository).await;
    }
    theirs.release_all();
    let filled = filling.await.expect("no panic").expect(200);
    assert_eq!(filled.body, LAYER);
    assert_eq!(theirs.count("GET", layer.as_str()), 1);
    for repository in ["beside/public", "open/other", "hosted/app"] {
        harbour.is_hidden_in(repository).await;
    }
}

/// As a proxy on this machine passes it on for a client that has shown no wrong password yet: those who have are slowed.
fn from_somewhere_new(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    static CLIENTS: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(1);
    let number = CLIENTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    request.header("x-forwarded-for", format!("2001:db8:{number:x}::1"))
}
