//! Alibaba Cloud's flow against its fake, on real sockets.

use super::*;
use crate::credential::rig::{endpoint_at, opens_registry, reason, ways};
use crate::fake::cloud::alibaba::{Alibaba, INSTANCE, KEY_ID, KEY_SECRET, REGION};

fn key(id: &str, secret: &str) -> Credential {
    Credential {
        username: id.into(),
        secret: secret.into(),
    }
}

fn maker(registry: &str, options: AlibabaOptions, key: &Credential) -> Result<Maker, Error> {
    let endpoint = endpoint_at(registry);
    Maker::new(options, Some(key), ways(&endpoint))
}

fn at(alibaba: &Alibaba) -> AlibabaOptions {
    AlibabaOptions {
        api_endpoint: Some(alibaba.desk().url()),
        ..AlibabaOptions::default()
    }
}

async fn make(alibaba: &Alibaba, options: AlibabaOptions) -> Result<Made, Error> {
    let own = key(KEY_ID, KEY_SECRET);
    maker(&alibaba.desk().url(), options, &own)?.make().await
}

#[tokio::test]
async fn the_challenge_tells_the_personal_edition_and_is_asked_once() {
    let alibaba = Alibaba::start().await;
    alibaba.desk().set_life(Duration::from_secs(1800));
    let own = key(KEY_ID, KEY_SECRET);
    let maker = maker(&alibaba.desk().url(), at(&alibaba), &own).unwrap();
    let mut last = None;
    for _ in 0..2 {
        let made = maker.make().await.unwrap();
        let life = made.life.unwrap().as_secs();
        assert!((1790..=1800).contains(&life), "{life}");
        assert_eq!(alibaba.desk().count("/v2/"), 1);
        last = Some(made);
    }
    assert_eq!(alibaba.desk().count("/tokens"), 2);
    assert!(opens_registry(alibaba.desk(), &last.unwrap()).await);
}

#[tokio::test]
async fn the_challenge_tells_the_instance_of_the_enterprise_edition() {
    let alibaba = Alibaba::start_enterprise().await;
    let made = make(&alibaba, at(&alibaba)).await.unwrap();
    assert_eq!(alibaba.desk().count("/tokens"), 0);
    assert_eq!(alibaba.desk().count("/v2/"), 1);
    assert!(opens_registry(alibaba.desk(), &made).await);

    let given = AlibabaOptions {
        region: Some(REGION.into()),
        instance_id: Some(INSTANCE.into()),
        ..at(&alibaba)
    };
    let asked = alibaba.desk().count("/v2/");
    assert!(make(&alibaba, given.clone()).await.is_ok());
    assert_eq!(
        alibaba.desk().count("/v2/"),
        asked,
        "what is given is not asked for"
    );

    let other = AlibabaOptions {
        instance_id: Some("cri-other".into()),
        ..given
    };
    let refused = reason(make(&alibaba, other).await);
    assert!(
        refused.contains("INSTANCE_NOT_EXIST") && refused.contains("instance id"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_hosts_name_that_says_all_is_enough() {
    let own = key(KEY_ID, KEY_SECRET);
    for (host, instance, expected) in [
        (
            "https://registry-vpc.cn-hangzhou.aliyuncs.com",
            None,
            "https://cr.cn-hangzhou.aliyuncs.com/tokens",
        ),
        (
            "https://cr.us-west-1.aliyuncs.com",
            None,
            "https://cr.us-west-1.aliyuncs.com/tokens",
        ),
        (
            "https://crpi-1.cn-beijing.personal.cr.aliyuncs.com",
            None,
            "https://cr.cn-beijing.aliyuncs.com/tokens",
        ),
        (
            "https://corp-registry.cn-shanghai.cr.aliyuncs.com",
            Some("cri-1"),
            "https://cr.cn-shanghai.aliyuncs.com/?InstanceId=cri-1",
        ),
    ] {
        let options = AlibabaOptions {
            instance_id: instance.map(str::to_owned),
            ..AlibabaOptions::default()
        };
        let maker = maker(host, options, &own).unwrap();
        let place = maker.find_place().await.unwrap();
        let (_, url) = maker.request(&place).unwrap();
        assert_eq!(url.as_str(), expected, "{host}");
    }
}

#[tokio::test]
async fn what_the_api_refuses_is_said_with_what_to_do_and_without_the_secret() {
    let alibaba = Alibaba::start().await;
    for (own, expected) in [
        (key("LTAIother", KEY_SECRET), "InvalidAccessKeyId.NotFound"),
        (key(KEY_ID, "hunter2"), "SignatureDoesNotMatch"),
    ] {
        let maker = maker(&alibaba.desk().url(), at(&alibaba), &own).unwrap();
        let refused = reason(maker.make().await);
        assert!(
            refused.contains(expected) && refused.contains("AccessKey"),
            "{refused}"
        );
        assert!(!refused.contains(&own.secret), "{refused}");
    }
    alibaba.desk().set_revoked(true);
    assert!(make(&alibaba, at(&alibaba)).await.is_err());
    alibaba.desk().set_revoked(false);
    assert!(make(&alibaba, at(&alibaba)).await.is_ok());
}

#[tokio::test]
async fn a_request_of_another_time_or_sent_twice_is_refused() {
    let alibaba = Alibaba::start().await;
    let url: Url = format!("{}/tokens", alibaba.desk().url()).parse().unwrap();
    let own = key(KEY_ID, KEY_SECRET);
    let operation = Operation {
        method: "GET",
        action: "GetAuthorizationToken",
        version: "2016-06-07",
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (skew_secs, nonce, expected) in [
        (0, "one", ""),
        (0, "one", "SignatureNonceUsed"),
        (800, "two", ""),
        (-1000, "three", "InvalidTimeStamp.Expired"),
        (1000, "four", "InvalidTimeStamp.Expired"),
    ] {
        let now = Utc::now() + chrono::TimeDelta::seconds(skew_secs);
        let mut request = client.get(url.clone());
        for (name, value) in sign::headers(&operation, &url, &own, now, nonce) {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status() == 200, expected.is_empty(), "{nonce}");
        assert!(answer.text().await.unwrap().contains(expected), "{nonce}");
    }
}

#[tokio::test]
async fn an_api_that_fails_or_babbles_is_no_outage_of_the_registry() {
    let alibaba = Alibaba::start().await;
    for (status, text, expected) in [
        (503, "", "status 503"),
        (
            403,
            r#"{"Code":"Forbidden.RAM","Message":"not authorized"}"#,
            "cr:GetAuthorizationToken",
        ),
        (200, "<html>", "without a credential"),
        (
            200,
            r#"{"data":{"tempUserName":"u","authorizationToken":""}}"#,
            "without a credential",
        ),
    ] {
        alibaba.desk().answer_with("/tokens", status, text);
        let failed = reason(make(&alibaba, at(&alibaba)).await);
        assert!(failed.contains(expected), "{status} {text}: {failed}");
        alibaba.desk().heal();
    }
}

#[tokio::test]
async fn a_registry_that_cannot_be_asked_what_it_is_fails_by_its_own_error() {
    let alibaba = Alibaba::start().await;
    let (url, options) = (alibaba.desk().url(), at(&alibaba));
    drop(alibaba);
    let made = maker(&url, options, &key(KEY_ID, KEY_SECRET))
        .unwrap()
        .make()
        .await;
    assert!(matches!(made, Err(Error::Unreachable { .. })));
}

#[tokio::test]
async fn a_registry_that_says_nothing_needs_a_region_and_an_access_key() {
    let alibaba = Alibaba::start().await;
    alibaba.desk().answer_with("/v2/", 200, "{}");
    let untold = make(&alibaba, at(&alibaba)).await.err().unwrap();
    assert!(
        matches!(&untold, Error::Configuration { reason } if reason.contains("region")),
        "{untold}"
    );
    let given = AlibabaOptions {
        region: Some(REGION.into()),
        ..at(&alibaba)
    };
    assert!(make(&alibaba, given).await.is_ok());

    for own in [key("", "secret"), key("id", "")] {
        let made = maker(&alibaba.desk().url(), at(&alibaba), &own);
        assert!(matches!(made, Err(Error::Configuration { .. })));
    }
}
