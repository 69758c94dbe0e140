//! Upstreams: the other registries that proxy projects pull from. Harbor's API calls them registries.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use sea_orm::{QueryResult, Value};

use crate::cache::Forget;
use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, sql};

/// After an edit, how long what is learned may still come from before it: other nodes remember an upstream for a few
/// seconds, their clocks differ by some, and a request that is under way ends as it began.
const SETTLING: TimeDelta = TimeDelta::seconds(10);

/// An upstream as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its number, never given twice.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Harbor's type: `docker-hub`, `docker-registry`, …
    pub kind: String,
    /// Its address, as given.
    pub url: String,
    /// The user name, where it wants one.
    pub access_key: Option<String>,
    /// The password, sealed by `auth`: opaque here.
    pub secret: Option<Vec<u8>>,
    /// Whether its certificate goes unchecked.
    pub is_insecure: bool,
    /// A certificate authority to trust for it, in PEM.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say, secrets among it: sealed by `auth`, opaque here. `None`: nothing.
    pub options: Option<Vec<u8>>,
    /// What people say about it.
    pub description: String,
    /// `healthy`, `unhealthy` or nothing known.
    pub status: String,
    /// Whether the configuration file declares it.
    pub is_declared: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed. A change of `status` is none.
    pub updated_at: DateTime<Utc>,
    /// Since when it is the registry, asked with the credential, that it is now. What was learned before is kept, but
    /// is no word of this one's: tags are asked about again, and no blob is taken over by another repository.
    pub trusted_since: DateTime<Utc>,
}

/// What a new upstream needs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NewUpstream {
    /// Its name.
    pub name: String,
    /// Harbor's type.
    pub kind: String,
    /// Its address.
    pub url: String,
    /// The user name, where it wants one.
    pub access_key: Option<String>,
    /// The password, sealed by `auth`.
    pub secret: Option<Vec<u8>>,
    /// Whether its certificate goes unchecked.
    pub is_insecure: bool,
    /// A certificate authority to trust for it, in PEM.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say, sealed.
    pub options: Option<Vec<u8>>,
    /// What people say about it.
    pub description: String,
    /// Whether the configuration file declares it.
    pub is_declared: bool,
}

/// What changes: `None` leaves a field alone, `Some(None)` empties it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpstreamUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Harbor's type.
    pub kind: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// The user name.
    pub access_key: Option<Option<String>>,
    /// The password, sealed.
    pub secret: Option<Option<Vec<u8>>>,
    /// Whether its certificate goes unchecked.
    pub is_insecure: Option<bool>,
    /// A certificate authority to trust for it.
    pub ca_certificate: Option<Option<String>>,
    /// What Harbor's fields cannot say, sealed.
    pub options: Option<Option<Vec<u8>>>,
    /// What people say about it.
    pub description: Option<String>,
    /// Whether the configuration file declares it.
    pub is_declared: Option<bool>,
    /// Whether another registry is asked from now on, or the same as somebody else: see [`Upstream::trusted_since`].
    /// Its status is not known then.
    pub is_asked_anew: bool,
}

impl Db {
    /// Makes an upstream. [`Error::Conflict`] when the name is taken.
    pub async fn create_upstream(
        &self,
        new: NewUpstream,
        now: DateTime<Utc>,
    ) -> Result<Upstream, Error> {
        let mut write = self.write().await?;
        let insert = format!(
            "INSERT INTO upstreams (name, kind, url, access_key, secret, is_insecure, ca_certificate, options, \
             description, status, is_declared, created_at, updated_at, trusted_since) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11, $11, $11) RETURNING {COLUMNS}"
        );
        let values = [
            new.name.into(),
            new.kind.into(),
            new.url.into(),
            new.access_key.into(),
            new.secret.into(),
            new.is_insecure.into(),
            new.ca_certificate.into(),
            new.options.into(),
            new.description.into(),
            new.is_declared.into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), &insert, values)
            .await
            .map_err(|error| error.or_conflict("upstream"))?;
        let upstream = upstream(&row.ok_or(Error::NotFound { what: "upstream" })?)?;
        write.forget(Forget::Upstream(upstream.id));
        write.commit().await?;
        Ok(upstream)
    }

    /// The upstream of that number; answered from memory.
    pub async fn find_upstream(&self, id: i64) -> Result<Option<Arc<Upstream>>, Error> {
        let load = async {
            let select = format!("SELECT {COLUMNS} FROM upstreams WHERE id = $1");
            let row = sql::one(self.read(), &select, [id.into()]).await?;
            row.as_ref()
                .map(upstream)
                .transpose()
                .map(|found| found.map(Arc::new))
        };
        self.hot.upstreams.get_or_load(&id, load).await
    }

    /// The upstream of that name.
    pub async fn find_upstream_by_name(&self, name: &str) -> Result<Option<Upstream>, Error> {
        let select = format!("SELECT {COLUMNS} FROM upstreams WHERE name = $1");
        sql::one(self.read(), &select, [name.into()])
            .await?
            .as_ref()
            .map(upstream)
            .transpose()
    }

    /// A page of upstreams: by name unless sorted otherwise.
    pub async fn list_upstreams(&self, page: &Page) -> Result<Paged<Upstream>, Error> {
        let list = List {
            select: COLUMNS,
            from: "upstreams u",
            columns: LISTED,
            order: "u.name ASC",
            id: "u.id",
        };
        list.page(self.read(), Growing::default(), page)
            .await?
            .map(upstream)
    }

    /// Changes what `update` names. What is cached stays; where it is asked anew, whatever is known of its tags and blobs
    /// is no longer believed from the same moment on.
    pub async fn update_upstream(
        &self,
        id: i64,
        update: UpstreamUpdate,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut set = Growing::new("UPDATE upstreams SET updated_at = ");
        set.bind(sql::micros(now));
        let changes = [
            ("name", update.name.map(Value::from)),
            ("kind", update.kind.map(Value::from)),
            ("url", update.url.map(Value::from)),
            ("access_key", update.access_key.map(Value::from)),
            ("secret", update.secret.map(Value::from)),
            ("is_insecure", update.is_insecure.map(Value::from)),
            ("ca_certificate", update.ca_certificate.map(Value::from)),
            ("options", update.options.map(Value::from)),
            ("description", update.description.map(Value::from)),
            ("is_declared", update.is_declared.map(Value::from)),
            (
                "trusted_since",
                update
                    .is_asked_anew
                    .then(|| Value::from(sql::micros(now + SETTLING))),
            ),
            ("status", update.is_asked_anew.then(|| Value::from(""))),
        ];
        for (column, value) in changes {
            if let Some(value) = value {
                set.push(", ").push(column).push(" = ").bind(value);
            }
        }
        set.push(" WHERE id = ").bind(id);
        let mut write = self.write().await?;
        let changed = sql::change(write.sql(), "upstream", &set.text, set.values).await;
        changed.map_err(|error| error.or_conflict("upstream"))?;
        write.forget(Forget::Upstream(id));
        if update.is_asked_anew {
            // Tags in memory know since when they are to be believed.
            write.forget(Forget::AllContent);
        }
        write.commit().await
    }

    /// Notes how it was when last looked at.
    pub async fn set_upstream_status(&self, id: i64, status: &str) -> Result<(), Error> {
        let mut write = self.write().await?;
        let update = "UPDATE upstreams SET status = $2 WHERE id = $1";
        sql::change(write.sql(), "upstream", update, [id.into(), status.into()]).await?;
        write.forget(Forget::Upstream(id));
        write.commit().await
    }

    /// Deletes it. [`Error::InUse`] while a project pulls from it.
    pub async fn delete_upstream(&self, id: i64) -> Result<(), Error> {
        let mut write = self.write().await?;
        let select = "SELECT name FROM projects WHERE upstream_id = $1 ORDER BY name LIMIT 1";
        if let Some(row) = sql::one(write.sql(), select, [id.into()]).await? {
            return Err(Error::InUse {
                by: format!("project {}", sql::get::<String>(&row, "name")?),
            });
        }
        sql::change(
            write.sql(),
            "upstream",
            "DELETE FROM upstreams WHERE id = $1",
            [id.into()],
        )
        .await?;
        write.forget(Forget::Upstream(id));
        write.commit().await
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Upstream");
        shown
            .field("id", &self.id)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("url", &self.url);
        shown.finish_non_exhaustive()
    }
}

const COLUMNS: &str = "id, name, kind, url, access_key, secret, is_insecure, ca_certificate, options, description, \
                       status, is_declared, created_at, updated_at, trusted_since";

const LISTED: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "u.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["name"],
        sql: "u.name",
        kind: Kind::Text,
    },
    Column {
        keys: &["type"],
        sql: "u.kind",
        kind: Kind::Text,
    },
    Column {
        keys: &["url"],
        sql: "u.url",
        kind: Kind::Text,
    },
    Column {
        keys: &["description"],
        sql: "u.description",
        kind: Kind::Text,
    },
    Column {
        keys: &["status"],
        sql: "u.status",
        kind: Kind::Text,
    },
    Column {
        keys: &["creation_time"],
        sql: "u.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "u.updated_at",
        kind: Kind::Time,
    },
];

fn upstream(row: &QueryResult) -> Result<Upstream, Error> {
    Ok(Upstream {
        id: sql::get(row, "id")?,
        name: sql::get(row, "name")?,
        kind: sql::get(row, "kind")?,
        url: sql::get(row, "url")?,
        access_key: sql::get(row, "access_key")?,
        secret: sql::get(row, "secret")?,
        is_insecure: sql::get(row, "is_insecure")?,
        ca_certificate: sql::get(row, "ca_certificate")?,
        options: sql::get(row, "options")?,
        description: sql::get(row, "description")?,
        status: sql::get(row, "status")?,
        is_declared: sql::get(row, "is_declared")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
        trusted_since: sql::get_time(row, "trusted_since")?,
    })
}
