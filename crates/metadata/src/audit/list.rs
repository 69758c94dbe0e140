//! The audit log read: a page of it, the newest first. It has millions of entries, so every page is found by an index
//! and no entry is looked at that is not on it or before it, unless a filter asks for a part of a text.

use sea_orm::{DbBackend, QueryResult};

use super::{AuditEntry, AuditEvent, NO_PROJECT};
use crate::select::{Column, Kind, push_filter};
use crate::sql::{self, Growing};
use crate::{Db, Error, Filter, Order, Page, Paged, Test};

/// Matches are counted so far: counting all of a million takes longer than anyone waits for a page.
const MAX_COUNTED: u64 = 10_000;
/// Rows of a page that asks for all: a log has no end.
const MAX_PAGE: u64 = 100;
/// Selects put together into one. More projects or events than that are looked for in one go.
const MAX_TERMS: usize = 100;

/// Which part of the log somebody may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// All of it, what belongs to no project and to deleted ones included.
    All,
    /// What happened in these projects.
    Projects(Vec<i64>),
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub entry: AuditEntry,
}

impl Db {
    /// A page of the log, the newest first unless sorted by `op_time`. Filtered by `username`, `resource`,
    /// `resource_type`, `operation`, `op_time`. The total is exact without a filter, and up to 10,000 with one.
    pub async fn list_audit(
        &self,
        scope: &AuditScope,
        page: &Page,
    ) -> Result<Paged<AuditRow>, Error> {
        let size = if page.size == 0 { MAX_PAGE } else { page.size };
        let has_statistics = self.read().get_database_backend() == DbBackend::Postgres;
        let query = Query::new(scope, page, has_statistics);
        let terms = query.terms();
        if terms.is_empty() {
            return Ok(Paged {
                items: Vec::new(),
                total: 0,
            });
        }
        let skipped = page.page.saturating_sub(1).saturating_mul(size);
        let rows = query.select(&terms, skipped, size).all(self.read()).await?;
        let items: Vec<AuditRow> = rows.iter().map(row).collect::<Result<_, _>>()?;
        let found = items.len() as u64;
        let total = if query.is_everything() {
            self.count_audit_in(scope).await?
        } else if skipped == 0 && found < size {
            found
        } else {
            let counted = query.count(&terms).count(self.read()).await?;
            // Beyond what is counted, a full page has another one after it as far as anyone knows.
            let seen = if found == 0 { 0 } else { skipped + found };
            let is_full = found == size && counted >= MAX_COUNTED;
            counted.min(MAX_COUNTED).max(seen + u64::from(is_full))
        };
        Ok(Paged { items, total })
    }

    async fn count_audit_in(&self, scope: &AuditScope) -> Result<u64, Error> {
        let mut select =
            Growing::new("SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) FROM audit_counts");
        if let AuditScope::Projects(ids) = scope {
            select
                .push(" WHERE project_id IN ")
                .bind_all(ids.iter().copied());
        }
        select.count(self.read()).await
    }
}

/// What was asked for, understood.
struct Query<'a> {
    scope: &'a AuditScope,
    /// `None` where all will do.
    events: Option<Vec<AuditEvent>>,
    filters: Vec<(&'static Column, &'a Filter)>,
    direction: &'static str,
    /// Whether the database knows how rare values are.
    has_statistics: bool,
}

/// A part of the log that one index has in order.
#[derive(Clone, Copy)]
struct Term<'a> {
    projects: &'a [i64],
    events: &'a [AuditEvent],
}

impl<'a> Query<'a> {
    fn new(scope: &'a AuditScope, page: &'a Page, has_statistics: bool) -> Self {
        let mut filters = Vec::new();
        let mut events: Option<Vec<AuditEvent>> = None;
        for filter in &page.filter {
            let key = filter.key.to_ascii_lowercase();
            let word: fn(AuditEvent) -> &'static str = match key.as_str() {
                "operation" => AuditEvent::operation,
                "resource_type" | "resourcetype" => AuditEvent::resource_type,
                key => {
                    let column = COLUMNS.iter().find(|column| column.keys.contains(&key));
                    filters.extend(column.map(|column| (column, filter)));
                    continue;
                }
            };
            let left = events.unwrap_or_else(|| AuditEvent::all().collect());
            let matches = left
                .into_iter()
                .filter(|event| is_met(&filter.test, word(*event)));
            events = Some(matches.collect());
        }
        let by_time = page
            .sort
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("op_time"));
        Self {
            scope,
            events,
            filters,
            direction: match by_time {
                Some((_, Order::Ascending)) => "ASC",
                _ => "DESC",
            },
            has_statistics,
        }
    }

    fn is_everything(&self) -> bool {
        self.events.is_none() && self.filters.is_empty()
    }

    /// One for each project and event, so that each is in order by an index; empty where nothing can match.
    fn terms(&self) -> Vec<Term<'_>> {
        let events: Vec<&[AuditEvent]> = match &self.events {
            None => vec![&[]],
            Some(events) => events.chunks(1).collect(),
        };
        let projects: Vec<&[i64]> = match self.scope {
            AuditScope::All => vec![&[]],
            AuditScope::Projects(ids) => ids.chunks(1).collect(),
        };
        if projects.len() * events.len() > MAX_TERMS {
            return vec![Term {
                projects: match self.scope {
                    AuditScope::All => &[],
                    AuditScope::Projects(ids) => ids,
                },
                events: self.events.as_deref().unwrap_or_default(),
            }];
        }
        let of_project = |projects| events.iter().map(move |events| Term { projects, events });
        projects.into_iter().flat_map(of_project).collect()
    }

    /// The page: the first rows of each term, put together, and of those the page's.
    fn select(&self, terms: &[Term<'_>], skipped: u64, size: u64) -> Growing {
        let direction = self.direction;
        let needed = skipped.saturating_add(size);
        let mut select = Growing::new(&format!("SELECT {SELECTED} FROM (SELECT u.id, u.at FROM ("));
        self.push_union(&mut select, terms, needed);
        select
            .push(&format!(
                ") AS u ORDER BY u.at {direction}, u.id {direction} LIMIT "
            ))
            .bind(sql::size(size))
            .push(" OFFSET ")
            .bind(sql::size(skipped))
            .push(&format!(
                ") AS p JOIN audit_log a ON a.id = p.id ORDER BY a.at {direction}, a.id {direction}"
            ));
        select
    }

    /// How many match, counted up to a bound.
    fn count(&self, terms: &[Term<'_>]) -> Growing {
        let mut select = Growing::new("SELECT COUNT(*) FROM (");
        self.push_union(&mut select, terms, MAX_COUNTED);
        select.push(") AS u");
        select
    }

    fn push_union(&self, select: &mut Growing, terms: &[Term<'_>], limit: u64) {
        let direction = self.direction;
        for (index, term) in terms.iter().enumerate() {
            if index > 0 {
                select.push(" UNION ALL ");
            }
            select.push("SELECT * FROM (SELECT l.id, l.at FROM audit_log l WHERE 1 = 1");
            self.push_conditions(select, *term);
            select
                .push(&format!(
                    " ORDER BY l.at {direction}, l.id {direction} LIMIT "
                ))
                .bind(sql::size(limit))
                .push(&format!(") AS t{index}"));
        }
    }

    /// PostgreSQL knows from its statistics which of two conditions is the rarer. SQLite is told, with a `+`, for which
    /// ones not to use an index: a user's entries among a project's, an event's but for pulls, which most entries are.
    fn push_conditions(&self, select: &mut Growing, term: Term<'_>) {
        let is_of_user = self.filters.iter().any(|(column, filter)| {
            column.sql == USERNAME && matches!(filter.test, Test::Is(_) | Test::AnyOf(_))
        });
        let is_mostly_pulls = term.events.first() == Some(&AuditEvent::PullArtifact);
        let by_project = !is_of_user && (term.events.is_empty() || is_mostly_pulls);
        let by_event = !is_of_user && (term.projects.is_empty() || !is_mostly_pulls);
        if !term.projects.is_empty() {
            select.push(self.and(by_project)).push("l.project_id");
            push_one_of(select, term.projects.iter().copied());
        }
        if !term.events.is_empty() {
            select.push(self.and(by_event)).push("l.event");
            push_one_of(select, term.events.iter().map(|event| event.as_str()));
        }
        for (column, filter) in &self.filters {
            push_filter(select, column, filter);
        }
    }

    fn and(&self, by_index: bool) -> &'static str {
        if by_index || self.has_statistics {
            " AND "
        } else {
            " AND +"
        }
    }
}

fn push_one_of<T: Into<sea_orm::Value>>(
    select: &mut Growing,
    mut values: impl ExactSizeIterator<Item = T>,
) {
    match values.len() {
        1 => select.push(" = ").bind_all(values.next()),
        _ => select.push(" IN ").bind_all(values),
    };
}

/// Whether an event's word is what a filter asks for.
fn is_met(test: &Test, word: &str) -> bool {
    match test {
        Test::Is(text) => word == text,
        Test::Contains(text) => word.contains(&text.to_ascii_lowercase()),
        Test::AnyOf(texts) => texts.iter().any(|text| word == text),
        Test::AllOf(texts) => texts.iter().all(|text| word == text),
        Test::Between(min, max) => {
            min.as_deref().is_none_or(|min| word >= min)
                && max.as_deref().is_none_or(|max| word <= max)
        }
    }
}

const SELECTED: &str = "a.id, a.at, a.username, a.project_id, a.project, a.event, a.resource, a.description, \
                        a.is_success, a.address";
const USERNAME: &str = "l.username";

const COLUMNS: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "l.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["username"],
        sql: USERNAME,
        kind: Kind::Text,
    },
    Column {
        keys: &["resource"],
        sql: "l.resource",
        kind: Kind::Text,
    },
    Column {
        keys: &["op_time", "optime"],
        sql: "l.at",
        kind: Kind::Time,
    },
    Column {
        keys: &["operation_result", "op_result"],
        sql: "l.is_success",
        kind: Kind::Truth,
    },
];

fn row(row: &QueryResult) -> Result<AuditRow, Error> {
    let project_id: Option<i64> = sql::get(row, "project_id")?;
    let project: Option<String> = sql::get(row, "project")?;
    let event: String = sql::get(row, "event")?;
    let address: Option<String> = sql::get(row, "address")?;
    Ok(AuditRow {
        id: sql::get(row, "id")?,
        entry: AuditEntry {
            at: sql::get_time(row, "at")?,
            username: sql::get::<String>(row, "username")?.into(),
            project: project_id
                .filter(|id| *id != NO_PROJECT)
                .map(|id| (id, project.unwrap_or_default().into())),
            event: event.parse().map_err(|()| Error::Corrupt(event))?,
            resource: sql::get::<String>(row, "resource")?.into(),
            description: sql::get::<String>(row, "description")?.into(),
            is_success: sql::get(row, "is_success")?,
            address: address.and_then(|address| address.parse().ok()),
        },
    })
}
