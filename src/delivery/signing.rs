//! The signature of deliveries: Standard Webhooks, version 1
//! (<https://github.com/standard-webhooks/standard-webhooks>, `spec/standard-webhooks.md`). Knows
//! no store and no clock.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The secret that signs the deliveries of a subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Zeroizing<String>);

/// Debug output without the secret.
impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// Key of a secret in the format of Standard Webhooks, in bytes.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// Secret of another format, in bytes. The whole string is the key.
const TEXT_BYTES: RangeInclusive<usize> = 24..=512;

/// The reason why a string is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningSecretError {
    /// The secret resembles one of Standard Webhooks, but has another prefix.
    #[error(
        "resembles a secret of Standard Webhooks: begin with `whsec_`, with nothing before it, and \
         continue with 24 to 64 bytes in Base64"
    )]
    Prefix,
    /// The secret is a key for signatures with a key pair.
    #[error(
        "is a key of a key pair (`whsk_`, `whpk_`): deliveries are signed with `whsec_` secrets"
    )]
    KeyPair,
    /// The part after `whsec_` is not Base64.
    #[error("has to have Base64 after `whsec_` (letters, digits, `+`, `/`)")]
    NoBase64,
    /// The key in Base64 has another length.
    #[error("has to have 24 to 64 bytes in Base64 after `whsec_`")]
    KeyLength,
    /// The secret contains white space at an end, or a control character.
    #[error("has to have no spaces around it and no control characters")]
    Space,
    /// The secret without a prefix has another length.
    #[error("has to have 24 to 512 bytes, or `whsec_` and 24 to 64 bytes in Base64")]
    Length,
}

impl SigningSecret {
    /// Reads a secret that someone chose: `whsec_` and Base64, as in Standard Webhooks, or any
    /// other string of 24 to 512 bytes, which are the key.
    ///
    /// # Errors
    /// Returns an error if the key is too short or too long, or if the string resembles a secret of
    /// Standard Webhooks in another form: the receiver would read another key from it.
    pub fn read(text: &str) -> Result<Self, SigningSecretError> {
        if text.trim() != text || text.contains(char::is_control) {
            return Err(SigningSecretError::Space);
        }
        let secret = Self::stored(text);
        if text.starts_with(PREFIX) {
            let fits = KEY_BYTES.contains(&secret.key()?.len());
            return if fits { Ok(secret) } else { Err(SigningSecretError::KeyLength) };
        }
        let small = Zeroizing::new(text.to_ascii_lowercase());
        if small.contains("whsec") {
            return Err(SigningSecretError::Prefix);
        }
        if small.starts_with("whsk_") || small.starts_with("whpk_") {
            return Err(SigningSecretError::KeyPair);
        }
        if TEXT_BYTES.contains(&text.len()) { Ok(secret) } else { Err(SigningSecretError::Length) }
    }

    /// Returns a stored secret, also if a version with other limits accepted it.
    pub(super) fn stored(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Returns a secret of random bytes, in the format of Standard Webhooks.
    pub fn of_random(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
    }

    /// Returns the secret as a string. Callers must not log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn key(&self) -> Result<Zeroizing<Vec<u8>>, SigningSecretError> {
        let Some(encoded) = self.0.strip_prefix(PREFIX) else {
            return Ok(Zeroizing::new(self.0.as_bytes().to_vec()));
        };
        let key = STANDARD_NO_PAD.decode(encoded.trim_end_matches('='));
        key.map(Zeroizing::new).map_err(|_| SigningSecretError::NoBase64)
    }

    /// Returns the signature of a message, with its version: `v1,…`. The time is in seconds.
    ///
    /// ```
    /// use hookgate::delivery::SigningSecret;
    ///
    /// // The test vector of the reference libraries.
    /// let secret = SigningSecret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    /// let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, br#"{"test": 2432232314}"#);
    /// assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    /// # Ok::<(), hookgate::delivery::SigningSecretError>(())
    /// ```
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let key = self.key().unwrap_or_default();
        // An HMAC accepts a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Prefix of secrets in Standard Webhooks.
const PREFIX: &str = "whsec_";
