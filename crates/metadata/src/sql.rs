//! Statements and rows. The SQL is written out: what SQLite and PostgreSQL both understand, with `$n` for values.
//!
//! Times are microseconds since 1970 in a BIGINT: the same, in order, in both.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oci::Digest;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, TryGetable, Value};

use crate::Error;

/// Rows in one statement that takes many: well under the values either database takes, and few shapes to prepare.
pub(crate) const CHUNK: usize = 200;

/// The first row, if there is one.
pub(crate) async fn one<C, V>(on: &C, text: &str, values: V) -> Result<Option<QueryResult>, Error>
where
    C: ConnectionTrait,
    V: IntoIterator<Item = Value>,
{
    Ok(on.query_one_raw(statement(on, text, values)).await?)
}

/// All rows.
pub(crate) async fn all<C, V>(on: &C, text: &str, values: V) -> Result<Vec<QueryResult>, Error>
where
    C: ConnectionTrait,
    V: IntoIterator<Item = Value>,
{
    Ok(on.query_all_raw(statement(on, text, values)).await?)
}

/// How many rows the statement changed.
pub(crate) async fn execute<C, V>(on: &C, text: &str, values: V) -> Result<u64, Error>
where
    C: ConnectionTrait,
    V: IntoIterator<Item = Value>,
{
    Ok(on
        .execute_raw(statement(on, text, values))
        .await?
        .rows_affected())
}

/// Changes exactly the row of `what`, or says that it is not there.
pub(crate) async fn change<C, V>(
    on: &C,
    what: &'static str,
    text: &str,
    values: V,
) -> Result<(), Error>
where
    C: ConnectionTrait,
    V: IntoIterator<Item = Value>,
{
    if execute(on, text, values).await? == 0 {
        Err(Error::NotFound { what })
    } else {
        Ok(())
    }
}

/// The one number the statement gives; 0 without a row.
pub(crate) async fn count<C, V>(on: &C, text: &str, values: V) -> Result<u64, Error>
where
    C: ConnectionTrait,
    V: IntoIterator<Item = Value>,
{
    let Some(row) = one(on, text, values).await? else {
        return Ok(0);
    };
    let count: i64 = row.try_get_by_index(0)?;
    Ok(count.unsigned_abs())
}

fn statement<C, V>(on: &C, text: &str, values: V) -> Statement
where
    C: ConnectionTrait,
    V: IntoIterator<Item = Value>,
{
    Statement::from_sql_and_values(on.get_database_backend(), text, values)
}

/// A statement that grows: text, and the values its `$n` stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Growing {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Growing {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a `$n` that stands for `value`.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Adds `($1, $2, …)`.
    pub(crate) fn bind_all<T: Into<Value>>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.text.push('(');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.bind(value);
        }
        self.text.push(')');
        self
    }

    /// Adds `($1, $2), ($3, $4), …`: the rows of a VALUES.
    pub(crate) fn bind_rows<const N: usize>(
        &mut self,
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.bind_all(row);
        }
        self
    }

    pub(crate) async fn all(self, on: &impl ConnectionTrait) -> Result<Vec<QueryResult>, Error> {
        all(on, &self.text, self.values).await
    }

    pub(crate) async fn execute(self, on: &impl ConnectionTrait) -> Result<u64, Error> {
        execute(on, &self.text, self.values).await
    }

    pub(crate) async fn count(&self, on: &impl ConnectionTrait) -> Result<u64, Error> {
        count(on, &self.text, self.values.clone()).await
    }
}

/// `%text%` for a LIKE with `ESCAPE '\'` of a LOWER: contains, in any case. Both databases fold ASCII letters only here.
pub(crate) fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.to_ascii_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// A column's value.
pub(crate) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, Error> {
    Ok(row.try_get("", column)?)
}

/// A count or size: never negative.
pub(crate) fn get_size(row: &QueryResult, column: &str) -> Result<u64, Error> {
    get::<i64>(row, column).map(i64::unsigned_abs)
}

/// A digest.
pub(crate) fn get_digest(row: &QueryResult, column: &str) -> Result<Digest, Error> {
    let text: String = get(row, column)?;
    text.parse().map_err(|_| Error::Corrupt(text))
}

/// A digest, or none.
pub(crate) fn get_optional_digest(
    row: &QueryResult,
    column: &str,
) -> Result<Option<Digest>, Error> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| text.parse().map_err(|_| Error::Corrupt(text)))
        .transpose()
}

/// A moment.
pub(crate) fn get_time(row: &QueryResult, column: &str) -> Result<DateTime<Utc>, Error> {
    time(get(row, column)?)
}

/// A moment, or none.
pub(crate) fn get_optional_time(
    row: &QueryResult,
    column: &str,
) -> Result<Option<DateTime<Utc>>, Error> {
    get::<Option<i64>>(row, column)?.map(time).transpose()
}

/// What was kept as JSON, or none.
pub(crate) fn get_json<T: serde::de::DeserializeOwned>(
    row: &QueryResult,
    column: &str,
) -> Result<Option<T>, Error> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| Error::Corrupt(error.to_string())))
        .transpose()
}

/// The moment of that many microseconds.
pub(crate) fn time(micros: i64) -> Result<DateTime<Utc>, Error> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| Error::Corrupt(micros.to_string()))
}

/// The microseconds of that moment.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// A count for a BIGINT.
pub(crate) fn size(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A value kept as JSON; nothing for nothing.
pub(crate) fn json<T: serde::Serialize>(value: Option<&T>) -> Result<Option<String>, Error> {
    let text = value.map(serde_json::to_string).transpose();
    text.map_err(|error| Error::Database(DbErr::Json(error.to_string())))
}

/// A map kept as JSON; nothing when it is empty.
pub(crate) fn json_map(map: &BTreeMap<String, String>) -> Result<Option<String>, Error> {
    json((!map.is_empty()).then_some(map))
}
