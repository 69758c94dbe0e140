//! The servers of a run, each configured as its users configure it: Roadstead, Debian's docker-registry, nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::http::Target;
use crate::lab::{Lab, free_address};
use crate::process::{Process, Server};

pub(crate) const ROADSTEAD: &str = "Roadstead";
pub(crate) const DOCKER_REGISTRY: &str = "docker-registry";
pub(crate) const NGINX: &str = "nginx";

const PASSWORD: &str = "Bench-password-1";

/// Plain HTTP or TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Tls,
}

/// Roadstead's two kinds of project; docker-registry is wholly one or the other.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Hosted,
    /// Of this upstream.
    Proxy(SocketAddr),
    /// The same with Roadstead's limit on the endpoint, in kilobits per second.
    Limited(SocketAddr, u64),
}

/// Starts Roadstead on a data folder. `role` chooses the project that [`Server::repository`] names.
pub(crate) async fn roadstead(lab: &Lab, data: &Path, role: Role, wire: Wire) -> Result<Server> {
    roadstead_with(lab, data, role, wire, &json!({})).await
}

/// The same with more in its file, and its metrics at the address given.
pub(crate) async fn watched_roadstead(
    lab: &Lab,
    data: &Path,
    metrics: SocketAddr,
) -> Result<Server> {
    let more = json!({"metric": {"enabled": true, "port": metrics.port()}});
    roadstead_with(lab, data, Role::Hosted, Wire::Plain, &more).await
}

async fn roadstead_with(
    lab: &Lab,
    data: &Path,
    role: Role,
    wire: Wire,
    more: &serde_json::Value,
) -> Result<Server> {
    let address = free_address()?;
    // Where nothing is proxied the endpoint points at a port nobody answers: the process starts all the same.
    let (prefix, upstream, bandwidth_kb) = match role {
        Role::Hosted => ("hosted/", address, None),
        Role::Proxy(upstream) => ("cache/", upstream, None),
        Role::Limited(upstream, kilobits) => ("cache/", upstream, Some(kilobits)),
    };
    let mut endpoint =
        json!({"name": "up", "type": "docker-registry", "url": format!("http://{upstream}")});
    if let Some(kilobits) = bandwidth_kb {
        endpoint["options"] = json!({"bandwidth_kb": kilobits});
    }
    let listen = match wire {
        Wire::Plain => json!({"http": {"address": "127.0.0.1", "port": address.port()}}),
        Wire::Tls => json!({"https": {
            "address": "127.0.0.1", "port": address.port(),
            "certificate": lab.certificate, "private_key": lab.private_key,
        }}),
    };
    let mut config = json!({
        "harbor_admin_password": PASSWORD,
        "data_volume": data,
        "log": {"level": "warning"},
        "registries": [endpoint],
        "projects": [
            {"name": "cache", "public": true, "registry": "up", "revalidate_after": "10m"},
            {"name": "hosted", "public": true},
        ],
    });
    for part in [&listen, more] {
        if let (Some(config), Some(part)) = (config.as_object_mut(), part.as_object()) {
            config.extend(part.clone());
        }
    }
    let file = lab
        .folder()
        .join(format!("roadstead-{}.yml", address.port()));
    // JSON is YAML.
    fs::write(&file, config.to_string())?;
    let mut command = Command::new(&lab.roadstead);
    command.arg("serve").arg("--config").arg(&file);
    let mut target = target(lab, address, wire);
    let credentials = STANDARD.encode(format!("admin:{PASSWORD}"));
    let server = start(lab, ROADSTEAD, command, &target, "/api/v2.0/ping").await?;
    target.authorization = match role {
        Role::Hosted => Some(format!("Basic {credentials}")),
        // Pulls from a public project carry no credentials.
        Role::Proxy(_) | Role::Limited(..) => None,
    };
    Ok(Server {
        target,
        prefix,
        ..server
    })
}

/// Starts docker-registry on a data folder, as Debian configures it (descriptors cached in memory), logs off.
pub(crate) async fn docker_registry(
    lab: &Lab,
    data: &Path,
    role: Role,
    wire: Wire,
) -> Result<Server> {
    let address = free_address()?;
    let mut config = json!({
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": true}},
        "storage": {
            "cache": {"blobdescriptor": "inmemory"},
            "filesystem": {"rootdirectory": data},
            "delete": {"enabled": true},
        },
        "http": {"addr": address.to_string()},
    });
    if wire == Wire::Tls {
        config["http"]["tls"] = json!({"certificate": lab.certificate, "key": lab.private_key});
    }
    if let Role::Proxy(upstream) = role {
        config["proxy"] = json!({"remoteurl": format!("http://{upstream}")});
    }
    let file = lab
        .folder()
        .join(format!("docker-registry-{}.yml", address.port()));
    fs::write(&file, config.to_string())?;
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(&file);
    start(
        lab,
        DOCKER_REGISTRY,
        command,
        &target(lab, address, wire),
        "/v2/",
    )
    .await
}

/// Starts nginx on a folder of plain files: as many workers as cores, sendfile, file descriptors kept open.
pub(crate) async fn nginx(lab: &Lab, files: &Path, wire: Wire) -> Result<Server> {
    let address = free_address()?;
    let scratch = lab.empty_folder(&format!("nginx-{}", address.port()))?;
    let scratch = scratch.display();
    let listen = match wire {
        Wire::Plain => format!("listen {address};"),
        Wire::Tls => format!(
            "listen {address} ssl; ssl_protocols TLSv1.3; ssl_certificate {}; ssl_certificate_key {};",
            lab.certificate.display(),
            lab.private_key.display()
        ),
    };
    // Workers of a root nginx would otherwise be `nobody`, who may not read a build folder.
    let user = match rustix::process::geteuid().is_root() {
        true => "user root;",
        false => "",
    };
    fs::write(files.join("ready"), "ok")?;
    let config = format!(
        "daemon off; {user} worker_processes auto; pid {scratch}/pid; error_log {scratch}/error.log error;
         events {{ worker_connections 1024; }}
         http {{
           access_log off; sendfile on; tcp_nopush on; keepalive_timeout 600s; keepalive_requests 100000000;
           open_file_cache max=1000 inactive=600s;
           client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy; fastcgi_temp_path {scratch}/fastcgi;
           uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;
           server {{ {listen} root {}; }}
         }}",
        files.display()
    );
    let file = lab.folder().join(format!("nginx-{}.conf", address.port()));
    fs::write(&file, config)?;
    let mut command = Command::new("nginx");
    command
        .arg("-e")
        .arg("stderr")
        .arg("-p")
        .arg(lab.folder())
        .arg("-c")
        .arg(&file);
    start(lab, NGINX, command, &target(lab, address, wire), "/ready").await
}

fn target(lab: &Lab, address: SocketAddr, wire: Wire) -> Target {
    let mut target = Target::plain(address);
    if wire == Wire::Tls {
        target.tls = Some(lab.tls());
    }
    target
}

async fn start(
    lab: &Lab,
    name: &'static str,
    mut command: Command,
    target: &Target,
    ready: &str,
) -> Result<Server> {
    // A proxy for HTTP in the environment would carry loopback traffic away; settings there would change a server.
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", lab.folder());
    let log = lab
        .folder()
        .join(format!("{name}-{}.log", target.address.port()));
    let mut process = Process::start(command, &log)?;
    let ready_after = process.ready(target, ready).await?;
    Ok(Server {
        name,
        process,
        target: target.clone(),
        prefix: "",
        ready_after,
    })
}
