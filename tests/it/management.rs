//! The management API, as Harbor's clients speak it: endpoints, projects, members, repositories, artifacts.

mod accessories;
mod additions;
mod configuration;
mod content;
mod copies;
mod declared;
mod description;
mod endpoint_clients;
mod endpoint_options;
mod endpoints;
mod immutability;
mod labels;
mod peers;
mod people;
mod policies;
mod projects;
mod retention;
mod robots;
mod room;
mod system;
mod terraform;

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, TestServer};

const API: &str = "/api/v2.0";

async fn get(client: &Client, path: &str) -> Answer {
    client.get(&format!("{API}{path}")).await
}

async fn post(client: &Client, path: &str, body: Value) -> Answer {
    client.post(&format!("{API}{path}"), &body).await
}

async fn put(client: &Client, path: &str, body: Value) -> Answer {
    client.put(&format!("{API}{path}"), &body).await
}

async fn patch(client: &Client, path: &str, body: Value) -> Answer {
    let request = client.request(Method::PATCH, &format!("{API}{path}"));
    client.send(request.json(&body)).await
}

async fn delete(client: &Client, path: &str) -> Answer {
    client.delete(&format!("{API}{path}")).await
}

/// Creates an endpoint and returns its path.
async fn endpoint(admin: &Client, name: &str, url: &str) -> String {
    let body = json!({ "name": name, "type": "docker-registry", "url": url });
    let created = post(admin, "/registries", body).await.expect(201);
    created
        .header("location")
        .trim_start_matches(API)
        .to_owned()
}

/// The endpoint once a look at it has found this status: that happens beside whoever saves it.
async fn status_is(admin: &Client, path: &str, status: &str) -> Value {
    let started = Instant::now();
    loop {
        let shown = get(admin, path).await.expect(200).json();
        if shown["status"] == status && shown["checked_at"].is_string() {
            return shown;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{shown}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn number(path: &str) -> i64 {
    path.rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("a path that ends in a number")
}

/// Creates a user with this name, and returns their client.
async fn user(server: &TestServer, name: &str) -> Client {
    let body = json!({ "username": name, "password": "Berth-and-buoy-2", "realname": name, "email": format!("{name}@example.com") });
    post(&server.admin(), "/users", body).await.expect(201);
    server.user(name, "Berth-and-buoy-2")
}
