//! Azure, Google and Alibaba Cloud: credentials made for a workload, for a machine, and with a key.

use std::time::Duration;

use serde_json::json;
use upstream::fake::FakeUpstream;
use upstream::fake::cloud::Account;
use upstream::fake::cloud::alibaba::{self, Alibaba};
use upstream::fake::cloud::azure::{self, Azure};
use upstream::fake::cloud::google::Google;
use upstream::{
    AlibabaOptions, AuthOptions, AzureOptions, Config, Endpoint, GoogleOptions, Kind, ProxyConfig,
};

use super::rig::{Rig, Services, Who};

pub(super) async fn start(kind: Kind, way: &str, who: Who) -> Rig {
    let fake = FakeUpstream::start().await;
    match (kind, way) {
        (Kind::AzureAcr, "workload identity") => workload(fake, who).await,
        (Kind::AzureAcr, "managed identity") => managed(fake, who).await,
        (Kind::GoogleGcr, _) => google(fake, way, who).await,
        (Kind::AliAcr, "Personal Edition") => {
            let rig = alibaba(Alibaba::start().await, fake, who);
            rig.named("registry.cn-hangzhou.aliyuncs.com")
        }
        (Kind::AliAcr, "Enterprise Edition") => {
            let rig = alibaba(Alibaba::start_enterprise().await, fake, who);
            rig.named("team-registry.cn-hangzhou.cr.aliyuncs.com")
        }
        _ => panic!("{kind} has no way {way:?}"),
    }
}

async fn workload(fake: FakeUpstream, who: Who) -> Rig {
    let azure = Azure::start().await;
    let authority = azure.desk().url();
    let token = match who {
        Who::Wrong => azure.workload_token_of("system:serviceaccount:other:other", 600),
        Who::Expired => azure.workload_token(-1),
        _ => azure.workload_token(600),
    };
    let mut rig = Rig::new(fake, Kind::AzureAcr, Services::Azure(azure));
    if who == Who::Anonymous {
        return rig;
    }
    let options = AzureOptions {
        tenant_id: Some(azure::TENANT.to_owned()),
        client_id: Some(azure::CLIENT_ID.to_owned()),
        token_file: Some(rig.file(&token)),
        authority_host: Some(authority),
        ..AzureOptions::default()
    };
    rig.endpoint.options.auth = Some(AuthOptions::Azure(Box::new(options)));
    rig
}

async fn managed(fake: FakeUpstream, who: Who) -> Rig {
    let azure = Azure::start().await;
    let options = AzureOptions {
        client_id: (who == Who::Wrong).then(|| "another identity".to_owned()),
        metadata_endpoint: Some(azure.desk().url()),
        ..AzureOptions::default()
    };
    if who == Who::Expired {
        azure.desk().set_life(Duration::ZERO);
    }
    let mut rig = Rig::new(fake, Kind::AzureAcr, Services::Azure(azure));
    rig.endpoint.options.auth = Some(AuthOptions::Azure(Box::new(options)));
    rig
}

async fn google(fake: FakeUpstream, way: &str, who: Who) -> Rig {
    let google = Google::start().await;
    let key = match (way, who) {
        ("key" | "traded key", Who::Wrong) => google.deleted_key_json(),
        _ => google.key_json(),
    };
    let subject = match (way, who) {
        ("federation", Who::Wrong) => Google::start().await.workload_token(600),
        (_, Who::Expired) => google.workload_token(-1),
        _ => google.workload_token(600),
    };
    let url = google.desk().url();
    let mut rig = Rig::new(fake, Kind::GoogleGcr, Services::Google(google));
    if who == Who::Anonymous {
        return rig;
    }
    let of_machine = GoogleOptions {
        metadata_endpoint: Some(url),
        ..GoogleOptions::default()
    };
    let options = match way {
        "key" if who == Who::Expired => {
            let token = ended_token(&rig, of_machine).await;
            rig.shows("oauth2accesstoken", &token);
            return rig;
        }
        "key" => {
            rig.shows("_json_key", &key);
            return rig;
        }
        "traded key" => {
            rig.shows("_json_key", &key);
            GoogleOptions::default()
        }
        "federation" => {
            let source = json!({ "file": rig.file(&subject) }).to_string();
            let Services::Google(google) = &rig.services else {
                unreachable!("it was just put there");
            };
            let configuration = google.federation_json(&source, None);
            GoogleOptions {
                credential_file: Some(rig.file(&configuration)),
                ..GoogleOptions::default()
            }
        }
        _ => of_machine,
    };
    rig.endpoint.options.auth = Some(AuthOptions::Google(Box::new(options)));
    let desk = rig.desk();
    match (way, who) {
        ("metadata server", Who::Wrong) => desk.set_revoked(true),
        ("metadata server" | "traded key", Who::Expired) => desk.set_life(Duration::ZERO),
        _ => {}
    }
    rig
}

/// As `gcloud auth print-access-token` printed it yesterday.
async fn ended_token(rig: &Rig, options: GoogleOptions) -> String {
    let mut endpoint: Endpoint = rig.endpoint.clone();
    endpoint.options.auth = Some(AuthOptions::Google(Box::new(options)));
    let config = Config {
        proxy: Some(ProxyConfig::default()),
        ..Config::default()
    };
    let account = Account::new(&endpoint, &config).unwrap().unwrap();
    let token = account.current().await.unwrap().credential.secret;
    rig.desk().expire_all();
    token
}

fn alibaba(alibaba: Alibaba, fake: FakeUpstream, who: Who) -> Rig {
    let options = AlibabaOptions {
        api_endpoint: Some(alibaba.desk().url()),
        ..AlibabaOptions::default()
    };
    let mut rig = Rig::new(fake, Kind::AliAcr, Services::Alibaba(alibaba));
    match who {
        Who::Anonymous => return rig,
        Who::Wrong => rig.shows(alibaba::KEY_ID, "no secret of this key"),
        _ => rig.shows(alibaba::KEY_ID, alibaba::KEY_SECRET),
    }
    if who == Who::Expired {
        // The user that is made has ended by the time it is shown.
        rig.desk().set_life(Duration::ZERO);
    }
    rig.endpoint.options.auth = Some(AuthOptions::Alibaba(Box::new(options)));
    rig
}
