//! Encryption of what is kept: originals of requests, what subscriptions say.
//!
//! AES-256-GCM with a random nonce in front of what it seals. The key comes from the environment;
//! without one there, a file beside the store holds one, so that a first try needs no set-up.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The variable of the environment that holds the key: 32 bytes in hex or base64.
pub const KEY_VARIABLE: &str = "HOOKGATE_KEY";

/// Keys to encrypt with: the first seals, all open.
pub struct Seal(Vec<LessSafeKey>);

/// The key is not shown.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key is none.
    #[error("{KEY_VARIABLE} is not 32 bytes in hex or base64; `openssl rand -hex 32` makes a key")]
    BadKey,
    /// The file that holds it cannot be used.
    #[error("cannot use the key in {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandom,
    /// It was sealed with another key, or changed.
    #[error("this was encrypted with another key, or changed")]
    Damaged,
}

impl Seal {
    /// The key that the environment holds, and the one in the file beside a store. Without
    /// either, the file is made, for its owner alone to read.
    ///
    /// # Errors
    /// Where one is no key, or the file can be neither read nor made.
    pub fn beside(store: &Path) -> Result<Self, SealError> {
        let mut name = store.as_os_str().to_owned();
        name.push(".key");
        let file = PathBuf::from(name);
        let mut keys = Vec::new();
        if let Some(text) = std::env::var(KEY_VARIABLE).ok().filter(|text| !text.is_empty()) {
            keys.push(read(&Zeroizing::new(text)).ok_or(SealError::BadKey)?);
        }
        let unusable =
            |reason: String| SealError::File { path: file.display().to_string(), reason };
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                let key = read(&Zeroizing::new(text));
                keys.push(key.ok_or_else(|| unusable("it holds no key".to_owned()))?);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(error.to_string()));
            }
            Err(_) if keys.is_empty() => {
                let text = Zeroizing::new(hex::encode(random()?.as_slice()));
                make(&file, &text).map_err(|error| unusable(error.to_string()))?;
                keys.extend(read(&text));
            }
            Err(_) => {}
        }
        Ok(Self(keys))
    }

    /// Encrypts.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn seal(&self, content: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut sealed = content.to_vec();
        let key = self.0.first().ok_or(SealError::BadKey)?;
        key.seal_in_place_append_tag(
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
        for key in &self.0 {
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
            let mut content = content.to_vec();
            if let Ok(opened) = key.open_in_place(nonce, Aad::empty(), &mut content) {
                return Ok(opened.to_vec());
            }
        }
        Err(SealError::Damaged)
    }
}

/// A key of 32 bytes in hex or base64.
fn read(text: &str) -> Option<LessSafeKey> {
    let text = text.trim();
    let bytes = hex::decode(text).or_else(|_| STANDARD_PAD_INDIFFERENT.decode(text));
    let bytes = Zeroizing::new(bytes.ok()?);
    UnboundKey::new(&AES_256_GCM, &bytes).ok().map(LessSafeKey::new)
}

fn random() -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| SealError::NoRandom)?;
    Ok(bytes)
}

/// Makes the file of a key, for its owner alone to read.
fn make(file: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut made = options.write(true).create_new(true).mode(0o600).open(file)?;
    io::Write::write_all(&mut made, text.as_bytes())?;
    made.sync_all()
}
