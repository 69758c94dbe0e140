//! Amazon: private registries, with tokens from every source of keys, and the public gallery.

use std::sync::Arc;
use std::time::Duration;

use upstream::fake::FakeUpstream;
use upstream::fake::cloud::Aws;
use upstream::{AuthOptions, Kind};

use super::SHORT_LIFE;
use super::rig::{Rig, Services, Who};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const ENDED_KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const PRIVATE_HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ROLE: &str = "arn:aws:iam::210987654321:role/pull";

pub(super) async fn start(way: &str, who: Who) -> Rig {
    let (fake, aws) = (FakeUpstream::start().await, Arc::new(Aws::start().await));
    aws.add_key(KEY, SECRET);
    let mut options = aws.options();
    let door = {
        let aws = Arc::clone(&aws);
        move |user: &str, password: &str| aws.entry(user, password)
    };
    match way {
        "public gallery" => {
            fake.require_bearer_by(door);
            fake.publish("open/");
        }
        _ => fake.require_basic_by(door),
    }
    let mut rig = Rig::new(fake, Kind::AwsEcr, Services::Amazon(Arc::clone(&aws)));
    rig = match way {
        "public gallery" => {
            let rig = rig.named("public.ecr.aws");
            let realm = format!("{}/token/", rig.endpoint.url);
            rig.fake.set_token_realm(&realm);
            rig
        }
        "by the API's URL" => {
            aws.set_registry(&rig.fake.url());
            rig.endpoint.url = "https://api.ecr.eu-west-1.amazonaws.com".to_owned();
            rig
        }
        _ => rig.named(PRIVATE_HOST),
    };
    match (way, who) {
        // The gallery's strangers need nothing; a private registry's look to the machine for a role, and it has none.
        ("public gallery", Who::Anonymous) => return rig,
        (_, Who::Anonymous) => {}
        ("instance role", _) => {
            aws.set_instance_role(Some("node"));
            match who {
                Who::Wrong => {
                    aws.add_role(ROLE, Some("somebody else's external id"));
                    options.role_arn = Some(ROLE.to_owned());
                }
                Who::Expired => aws.set_session_life(Duration::ZERO),
                _ => {}
            }
        }
        ("token typed in", _) => {
            aws.set_token_life(SHORT_LIFE);
            let token = aws.make_token();
            match who {
                Who::Wrong => rig.shows("AWS", "no token"),
                _ => rig.shows("AWS", &token),
            }
            if who == Who::Expired {
                aws.revoke_tokens();
            }
            return rig;
        }
        (_, Who::Right) => rig.shows(KEY, SECRET),
        (_, Who::Wrong) => rig.shows(KEY, "not/the/secret/of/this/key"),
        (_, Who::Expired) => {
            aws.add_session(ENDED_KEY, SECRET, "session-token", Duration::ZERO);
            options.session_token = Some("session-token".into());
            rig.shows(ENDED_KEY, SECRET);
        }
    }
    rig.endpoint.options.auth = Some(AuthOptions::Aws(Box::new(options)));
    rig
}
