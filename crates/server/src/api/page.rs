//! Lists a page at a time: `page`, `page_size`, `q` and `sort` in, `X-Total-Count` and `Link` out.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use metadata::{Page, PageError};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::extract::Parameters;
use super::{PREFIX, Result};
use crate::State;
use crate::error::{Error, harbor};

/// What `page_size=0` gets: all, where that is no more than this. What it takes to answer is held in memory.
const MOST_AT_ONCE: u64 = 5000;
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// Which page was asked for, and where its neighbours are.
pub(super) struct Paging {
    pub(super) page: Page,
    pub(super) parameters: Parameters,
    path: String,
    is_all: bool,
}

/// What a list can be asked for, as the API's description has it; it is read by [`Paging::of`].
#[derive(IntoParams)]
#[expect(dead_code, reason = "it is described, not made")]
struct PageQuery {
    /// Which page, from 1 (the default).
    #[param(minimum = 1)]
    page: Option<u64>,
    /// How many a page has: 10 unless told otherwise, at most 100. 0 asks for all, where they are no more than 5000.
    #[param(maximum = 100)]
    page_size: Option<u64>,
    /// What to look for: `key=value`, `key=~part`, `key=[from~to]`, `key={any of}` or `key=(all of)`, with commas between.
    q: Option<String>,
    /// The keys to sort by, with commas between; `-` before one turns its order around.
    sort: Option<String>,
}

impl IntoParams for Paging {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        PageQuery::into_params(|| Some(ParameterIn::Query))
    }
}

impl FromRequestParts<State> for Paging {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self> {
        Self::of(parts.uri.path(), parts.uri.query())
    }
}

impl Paging {
    pub(super) fn of(path: &str, query: Option<&str>) -> Result<Self> {
        let parameters = Parameters::of(query);
        // Harbor decodes `q` once more, and its clients encode it twice.
        let q = parameters
            .text("q")
            .map(|q| percent_decode_str(q).decode_utf8_lossy());
        let (number, size) = (parameters.number("page")?, parameters.number("page_size")?);
        let mut page =
            Page::parse(number, size, q.as_deref(), parameters.text("sort")).map_err(|error| {
                match error {
                    PageError::Query => Error::new(
                        StatusCode::BAD_REQUEST,
                        harbor::BAD_REQUEST,
                        error.to_string(),
                    ),
                    PageError::Page | PageError::Size => Error::invalid(&error.to_string()),
                }
            })?;
        let is_all = page.size == 0;
        if is_all {
            (page.page, page.size) = (1, MOST_AT_ONCE);
        }
        Ok(Self {
            page,
            parameters,
            path: format!("{PREFIX}{path}"),
            is_all,
        })
    }

    /// This page's rows of a list that is all there.
    pub(super) fn part_of<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let Page { page, size, .. } = self.page;
        let at = |rows: u64| usize::try_from(rows).map_or(all.len(), |rows| rows.min(all.len()));
        match size {
            0 => all,
            size => &all[at((page - 1).saturating_mul(size))..at(page.saturating_mul(size))],
        }
    }

    /// The answer: this page's rows, how many there are in all, where to go on.
    pub(super) fn answer<T: Serialize>(&self, items: &[T], total: u64) -> Response {
        if self.is_all && total > items.len() as u64 {
            let message = format!(
                "the list has {total} entries, and page_size=0 gives at most {MOST_AT_ONCE}: ask for pages"
            );
            return Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
                .into_response();
        }
        let mut response = Json(items).into_response();
        let headers = response.headers_mut();
        headers.insert(TOTAL, HeaderValue::from(total));
        if let Some(link) = self
            .link(total)
            .and_then(|link| HeaderValue::try_from(link).ok())
        {
            headers.insert(LINK, link);
        }
        response
    }

    fn link(&self, total: u64) -> Option<String> {
        let Page { page, size, .. } = self.page;
        let has_next = !self.is_all && page.saturating_mul(size) < total;
        let has_previous = page > 1;
        let previous = has_previous.then(|| format!("<{}>; rel=\"prev\"", self.address(page - 1)));
        let next = has_next.then(|| format!("<{}>; rel=\"next\"", self.address(page + 1)));
        let links: Vec<String> = previous.into_iter().chain(next).collect();
        (!links.is_empty()).then(|| links.join(" , "))
    }

    /// Another page of the same list, its query sorted by key.
    fn address(&self, page: u64) -> String {
        let (page, size) = (page.to_string(), self.page.size.to_string());
        let kept = self.parameters.without(&["page", "page_size"]);
        let mut pairs: Vec<(&str, &str)> = kept
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        pairs.extend([("page", page.as_str()), ("page_size", size.as_str())]);
        pairs.sort_by_key(|(key, _)| *key);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("{}?{query}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(query: &str, total: u64) -> Option<String> {
        Paging::of("/projects", Some(query)).unwrap().link(total)
    }

    #[test]
    fn a_list_links_to_its_neighbours() {
        assert_eq!(link("", 10), None);
        assert_eq!(
            link("", 11).unwrap(),
            "</api/v2.0/projects?page=2&page_size=10>; rel=\"next\""
        );
        assert_eq!(
            link("sort=-name&page=2&page_size=3&name=a", 7).unwrap(),
            "</api/v2.0/projects?name=a&page=1&page_size=3&sort=-name>; rel=\"prev\" , \
             </api/v2.0/projects?name=a&page=3&page_size=3&sort=-name>; rel=\"next\""
        );
        assert_eq!(
            link("page=3&page_size=3", 7).unwrap(),
            "</api/v2.0/projects?page=2&page_size=3>; rel=\"prev\""
        );
        assert_eq!(link("page_size=0", 1000), None);
    }

    #[test]
    fn a_list_that_is_all_there_is_cut_into_pages() {
        let part = |query: &str| {
            let paging = Paging::of("/schedules", Some(query)).unwrap();
            paging.part_of(&[1, 2, 3]).to_vec()
        };
        assert_eq!(part("page_size=2"), [1, 2]);
        assert_eq!(part("page_size=2&page=2"), [3]);
        assert_eq!(part("page_size=2&page=3"), [0_i32; 0]);
        assert_eq!(part(&format!("page={}", u64::MAX)), [0_i32; 0]);
        assert_eq!(part("page_size=0"), [1, 2, 3]);
    }

    #[test]
    fn all_at_once_has_a_bound_and_says_so() {
        let paging = Paging::of("/projects", Some("page=7&page_size=0")).unwrap();
        assert_eq!((paging.page.page, paging.page.size), (1, MOST_AT_ONCE));
        let status = |total| paging.answer(&[1, 2], total).status();
        assert_eq!(
            (status(2), status(3)),
            (StatusCode::OK, StatusCode::BAD_REQUEST)
        );
    }

    #[test]
    fn what_is_no_page_is_refused_as_by_harbor() {
        let status = |query: &str| {
            Paging::of("/projects", Some(query))
                .err()
                .map(|error| error.into_response().status())
        };
        for query in ["page_size=101", "page=0", "page=-1", "page_size=ten"] {
            assert_eq!(
                status(query),
                Some(StatusCode::UNPROCESSABLE_ENTITY),
                "{query}"
            );
        }
        assert_eq!(status("q=name"), Some(StatusCode::BAD_REQUEST));
        assert_eq!(status("q=name%253D~lib&page_size=100"), None);
    }
}
