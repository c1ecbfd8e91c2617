//! File modes: only the owner can access the files that the gateway writes. Knows no file in
//! particular.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::umask;

/// Mode of a file that only its owner may read and write.
const OWNER_ONLY: u32 = 0o600;

/// Mode bits of the group and of other users.
const NOT_OWNER: u32 = 0o077;

/// Mode bits that let other users read or write; the group is not included.
const OTHER_USERS: u32 = 0o006;

/// Sets the umask of this process to 077: only its user can access new files and folders.
pub fn restrict_umask() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Returns options that create a file with the mode 600, independent of the umask.
pub(in crate::gateway) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(OWNER_ONLY);
    options
}

/// Removes the permissions of the group and of other users from a file of the gateway.
pub(in crate::gateway) fn restrict(path: &Path) {
    let Some(mode) = mode(path).filter(|mode| mode & NOT_OWNER != 0) else {
        return;
    };
    let file = path.display();
    match std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)) {
        Ok(()) => tracing::warn!("{file} had the mode {mode:o}: the mode is 600 now"),
        Err(error) => {
            tracing::warn!(%error, "{file} has the mode {mode:o}; run `chmod 600 {file}`");
        }
    }
}

/// Logs a warning if other users can read or write a file. The mode is not changed: the owner may
/// share the file on purpose.
pub(in crate::gateway) fn warn_if_open(path: &Path) {
    if let Some(mode) = mode(path).filter(|mode| mode & OTHER_USERS != 0) {
        let file = path.display();
        tracing::warn!(
            "{file} has the mode {mode:o}, so other users of this machine can use it; \
             run `chmod 600 {file}`"
        );
    }
}

/// Returns the permission bits of a file; `None` if the file does not exist.
fn mode(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}
