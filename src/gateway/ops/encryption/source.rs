//! The sources of keys: the environment, and a file beside the store. Does not check that a key is
//! the right one.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key::EncryptionKey;
use super::{EncryptionError, Keyring, random};

/// The environment variable with the keys: 32 bytes each, in hex or base64, separated by commas or
/// white space. The first encrypts, all decrypt.
pub const KEY_VARIABLE: &str = "HOOKGATE_KEY";

/// Returns the path of the key file beside a store.
pub(in crate::gateway::ops::encryption) fn key_file(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

impl Keyring {
    /// Reads the keys of the environment, then those of the key file beside a store. The keyring is
    /// empty if both are missing.
    pub(in crate::gateway::ops::encryption) fn read(store: &Path) -> Result<Self, EncryptionError> {
        let mut keyring = Self::default();
        match std::env::var(KEY_VARIABLE).map(Zeroizing::new) {
            Ok(text) => keyring.add_all(&text).ok_or(EncryptionError::BadKey)?,
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => return Err(EncryptionError::BadKey),
        }
        keyring.add_file(&key_file(store))?;
        Ok(keyring)
    }

    /// Adds all keys of a string. Returns `None` at the first part that is not a key.
    fn add_all(&mut self, text: &str) -> Option<()> {
        let separator = |c: char| c == ',' || c.is_whitespace();
        for one in text.split(separator).filter(|one| !one.is_empty()) {
            self.add(EncryptionKey::parse(one)?);
        }
        Some(())
    }

    fn add(&mut self, key: EncryptionKey) {
        if self.key(key.id()).is_none() {
            self.keys.push(key);
        }
    }

    fn add_file(&mut self, file: &Path) -> Result<(), EncryptionError> {
        match std::fs::read_to_string(file).map(Zeroizing::new) {
            Ok(text) if text.trim().is_empty() => Err(unusable(file, "it holds no key")),
            Ok(text) => self.add_all(&text).ok_or_else(|| unusable(file, "it holds no key")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(file, &error.to_string())),
        }
    }

    /// Creates the key file beside a store, readable by its owner only. If two processes do this at
    /// once, one creates the file and both use it.
    pub(in crate::gateway::ops::encryption) fn make_file(
        &mut self,
        store: &Path,
    ) -> Result<(), EncryptionError> {
        let file = key_file(store);
        let text = Zeroizing::new(hex::encode(random::<32>()?.as_slice()));
        match make(&file, &text) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(unusable(&file, &error.to_string()))
            }
            _ => self.add_file(&file),
        }
    }
}

fn unusable(file: &Path, reason: &str) -> EncryptionError {
    EncryptionError::File { path: file.display().to_string(), reason: reason.to_owned() }
}

/// Creates a file with a content. It appears complete or not at all: a key that was cut is no key,
/// and everything encrypted with it would be lost.
fn make(file: &Path, text: &str) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Temporary files are readable by their owner only.
    let mut made = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut made, text.as_bytes())?;
    made.as_file().sync_all()?;
    made.persist_noclobber(file)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_keys_are_separated_by_commas_or_white_space() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        for text in [format!("{one},{two}"), format!(" {one} , {two}\n"), format!("{one}\n{two}")] {
            let mut keyring = Keyring::default();
            keyring.add_all(&text).unwrap();
            let expected = [&one, &two].map(|text| EncryptionKey::parse(text).unwrap().id());
            assert_eq!(keyring.ids(), expected, "{text}");
        }
        let mut keyring = Keyring::default();
        assert!(keyring.add_all(&format!("{one},nonsense")).is_none());
        keyring.add_all(&format!("{one},{one}")).unwrap();
        assert_eq!(keyring.ids().len(), 1);
    }
}
