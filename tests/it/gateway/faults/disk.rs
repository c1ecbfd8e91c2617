//! A full disk, and a read-only disk.

use std::path::Path;
use std::process::Command;

use super::{ids, open, post, wait_until, wait_until_mut, with_shell_limits};
use crate::gateway::running::{Gateway, is_installed, program};

/// A separate disk, in memory.
pub(super) struct Disk(tempfile::TempDir);

impl Disk {
    /// Requires a superuser; `None` for other users.
    pub(super) fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path()).then(|| Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn remount(&self, option: &str) {
        assert!(mount(&["-o", &format!("remount,{option}")], self.path()), "{option}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    Command::new("mount").args(arguments).arg(path).output().is_ok_and(|done| done.status.success())
}

/// Posts events until the gateway refuses them. Returns the ids of the accepted ones.
fn fill(gateway: &Gateway) -> Vec<usize> {
    let mut accepted = Vec::new();
    let mut refused = 0;
    for id in 0..2000 {
        let answer = post(gateway, id, 20_000);
        match answer.status {
            200 => accepted.push(id),
            503 => {
                assert_eq!(answer.header("retry-after"), Some("5"));
                refused += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
        if refused == 20 {
            return accepted;
        }
    }
    panic!("2,000 events were accepted");
}

/// Asserts the behaviour on a full disk, and after space is available again.
fn assert_refuses_and_recovers(gateway: &Gateway, store: &Path, words: &str, make_room: impl Fn()) {
    let mut accepted = fill(gateway);
    assert!(accepted.len() > 5, "{accepted:?}");
    gateway.wait_for_log("request not stored");
    gateway.wait_for_log(words);
    assert_eq!(gateway.get_management("/healthz").status, 200);
    // A large event may be refused while small ones still fit.
    let mut next = 3000;
    wait_until_mut("still ready", || {
        if gateway.get_management("/readyz").status == 503 {
            return true;
        }
        if post(gateway, next, 2000).status == 200 {
            accepted.push(next);
        }
        next += 1;
        false
    });
    make_room();
    wait_until("still refuses events", || post(gateway, 5000, 20_000).status == 200);
    accepted.push(5000);
    wait_until("still not ready", || gateway.get_management("/readyz").status == 200);
    assert_eq!(ids(store), accepted, "the stored events are the acknowledged ones");
}

#[test]
fn disk_full_answers_503_and_recovers() {
    let Some(disk) = Disk::new("2m") else {
        return;
    };
    let store = disk.path().join("hookgate.db");
    let folder = open(&format!("[store]\npath = \"{}\"\n", store.display()), "");
    let gateway = folder.serve();
    assert_refuses_and_recovers(&gateway, &store, "disk full", || disk.remount("size=64m"));
    assert!(gateway.stop().success());
}

#[test]
fn file_size_limit_answers_503_and_recovers() {
    if !is_installed("prlimit", "--version") {
        return;
    }
    let folder = open("", "");
    // A write past the limit is an error without a signal, as for a quota.
    let limited = with_shell_limits("trap '' XFSZ; ulimit -S -f 2000");
    let gateway = Gateway::start(folder.path(), limited);
    let store = folder.path().join("hookgate.db");
    assert_refuses_and_recovers(&gateway, &store, "the store does not answer", || {
        let pid = gateway.pid().to_string();
        let raised = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid]).status();
        assert!(raised.unwrap().success());
    });
    assert!(gateway.stop().success());
}

#[test]
fn a_read_only_volume_refuses_to_start_and_starts_when_writable() {
    let Some(disk) = Disk::new("8m") else {
        return;
    };
    let store = disk.path().join("hookgate.db");
    let folder = open(&format!("[store]\npath = \"{}\"\n", store.display()), "");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 1, 10).status, 200);
    assert!(gateway.stop().success());
    disk.remount("ro");
    let refused =
        program().args(["serve", "-C", folder.path().to_str().unwrap()]).output().unwrap();
    let report = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{report}");
    assert!(report.contains("the store cannot be opened"), "{report}");
    assert!(report.contains("Read-only file system"), "{report}");
    disk.remount("rw");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 2, 10).status, 200);
    assert_eq!(ids(&store), [1, 2]);
}
