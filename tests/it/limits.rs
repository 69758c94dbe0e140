//! How much of an upstream is used at once, and that what is cached is not held up by it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tests::fake::{FakeUpstream, Mode};
use tests::{Setup, TestServer};

#[tokio::test]
async fn two_hundred_cold_pulls_over_ten_endpoints_of_four_connections_all_succeed() {
    let mut upstreams = Vec::new();
    let mut setup = Setup::new();
    for number in 0..10 {
        let upstream = FakeUpstream::start().await;
        for image in 0..20u8 {
            let layer = vec![image + 1; 50_000 + number];
            upstream.push_image(&format!("app{image}"), "v1", &[layer]);
        }
        // Slow enough that they meet.
        upstream.set_mode_for("/blobs/", Mode::Throttle(1024 * 1024));
        let name = format!("up{number}");
        setup = setup
            .endpoint_with(
                &name,
                "docker-registry",
                &upstream.url(),
                "options: {max_connections: 4}",
            )
            .proxy(&name, &name);
        upstreams.push(upstream);
    }
    let server = TestServer::start(setup).await;
    let client = server.anonymous();
    let pulls = (0..200).map(|number| {
        let (client, repository) = (&client, format!("up{}/app{}", number % 10, number / 10));
        async move { client.pull(&repository, "v1").await }
    });
    let pulled = join_all(pulls).await;
    assert_eq!(pulled.len(), 200);
    for upstream in &upstreams {
        let most = upstream.most_at_once();
        assert!((2..=4).contains(&most), "{most}");
    }
}

#[tokio::test]
async fn a_bandwidth_limit_holds_for_all_cold_layers_together_and_for_no_hit() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("hot", "v1", &[vec![7; 8 * 1024 * 1024]]);
    let layers: Vec<Vec<u8>> = (0..10u8).map(|number| vec![number; 200 * 1024]).collect();
    upstream.push_image("cold", "v1", &layers);
    // 8 Mbit/s: two megabytes in two seconds. Eight would take eight.
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .proxy("free", "up")
        .project("{name: slow, public: true, registry: up, metadata: {proxy_speed_kb: \"8192\"}}");
    let server = TestServer::start(setup).await;
    let client = server.anonymous();
    client.pull("free/hot", "v1").await;
    client.pull("slow/hot", "v1").await;
    let started = Instant::now();
    let manifest = client.manifest("slow/cold", "v1").await.expect(200);
    let blobs = manifest.json()["layers"]
        .as_array()
        .expect("layers")
        .clone();
    let cold = async {
        let each = blobs.iter().map(|layer| {
            let digest = layer["digest"]
                .as_str()
                .expect("a digest")
                .parse()
                .expect("one");
            let client = &client;
            async move { client.blob("slow/cold", &digest).await.expect(200) }
        });
        join_all(each).await;
        started.elapsed()
    };
    let hot = async {
        let pulled = client.pull("slow/hot", "v1").await;
        assert_eq!(pulled.blobs.len(), 2);
        started.elapsed()
    };
    let (cold, hot) = tokio::join!(cold, hot);
    // Less the burst, and the last chunk's own time, which nobody waits for.
    assert!(cold > Duration::from_millis(1200), "{cold:?}");
    assert!(hot < cold, "{hot:?} beside {cold:?}");
}
