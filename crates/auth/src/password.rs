//! Passwords: the rule, the hash, and a memory of right ones, because docker sends a password with every
//! token request and one argon2 costs some 30 ms of a core. Whose password it is says [`crate::login`].

use std::sync::Arc;
use std::time::Duration;

use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::Error;
use crate::keys::random;
use crate::throttle::{Standing, Throttle, Try};

/// Hashes at work at once: each fills 19 MiB and keeps a core busy.
const AT_WORK: usize = 2;
/// Hashes waiting for that; beyond it callers are told to come back. About four seconds of work.
const WAITING: usize = 256;
/// How long a right password is taken for right without hashing it again.
const REMEMBERED: TimeDelta = TimeDelta::seconds(60);
const REMEMBERED_AT_MOST: u64 = 10_000;

/// A new password, 24 random letters and digits without those that look alike; follows [`check_rule`].
pub fn generate_password() -> String {
    generate(
        24,
        b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789",
    )
}

/// A new secret for a robot, as long as Harbor's: 32 random letters and digits; follows [`check_rule`].
pub fn generate_robot_secret() -> String {
    generate(
        32,
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    )
}

fn generate(length: usize, letters: &[u8]) -> String {
    loop {
        // Bytes that would make some letters likelier than others are left out.
        let fair = 256 / letters.len() * letters.len();
        let bytes = random::<64>();
        let picked = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < fair);
        let text: String = picked
            .take(length)
            .map(|byte| char::from(letters[byte % letters.len()]))
            .collect();
        if text.len() == length && check_rule(&text).is_ok() {
            return text;
        }
    }
}

/// Harbor's rule for a new password: 8 to 128 characters with a lower-case letter, an upper-case letter and
/// a digit.
///
/// # Errors
/// [`Error::WeakPassword`]
pub fn check_rule(password: &str) -> Result<(), Error> {
    let is_long_enough = (8..=128).contains(&password.chars().count());
    let has = |is_wanted: fn(&u8) -> bool| password.bytes().any(|byte| is_wanted(&byte));
    let is_mixed =
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    if is_long_enough && is_mixed {
        Ok(())
    } else {
        Err(Error::WeakPassword)
    }
}

/// The place where passwords are hashed and compared.
pub(crate) struct Passwords {
    at_work: Arc<Semaphore>,
    waiting: Semaphore,
    /// Those whose address has been wrong a few times go one by one, and wait apart: others wait for one of them at most.
    doubted_at_work: Arc<Semaphore>,
    doubted_waiting: Semaphore,
    /// When a password was found right, by the keyed hash of account, password and stored hash: a changed
    /// password makes another key, so what was right before is forgotten at once. Wrong ones are not kept.
    right: Cache<[u8; 32], DateTime<Utc>>,
    /// Random and of this process only: the memory holds nothing that could be guessed against.
    memory_key: hmac::Key,
    /// A hash no password has, at the same cost: an unknown account takes as long as a wrong password.
    nobodys_hash: String,
}

enum Refused {
    Wrong,
    Busy,
    TooManyTries(Duration),
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let memory_key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the system's random generator works");
        Self {
            at_work: Arc::new(Semaphore::new(AT_WORK)),
            waiting: Semaphore::new(AT_WORK + WAITING),
            doubted_at_work: Arc::new(Semaphore::new(1)),
            doubted_waiting: Semaphore::new(WAITING),
            right: Cache::builder()
                .max_capacity(REMEMBERED_AT_MOST)
                .time_to_live(REMEMBERED.to_std().unwrap_or(Duration::ZERO))
                .build(),
            memory_key,
            nobodys_hash: format!(
                "$argon2id$v=19$m={},t={},p={}${}${}",
                Params::DEFAULT_M_COST,
                Params::DEFAULT_T_COST,
                Params::DEFAULT_P_COST,
                STANDARD_NO_PAD.encode(random::<16>()),
                STANDARD_NO_PAD.encode(random::<32>()),
            ),
        }
    }

    /// The hash to store.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = password.as_bytes().to_vec();
        self.off_loop(Standing::Good, move || {
            let hash = Argon2::default().hash_password(&password);
            hash.expect("argon2 takes any password under 4 GiB")
                .to_string()
        })
        .await
        .ok_or(Error::Busy)
    }

    /// Whether `password` is the one `stored` was made of; `None` where there is no such account, which
    /// takes as long. Callers that bring the same credentials at once share one hash, in either outcome, and one try,
    /// which `admit` lets through or not; what is remembered as right needs none.
    pub(crate) async fn is_right(
        &self,
        account: Option<(i64, &str)>,
        password: &str,
        admit: impl FnOnce() -> Result<Try, Duration>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let (id, stored) = account.unwrap_or((0, &self.nobodys_hash));
        let key = self.memory_key(id, password, stored);
        if let Some(seen) = self.right.get(&key).await {
            if (TimeDelta::zero()..REMEMBERED).contains(&(now - seen)) {
                return Ok(true);
            }
            self.right.invalidate(&key).await;
        }
        let (password, stored) = (password.as_bytes().to_vec(), stored.to_owned());
        let compare = async move {
            let attempt = admit().map_err(Refused::TooManyTries)?;
            let compared = self.off_loop(attempt.standing(), move || {
                Argon2::default()
                    .verify_password(&password, stored.as_str())
                    .is_ok()
            });
            match compared.await {
                Some(true) => {
                    Throttle::give_back(attempt);
                    Ok(now)
                }
                Some(false) => Err(Refused::Wrong),
                // Nothing was tried.
                None => {
                    Throttle::give_back(attempt);
                    Err(Refused::Busy)
                }
            }
        };
        match self
            .right
            .try_get_with(key, compare)
            .await
            .as_ref()
            .map_err(AsRef::as_ref)
        {
            Ok(_) => Ok(true),
            Err(Refused::Wrong) => Ok(false),
            Err(Refused::Busy) => Err(Error::Busy),
            Err(Refused::TooManyTries(wait)) => Err(Error::TooManyTries { retry_after: *wait }),
        }
    }

    fn memory_key(&self, id: i64, password: &str, stored: &str) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.memory_key);
        mac.update(&id.to_be_bytes());
        // Its length keeps the stored hash and the password apart.
        mac.update(&stored.len().to_be_bytes());
        mac.update(stored.as_bytes());
        mac.update(password.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(mac.sign().as_ref());
        key
    }

    /// Runs a hash on the blocking pool; `None` where too many wait. A caller that leaves does not stop a hash
    /// that has begun, so the permits go with the hash.
    async fn off_loop<T: Send + 'static>(
        &self,
        standing: Standing,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = match standing {
            Standing::Good => None,
            Standing::Doubted => {
                let _place = self.doubted_waiting.try_acquire().ok()?;
                let turns = Arc::clone(&self.doubted_at_work);
                Some(turns.acquire_owned().await.ok()?)
            }
        };
        let _place = self.waiting.try_acquire().ok()?;
        let permit = Arc::clone(&self.at_work).acquire_owned().await.ok()?;
        let working = tokio::task::spawn_blocking(move || {
            let _permits = (permit, turn);
            work()
        });
        working.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Everybody may try.
    fn free() -> Result<Try, Duration> {
        Throttle::new().admit([127, 0, 0, 1].into(), "", Utc::now())
    }

    #[test]
    fn the_rule_is_harbors() {
        for password in [
            "Harbor12345",
            "aA345678",
            &format!("aA1{}", "é".repeat(125)),
        ] {
            assert!(check_rule(password).is_ok(), "{password}");
        }
        for password in [
            "",
            "aA34567",
            "harbor12345",
            "HARBOR12345",
            "HarborHarbor",
            &"aA1".repeat(43),
        ] {
            assert!(
                matches!(check_rule(password), Err(Error::WeakPassword)),
                "{password}"
            );
        }
    }

    #[test]
    fn generated_passwords_follow_the_rule_and_differ() {
        let (one, other) = (generate_password(), generate_password());
        assert_eq!(one.len(), 24);
        assert!(check_rule(&one).is_ok());
        assert_ne!(one, other);
        let secret = generate_robot_secret();
        assert!(secret.len() == 32 && check_rule(&secret).is_ok());
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[tokio::test]
    async fn a_password_is_right_for_its_hash_only() {
        let passwords = Passwords::new();
        let now = Utc::now();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert!(
            passwords
                .is_right(Some((2, &stored)), "correct horse", free, now)
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .is_right(Some((2, &stored)), "correct horsf", free, now)
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .is_right(None, "correct horse", free, now)
                .await
                .unwrap()
        );
        for damaged in ["", "$argon2id$", "plain", "correct horse"] {
            assert!(
                !passwords
                    .is_right(Some((2, damaged)), "correct horse", free, now)
                    .await
                    .unwrap()
            );
        }
    }

    #[tokio::test]
    async fn a_right_password_is_hashed_once_a_minute() {
        let passwords = Passwords::new();
        let now = Utc::now();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(
            passwords
                .is_right(Some((2, &stored)), "correct horse", free, now)
                .await
                .unwrap()
        );
        // With nobody left to hash, only what is remembered can be right.
        passwords.at_work.close();
        let later = |secs| now + TimeDelta::seconds(secs);
        assert!(
            passwords
                .is_right(Some((2, &stored)), "correct horse", free, later(59))
                .await
                .unwrap()
        );
        let changed = format!("{stored} ");
        assert!(
            passwords
                .is_right(Some((2, &changed)), "correct horse", free, later(59))
                .await
                .is_err()
        );
        assert!(
            passwords
                .is_right(Some((3, &stored)), "correct horse", free, later(59))
                .await
                .is_err()
        );
        assert!(
            passwords
                .is_right(Some((2, &stored)), "correct horse", free, later(60))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn wrong_passwords_are_not_remembered() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(
            !passwords
                .is_right(Some((2, &stored)), "wrong", free, Utc::now())
                .await
                .unwrap()
        );
        passwords.right.run_pending_tasks().await;
        assert_eq!(passwords.right.entry_count(), 0);
    }

    #[tokio::test]
    async fn the_same_credentials_at_once_are_hashed_once() {
        let passwords = Arc::new(Passwords::new());
        let stored = passwords.hash("correct horse").await.unwrap();
        for (password, expected) in [("correct horse", true), ("wrong", false)] {
            let held = passwords
                .at_work
                .acquire_many(AT_WORK as u32)
                .await
                .unwrap();
            let mut callers = tokio::task::JoinSet::new();
            // More than may wait each for a hash of its own.
            for _ in 0..2 * WAITING {
                let (passwords, stored) = (Arc::clone(&passwords), stored.clone());
                let now = Utc::now();
                callers.spawn(async move {
                    passwords
                        .is_right(Some((2, &stored)), password, free, now)
                        .await
                });
            }
            // One turn of this thread's queue: every caller has begun.
            tokio::task::yield_now().await;
            drop(held);
            for answer in callers.join_all().await {
                assert_eq!(answer.unwrap(), expected);
            }
        }
    }

    #[tokio::test]
    async fn those_who_were_wrong_wait_for_each_other_and_others_for_one_of_them() {
        let (passwords, throttle) = (Arc::new(Passwords::new()), Arc::new(Throttle::new()));
        let ended = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..=48_u8 {
            // The last one comes from elsewhere.
            let from = [192, 0, 2, number / 48].into();
            let (passwords, throttle) = (Arc::clone(&passwords), Arc::clone(&throttle));
            let ended = Arc::clone(&ended);
            callers.spawn(async move {
                let (name, now) = (number.to_string(), Utc::now());
                let admit = || throttle.admit(from, &name, now);
                let is_right = passwords.is_right(None, &name, admit, now).await;
                assert!(!is_right.unwrap());
                ended.lock().unwrap().push(number);
            });
        }
        callers.join_all().await;
        let ended = ended.lock().unwrap();
        let place = ended.iter().position(|number| *number == 48).unwrap();
        assert!(place < 16, "{place} of {ended:?}");
    }

    #[tokio::test]
    async fn beyond_the_queue_callers_are_told_to_come_back() {
        let passwords = Passwords::new();
        let _queue = passwords
            .waiting
            .acquire_many((AT_WORK + WAITING) as u32)
            .await
            .unwrap();
        assert!(matches!(passwords.hash("x").await, Err(Error::Busy)));
        assert!(matches!(
            passwords.is_right(None, "x", free, Utc::now()).await,
            Err(Error::Busy)
        ));
    }

    #[tokio::test]
    async fn an_unknown_account_costs_what_a_wrong_password_costs() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse").await.unwrap();
        let fastest = async |account: Option<(i64, &str)>| {
            let mut fastest = Duration::MAX;
            for attempt in 0..5 {
                let begin = Instant::now();
                assert!(
                    !passwords
                        .is_right(account, &format!("wrong {attempt}"), free, Utc::now())
                        .await
                        .unwrap()
                );
                fastest = fastest.min(begin.elapsed());
            }
            fastest
        };
        let (known, unknown) = (fastest(Some((2, &stored))).await, fastest(None).await);
        assert!(
            unknown * 3 > known,
            "a wrong password took {known:?}, an unknown account {unknown:?}"
        );
    }
}
