//! File modes and locks: only the owner can read the files of the gateway, and one gateway at a
//! time uses a store.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::faults::{open, post, wait_until, with_shell_limits};
use super::running::{Gateway, binary, program};

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    metadata.permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

const SINK: &str = "[[sink]]\nname = \"all\"\ntenant = \"acme\"\npath = \"out/events.jsonl\"\n\
    bytes = 1024\n";

#[test]
fn gateway_files_have_mode_600_for_every_umask() {
    let folder = open(SINK, "");
    // No file is created with another mode and changed afterwards: it would be readable for a
    // moment.
    let gateway = Gateway::start(folder.path(), with_shell_limits("umask 000"));
    let sink = folder.path().join("out/events.jsonl");
    let rotated = folder.path().join("out/events.jsonl.1");
    for id in 0..4 {
        assert_eq!(post(&gateway, id, 600).status, 200);
    }
    wait_until("no sink was rotated", || rotated.exists() && sink.exists());
    let backup = folder.path().join("backup.db");
    let command = format!("umask 000; {} backup {} -C", binary(), backup.display());
    let command = format!("{command} {}", folder.path().display());
    assert!(Command::new("sh").args(["-c", &command]).output().unwrap().status.success());
    let store = |suffix: &str| folder.path().join(format!("hookgate.db{suffix}"));
    for path in [
        store(""),
        store("-wal"),
        store("-shm"),
        store(".lock"),
        store(".key"),
        store(".reserve"),
        sink,
        rotated,
        backup,
    ] {
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
    assert_eq!(mode(&folder.path().join("out")), 0o700);
    assert!(gateway.stop().success());
}

#[test]
fn a_store_readable_by_others_gets_mode_600_at_start() {
    let folder = open("", "");
    assert!(folder.serve().stop().success());
    let store = folder.path().join("hookgate.db");
    let key = folder.path().join("hookgate.db.key");
    set_mode(&store, 0o644);
    set_mode(&key, 0o640);
    let gateway = folder.serve();
    gateway.wait_for_log("hookgate.db had the mode 644: the mode is 600 now");
    assert_eq!((mode(&store), mode(&key)), (0o600, 0o600));
    assert!(gateway.stop().success());
}

#[test]
fn a_secret_file_readable_by_others_is_warned_about_once_with_the_fix() {
    let folder =
        open(SINK, "\n[secrets]\nA = { file = \"a\" }\nB = [{ file = \"b\" }, { file = \"a\" }]\n");
    folder.write("a", "a secret of some length");
    folder.write("b", "another secret of some length");
    folder.write("out/events.jsonl", "");
    let path = |name: &str| folder.path().join(name);
    set_mode(&path("a"), 0o644);
    set_mode(&path("b"), 0o600);
    set_mode(&path("out/events.jsonl"), 0o604);
    let gateway = folder.serve();
    let log = gateway.wait_for_log("listening for senders");
    let warnings = |name: &str| {
        let command = format!("run `chmod 600 {}`", path(name).display());
        log.matches(&command).count()
    };
    assert_eq!((warnings("a"), warnings("b"), warnings("out/events.jsonl")), (1, 0, 1), "{log}");
    // The owner decides the mode of these files.
    assert_eq!(mode(&path("a")), 0o644);
    assert!(gateway.stop().success());
}

/// Asserts that a gateway does not start, and returns its message.
fn refused(folder: &Path) -> String {
    let output = program().args(["serve", "-C", folder.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_second_gateway_is_refused_through_a_symbolic_link_and_through_a_hard_link() {
    let first = open("", "");
    let gateway = first.serve();
    let store = first.path().join("hookgate.db");
    for link in ["symbolic", "hard"] {
        let second = open(&format!("[store]\npath = \"{link}.db\"\n"), "");
        let path = second.path().join(format!("{link}.db"));
        match link {
            "symbolic" => symlink(&store, &path).unwrap(),
            // In the same folder, which is on the same volume.
            _ => {
                let name = first.path().join("hard.db");
                std::fs::hard_link(&store, &name).unwrap();
                assert_eq!(std::fs::metadata(&store).unwrap().nlink(), 2);
                second.settings(&format!("[store]\npath = \"{}\"\n", name.display()));
            }
        }
        let report = refused(second.path());
        assert!(report.contains("another gateway runs on this store"), "{link}: {report}");
        if link == "hard" {
            let report = second.command(&["tenants", "create", "other"]);
            let report = String::from_utf8(report.stderr).unwrap();
            assert!(report.contains("another gateway runs on this store"), "{report}");
        }
    }
    assert_eq!(post(&gateway, 1, 10).status, 200);
    // A command on the same store works beside the gateway.
    first.stdout_of(&["tenants", "create", "acme"]);
    assert!(gateway.stop().success());
}

#[test]
fn a_store_behind_a_symbolic_link_keeps_its_files_beside_the_real_one() {
    let folder = open("[store]\npath = \"link.db\"\n", "");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let real = folder.path().join("data/real.db");
    symlink(&real, folder.path().join("link.db")).unwrap();
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 1, 10).status, 200);
    for suffix in ["", "-wal", ".lock", ".reserve"] {
        assert_eq!(mode(&folder.path().join(format!("data/real.db{suffix}"))), 0o600, "{suffix}");
    }
    assert!(gateway.stop().success());
}
