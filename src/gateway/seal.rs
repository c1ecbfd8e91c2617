//! Encryption of what is kept: originals of requests, captured secrets.
//!
//! AES-256-GCM with a random nonce in front of what it seals; the key comes from the environment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The variable of the environment that holds the key: 32 bytes in hex or base64.
pub const KEY_VARIABLE: &str = "HOOKGATE_KEY";

/// A key to encrypt with.
pub struct Seal(LessSafeKey);

/// The key is not shown.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key is none.
    #[error("{KEY_VARIABLE} is not 32 bytes in hex or base64; `openssl rand -hex 32` makes a key")]
    BadKey,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandom,
    /// It was sealed with another key, or changed.
    #[error("this was encrypted with another key, or changed")]
    Damaged,
}

impl Seal {
    /// The key that the environment holds, if it holds one.
    ///
    /// # Errors
    /// Where what it holds is no key.
    pub fn of_environment() -> Result<Option<Self>, SealError> {
        match std::env::var(KEY_VARIABLE) {
            Ok(text) if !text.is_empty() => Self::read(&Zeroizing::new(text)).map(Some),
            _ => Ok(None),
        }
    }

    /// A key of 32 bytes in hex or base64.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        let bytes = hex::decode(text).or_else(|_| STANDARD_PAD_INDIFFERENT.decode(text));
        let bytes = Zeroizing::new(bytes.map_err(|_| SealError::BadKey)?);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::BadKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn seal(&self, content: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut sealed = content.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed,
            )
            .map_err(|_| SealError::NoRandom)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts.
    ///
    /// # Errors
    /// Where it was sealed with another key, or changed.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, content) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut content = content.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::empty(), &mut content)
            .map_err(|_| SealError::Damaged)?;
        Ok(opened.to_vec())
    }
}
