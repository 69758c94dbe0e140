//! Lists: tags and referrers, page after page, to a stated end.

use std::fmt;

use bytes::Bytes;
use http::Method;
use oci::{Descriptor, Digest, MAX_MANIFEST_BYTES, Reference, Tag, media_type};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::client::pull_scope;
use crate::request::{Answer, Request};
use crate::{Ask, Client, Error, Patience, body, egress};

const TAGS_PER_PAGE: usize = 1000;
const MAX_PAGES: usize = 100;
const MAX_TAGS: usize = 100_000;
/// Of all pages together. A registry that knows no pages sends all its tags at once.
const MAX_TAG_BYTES: usize = 16 * 1024 * 1024;
const MAX_REFERRERS: usize = 10_000;

impl Client {
    /// The tags of a repository, as the registry orders them; the first 100,000 of them.
    ///
    /// # Errors
    /// Any [`Error`]. A list that breaks off is an error, not a shorter list.
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>, Error> {
        if let Some(behind) = self.behind().await? {
            return Box::pin(behind.tags(repository)).await;
        }
        let mut url = self.url(repository, "tags", "list")?;
        url.query_pairs_mut()
            .append_pair("n", &TAGS_PER_PAGE.to_string());
        let turn = self.turn(Patience::Cold).await?;
        let asked = self.tag_pages(repository, url);
        self.sender()
            .within(Ask::Tags, self.answer_timeout(), &turn, asked)
            .await
    }

    async fn tag_pages(&self, repository: &str, first: Url) -> Result<Vec<String>, Error> {
        let mut tags = Vec::new();
        let mut bytes_left = MAX_TAG_BYTES;
        let mut url = first;
        for _ in 0..MAX_PAGES {
            let request = Request::new(Method::GET, url.clone(), pull_scope(repository))
                .accept("application/json");
            let answer = self.sender().send(&request).await?;
            let next = next_page(&answer, &url);
            let bytes = body::read_whole(answer.response, bytes_left).await?;
            bytes_left -= bytes.len();
            let page: TagPage = read(&bytes, "a list of tags")?;
            let page = page.tags.unwrap_or_default();
            let is_empty = !page.has_any;
            tags.extend(page.tags);
            match next {
                Some(next) if !is_empty && next != url && tags.len() < MAX_TAGS => url = next,
                _ => break,
            }
        }
        if tags.len() > MAX_TAGS {
            tracing::warn!(
                upstream = self.name(),
                repository,
                "more than {MAX_TAGS} tags upstream: the rest is left out"
            );
            tags.truncate(MAX_TAGS);
        }
        Ok(tags)
    }

    /// The manifests whose subject is `digest`, of one artifact type where given. Where the registry has no
    /// such list the tag schema's index stands in for it (distribution specification, "Referrers Tag Schema").
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::NotFound`]: what is about nothing that exists is an empty list.
    pub async fn referrers(
        &self,
        repository: &str,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        if let Some(behind) = self.behind().await? {
            return Box::pin(behind.referrers(repository, digest, artifact_type)).await;
        }
        let mut url = self.url(repository, "referrers", digest.as_str())?;
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut()
                .append_pair("artifactType", artifact_type);
        }
        let turn = self.turn(Patience::Cold).await?;
        let asked = self.referrer_pages(repository, url);
        let limit = self.answer_timeout();
        let listed = self.sender().within(Ask::Referrers, limit, &turn, asked);
        let listed = listed.await;
        // The index by tag is asked for with a turn of its own.
        drop(turn);
        let mut referrers = match listed {
            // What registries without the endpoint answer, pages for people among it.
            Err(
                Error::NotFound
                | Error::Failed {
                    status: 400 | 405 | 501,
                }
                | Error::BadAnswer { .. },
            ) => self.referrers_by_tag(repository, digest).await?,
            listed => listed?,
        };
        // A registry may ignore the filter; doing it twice does no harm.
        referrers.retain(|referrer| {
            artifact_type.is_none_or(|artifact_type| {
                referrer.artifact_type.as_deref() == Some(artifact_type)
            })
        });
        Ok(referrers)
    }

    async fn referrer_pages(&self, repository: &str, first: Url) -> Result<Vec<Descriptor>, Error> {
        let mut referrers = Vec::new();
        let mut came = 0;
        let mut url = first;
        for _ in 0..MAX_PAGES {
            let request = Request::new(Method::GET, url.clone(), pull_scope(repository))
                .accept(media_type::OCI_INDEX);
            let answer = self.sender().send(&request).await?;
            let next = next_page(&answer, &url);
            let bytes = body::read_whole(answer.response, MAX_MANIFEST_BYTES).await?;
            came += bytes.len();
            let page: Index = read_document(&bytes, "a list of referrers")?;
            let is_empty = page.manifests.is_empty();
            referrers.extend(page.manifests);
            match next {
                // Each may be long: what is kept of them has a bound in bytes too.
                Some(next)
                    if !is_empty
                        && next != url
                        && referrers.len() < MAX_REFERRERS
                        && came < MAX_MANIFEST_BYTES =>
                {
                    url = next;
                }
                _ => break,
            }
        }
        referrers.truncate(MAX_REFERRERS);
        Ok(referrers)
    }

    async fn referrers_by_tag(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        // The schema cuts the hash to what a tag can hold (128 characters with the algorithm).
        let hex = digest.hex();
        let tag = format!(
            "{}-{}",
            digest.algorithm().as_str(),
            &hex[..hex.len().min(64)]
        );
        let Ok(tag) = tag.parse() else {
            return Ok(Vec::new());
        };
        match self
            .manifest(repository, &Reference::Tag(tag), Patience::Cold)
            .await
        {
            Ok(fetched) => {
                Ok(read_document::<Index>(&fetched.bytes, "an index of referrers")?.manifests)
            }
            Err(Error::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct TagPage {
    /// `null` for a repository without tags.
    tags: Option<TagNames>,
}

/// Of a page's names those that can be tags: others would be a hazard to whoever makes paths or headers of them, and
/// millions of nothing take more memory than their text.
#[derive(Default)]
struct TagNames {
    tags: Vec<String>,
    /// Whether there was any name at all.
    has_any: bool,
}

impl<'de> Deserialize<'de> for TagNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TagNamesVisitor)
    }
}

struct TagNamesVisitor;

impl<'de> Visitor<'de> for TagNamesVisitor {
    type Value = TagNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<TagNames, A::Error> {
        let mut found = TagNames::default();
        while let Some(name) = names.next_element::<String>()? {
            found.has_any = true;
            // One more than is kept tells that there are more.
            if found.tags.len() <= MAX_TAGS && name.parse::<Tag>().is_ok() {
                found.tags.push(name);
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// The same for what is kept as it is.
fn read_document<'b, T: Deserialize<'b>>(bytes: &'b Bytes, what: &str) -> Result<T, Error> {
    oci::check_parts(bytes).map_err(|error| Error::bad_answer(error.to_string()))?;
    read(bytes, what)
}

fn read<'b, T: Deserialize<'b>>(bytes: &'b Bytes, what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|_| Error::bad_answer(format!("no {}", what.trim_start_matches("a "))))
}

/// `Link: </v2/a/tags/list?last=x&n=10>; rel="next"` (RFC 8288), within the registry: a list is not continued
/// at another host.
fn next_page(answer: &Answer, from: &Url) -> Option<Url> {
    let links = answer.response.headers().get_all(http::header::LINK);
    links
        .iter()
        .filter_map(|link| link.to_str().ok())
        .find_map(|link| next_link(link, from))
}

fn next_link(header: &str, from: &Url) -> Option<Url> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter
                .trim()
                .split_once('=')
                .is_some_and(|(key, value)| {
                    key.trim().eq_ignore_ascii_case("rel")
                        && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
                })
        });
        if is_next {
            return from
                .join(target)
                .ok()
                .filter(|next| egress::is_same_origin(next, from));
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_where_the_link_says_on_the_same_host() {
        let from: Url = "https://r.example/v2/a/tags/list?n=2".parse().unwrap();
        let table = [
            (
                "</v2/a/tags/list?n=2&last=b>; rel=\"next\"",
                Some("https://r.example/v2/a/tags/list?n=2&last=b"),
            ),
            (
                "<?n=2&last=b>;rel=next",
                Some("https://r.example/v2/a/tags/list?n=2&last=b"),
            ),
            (
                "</x>; rel=\"prev\", </y>; rel=\"next\"",
                Some("https://r.example/y"),
            ),
            ("<https://other.example/y>; rel=\"next\"", None),
            ("</y>; rel=\"last\"", None),
            ("</y", None),
            ("", None),
        ];
        for (header, expected) in table {
            assert_eq!(
                next_link(header, &from).as_ref().map(Url::as_str),
                expected,
                "{header}"
            );
        }
    }
}
