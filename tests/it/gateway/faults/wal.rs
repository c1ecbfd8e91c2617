//! A damaged write-ahead log, and a disk with slow syncs.

use std::path::Path;
use std::time::{Duration, Instant};

use hookgate::gateway::store::{Mode, SqliteOptions, SqliteStore};
use rusqlite::Connection;

use super::{ids, open, post};
use crate::gateway::running::{Gateway, binary, env_number, is_installed};

/// The number of events in the log.
const EVENTS: usize = 40;

/// A store that was killed with all of its events in the write-ahead log.
fn killed(folder: &Path) -> std::path::PathBuf {
    let from = open("", "");
    let store = from.path().join("hookgate.db");
    let gateway = from.serve();
    let reader = Connection::open(&store).unwrap();
    // The earlier data is in the database, and a reader keeps the rest in the log, so no damaged
    // part was copied before.
    reader.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    for id in 0..EVENTS {
        assert_eq!(post(&gateway, id, 600).status, 200);
    }
    gateway.kill();
    for suffix in ["", "-wal"] {
        let name = format!("hookgate.db{suffix}");
        std::fs::copy(from.path().join(&name), folder.join(&name)).unwrap();
    }
    folder.join("hookgate.db")
}

/// Damages a copy of the log: one byte is changed, the rest of the file is missing, or the rest is
/// zeros as after a crash of the machine.
fn damaged(store: &Path, copy: &Path, kind: u64, place: u64) -> std::path::PathBuf {
    let damaged = copy.join("hookgate.db");
    std::fs::copy(store, &damaged).unwrap();
    let mut log = std::fs::read(format!("{}-wal", store.display())).unwrap();
    let place = usize::try_from(place).unwrap() % log.len();
    match kind {
        0 => log[place] ^= 0x40,
        1 => log.truncate(place),
        _ => log[place..].fill(0),
    }
    std::fs::write(format!("{}-wal", damaged.display()), log).unwrap();
    damaged
}

/// Opens stores with damaged logs. Returns the number of events in each.
fn opened_damaged(times: usize) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let store = killed(folder.path());
    let mut seed = env_number("SEED", 12) as u64;
    let mut lengths = Vec::new();
    for time in 0..times {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let copy = tempfile::tempdir().unwrap();
        let damaged = damaged(&store, copy.path(), (time % 3) as u64, seed >> 20);
        if let Err(error) = SqliteStore::open(SqliteOptions::new(&damaged, Mode::Command)) {
            assert!(error.to_string().contains("damaged"), "{error}");
            continue;
        }
        // The remaining events are the first commits, complete.
        let left = ids(&damaged);
        assert_eq!(left, (0..left.len()).collect::<Vec<_>>());
        lengths.push(left.len());
        let connection = Connection::open(&damaged).unwrap();
        let whole: String =
            connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }
    lengths
}

#[test]
fn a_corrupt_write_ahead_log_recovers_commits_before_the_damage() {
    let lengths = opened_damaged(24);
    let shorter = lengths.iter().filter(|length| **length < EVENTS).count();
    assert!(shorter > 8, "too few logs were damaged before their end: {lengths:?}");
    let some = lengths.iter().filter(|length| **length > 0).count();
    assert!(some > 8, "the logs were not read: {lengths:?}");
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_corrupt_write_ahead_logs_never_return_wrong_events() {
    let times = env_number("DAMAGES", 1000);
    let lengths = opened_damaged(times);
    let shorter = lengths.iter().filter(|length| **length < EVENTS).count();
    println!("{times} damaged logs, {shorter} of them gave fewer events");
}

#[test]
fn a_slow_disk_delays_senders_but_not_health_checks() {
    if !is_installed("strace", "-V") {
        return;
    }
    let folder = open("", "");
    assert!(folder.serve().stop().success());
    let mut slow = std::process::Command::new("strace");
    slow.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
    slow.args(["-e", "inject=fsync,fdatasync:delay_enter=1000000", &binary()]);
    let gateway = Gateway::start(folder.path(), slow);
    let accepted = std::thread::scope(|scope| {
        let gateway = &gateway;
        let senders: Vec<_> = (0..24)
            .map(|id| {
                scope.spawn(move || {
                    let answer = post(gateway, id, 2000);
                    assert!([200, 503].contains(&answer.status), "{}", answer.text());
                    (answer.status == 200).then_some(id)
                })
            })
            .collect();
        for _ in 0..10 {
            let began = Instant::now();
            assert_eq!(gateway.get_management("/healthz").status, 200);
            assert_eq!(gateway.get_management("/metrics").status, 200);
            assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
            std::thread::sleep(Duration::from_millis(100));
        }
        let accepted = senders.into_iter().filter_map(|sender| sender.join().unwrap());
        accepted.collect::<std::collections::BTreeSet<usize>>()
    });
    assert!(!accepted.is_empty());
    assert!(gateway.peak_mib() < 200, "{} MiB", gateway.peak_mib());
    gateway.kill();
    let stored = ids(&folder.path().join("hookgate.db")).into_iter().collect();
    assert!(accepted.is_subset(&stored), "{accepted:?} {stored:?}");
}
