//! The order of system calls that survives a power cut, as `strace` recorded it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use oci::{Digest, media_type};
use tests::{Launch, ProcessServer, Setup};

use super::traffic::Random;

const TRACED: &str = "trace=openat,fsync,fdatasync,rename,renameat,renameat2,pwrite64,pwritev,pwritev2,sendto,sendmsg,write,writev";

#[tokio::test]
async fn data_then_name_then_folder_are_on_the_disk_before_a_push_is_acknowledged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = folder.path().join("trace");
    let found = std::process::Command::new("strace").arg("-V").output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "this story needs `strace`: it reads the recorded system calls (Debian: apt-get install strace)"
    );
    let recorded = trace.display().to_string();
    // -D: the tracer steps aside, so that the process this story kills is the server itself.
    let wrapper = [
        "strace", "-D", "-f", "-y", "-s", "512", "-e", TRACED, "-o", &recorded,
    ];
    let launch = Launch {
        wrapper: &wrapper,
        ..Launch::default()
    };
    let setup = Setup::new().project("{name: hosted, public: true}");
    let server = ProcessServer::launch(setup, folder, &launch).await;
    let admin = server.admin();

    let mut random = Random::new(13);
    let (whole, chunked) = (random.bytes(300_000), random.bytes(700_000));
    let pushed = admin.push_blob("hosted/app", &whole).await;
    let location = admin
        .send(admin.request(Method::POST, "/v2/hosted/app/blobs/uploads/"))
        .await
        .expect(202);
    let location = location.header("location");
    for chunk in chunked.chunks(400_000) {
        let patch = admin.request(Method::PATCH, location).body(chunk.to_vec());
        admin.send(patch).await.expect(202);
    }
    let patched = Digest::sha256(&chunked);
    let put = format!("{location}?digest={patched}");
    admin
        .send(admin.request(Method::PUT, &put))
        .await
        .expect(201);
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": { "mediaType": media_type::OCI_CONFIG, "digest": pushed, "size": whole.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": patched, "size": chunked.len() }],
    })
    .to_string();
    let named = Digest::sha256(manifest.as_bytes());
    admin
        .push_manifest("hosted/app", "v1", media_type::OCI_MANIFEST, manifest)
        .await
        .expect(201);

    let ended = server.stop().await;
    assert_eq!(ended.code, Some(0));
    let calls = calls(&whole_trace(&trace).await);
    for digest in [&pushed, &patched, &named] {
        acknowledged_in_order(&calls, digest);
    }
}

/// Data written < data synced < renamed < folder synced < 201.
fn acknowledged_in_order(calls: &[Call], digest: &Digest) {
    let hex = digest.hex();
    let place = format!("/blobs/sha256/{}", &hex[..2]);
    let after = |call: &&Call, line: usize| call.begun > line;
    let one = |what: &str, found: Option<&Call>| -> Call {
        let all: Vec<_> = calls.iter().map(|call| call.text.as_str()).collect();
        found
            .unwrap_or_else(|| panic!("no {what} of {hex} in order in\n{}", all.join("\n")))
            .clone()
    };
    let renamed = one(
        "rename",
        calls.iter().find(|call| {
            call.text.starts_with("rename") && call.text.contains(&format!("{place}/{hex}\""))
        }),
    );
    let from = renamed.text.split('"').nth(1).expect("a quoted path");
    let of_file = |call: &&Call| call.text.contains(&format!("<{from}>"));
    let synced = one(
        "data sync",
        calls
            .iter()
            .filter(of_file)
            .rfind(|call| call.is_sync() && call.ended < renamed.begun),
    );
    let written: Vec<_> = calls
        .iter()
        .filter(of_file)
        .filter(|call| call.text.starts_with("pwrite"))
        .collect();
    assert!(!written.is_empty(), "{hex} was never written");
    assert!(
        written.iter().all(|write| write.ended < synced.begun),
        "bytes of {hex} were written after they were synced"
    );
    let folder = one(
        "folder sync",
        calls.iter().find(|call| {
            call.is_sync() && call.text.contains(&format!("{place}>")) && after(call, renamed.ended)
        }),
    );
    // The folder's own name, too, where this is its first blob: it was on the disk before it was used.
    one(
        "sync above the folder",
        calls.iter().find(|call| {
            call.is_sync() && call.text.contains("/blobs/sha256>") && call.ended < renamed.begun
        }),
    );
    let answer = one(
        "201",
        calls
            .iter()
            .find(|call| call.text.contains("HTTP/1.1 201") && call.text.contains(hex)),
    );
    assert!(
        folder.ended < answer.begun,
        "201 for {hex} was sent before its folder was synced"
    );
}

/// A system call, and the lines of the trace at which it began and was over.
#[derive(Clone, Debug)]
struct Call {
    text: String,
    begun: usize,
    ended: usize,
}

impl Call {
    fn is_sync(&self) -> bool {
        (self.text.starts_with("fsync(") || self.text.starts_with("fdatasync("))
            && self.text.ends_with("= 0")
    }
}

/// Threads take turns in the trace: a call that was overtaken is two lines.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, text)) = text.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if text.starts_with("<...") {
            let resumed = text.split_once("resumed>");
            if let Some((index, (_, rest))) = unfinished.remove(thread).zip(resumed) {
                calls[index].ended = line;
                calls[index].text.push_str(rest);
            }
            continue;
        }
        let is_whole = !text.ends_with("<unfinished ...>");
        if !is_whole {
            unfinished.insert(thread, calls.len());
        }
        calls.push(Call {
            text: text.trim_end_matches("<unfinished ...>").trim_end().into(),
            begun: line,
            // One that never came back has not happened before anything.
            ended: if is_whole { line } else { usize::MAX },
        });
    }
    calls
}

/// The trace, once the tracer has written its last line: it ends a moment after what it traces.
async fn whole_trace(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        let last = text.lines().next_back().unwrap_or_default();
        if last.contains("+++ exited") {
            return text;
        }
        assert!(
            Instant::now() < deadline,
            "strace wrote no end: {last:?}; may this user trace processes?"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
