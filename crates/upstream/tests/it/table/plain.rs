//! Providers that are shown what was typed in: each with its own token service, and its own way to say no.

use upstream::Kind;
use upstream::fake::{Entry, FakeUpstream};

use super::rig::{Rig, Services, Who};

/// How a provider lets in.
struct Manners {
    /// Where tokens are made. `None`: Basic, and nothing is anybody's.
    token_path: Option<&'static str>,
    user: &'static str,
    /// What comes of a wrong secret, and of one that has ended.
    refusal: Entry,
}

pub(super) async fn start(kind: Kind, way: &str, who: Who) -> Rig {
    let Manners {
        token_path,
        user,
        refusal,
    } = manners(kind, way);
    let fake = FakeUpstream::start().await;
    let door = move |name: &str, secret: &str| match (name, secret) {
        (name, "the right secret") if name == user => Entry::Granted,
        _ => refusal,
    };
    match token_path {
        None => fake.require_basic_by(door),
        Some(path) => {
            fake.require_bearer_by(door);
            fake.set_token_realm(&format!("{}{path}", fake.url()));
            fake.publish("open/");
        }
    }
    let mut rig = Rig::new(fake, kind, Services::None);
    match who {
        Who::Anonymous => {}
        Who::Right => rig.shows(user, "the right secret"),
        Who::Wrong => rig.shows(user, "no secret of theirs"),
        Who::Expired => rig.shows(user, "the secret of last year"),
    }
    rig
}

fn manners(kind: Kind, way: &str) -> Manners {
    let (token_path, user, refusal) = match (kind, way) {
        // A stranger's token is what wrong credentials get, too.
        (Kind::Harbor, _) => ("/service/token", "robot$team+puller", Entry::Ignored),
        (Kind::DockerHub, _) => ("/token", "account", Entry::Refused),
        (Kind::DockerRegistry, "tokens") => ("/auth", "robot", Entry::Refused),
        (Kind::AzureAcr, "password") => ("/oauth2/token", "token-name", Entry::Refused),
        (Kind::Quay, _) => ("/v2/auth", "team+robot", Entry::Refused),
        (Kind::GithubGhcr, _) => ("/token", "user", Entry::Forbidden),
        (Kind::JfrogArtifactory, _) => {
            let path = "/artifactory/api/docker/null/v2/token";
            (path, "user", Entry::Refused)
        }
        (Kind::DockerRegistry, "basic") => {
            return Manners {
                token_path: None,
                user: "user",
                refusal: Entry::Refused,
            };
        }
        (kind, way) => panic!("{kind} has no way {way:?}"),
    };
    Manners {
        token_path: Some(token_path),
        user,
        refusal,
    }
}
