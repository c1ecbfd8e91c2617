//! A store that is damaged, of a newer version, or locked by another process.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{ids, open, post};
use crate::gateway::running::{Folder, program};

/// Asserts that a gateway does not start, and returns its message.
fn refused(folder: &Folder) -> String {
    let output = program().args(["serve", "-C", folder.path().to_str().unwrap()]).output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{report}");
    report
}

/// Overwrites the pages of a file, from one on.
fn overwrite_pages(store: &Path, first: u64, pages: u64) {
    let file = std::fs::File::options().write(true).open(store).unwrap();
    for page in first..first + pages {
        file.write_all_at(&[0xa5; 4096], (page - 1) * 4096).unwrap();
    }
}

#[test]
fn a_file_that_is_not_a_store_refuses_to_start_and_is_unchanged() {
    type Damage = fn(&Path);
    let cases: [(Damage, &str); 4] = [
        (
            |store| std::fs::write(store, "a letter to a friend. ".repeat(1000)).unwrap(),
            "the store is damaged, or no store",
        ),
        (|store| overwrite_pages(store, 1, 1), "the store is damaged, or no store"),
        (
            |store| {
                let file = std::fs::File::options().write(true).open(store).unwrap();
                file.set_len(6000).unwrap();
            },
            "the store is damaged, or no store",
        ),
        (
            |store| {
                let connection = Connection::open(store).unwrap();
                connection.pragma_update(None, "user_version", 1000).unwrap();
            },
            "the store is of version 1000, and this program knows",
        ),
    ];
    for (spoil, words) in cases {
        let folder = open("", "");
        let gateway = folder.serve();
        assert_eq!(post(&gateway, 1, 10).status, 200);
        assert!(gateway.stop().success());
        let store = folder.path().join("hookgate.db");
        spoil(&store);
        let before = std::fs::read(&store).unwrap();
        let report = refused(&folder);
        assert!(report.contains(words), "{report}");
        assert_eq!(
            std::fs::read(&store).unwrap(),
            before,
            "data that could be recovered was overwritten"
        );
    }
}

#[test]
fn a_corrupt_store_refuses_events_and_a_backup_restores_service() {
    let folder = open("", "");
    let gateway = folder.serve();
    for id in 0..20 {
        assert_eq!(post(&gateway, id, 5000).status, 200);
    }
    let backup = folder.path().join("backup.db");
    folder.stdout_of(&["backup", backup.to_str().unwrap()]);
    assert!(gateway.stop().success());
    let store = folder.path().join("hookgate.db");
    let connection = Connection::open(&store).unwrap();
    let page: u32 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'requests'", [], |row| {
            row.get(0)
        })
        .unwrap();
    drop(connection);
    overwrite_pages(&store, page.into(), 1);
    let gateway = folder.serve();
    for id in 20..30 {
        let answer = post(&gateway, id, 10);
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(!answer.text().contains("damaged"), "internal details are in the response");
    }
    gateway.wait_for_log("the store is damaged, or no store: database disk image is malformed");
    assert_eq!(gateway.get_management("/healthz").status, 200);
    gateway.stop();
    std::fs::remove_file(folder.path().join("hookgate.db-wal")).ok();
    std::fs::rename(&backup, &store).unwrap();
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 30, 10).status, 200);
    assert_eq!(ids(&store), (0..20).chain([30]).collect::<Vec<_>>());
}

#[test]
fn a_locked_database_delays_senders_and_then_answers_503() {
    let folder = open("", "");
    let gateway = folder.serve();
    let store = folder.path().join("hookgate.db");
    let other = Connection::open(&store).unwrap();
    // A short lock: the waiting sender gets a 200.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| post(&gateway, 1, 10).status);
        std::thread::sleep(Duration::from_millis(500));
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(waiting.join().unwrap(), 200);
    });
    // A lock past the timeout.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = post(&gateway, 2, 10);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    gateway.wait_for_log("the store does not answer: database is locked");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(post(&gateway, 3, 10).status, 200);
    assert_eq!(ids(&store), [1, 3]);
}
