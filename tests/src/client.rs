//! A client as the stories need one: it says what it asks, and shows all that was answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use oci::{Digest, Manifest};
use serde_json::Value;

use crate::Artifact;

/// Speaks HTTP to one server, with Basic credentials, a token, or neither. Follows no redirect.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    credentials: Option<(String, String)>,
    token: Option<String>,
}

/// All of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// From the request's start to the answer's headers.
    pub first_byte: Duration,
}

/// An image as docker pulls it: the manifest it asked for, and all blobs, their digests checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The manifest's digest.
    pub digest: Digest,
    /// The digests of configuration and layers.
    pub blobs: Vec<Digest>,
}

impl Answer {
    /// A header, as text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// The code of the first error in the body.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The message of the first error in the body.
    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// How the cache says it answered: `hit`, `filled`, `stale; reason=…`, …
    pub fn outcome(&self) -> &str {
        self.header("x-roadstead-cache")
    }

    /// Panics, with the body, unless the status is `expected`.
    #[track_caller]
    pub fn expect(self, expected: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            expected,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

impl Client {
    /// For the server at `url`.
    pub fn new(url: &str, credentials: Option<(&str, &str)>) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Loading the system's roots takes longer than most of what is asked here.
            .tls_certs_only([])
            .build()
            .expect("a client without special wishes can be built");
        let credentials =
            credentials.map(|(name, password)| (name.to_owned(), password.to_owned()));
        Self {
            http,
            url: url.to_owned(),
            credentials,
            token: None,
        }
    }

    /// The same client with this token in place of its credentials.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// A request to be sent, for stories about its details.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match (&self.token, &self.credentials) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some((name, password))) => request.basic_auth(name, Some(password)),
            (None, None) => request,
        }
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When the connection fails or the body is cut off.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let started = Instant::now();
        let response = request.send().await?;
        let first_byte = started.elapsed();
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: response.bytes().await?,
            first_byte,
        })
    }

    /// The same, for stories in which that cannot fail.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request)
            .await
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `HEAD`.
    pub async fn head(&self, path: &str) -> Answer {
        self.send(self.request(Method::HEAD, path)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT` of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// The manifest `repository:reference` or `repository@digest`.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Answer {
        self.get(&format!("/v2/{repository}/manifests/{reference}"))
            .await
    }

    /// A whole blob.
    pub async fn blob(&self, repository: &str, digest: &Digest) -> Answer {
        self.get(&format!("/v2/{repository}/blobs/{digest}")).await
    }

    /// Pulls as docker does: `HEAD` the tag, `GET` the digest, then every blob, checking all digests.
    pub async fn pull(&self, repository: &str, reference: &str) -> Pulled {
        let head = self
            .head(&format!("/v2/{repository}/manifests/{reference}"))
            .await
            .expect(200);
        let digest: Digest = head
            .header("docker-content-digest")
            .parse()
            .expect("a digest");
        let answer = self.manifest(repository, digest.as_str()).await.expect(200);
        let manifest = Manifest::parse(
            Some(answer.header("content-type")),
            digest.algorithm(),
            answer.body.clone(),
        )
        .expect("a manifest");
        assert_eq!(manifest.digest(), &digest);
        let mut blobs = Vec::new();
        for blob in manifest.blobs() {
            let answer = self.blob(repository, &blob.digest).await.expect(200);
            assert_eq!(
                Digest::of(blob.digest.algorithm(), &answer.body),
                blob.digest
            );
            assert_eq!(answer.body.len() as u64, blob.size);
            blobs.push(blob.digest.clone());
        }
        Pulled { digest, blobs }
    }

    /// Pushes a blob in one request and returns its digest.
    pub async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.send(self.request(Method::POST, &path).body(bytes.to_vec()))
            .await
            .expect(201);
        digest
    }

    /// Pushes an image of these layers under a tag, and returns its manifest's digest.
    pub async fn push_image(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> Digest {
        let config =
            br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config_digest = self.push_blob(repository, config).await;
        let mut described = Vec::new();
        for layer in layers {
            let digest = self.push_blob(repository, layer).await;
            described.push(serde_json::json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": layer.len(),
            }));
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": oci::media_type::OCI_MANIFEST,
            "config": { "mediaType": oci::media_type::OCI_CONFIG, "digest": config_digest, "size": config.len() },
            "layers": described,
        });
        let answer = self
            .push_manifest(
                repository,
                tag,
                oci::media_type::OCI_MANIFEST,
                manifest.to_string(),
            )
            .await;
        answer
            .expect(201)
            .header("docker-content-digest")
            .parse()
            .expect("a digest")
    }

    /// Pushes an artifact with its blobs; without a tag by its digest.
    pub async fn push_artifact(
        &self,
        repository: &str,
        tag: Option<&str>,
        artifact: &Artifact,
    ) -> Digest {
        for blob in &artifact.blobs {
            self.push_blob(repository, blob).await;
        }
        let digest = artifact.digest();
        let reference = tag.unwrap_or(digest.as_str());
        self.push_manifest(
            repository,
            reference,
            artifact.media_type(),
            artifact.text(),
        )
        .await
        .expect(201);
        digest
    }

    /// `PUT`s a manifest.
    pub async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        text: String,
    ) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.send(
            self.request(Method::PUT, &path)
                .header("content-type", media_type)
                .body(text),
        )
        .await
    }
}
