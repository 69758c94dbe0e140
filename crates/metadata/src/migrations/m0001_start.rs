//! The first schema: people, projects, upstreams, and what repositories hold.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_start"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// Times are microseconds since 1970. Maps and platforms are JSON.
const SCHEMA: &str = "
CREATE TABLE users (
    id            {number from 2},
    username      {text}  NOT NULL UNIQUE,
    email         {text}  UNIQUE,
    realname      {text}  NOT NULL,
    comment       {text}  NOT NULL,
    password_hash {text}  NOT NULL,
    is_sysadmin   BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);

CREATE TABLE upstreams (
    id             {number},
    name           {text}  NOT NULL UNIQUE,
    kind           {text}  NOT NULL,
    url            {text}  NOT NULL,
    access_key     TEXT,
    secret         {bytes},
    is_insecure    BOOLEAN NOT NULL,
    ca_certificate TEXT,
    description    {text}  NOT NULL,
    status         {text}  NOT NULL,
    is_declared    BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    updated_at     BIGINT  NOT NULL
);

CREATE TABLE projects (
    id          {number},
    name        {text}  NOT NULL UNIQUE,
    owner_id    BIGINT  NOT NULL REFERENCES users (id),
    upstream_id BIGINT  REFERENCES upstreams (id),
    is_public   BOOLEAN NOT NULL,
    is_declared BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);
CREATE INDEX projects_owner ON projects (owner_id);
CREATE INDEX projects_upstream ON projects (upstream_id);

CREATE TABLE project_metadata (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key        {text} NOT NULL,
    value      {text} NOT NULL,
    PRIMARY KEY (project_id, key)
);

CREATE TABLE members (
    id         {number},
    project_id BIGINT  NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role       INTEGER NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    UNIQUE (project_id, user_id)
);
CREATE INDEX members_user ON members (user_id);

CREATE TABLE repositories (
    id          {number},
    project_id  BIGINT NOT NULL REFERENCES projects (id),
    name        {text} NOT NULL UNIQUE,
    description {text} NOT NULL,
    pull_count  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX repositories_created ON repositories (created_at, id);
CREATE INDEX repositories_project_created ON repositories (project_id, created_at, id);
CREATE INDEX repositories_project_name ON repositories (project_id, name);

CREATE TABLE artifacts (
    id                {number},
    repository_id     BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest            {text} NOT NULL,
    media_type        {text} NOT NULL,
    config_media_type {text},
    artifact_type     {text},
    size              BIGINT NOT NULL,
    manifest_size     BIGINT NOT NULL,
    subject_digest    {text},
    annotations       TEXT,
    config            TEXT,
    pushed_at         BIGINT NOT NULL,
    pulled_at         BIGINT,
    UNIQUE (repository_id, digest)
);
CREATE INDEX artifacts_pushed ON artifacts (repository_id, pushed_at, id);
CREATE INDEX artifacts_subject ON artifacts (repository_id, subject_digest);
CREATE INDEX artifacts_digest ON artifacts (digest);

CREATE TABLE descriptors (
    artifact_id   BIGINT  NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    repository_id BIGINT  NOT NULL,
    is_child      BOOLEAN NOT NULL,
    digest        {text}  NOT NULL,
    media_type    {text}  NOT NULL,
    size          BIGINT  NOT NULL,
    platform      TEXT,
    annotations   TEXT,
    urls          TEXT,
    PRIMARY KEY (artifact_id, position)
);
CREATE INDEX descriptors_digest ON descriptors (digest, repository_id, is_child);

CREATE TABLE tags (
    id            {number},
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name          {text} NOT NULL,
    artifact_id   BIGINT NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    pushed_at     BIGINT NOT NULL,
    pulled_at     BIGINT,
    checked_at    BIGINT NOT NULL,
    UNIQUE (repository_id, name)
);
CREATE INDEX tags_artifact ON tags (artifact_id);

CREATE TABLE held_blobs (
    repository {text} NOT NULL,
    digest     {text} NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    size       BIGINT NOT NULL,
    held_at    BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX held_blobs_digest ON held_blobs (digest);
CREATE INDEX held_blobs_project ON held_blobs (project_id);

CREATE TABLE uploads (
    id         {text} PRIMARY KEY NOT NULL,
    repository {text} NOT NULL,
    started_at BIGINT NOT NULL
);

CREATE TABLE settings (
    key   {text} PRIMARY KEY NOT NULL,
    value {text} NOT NULL
);
";
