//! Paging as Harbor's API has it: `page`, `page_size`, `q=` and `sort=`, parsed once.
//!
//! Which keys exist is each list's own business; keys it does not know are ignored, as Harbor ignores them.

/// Which part of a list, in which order, of which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub page: u64,
    /// Rows a page; 0 for all in one.
    pub size: u64,
    /// Keys to sort by, the first first.
    pub sort: Vec<(String, Order)>,
    /// All of these must hold.
    pub filter: Vec<Filter>,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One `key=value` of `q=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The column, or the word the list gives a meaning to.
    pub key: String,
    /// What must hold for it.
    pub test: Test,
}

/// What must hold for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `k=v`
    Is(String),
    /// `k=~v`: contains, in any case.
    Contains(String),
    /// `k=[min~max]`, both included, one may be absent.
    Between(Option<String>, Option<String>),
    /// `k={a b}`
    AnyOf(Vec<String>),
    /// `k=(a b)`
    AllOf(Vec<String>),
}

/// One page, and how many rows there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// The rows of all pages.
    pub total: u64,
}

/// Why `page`, `page_size`, `q` or `sort` cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// A part of `q` has no `=`, no key or no value.
    #[error("the query string must contain \"=\" and the key/value cannot be empty")]
    Query,
    /// `page` is 0.
    #[error("page in query should be greater than or equal to 1")]
    Page,
    /// `page_size` is over 100.
    #[error("page_size in query should be less than or equal to 100")]
    Size,
}

impl Page {
    /// Every row in one page, in the list's own order.
    pub fn all() -> Self {
        Self {
            page: 1,
            size: 0,
            sort: Vec::new(),
            filter: Vec::new(),
        }
    }

    /// Harbor's query parameters, already percent-decoded: `page` from 1, `size` 10 unless said, at most 100.
    ///
    /// # Errors
    /// [`PageError`] says which one is wrong.
    pub fn parse(
        page: Option<u64>,
        size: Option<u64>,
        q: Option<&str>,
        sort: Option<&str>,
    ) -> Result<Self, PageError> {
        let page = page.unwrap_or(1);
        let size = size.unwrap_or(10);
        if page == 0 {
            return Err(PageError::Page);
        }
        if size > 100 {
            return Err(PageError::Size);
        }
        let filter = q
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        Ok(Self {
            page,
            size,
            sort: sort
                .unwrap_or_default()
                .split(',')
                .filter_map(parse_order)
                .collect(),
            filter: filter.map(parse_filter).collect::<Result<_, _>>()?,
        })
    }

    /// How many rows come before this page. Kept within what a database can count.
    pub(crate) fn offset(&self) -> i64 {
        let offset = self.page.saturating_sub(1).saturating_mul(self.size);
        i64::try_from(offset).unwrap_or(i64::MAX)
    }
}

fn parse_order(key: &str) -> Option<(String, Order)> {
    let key = key.trim();
    let (key, order) = match key.strip_prefix('-') {
        Some(key) => (key, Order::Descending),
        None => (key, Order::Ascending),
    };
    (!key.is_empty()).then(|| (key.to_owned(), order))
}

fn parse_filter(part: &str) -> Result<Filter, PageError> {
    let (key, value) = part.split_once('=').ok_or(PageError::Query)?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || value.is_empty() {
        return Err(PageError::Query);
    }
    Ok(Filter {
        key: key.to_owned(),
        test: parse_test(value),
    })
}

/// A leading `\` takes its meaning from a special first character.
fn parse_test(value: &str) -> Test {
    let inside = |open: char, close: char| {
        value
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
    };
    let words = |text: &str| text.split_whitespace().map(unquote).collect::<Vec<_>>();
    if let Some(text) = value.strip_prefix('\\') {
        return Test::Is(text.to_owned());
    }
    if let Some(text) = value.strip_prefix('~') {
        return Test::Contains(text.to_owned());
    }
    if let Some(text) = inside('{', '}') {
        return Test::AnyOf(words(text));
    }
    if let Some(text) = inside('(', ')') {
        return Test::AllOf(words(text));
    }
    if let Some((min, max)) = inside('[', ']').and_then(|text| text.split_once('~')) {
        let bound = |text: &str| (!text.trim().is_empty()).then(|| unquote(text.trim()));
        return Test::Between(bound(min), bound(max));
    }
    Test::Is(value.to_owned())
}

fn unquote(text: &str) -> String {
    let bare = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    bare.or_else(|| {
        text.strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
    })
    .unwrap_or(text)
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_of(q: &str) -> Test {
        Page::parse(None, None, Some(q), None)
            .unwrap()
            .filter
            .remove(0)
            .test
    }

    #[test]
    fn harbors_query_forms_are_understood() {
        assert_eq!(test_of("name=a b"), Test::Is("a b".into()));
        assert_eq!(test_of("name=~lib"), Test::Contains("lib".into()));
        assert_eq!(test_of(r"name=\~lib"), Test::Is("~lib".into()));
        assert_eq!(
            test_of("id=[1~5]"),
            Test::Between(Some("1".into()), Some("5".into()))
        );
        assert_eq!(test_of("id=[~5]"), Test::Between(None, Some("5".into())));
        assert_eq!(
            test_of("type={'a' \"b\" c}"),
            Test::AnyOf(vec!["a".into(), "b".into(), "c".into()])
        );
        assert_eq!(
            test_of("labels=(1 2)"),
            Test::AllOf(vec!["1".into(), "2".into()])
        );
        assert_eq!(test_of("config=a=b"), Test::Is("a=b".into()));
    }

    #[test]
    fn a_query_without_key_or_value_is_refused() {
        for q in ["name", "=x", "name=", "name=a,x"] {
            assert_eq!(
                Page::parse(None, None, Some(q), None),
                Err(PageError::Query),
                "{q}"
            );
        }
        assert_eq!(Page::parse(Some(0), None, None, None), Err(PageError::Page));
        assert_eq!(
            Page::parse(None, Some(101), None, None),
            Err(PageError::Size)
        );
    }

    #[test]
    fn a_page_has_ten_rows_and_zero_means_all() {
        let page = Page::parse(Some(3), None, None, Some("name,-creation_time,-")).unwrap();
        assert_eq!((page.size, page.offset()), (10, 20));
        let sort = [
            ("name".to_owned(), Order::Ascending),
            ("creation_time".to_owned(), Order::Descending),
        ];
        assert_eq!(page.sort, sort);
        assert_eq!(
            Page::parse(Some(7), Some(0), None, None).unwrap().offset(),
            0
        );
        assert_eq!(
            Page::parse(Some(u64::MAX), Some(100), None, None)
                .unwrap()
                .offset(),
            i64::MAX
        );
    }
}
