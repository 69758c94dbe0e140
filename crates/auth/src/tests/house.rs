//! The installation the stories of [`super`] are told in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, Utc};
use metadata::{Db, NewProject, NewUser, User};
use oci::Scope;
use tempfile::TempDir;

use crate::{Action, Auth, Caller, Config, Denied, Identity, Role};

pub(super) const ADMIN_PASSWORD: &str = "given by the operator";
/// Where everybody comes from.
pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const PASSWORD: &str = "Correct1Horse";

/// An installation with its administrator, a public and a private project, and a user for each role in both.
pub(super) struct House {
    pub(super) auth: Auth,
    pub(super) db: Db,
    pub(super) folder: TempDir,
    pub(super) now: DateTime<Utc>,
}

impl House {
    pub(super) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("test.db").display()
        );
        let db = Db::connect(metadata::Config { url }).await.unwrap();
        let auth = open(&folder, &db).await;
        Self {
            auth,
            db,
            folder,
            now: Utc::now(),
        }
    }

    pub(super) async fn built() -> Self {
        let house = Self::empty().await;
        house
            .auth
            .ensure_admin(Some(ADMIN_PASSWORD), house.now)
            .await
            .unwrap();
        house.project("open", "true").await;
        house.project("closed", "false").await;
        house
    }

    pub(super) async fn project(&self, name: &str, is_public: &str) -> i64 {
        let metadata = BTreeMap::from([("public".to_owned(), is_public.to_owned())]);
        let new = NewProject {
            name: name.to_owned(),
            owner_id: 1,
            upstream_id: None,
            metadata,
            is_declared: false,
            limit_bytes: None,
            retention: None,
        };
        self.db.create_project(new, self.now).await.unwrap().id
    }

    pub(super) async fn user(&self, name: &str) -> User {
        let new = NewUser {
            username: name.to_owned(),
            email: format!("{name}@example.org"),
            password_hash: self.auth.hash_password(PASSWORD).await.unwrap(),
            ..NewUser::default()
        };
        self.db.create_user(new, self.now).await.unwrap()
    }

    pub(super) async fn member(&self, name: &str, project: &str, role: Role) -> (Identity, i64) {
        let user = self.user(name).await;
        let project = self.db.find_project(project).await.unwrap().unwrap();
        let member = self
            .db
            .add_member(project.id, user.id, role.id(), self.now)
            .await
            .unwrap();
        (
            Identity::User {
                id: user.id,
                name: user.username,
                is_sysadmin: false,
            },
            member,
        )
    }

    pub(super) async fn admin(&self) -> Identity {
        self.auth
            .login("admin", ADMIN_PASSWORD, HERE, self.now)
            .await
            .unwrap()
    }

    /// Comes back with a token for `scope`.
    pub(super) async fn with_token(&self, identity: &Identity, scope: &str) -> Caller {
        let granted = self
            .auth
            .grant(identity, &[scope.parse().unwrap()])
            .await
            .unwrap();
        let token = self
            .auth
            .issue_token(identity, &granted, self.now)
            .await
            .unwrap();
        self.auth.caller_from_token(&token.token, self.now).unwrap()
    }

    pub(super) async fn ask(&self, caller: &Caller, action: Action, project: &str) -> &'static str {
        said(self.auth.authorize(caller, action, project).await)
    }
}

pub(super) async fn open(folder: &TempDir, db: &Db) -> Auth {
    let config = Config {
        keys_dir: folder.path().join("keys"),
    };
    Auth::open(config, db.clone()).await.unwrap()
}

pub(super) fn said<T>(answer: Result<T, Denied>) -> &'static str {
    match answer {
        Ok(_) => "yes",
        Err(Denied::Unauthenticated) => "sign in",
        Err(Denied::Forbidden) => "no",
        Err(Denied::ProjectNotFound) => "no such project",
        Err(Denied::Unavailable(error)) => panic!("{error}"),
    }
}

pub(super) fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}
