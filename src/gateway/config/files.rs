//! The files of a configuration. All reads pass here, so that each file is watched. Does not know
//! the content of the files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Largest configuration file, in bytes.
const FILE_BYTES: u64 = 16 << 20;

/// A file reader that records the state of each file before it reads it. Clones share the record,
/// so one thread can ask for it while another thread still reads.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct ConfigFiles(Arc<Mutex<FilesFingerprint>>);

/// The states of files by path. A file that changes has another state afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::gateway) struct FilesFingerprint(BTreeMap<PathBuf, Option<FileState>>);

/// The state of a file, without its content.
///
/// Symbolic links are followed: Kubernetes updates the files of a volume by switching a link to
/// their folder, and never changes a file in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    target: PathBuf,
    device: u64,
    inode: u64,
    modified: Option<SystemTime>,
    bytes: u64,
}

impl FileState {
    /// Returns the state of a file; `None` if the file does not exist.
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

impl FilesFingerprint {
    /// Records the current state of a file.
    pub(in crate::gateway) fn note(&mut self, path: PathBuf) {
        let state = FileState::of(&path);
        self.0.insert(path, state);
    }

    /// Returns the current states of the same files.
    pub(in crate::gateway) fn now(&self) -> Self {
        let mut now = Self::default();
        self.0.keys().cloned().for_each(|path| now.note(path));
        now
    }

    /// Adds the files of a newer fingerprint.
    pub(in crate::gateway) fn extend(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }
}

impl ConfigFiles {
    /// Reads a file.
    ///
    /// # Errors
    /// Returns the reason as text.
    pub(in crate::gateway) fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        // Recorded before the read, so that a change during the read is detected.
        self.note(path.to_owned());
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        let read = file.take(FILE_BYTES + 1).read_to_end(&mut content);
        match read.map_err(|error| error.to_string())? as u64 {
            bytes if bytes > FILE_BYTES => Err(format!("it has more than {FILE_BYTES} bytes")),
            _ => Ok(content),
        }
    }

    /// Reads a text file.
    ///
    /// # Errors
    /// Returns the reason as text.
    pub(in crate::gateway) fn read_text(&self, path: &Path) -> Result<String, String> {
        let content = self.read(path)?;
        String::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())
    }

    /// Records the states in a fingerprint.
    pub(in crate::gateway) fn extend(&self, looked: FilesFingerprint) {
        self.seen().extend(looked);
    }

    /// Records a file that another module reads.
    pub(in crate::gateway) fn note(&self, path: PathBuf) {
        self.seen().note(path);
    }

    /// Returns the states of the files before they were read.
    pub(in crate::gateway) fn fingerprint(&self) -> FilesFingerprint {
        self.seen().clone()
    }

    fn seen(&self) -> MutexGuard<'_, FilesFingerprint> {
        // An insertion is complete or has not happened, so a panic elsewhere leaves no partial
        // change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::ConfigFiles;

    #[test]
    fn a_retargeted_directory_link_changes_the_fingerprint() {
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
    fn missing_files_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let files = ConfigFiles::default();
        assert!(files.read(&path).is_err());
        assert_eq!(files.fingerprint(), files.fingerprint().now());
        std::fs::write(&path, "one").unwrap();
        assert_ne!(files.fingerprint(), files.fingerprint().now());
    }

    #[test]
    fn file_reads_are_limited_in_size() {
        let files = ConfigFiles::default();
        assert!(files.read("/dev/zero".as_ref()).unwrap_err().contains("more than"));
    }
}
