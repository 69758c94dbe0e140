//! Which artifacts a list is of, and what Harbor's words in `q=` mean for them: `tags`, `labels`, `base`, and the types.

use crate::select::{Column, Kind, push_filter};
use crate::sql::Growing;
use crate::{Filter, Page, Test, listed};

/// Where the artifacts are.
#[derive(Clone, Copy)]
pub(super) enum Within {
    Repository(i64),
    Project(i64),
}

/// The conditions on an artifact `a`, each beginning with ` AND `.
pub(super) fn conditions(within: Within, page: &Page) -> Growing {
    let mut conditions = Growing::default();
    match within {
        Within::Repository(id) => conditions.push(" AND a.repository_id = ").bind(id),
        Within::Project(id) => conditions.push(" AND a.project_id = ").bind(id),
    };
    push_specials(&mut conditions, Some(within), page);
    conditions
}

/// The conditions for the newest of each repository of a project.
pub(super) fn latest(project_id: i64, page: &Page) -> Growing {
    // Inside, `a` is another artifact than outside: the one of its repository to be chosen.
    let mut conditions = Growing::new(
        " AND a.id IN (SELECT (SELECT a.id FROM artifacts a WHERE a.repository_id = r.id",
    );
    push_specials(&mut conditions, None, page);
    for filter in &page.filter {
        if let Some(column) = crate::select::find(super::LISTED, &filter.key)
            && !is_special(&filter.key)
        {
            push_filter(&mut conditions, column, filter);
        }
    }
    conditions
        .push(" ORDER BY a.pushed_at DESC, a.id DESC LIMIT 1) FROM repositories r WHERE r.project_id = ")
        .bind(project_id)
        .push(")");
    conditions
}

/// The page, what [`conditions`] have seen to left out.
pub(super) fn without_specials(page: &Page) -> Page {
    let mut page = page.clone();
    page.filter.retain(|filter| !is_special(&filter.key));
    page
}

fn is_special(key: &str) -> bool {
    let of_types = TYPES.iter().flat_map(|column| column.keys);
    ["tags", "labels", "base"]
        .iter()
        .chain(of_types)
        .any(|special| special.eq_ignore_ascii_case(key))
}

/// Of a type `y`.
const TYPES: &[Column] = &[
    Column {
        keys: &["type"],
        sql: "y.kind",
        kind: Kind::Text,
    },
    Column {
        keys: &["media_type"],
        sql: "y.media_type",
        kind: Kind::Text,
    },
    Column {
        keys: &["manifest_media_type"],
        sql: "y.manifest_media_type",
        kind: Kind::Text,
    },
    Column {
        keys: &["artifact_type"],
        sql: "y.artifact_type",
        kind: Kind::Text,
    },
];

fn push_specials(conditions: &mut Growing, within: Option<Within>, page: &Page) {
    let is_any = |filter: &Filter| filter.test == Test::Is("*".to_owned());
    let with_children = page
        .filter
        .iter()
        .any(|filter| filter.key.eq_ignore_ascii_case("base") && is_any(filter));
    if with_children {
        conditions.push(
            " AND (a.about_digest IS NULL OR NOT EXISTS (SELECT 1 FROM artifacts s \
             WHERE s.repository_id = a.repository_id AND s.digest = a.about_digest))",
        );
    } else {
        conditions.push(" AND ").push(listed::IS_LISTED);
    }
    for filter in &page.filter {
        match filter.key.to_ascii_lowercase().as_str() {
            "tags" => push_tags(conditions, within, with_children, filter),
            "labels" => push_labels(conditions, &filter.test),
            "type" => push_type(conditions, &TYPES[0], &upper(filter)),
            key => {
                if let Some(column) = crate::select::find(TYPES, key) {
                    push_type(conditions, column, filter);
                }
            }
        }
    }
}

/// `tags=*` tagged, `tags=nil` untagged, else by one of its tags.
fn push_tags(
    conditions: &mut Growing,
    within: Option<Within>,
    with_children: bool,
    filter: &Filter,
) {
    let tagged = "EXISTS (SELECT 1 FROM tags t WHERE t.artifact_id = a.id";
    match &filter.test {
        Test::Is(text) if text == "*" && with_children => {
            conditions.push(" AND ").push(tagged).push(")");
        }
        Test::Is(text) if text == "nil" && with_children => {
            conditions.push(" AND NOT ").push(tagged).push(")");
        }
        Test::Is(text) if text == "*" => {
            conditions.push(" AND ").push(listed::IS_TAGGED);
        }
        Test::Is(text) if text == "nil" => {
            conditions.push(" AND ").push(listed::IS_UNTAGGED);
        }
        _ => {
            let name = Column {
                keys: &["tags"],
                sql: "t.name",
                kind: Kind::Text,
            };
            // From the tags to the artifacts, where it is known whose tags to look at: that is one walk over names.
            match within {
                Some(Within::Repository(id)) => conditions
                    .push(" AND a.id IN (SELECT t.artifact_id FROM tags t WHERE t.repository_id = ")
                    .bind(id),
                Some(Within::Project(id)) => conditions
                    .push(
                        " AND a.id IN (SELECT t.artifact_id FROM repositories r \
                         JOIN tags t ON t.repository_id = r.id WHERE r.project_id = ",
                    )
                    .bind(id),
                None => conditions.push(" AND ").push(tagged),
            };
            push_filter(conditions, &name, filter);
            conditions.push(")");
        }
    }
}

/// `labels=(1 2)`: all of these; `{1 2}`: one of these; `1`: this one.
fn push_labels(conditions: &mut Growing, test: &Test) {
    let none = [];
    let groups: Vec<&[String]> = match test {
        Test::AllOf(texts) => texts.chunks(1).take(crate::sql::CHUNK).collect(),
        Test::AnyOf(texts) => vec![texts],
        Test::Is(text) => vec![std::slice::from_ref(text)],
        // Labels are compared by number only.
        Test::Contains(_) | Test::Between(..) => vec![&none],
    };
    for group in groups {
        // What is no number is no label's.
        let known = group.iter().filter_map(|text| text.parse::<i64>().ok());
        let known: Vec<i64> = known.take(crate::sql::CHUNK).collect();
        if known.is_empty() {
            conditions.push(" AND 1 = 0");
            continue;
        }
        conditions
            .push(" AND a.id IN (SELECT l.artifact_id FROM artifact_labels l WHERE l.label_id IN ")
            .bind_all(known)
            .push(")");
    }
}

fn push_type(conditions: &mut Growing, column: &Column, filter: &Filter) {
    conditions.push(" AND a.type_id IN (SELECT y.id FROM artifact_types y WHERE 1 = 1");
    push_filter(conditions, column, filter);
    conditions.push(")");
}

/// Harbor's words for types are in capitals.
fn upper(filter: &Filter) -> Filter {
    let texts = |texts: &[String]| texts.iter().map(|text| text.to_uppercase()).collect();
    let test = match &filter.test {
        Test::Is(text) => Test::Is(text.to_uppercase()),
        Test::AnyOf(all) => Test::AnyOf(texts(all)),
        Test::AllOf(all) => Test::AllOf(texts(all)),
        other => other.clone(),
    };
    Filter {
        key: filter.key.clone(),
        test,
    }
}
