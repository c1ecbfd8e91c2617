//! The files of a configuration: read in one place, so that each of them is watched.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Bytes of a file of a configuration.
const FILE_BYTES: u64 = 16 << 20;

/// Reads files, and remembers what each of them looked like before it was read. Clones share what
/// they remember, so it can be asked while another thread still reads.
#[derive(Debug, Clone, Default)]
pub(super) struct ConfigFiles(Arc<Mutex<Fingerprint>>);

/// What files look like from outside, by path. A file that changes looks different afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(BTreeMap<PathBuf, Option<FileState>>);

/// What a file looks like from outside.
///
/// Symbolic links are followed: Kubernetes replaces the files of a volume by turning a link to
/// their folder, and no file there ever changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    target: PathBuf,
    device: u64,
    inode: u64,
    modified: Option<SystemTime>,
    bytes: u64,
}

impl FileState {
    /// The state of a file; nothing where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let target = std::fs::canonicalize(path).ok()?;
        let data = std::fs::metadata(&target).ok()?;
        Some(Self {
            target,
            device: data.dev(),
            inode: data.ino(),
            modified: data.modified().ok(),
            bytes: data.len(),
        })
    }
}

impl Fingerprint {
    /// Takes note of what a file looks like now.
    pub(super) fn note(&mut self, path: PathBuf) {
        let state = FileState::of(&path);
        self.0.insert(path, state);
    }

    /// The same files as they look now.
    pub(super) fn now(&self) -> Self {
        let mut now = Self::default();
        self.0.keys().cloned().for_each(|path| now.note(path));
        now
    }

    /// Adds the files of another, which was made later.
    pub(super) fn extend(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }
}

impl ConfigFiles {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        // Before it is read: a change while it is read is seen then.
        self.note(path.to_owned());
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        let read = file.take(FILE_BYTES + 1).read_to_end(&mut content);
        match read.map_err(|error| error.to_string())? as u64 {
            bytes if bytes > FILE_BYTES => Err(format!("it has more than {FILE_BYTES} bytes")),
            _ => Ok(content),
        }
    }

    /// Reads a file that is text.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn read_text(&self, path: &Path) -> Result<String, String> {
        let content = self.read(path)?;
        String::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())
    }

    /// Takes note of files that were looked at.
    pub(super) fn extend(&self, looked: Fingerprint) {
        self.seen().extend(looked);
    }

    /// Takes note of a file that someone else reads.
    pub(super) fn note(&self, path: PathBuf) {
        self.seen().note(path);
    }

    /// What the files looked like before they were read.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.seen().clone()
    }

    fn seen(&self) -> MutexGuard<'_, Fingerprint> {
        // An insertion is whole or not there, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::ConfigFiles;

    #[test]
    fn a_turned_link_to_a_folder_changes_the_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (version, secret) in [("v1", "one"), ("v2", "two")] {
            std::fs::create_dir(path(version)).unwrap();
            std::fs::write(path(version).join("secret"), secret).unwrap();
        }
        symlink("v1", path("..data")).unwrap();
        symlink("..data/secret", path("secret")).unwrap();
        let files = ConfigFiles::default();
        assert_eq!(files.read(&path("secret")).unwrap(), b"one");
        assert_eq!(files.fingerprint(), files.fingerprint().now());
        symlink("v2", path("..next")).unwrap();
        std::fs::rename(path("..next"), path("..data")).unwrap();
        assert_ne!(files.fingerprint(), files.fingerprint().now());
    }

    #[test]
    fn a_file_that_is_not_there_is_watched_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let files = ConfigFiles::default();
        assert!(files.read(&path).is_err());
        assert_eq!(files.fingerprint(), files.fingerprint().now());
        std::fs::write(&path, "one").unwrap();
        assert_ne!(files.fingerprint(), files.fingerprint().now());
    }

    #[test]
    fn a_file_has_a_size_that_is_not_passed() {
        let files = ConfigFiles::default();
        assert!(files.read("/dev/zero".as_ref()).unwrap_err().contains("more than"));
    }
}
