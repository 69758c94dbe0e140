//! Lists: a select that grows by what [`Page`] asks for, and the same select counted.

use chrono::NaiveDateTime;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::sql::{self, Growing};
use crate::{Error, Filter, Order, Page, Paged, Test};

/// What a list is of.
pub(crate) struct List<'a> {
    /// What each row has.
    pub(crate) select: &'a str,
    /// The tables.
    pub(crate) from: &'a str,
    /// What it may be filtered and sorted by.
    pub(crate) columns: &'a [Column],
    /// How it is sorted unless said.
    pub(crate) order: &'a str,
    /// What tells rows apart that sort the same.
    pub(crate) id: &'a str,
}

/// How the rows of a long list's page are chosen and counted.
#[derive(Default)]
pub(crate) struct Choice<'a> {
    /// The table to choose them in, where it has indexes that tell enough for that: only those of the page are read whole.
    pub(crate) table: Option<&'a str>,
    /// How many there are before the page's own filter, where that is known.
    pub(crate) total: Option<u64>,
}

/// Something a list may be filtered and sorted by.
pub(crate) struct Column {
    /// What clients call it, in any case.
    pub(crate) keys: &'static [&'static str],
    /// What it is.
    pub(crate) sql: &'static str,
    /// What its values are.
    pub(crate) kind: Kind,
}

/// What a column's values are.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Number,
    Time,
    Truth,
}

impl List<'_> {
    /// The page, of the rows for which `conditions` (each beginning with ` AND `) hold.
    pub(crate) async fn page<C>(
        &self,
        on: &C,
        conditions: Growing,
        page: &Page,
    ) -> Result<Paged<QueryResult>, Error>
    where
        C: ConnectionTrait,
    {
        self.page_by(on, &Choice::default(), conditions, page).await
    }

    /// The same, for long lists.
    pub(crate) async fn page_by<C>(
        &self,
        on: &C,
        choice: &Choice<'_>,
        mut conditions: Growing,
        page: &Page,
    ) -> Result<Paged<QueryResult>, Error>
    where
        C: ConnectionTrait,
    {
        let mut total = choice.total;
        for filter in &page.filter {
            if let Some(column) = find(self.columns, &filter.key) {
                push_filter(&mut conditions, column, filter);
                total = None;
            }
        }
        let tables = choice.table.unwrap_or(self.from);
        let wheres = format!(" FROM {tables} WHERE 1 = 1{}", conditions.text);
        let counted = Growing {
            text: format!("SELECT COUNT(*){wheres}"),
            values: conditions.values.clone(),
        };
        let order = self.order_by(page);
        let (select, from, id) = (self.select, self.from, self.id);
        let mut rows = Growing {
            text: match choice.table {
                None => format!("SELECT {select}{wheres}"),
                Some(_) => {
                    format!("SELECT {select} FROM {from} WHERE {id} IN (SELECT {id}{wheres}")
                }
            },
            values: conditions.values,
        };
        rows.push(" ORDER BY ").push(&order);
        if page.size > 0 {
            rows.push(" LIMIT ")
                .bind(sql::size(page.size))
                .push(" OFFSET ")
                .bind(page.offset());
        }
        if choice.table.is_some() {
            rows.push(") ORDER BY ").push(&order);
        }
        let items = rows.all(on).await?;
        let is_everything = page.size == 0 || (page.page == 1 && (items.len() as u64) < page.size);
        let total = match total {
            _ if is_everything => items.len() as u64,
            Some(total) => total,
            None => counted.count(on).await?,
        };
        Ok(Paged { items, total })
    }

    fn order_by(&self, page: &Page) -> String {
        let sorted = page
            .sort
            .iter()
            .filter_map(|(key, order)| Some((find(self.columns, key)?, order)));
        let mut text: String = sorted
            .map(|(column, order)| format!("{} {}, ", column.sql, direction(*order)))
            .collect();
        if text.is_empty() {
            text = format!("{}, ", self.order);
        }
        let is_falling = text.trim_end_matches(", ").ends_with("DESC");
        text + self.id + if is_falling { " DESC" } else { " ASC" }
    }
}

impl<T> Paged<T> {
    /// The same page, its rows understood.
    pub(crate) fn map<U>(
        self,
        understand: impl FnMut(&T) -> Result<U, Error>,
    ) -> Result<Paged<U>, Error> {
        Ok(Paged {
            items: self
                .items
                .iter()
                .map(understand)
                .collect::<Result<_, _>>()?,
            total: self.total,
        })
    }
}

pub(crate) fn find<'a>(columns: &'a [Column], key: &str) -> Option<&'a Column> {
    columns.iter().find(|column| {
        column
            .keys
            .iter()
            .any(|name| name.eq_ignore_ascii_case(key))
    })
}

fn direction(order: Order) -> &'static str {
    match order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    }
}

/// Adds what `filter` asks of `column`. A value that cannot be one of the column's matches nothing.
pub(crate) fn push_filter(conditions: &mut Growing, column: &Column, filter: &Filter) {
    let value = |text: &str| column.kind.value(text);
    match &filter.test {
        Test::Is(text) => push_comparison(conditions, column, " = ", value(text)),
        Test::Contains(text) => {
            let pattern = sql::contains(text);
            conditions
                .push(" AND LOWER(CAST(")
                .push(column.sql)
                .push(" AS TEXT)) LIKE ")
                .bind(pattern)
                .push(r" ESCAPE '\'");
        }
        Test::Between(min, max) => {
            if let Some(text) = min {
                push_comparison(conditions, column, " >= ", value(text));
            }
            if let Some(text) = max {
                push_comparison(conditions, column, " <= ", value(text));
            }
        }
        Test::AnyOf(texts) | Test::AllOf(texts) => {
            let values: Vec<Value> = texts
                .iter()
                .filter_map(|text| value(text))
                .take(sql::CHUNK)
                .collect();
            if values.is_empty() {
                conditions.push(" AND 1 = 0");
            } else {
                conditions
                    .push(" AND ")
                    .push(column.sql)
                    .push(" IN ")
                    .bind_all(values);
            }
        }
    }
}

fn push_comparison(
    conditions: &mut Growing,
    column: &Column,
    operator: &str,
    value: Option<Value>,
) {
    match value {
        Some(value) => conditions
            .push(" AND ")
            .push(column.sql)
            .push(operator)
            .bind(value),
        None => conditions.push(" AND 1 = 0"),
    };
}

impl Kind {
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(text.into()),
            Self::Number => text.parse::<i64>().ok().map(Value::from),
            Self::Truth => match text {
                "true" | "1" => Some(true.into()),
                "false" | "0" => Some(false.into()),
                _ => None,
            },
            Self::Time => {
                let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
                Some(time.and_utc().timestamp_micros().into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column {
            keys: &["id"],
            sql: "t.id",
            kind: Kind::Number,
        },
        Column {
            keys: &["name"],
            sql: "t.name",
            kind: Kind::Text,
        },
    ];

    #[test]
    fn unknown_keys_are_ignored_and_ties_are_broken_by_number() {
        let list = List {
            select: "t.id",
            from: "t",
            columns: COLUMNS,
            order: "t.name ASC",
            id: "t.id",
        };
        let sorted =
            |sort: &str| list.order_by(&Page::parse(None, None, None, Some(sort)).unwrap());
        assert_eq!(sorted(""), "t.name ASC, t.id ASC");
        assert_eq!(sorted("-NAME,colour"), "t.name DESC, t.id DESC");
        assert_eq!(sorted("colour"), "t.name ASC, t.id ASC");
    }

    #[test]
    fn a_value_that_cannot_be_matches_nothing() {
        let mut conditions = Growing::default();
        let filter = Filter {
            key: "id".into(),
            test: Test::Is("seven'; --".into()),
        };
        push_filter(&mut conditions, &COLUMNS[0], &filter);
        assert_eq!(
            (conditions.text.as_str(), conditions.values.len()),
            (" AND 1 = 0", 0)
        );
    }
}
