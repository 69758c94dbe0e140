//! Keeping and renewing: nobody's pull fails because a credential changes.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use upstream::fake::cloud::{Aws, AwsCall};

use super::{KEY, SECRET, gets_in, in_environment, sentence, with_key};

#[tokio::test]
async fn a_hundred_who_ask_at_once_are_one_call() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    let account = with_key(&aws, KEY, SECRET, |_| {});
    let all = join_all((0..100).map(|_| account.current())).await;
    let first = all[0].clone().unwrap();
    assert!(all.into_iter().all(|shown| shown == Ok(first.clone())));
    assert_eq!(aws.all_calls(), 1);
}

#[tokio::test]
async fn a_hundred_who_ask_in_vain_are_one_call() {
    let aws = Aws::start().await;
    let account = with_key(&aws, KEY, SECRET, |_| {});
    let all = join_all((0..100).map(|_| account.current())).await;
    assert!(all.iter().all(Result::is_err));
    sentence(&account).await;
    assert_eq!(aws.all_calls(), 1);
}

#[tokio::test]
async fn nobody_who_leaves_ends_it_for_the_others() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    let account = with_key(&aws, KEY, SECRET, |_| {});
    let mut first = Box::pin(account.current());
    assert!(first.as_mut().now_or_never().is_none());
    let second = account.current();
    drop(first);
    second.await.unwrap();
    assert_eq!(aws.all_calls(), 1);
}

#[tokio::test]
async fn rotation_fails_nobody() {
    let aws = Aws::start().await;
    aws.set_instance_role(Some("node"));
    aws.set_token_life(Duration::from_millis(800));
    let account = in_environment(&aws, &[]);
    let mut last = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    // Five renewals, the keys rotated before each.
    while last < 5 {
        assert!(Instant::now() < deadline, "stuck at number {last}");
        let shown = gets_in(&aws, &account).await;
        if shown.number > last {
            last = shown.number;
            aws.rotate_keys();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(aws.calls(AwsCall::GetAuthorizationToken), 5);
    assert_eq!(aws.calls(AwsCall::MetadataKeys), 5);
}

#[tokio::test]
async fn while_the_services_are_down_the_old_token_is_used_to_its_end() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    aws.set_token_life(Duration::from_millis(1600));
    let account = with_key(&aws, KEY, SECRET, |_| {});
    let first = gets_in(&aws, &account).await;
    aws.set_down(true);
    let mut used_after_a_try = 0;
    let reason = loop {
        match account.current().await {
            Ok(shown) => assert_eq!(shown, first),
            Err(error) => break error.to_string(),
        }
        used_after_a_try += usize::from(aws.all_calls() > 1);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // Renewal was tried before the end, and nobody noticed that it failed.
    assert!(used_after_a_try > 0);
    assert!(
        reason.contains("503") && reason.contains("this may pass"),
        "{reason}"
    );
    // Healed: in again as soon as the pause is over.
    aws.set_down(false);
    let deadline = Instant::now() + Duration::from_secs(20);
    while account.current().await.is_err() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gets_in(&aws, &account).await;
}

#[tokio::test]
async fn a_token_refused_at_once_is_not_made_again() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    let account = with_key(&aws, KEY, SECRET, |_| {});
    let shown = gets_in(&aws, &account).await;
    aws.revoke_tokens();
    for _ in 0..20 {
        assert_eq!(account.newer_than(&shown).await, Ok(None));
    }
    assert_eq!(aws.all_calls(), 1);
}

#[tokio::test]
async fn what_is_logged_holds_no_secret() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    let account = with_key(&aws, KEY, SECRET, |_| {});
    let shown = gets_in(&aws, &account).await;
    let text = format!("{account:?} {shown:?} {aws:?}");
    assert!(
        !text.contains(SECRET) && !text.contains(&shown.credential.secret),
        "{text}"
    );
}
