//! Secrets at rest: what upstreams want to hear, sealed with a key that is not in the database.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::Error;
use crate::keys::KEY_LEN;

/// The first byte of everything sealed: another cipher would get another number.
const FORMAT: u8 = 1;

/// AES-256-GCM with a random nonce: `format, nonce, cipher text, tag`.
pub(crate) struct SecretBox(RandomizedNonceKey);

impl SecretBox {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, key).expect("the key has the cipher's length"))
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut text = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from([FORMAT]), &mut text)
            .expect("the cipher takes any text that fits in memory");
        [&[FORMAT], nonce.as_ref().as_slice(), &text].concat()
    }

    /// # Errors
    /// [`Error::Unsealable`] where the bytes were not sealed with this key, or have changed since.
    pub(crate) fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let [FORMAT, rest @ ..] = sealed else {
            return Err(Error::Unsealable);
        };
        let (nonce, text) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Error::Unsealable)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .0
            .open_in_place(nonce, Aad::from([FORMAT]), &mut text)
            .map_err(|_| Error::Unsealable)?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_again_and_shows_nothing() {
        let secrets = SecretBox::new(&[7; KEY_LEN]);
        for plain in [b"".as_slice(), b"correct horse battery staple"] {
            let sealed = secrets.seal(plain);
            assert_eq!(secrets.unseal(&sealed).unwrap(), plain);
            assert!(plain.is_empty() || !sealed.windows(plain.len()).any(|window| window == plain));
            assert_ne!(
                secrets.seal(plain),
                sealed,
                "equal secrets are not seen to be equal"
            );
        }
    }

    #[test]
    fn another_key_and_changed_bytes_open_nothing() {
        let secrets = SecretBox::new(&[7; KEY_LEN]);
        let sealed = secrets.seal(b"secret");
        assert!(matches!(
            SecretBox::new(&[8; KEY_LEN]).unseal(&sealed),
            Err(Error::Unsealable)
        ));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(
                matches!(secrets.unseal(&changed), Err(Error::Unsealable)),
                "byte {at}"
            );
            assert!(
                matches!(secrets.unseal(&sealed[..at]), Err(Error::Unsealable)),
                "first {at} bytes"
            );
        }
    }
}
