//! Every provider, with every credential, in every phase of a pull: what comes of it, and what it costs in calls. What
//! else the makers of credentials promise is in [`crate::credentials_aws`] and beside their code.

mod amazon;
mod clouds;
mod expected;
mod plain;
mod rig;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;
use upstream::fake::Image;
use upstream::{Client, Error, Kind, Patience};

use self::expected::TABLE;
use self::rig::{Rig, Who};
use crate::{drain, reference};

/// How long what is made lives where it ends during a pull.
const SHORT_LIFE: Duration = Duration::from_secs(3);
/// A maker that failed is asked again after a second, a check of a tag waits two, and a short life goes by. Where the
/// machine was too busy for less, the row is begun anew.
const SOON: Duration = Duration::from_millis(900);
const TRIES: usize = 20;

#[tokio::test]
async fn every_provider_with_every_credential_in_every_phase() {
    let rows = TABLE.lines().filter(|line| line.contains('|')).skip(1);
    let rows: Vec<Row> = rows.map(Row::parse).collect();
    for kind in Kind::ALL {
        for who in Who::ALL {
            let is_there = |row: &Row| row.provider.starts_with(kind.as_str()) && row.who == who;
            assert!(rows.iter().any(is_there), "{kind} {who} has no row");
        }
    }
    // One after the other what must be quick, all together what must wait.
    let mut quick = Vec::new();
    for row in &rows {
        quick.push(row.quick().await);
    }
    let turn = Mutex::new(());
    let ends = rows.iter().zip(&quick);
    let ends = ends.map(async |(row, quick)| match quick.is_pull() {
        true => row.ends(&turn).await,
        false => "-".to_owned(),
    });
    let mut wrong = String::new();
    for ((row, quick), ends) in rows.iter().zip(&quick).zip(join_all(ends).await) {
        let Quick {
            cells,
            revoked,
            told,
        } = quick;
        let [cold, again, other, check] = cells;
        let found = [cold, again, other, check, &ends, revoked, told];
        if found != row.cells {
            let (expected, found) = (row.cells.join(" | "), found.map(String::as_str).join(" | "));
            wrong += &format!("{} {}\n- {expected}\n+ {found}\n", row.provider, row.who);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A line of the table.
struct Row {
    provider: &'static str,
    who: Who,
    cells: [&'static str; 7],
}

/// What was found without waiting.
struct Quick {
    /// Cold, again, other, check.
    cells: [String; 4],
    revoked: String,
    told: String,
}

impl Row {
    fn parse(line: &'static str) -> Self {
        let (name, cells) = line.split_once('|').expect("columns");
        let (provider, who) = name.trim().rsplit_once(' ').expect("two columns");
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        Self {
            provider: provider.trim(),
            who: Who::parse(who),
            cells: cells.try_into().expect("seven cells"),
        }
    }

    /// A stranger pulls what is anybody's.
    fn repository(&self, name: &str) -> String {
        match self.who {
            Who::Anonymous => format!("open/{name}"),
            _ => format!("team/{name}"),
        }
    }

    async fn quick(&self) -> Quick {
        for _ in 0..TRIES {
            let mut rig = Rig::start(self.provider, self.who).await;
            if let Some(quick) = self.quick_at(&mut rig).await {
                return quick;
            }
        }
        panic!("this machine is too busy for {}", self.provider);
    }

    /// `None`: it was not quick.
    async fn quick_at(&self, rig: &mut Rig) -> Option<Quick> {
        let (app, other) = (self.repository("app"), self.repository("other"));
        let (image, other_image) = (rig.push(&app), rig.push(&other));
        let lap = async |rig: &mut Rig, name: &str, image: &Image, client: &Client| {
            let outcome = pull(client, name, image).await;
            (rig.cell(&outcome), outcome)
        };

        let (start, client) = (Instant::now(), rig.client());
        let (cold, outcome) = lap(rig, &app, &image, &client).await;
        let (again, _) = lap(rig, &app, &image, &client).await;
        let (other, _) = lap(rig, &other, &other_image, &client).await;
        assert_eq!(
            client.breaker().outage(chrono::Utc::now()),
            None,
            "a refusal is no outage"
        );
        is_soon(start)?;

        let (start, client) = (Instant::now(), rig.client());
        let tag = reference("v1");
        let head = client.head_manifest(&app, &tag, Patience::Revalidate).await;
        let check = rig.cell(&head.map(drop));
        is_soon(start)?;

        let (start, client) = (Instant::now(), rig.client());
        let mut revoked = "-".to_owned();
        if outcome.is_ok() {
            manifest(&client, &app).await.unwrap();
            rig.end_all();
            revoked = rig.cell(&blobs(&client, &app, &image).await);
            is_soon(start)?;
        }
        Some(Quick {
            cells: [cold, again, other, check],
            revoked,
            told: self.told(rig, outcome),
        })
    }

    /// `turn` is had until all is in place for the wait.
    async fn ends(&self, turn: &Mutex<()>) -> String {
        let app = self.repository("app");
        for _ in 0..TRIES {
            let turn = turn.lock().await;
            let mut rig = Rig::start(self.provider, self.who).await;
            let image = rig.push(&app);
            rig.set_life(SHORT_LIFE);
            let (start, client) = (Instant::now(), rig.client());
            let outcome = manifest(&client, &app).await;
            if is_soon(start).is_none() {
                continue;
            }
            outcome.unwrap();
            drop(turn);
            tokio::time::sleep(SHORT_LIFE).await;
            return rig.cell(&blobs(&client, &app, &image).await);
        }
        panic!("this machine is too busy for {}", self.provider);
    }

    /// The part that the table has of what is told; all of it, where the table has another.
    fn told(&self, rig: &Rig, outcome: Result<(), Error>) -> String {
        let told = outcome
            .err()
            .map_or_else(String::new, |error| error.to_string());
        let secret = rig.secret();
        assert!(secret.is_empty() || !told.contains(secret), "{told}");
        let [.., expected] = self.cells;
        match told.contains(expected) && expected.is_empty() == told.is_empty() {
            true => expected.to_owned(),
            false => told,
        }
    }
}

impl Quick {
    /// Whether what was asked for was had.
    fn is_pull(&self) -> bool {
        self.cells[0].starts_with("ok")
    }
}

fn is_soon(start: Instant) -> Option<()> {
    (start.elapsed() < SOON).then_some(())
}

async fn pull(client: &Client, name: &str, image: &Image) -> Result<(), Error> {
    manifest(client, name).await?;
    blobs(client, name, image).await
}

async fn manifest(client: &Client, name: &str) -> Result<(), Error> {
    let tag = reference("v1");
    client.manifest(name, &tag, Patience::Cold).await.map(drop)
}

/// All at once, as docker fetches them.
async fn blobs(client: &Client, name: &str, image: &Image) -> Result<(), Error> {
    let digests = image.layer_digests.iter().chain([&image.config_digest]);
    let all = digests.map(async |digest| {
        let (_, error) = drain(client.blob(name, digest, 0).await?).await;
        error.map_or(Ok(()), Err)
    });
    join_all(all).await.into_iter().collect()
}
