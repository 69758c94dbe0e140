//! What Roadstead knows: projects, repositories, artifacts, tags, blobs held, upstreams, people.
//!
//! One [`Db`] over SQLite or PostgreSQL, one code path for both. A method is one transaction is one fact.
//! Names are compared byte by byte. This crate never touches bytes: a row that names bytes is written
//! after the bytes are safe, by whoever calls.

mod db;
mod error;
mod page;

mod artifacts;
mod audit;
mod blobs;
mod candidates;
mod deletion;
mod descriptors;
mod executions;
mod figures;
mod immutability;
mod known;
mod labels;
mod listed;
mod listing;
mod members;
mod notes;
mod projects;
mod quotas;
mod repositories;
mod retentions;
mod robots;
mod schedules;
mod sessions;
mod settings;
mod sweep;
mod tags;
mod tasks;
mod uploads;
mod upstreams;
mod usage;
mod users;

mod cache;
mod migrations;
mod select;
mod sql;
mod types;

pub use artifacts::{ManifestRow, RecordManifest, Recorded};
pub use audit::{AuditEntry, AuditEvent, AuditRow, AuditScope};
pub use blobs::BlobRight;
pub use candidates::{Candidate, Located, Warmth};
pub use db::{Config, Db};
pub use deletion::{KeptTags, NONE_KEPT};
pub use error::Error;
pub use executions::{Execution, ExecutionStatus};
pub use figures::ProjectFigures;
pub use immutability::ImmutabilityRow;
pub use known::KnownTag;
pub use labels::{Label, LabelDraft};
pub use listing::{Accessory, Artifact, ArtifactReference};
pub use members::{Member, Role};
pub use page::{Filter, Order, Page, PageError, Paged, Test};
pub use projects::{ContentCounts, NewProject, Project, ProjectFilter, Visibility};
pub use quotas::Quota;
pub use repositories::{Repository, RepositoryFilter};
pub use retentions::{NewRetention, RETENTION, RetentionRow};
pub use robots::{
    NewRobot, Robot, RobotAccess, RobotCreator, RobotFilter, RobotPermission, RobotScope,
    RobotUpdate,
};
pub use schedules::{NewSchedule, Schedule};
pub use sessions::Session;
pub use sweep::Hold;
pub use tags::{TagEntry, TagRow};
pub use tasks::{NewTask, Task};
pub use upstreams::{NewUpstream, Upstream, UpstreamUpdate};
pub use users::{NewUser, User, UserProfile};
