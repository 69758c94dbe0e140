//! Robots: accounts of programs, of one project or of the system, with what they were allowed one by one. What a
//! permission's names mean is `auth`'s business.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};

use crate::cache::Forget;
use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, sql};

/// A robot as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Robot {
    /// Its number, never given twice.
    pub id: i64,
    /// `<project>+<name>` in a project, `<name>` outside; unique. Shown with the prefix that is a setting.
    pub full_name: String,
    /// The project it belongs to; `None` for one of the system.
    pub project_id: Option<i64>,
    /// What people say about it.
    pub description: String,
    /// What checks its secret, made by `auth`.
    pub secret_hash: String,
    /// Whether it is kept out for now.
    pub is_disabled: bool,
    /// How many days it was made for; -1 for ever.
    pub duration_days: i64,
    /// When it ends; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it may do.
    pub permissions: Vec<RobotPermission>,
    /// Who made it.
    pub creator: RobotCreator,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a new robot needs.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRobot {
    /// See [`Robot::full_name`].
    pub full_name: String,
    /// The project it belongs to; `None` for one of the system.
    pub project_id: Option<i64>,
    /// What people say about it.
    pub description: String,
    /// What checks its secret.
    pub secret_hash: String,
    /// Whether it is kept out for now.
    pub is_disabled: bool,
    /// How many days it is made for; -1 for ever.
    pub duration_days: i64,
    /// When it ends; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it may do.
    pub permissions: Vec<RobotPermission>,
    /// Who makes it.
    pub creator: RobotCreator,
}

/// What of a robot can change. Its secret is changed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotUpdate {
    /// What people say about it.
    pub description: String,
    /// Whether it is kept out for now.
    pub is_disabled: bool,
    /// How many days it is for; -1 for ever.
    pub duration_days: i64,
    /// When it ends; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it may do.
    pub permissions: Vec<RobotPermission>,
}

/// Some things a robot may do in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotPermission {
    /// Where.
    pub scope: RobotScope,
    /// What.
    pub access: Vec<RobotAccess>,
}

/// Where a robot may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RobotScope {
    /// Outside any one project.
    System,
    /// In every project there is or will be.
    AllProjects,
    /// In the project of this number. Not of its name, which a later project may get.
    Project(i64),
}

/// A resource and what is done to it, by Harbor's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotAccess {
    /// `repository`, `tag`, …
    pub resource: String,
    /// `pull`, `list`, …
    pub action: String,
}

/// Who made a robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RobotCreator {
    /// The user of this number.
    User(i64),
    /// The robot of this number.
    Robot(i64),
}

/// Which robots to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RobotFilter {
    /// The system's own.
    System,
    /// Those of this project.
    Project(i64),
}

impl Db {
    /// Makes a robot. [`Error::Conflict`] when the name is taken, [`Error::NotFound`] for an unknown project.
    pub async fn create_robot(&self, new: NewRobot, now: DateTime<Utc>) -> Result<Robot, Error> {
        let mut write = self.write().await?;
        let insert = format!(
            "INSERT INTO robots (full_name, project_id, description, secret_hash, is_disabled, duration_days, expires_at, \
             permissions, creator_kind, creator_id, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) RETURNING {COLUMNS}"
        );
        let (creator_kind, creator_id) = new.creator.columns();
        let values = [
            new.full_name.into(),
            new.project_id.into(),
            new.description.into(),
            new.secret_hash.into(),
            new.is_disabled.into(),
            new.duration_days.into(),
            new.expires_at.map(sql::micros).into(),
            sql::json(Some(&new.permissions))?.into(),
            creator_kind.into(),
            creator_id.into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), &insert, values).await;
        let row = row.map_err(|error| error.or_conflict("robot").or_missing("project"))?;
        let robot = robot(&row.ok_or(Error::NotFound { what: "robot" })?)?;
        write.forget(Forget::Robot(robot.id));
        write.commit().await?;
        Ok(robot)
    }

    /// The robot of that number; answered from memory.
    pub async fn find_robot(&self, id: i64) -> Result<Option<Arc<Robot>>, Error> {
        let load = async {
            let select = format!("SELECT {COLUMNS} FROM robots r WHERE id = $1");
            let row = sql::one(self.read(), &select, [id.into()]).await?;
            row.as_ref().map(|row| robot(row).map(Arc::new)).transpose()
        };
        self.hot.robots.get_or_load(&id, load).await
    }

    /// The robot of that full name.
    pub async fn find_robot_by_name(&self, full_name: &str) -> Result<Option<Robot>, Error> {
        let select = format!("SELECT {COLUMNS} FROM robots r WHERE full_name = $1");
        sql::one(self.read(), &select, [full_name.into()])
            .await?
            .as_ref()
            .map(robot)
            .transpose()
    }

    /// A page of robots: by name unless sorted otherwise.
    pub async fn list_robots(
        &self,
        filter: RobotFilter,
        page: &Page,
    ) -> Result<Paged<Robot>, Error> {
        let mut conditions = Growing::default();
        match filter {
            RobotFilter::System => conditions.push(" AND r.project_id IS NULL"),
            RobotFilter::Project(id) => conditions.push(" AND r.project_id = ").bind(id),
        };
        let list = List {
            select: COLUMNS,
            from: "robots r",
            columns: LISTED,
            order: "r.full_name ASC",
            id: "r.id",
        };
        list.page(self.read(), conditions, page).await?.map(robot)
    }

    /// Changes what can change.
    pub async fn update_robot(
        &self,
        id: i64,
        update: RobotUpdate,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let statement = "UPDATE robots SET description = $2, is_disabled = $3, duration_days = $4, expires_at = $5, \
                         permissions = $6, updated_at = $7 WHERE id = $1";
        let values = [
            id.into(),
            update.description.into(),
            update.is_disabled.into(),
            update.duration_days.into(),
            update.expires_at.map(sql::micros).into(),
            sql::json(Some(&update.permissions))?.into(),
            sql::micros(now).into(),
        ];
        self.change_robot(id, statement, values).await
    }

    /// Changes what checks its secret.
    pub async fn set_robot_secret(
        &self,
        id: i64,
        secret_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let statement = "UPDATE robots SET secret_hash = $2, updated_at = $3 WHERE id = $1";
        let values = [id.into(), secret_hash.into(), sql::micros(now).into()];
        self.change_robot(id, statement, values).await
    }

    /// Deletes a robot.
    pub async fn delete_robot(&self, id: i64) -> Result<(), Error> {
        self.change_robot(id, "DELETE FROM robots WHERE id = $1", [id.into()])
            .await
    }

    async fn change_robot<const N: usize>(
        &self,
        id: i64,
        statement: &str,
        values: [sea_orm::Value; N],
    ) -> Result<(), Error> {
        let mut write = self.write().await?;
        sql::change(write.sql(), "robot", statement, values).await?;
        write.forget(Forget::Robot(id));
        write.commit().await
    }
}

impl RobotCreator {
    fn columns(self) -> (&'static str, i64) {
        match self {
            Self::User(id) => (USER, id),
            Self::Robot(id) => (ROBOT, id),
        }
    }
}

impl fmt::Debug for Robot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robot")
            .field("id", &self.id)
            .field("full_name", &self.full_name)
            .finish_non_exhaustive()
    }
}

const USER: &str = "user";
const ROBOT: &str = "robot";

const COLUMNS: &str = "id, full_name, project_id, description, secret_hash, is_disabled, duration_days, expires_at, \
                       permissions, creator_kind, creator_id, created_at, updated_at";

const LISTED: &[Column] = &[
    Column {
        keys: &["id", "robot_id"],
        sql: "r.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["name"],
        sql: "r.full_name",
        kind: Kind::Text,
    },
    Column {
        keys: &["description"],
        sql: "r.description",
        kind: Kind::Text,
    },
    Column {
        keys: &["disabled", "disable"],
        sql: "r.is_disabled",
        kind: Kind::Truth,
    },
    Column {
        keys: &["creation_time"],
        sql: "r.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "r.updated_at",
        kind: Kind::Time,
    },
];

fn robot(row: &QueryResult) -> Result<Robot, Error> {
    let creator_id = sql::get(row, "creator_id")?;
    let creator = match sql::get::<String>(row, "creator_kind")?.as_str() {
        ROBOT => RobotCreator::Robot(creator_id),
        _ => RobotCreator::User(creator_id),
    };
    Ok(Robot {
        id: sql::get(row, "id")?,
        full_name: sql::get(row, "full_name")?,
        project_id: sql::get(row, "project_id")?,
        description: sql::get(row, "description")?,
        secret_hash: sql::get(row, "secret_hash")?,
        is_disabled: sql::get(row, "is_disabled")?,
        duration_days: sql::get(row, "duration_days")?,
        expires_at: sql::get_optional_time(row, "expires_at")?,
        permissions: sql::get_json(row, "permissions")?.unwrap_or_default(),
        creator,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
