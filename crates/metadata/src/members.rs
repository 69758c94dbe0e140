//! Members: which user has which role in which project. What a role may do is `auth`'s business.

use chrono::{DateTime, Utc};

use sea_orm::QueryResult;

use crate::cache::Forget;
use crate::{Db, Error, sql};

/// A role's number in Harbor: 1 project administrator, 2 developer, 3 guest, 4 maintainer, 5 limited guest.
pub type Role = i32;

/// One user's membership of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The membership's own number.
    pub id: i64,
    /// In this project.
    pub project_id: i64,
    /// This user.
    pub user_id: i64,
    /// Their name.
    pub username: String,
    /// Has this role.
    pub role: Role,
    /// When they came.
    pub created_at: DateTime<Utc>,
    /// When their role last changed.
    pub updated_at: DateTime<Utc>,
}

impl Db {
    /// The projects a user is a member of, each with their role there.
    pub async fn list_memberships(&self, user_id: i64) -> Result<Vec<(i64, Role)>, Error> {
        let select = "SELECT project_id, role FROM members WHERE user_id = $1 ORDER BY project_id";
        let rows = sql::all(self.read(), select, [user_id.into()]).await?;
        rows.iter()
            .map(|row| Ok((sql::get(row, "project_id")?, sql::get(row, "role")?)))
            .collect()
    }

    /// Makes the user a member; the membership's number. [`Error::Conflict`] when they are one already.
    pub async fn add_member(
        &self,
        project_id: i64,
        user_id: i64,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<i64, Error> {
        let now = sql::micros(now);
        let mut write = self.write().await?;
        let insert = "INSERT INTO members (project_id, user_id, role, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $4) RETURNING id";
        let row = sql::one(
            write.sql(),
            insert,
            [project_id.into(), user_id.into(), role.into(), now.into()],
        )
        .await;
        let row = row.map_err(|error| error.or_conflict("member").or_missing("project or user"))?;
        let id = row.map_or(Ok(0), |row| sql::get(&row, "id"))?;
        write.forget(Forget::Role {
            project_id,
            user_id,
        });
        write.commit().await?;
        Ok(id)
    }

    /// The user's role in the project; answered from memory.
    pub async fn role_of(&self, project_id: i64, user_id: i64) -> Result<Option<Role>, Error> {
        let load = async {
            let select = "SELECT role FROM members WHERE project_id = $1 AND user_id = $2";
            let row = sql::one(self.read(), select, [project_id.into(), user_id.into()]).await?;
            row.map(|row| sql::get(&row, "role")).transpose()
        };
        self.hot
            .roles
            .get_or_load(&(project_id, user_id), load)
            .await
    }

    /// The project's members by name.
    pub async fn list_members(&self, project_id: i64) -> Result<Vec<Member>, Error> {
        let select = format!("{SELECT} WHERE m.project_id = $1 ORDER BY u.username");
        sql::all(self.read(), &select, [project_id.into()])
            .await?
            .iter()
            .map(member)
            .collect()
    }

    /// One membership of the project, by its number.
    pub async fn find_member(
        &self,
        project_id: i64,
        member_id: i64,
    ) -> Result<Option<Member>, Error> {
        let select = format!("{SELECT} WHERE m.project_id = $1 AND m.id = $2");
        let row = sql::one(self.read(), &select, [project_id.into(), member_id.into()]).await?;
        row.as_ref().map(member).transpose()
    }

    /// Gives a member, by the membership's number, another role.
    pub async fn update_member(
        &self,
        project_id: i64,
        member_id: i64,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut write = self.write().await?;
        let update = "UPDATE members SET role = $3, updated_at = $4 WHERE project_id = $1 AND id = $2 RETURNING user_id";
        let values = [
            project_id.into(),
            member_id.into(),
            role.into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), update, values)
            .await?
            .ok_or(Error::NotFound { what: "member" })?;
        write.forget(Forget::Role {
            project_id,
            user_id: sql::get(&row, "user_id")?,
        });
        write.commit().await
    }

    /// Ends a membership, by its number.
    pub async fn remove_member(&self, project_id: i64, member_id: i64) -> Result<(), Error> {
        let mut write = self.write().await?;
        let delete = "DELETE FROM members WHERE project_id = $1 AND id = $2 RETURNING user_id";
        let row = sql::one(write.sql(), delete, [project_id.into(), member_id.into()]).await?;
        let row = row.ok_or(Error::NotFound { what: "member" })?;
        write.forget(Forget::Role {
            project_id,
            user_id: sql::get(&row, "user_id")?,
        });
        write.commit().await
    }
}

const SELECT: &str = "SELECT m.id, m.project_id, m.user_id, u.username, m.role, m.created_at, m.updated_at \
                      FROM members m JOIN users u ON u.id = m.user_id";

fn member(row: &QueryResult) -> Result<Member, Error> {
    Ok(Member {
        id: sql::get(row, "id")?,
        project_id: sql::get(row, "project_id")?,
        user_id: sql::get(row, "user_id")?,
        username: sql::get(row, "username")?,
        role: sql::get(row, "role")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
