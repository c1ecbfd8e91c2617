//! File modes: files that the gateway writes are for their owner alone.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::umask;

/// The mode of a file that its owner alone may read and write.
const OWNER_ONLY: u32 = 0o600;

/// The bits of the group and of other users.
const NOT_OWNER: u32 = 0o077;

/// The bits that let users who are neither owner nor in the group read or write.
const OTHER_USERS: u32 = 0o006;

/// Sets the umask of this process to 077: files and folders that it creates are for its user alone.
pub fn restrict_umask() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Options that create a file for its owner alone, whatever the umask is.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(OWNER_ONLY);
    options
}

/// Takes the rights of the group and of other users from a file of the gateway.
pub(super) fn restrict(path: &Path) {
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

/// Warns of a file that other users can read or write. Its owner decides: it may be shared.
pub(super) fn warn_if_open(path: &Path) {
    if let Some(mode) = mode(path).filter(|mode| mode & OTHER_USERS != 0) {
        let file = path.display();
        tracing::warn!(
            "{file} has the mode {mode:o}, so other users of this machine can use it; \
             run `chmod 600 {file}`"
        );
    }
}

/// The permission bits of a file; nothing where it does not exist.
fn mode(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}
