//! The signature of deliveries: Standard Webhooks, version 1
//! (<https://github.com/standard-webhooks/standard-webhooks>, `spec/standard-webhooks.md`). Knows
//! no store and no clock.

use std::fmt;

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

/// The reason why a string is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningSecretError {
    /// The secret is empty.
    #[error("a signing secret has to have something in it")]
    Empty,
    /// The part after `whsec_` is not Base64.
    #[error("what follows `whsec_` in a signing secret has to be Base64")]
    NoBase64,
    /// The secret is longer than 512 bytes.
    #[error("a signing secret has at most 512 bytes")]
    Long,
}

impl SigningSecret {
    /// Reads a secret: `whsec_` and Base64, as in Standard Webhooks, or any other string, whose
    /// bytes are the key.
    ///
    /// # Errors
    /// Returns an error if the secret is empty or too long, or if the part after `whsec_` is not
    /// Base64.
    pub fn read(text: &str) -> Result<Self, SigningSecretError> {
        if text.len() > 512 {
            return Err(SigningSecretError::Long);
        }
        let secret = Self(Zeroizing::new(text.to_owned()));
        match secret.key() {
            Ok(key) if key.is_empty() => Err(SigningSecretError::Empty),
            Ok(_) => Ok(secret),
            Err(error) => Err(error),
        }
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

const PREFIX: &str = "whsec_";
