//! A small volume: a disk in memory where the tests run as root, else a folder.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

pub(super) struct Volume {
    folder: tempfile::TempDir,
    mounted: bool,
}

impl Volume {
    pub(super) fn new(mebibytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={mebibytes}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output();
        let mounted = mount.is_ok_and(|done| done.status.success());
        Self { folder, mounted }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}

/// Returns the disk usage of all files in a folder, and of those that end with `-wal`, in bytes.
pub(super) fn used(folder: &Path) -> (u64, u64) {
    let mut used = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        // A file may be deleted between the listing and its metadata.
        let Ok(file) = entry.metadata() else {
            continue;
        };
        let bytes = file.blocks() * 512;
        used.0 += bytes;
        if entry.file_name().to_string_lossy().ends_with("-wal") {
            used.1 += bytes;
        }
    }
    used
}
