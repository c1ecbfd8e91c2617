//! Small volumes: the write-ahead log stays within its share of the volume, a full volume recovers
//! by pruning, and no acknowledged event is lost on it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::disk::Disk;
use super::{ids, noise, open, post, wait_until, wait_until_mut};
use crate::gateway::running::{Folder, Gateway, LISTENER, env_number};

const MIB: u64 = 1 << 20;

fn length(store: &Path, suffix: &str) -> u64 {
    let file = format!("{}{suffix}", store.display());
    std::fs::metadata(file).map_or(0, |file| file.len())
}

/// Settings with the store on a disk.
fn on(disk: &Disk, more: &str) -> String {
    format!("[store]\npath = \"{}/hookgate.db\"\n{more}", disk.path().display())
}

/// Four sinks, so that each event has four deliveries.
fn sinks() -> String {
    let sink = |number| {
        format!("[[sink]]\nname = \"{number}\"\ntenant = \"acme\"\npath = \"out/{number}.jsonl\"\n")
    };
    (0..4).map(sink).collect()
}

/// Posts events of 250 bytes to a store on a small disk, and asserts the limit of the log all the
/// time.
fn bounded(events: usize, pause: Duration) {
    let Some(disk) = Disk::new("40m") else {
        return;
    };
    let retention = "[retention]\nbytes = 4194304\n";
    let folder = open(&on(&disk, &format!("{retention}{}", sinks())), "");
    let store = disk.path().join("hookgate.db");
    let gateway = folder.serve();
    let mut longest = 0;
    for id in 0..events {
        let answer = post(&gateway, id, 200);
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
        longest = longest.max(length(&store, "-wal"));
        std::thread::sleep(pause);
    }
    // A quarter of `retention.bytes`, and the writes during a checkpoint.
    assert!(longest < 3 * MIB, "the write-ahead log had {longest} bytes");
    assert!(longest > MIB / 2, "too few events for a result: {longest}");
    assert!(gateway.stop().success());
    println!("{events} events: the log had {longest} bytes at most");
}

#[test]
fn write_ahead_log_stays_bounded_under_slow_traffic_on_a_small_volume() {
    bounded(400, Duration::ZERO);
}

#[test]
#[ignore = "takes minutes"]
fn write_ahead_log_stays_bounded_at_six_events_a_second() {
    bounded(env_number("TRICKLE_EVENTS", 2000), Duration::from_millis(160));
}

#[test]
fn write_ahead_log_is_truncated_to_its_limit_after_a_long_reader_ends() {
    let folder = open("[store]\nwal_bytes = 1048576\n", "");
    let store = folder.path().join("hookgate.db");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 0, 10).status, 200);
    let reader = Connection::open(&store).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    for id in 1..200 {
        assert_eq!(post(&gateway, id, 20_000).status, 200);
    }
    assert!(length(&store, "-wal") > 3 * MIB, "{}", length(&store, "-wal"));
    gateway.wait_for_log("a reader of the store keeps its write-ahead log from restarting");
    drop(reader);
    let mut id = 200;
    let until = Instant::now() + Duration::from_secs(10);
    while length(&store, "-wal") > 2 * MIB {
        assert!(Instant::now() < until, "{}", length(&store, "-wal"));
        assert_eq!(post(&gateway, id, 20_000).status, 200);
        id += 1;
    }
    assert_eq!(ids(&store), (0..id).collect::<Vec<_>>());
}

/// Uses all free space of a disk.
fn fill_free_space(disk: &Disk) -> std::path::PathBuf {
    let file = tempfile::Builder::new().prefix("neighbour").tempfile_in(disk.path()).unwrap();
    let (mut file, path) = file.keep().unwrap();
    for piece in [vec![7; 65_536], vec![7; 4096]] {
        while file.write_all(&piece).is_ok() {}
    }
    path
}

/// Posts events until one is refused.
fn fill(gateway: &Gateway) -> Vec<usize> {
    let mut accepted = Vec::new();
    for id in 0..5000 {
        match post(gateway, id, 20_000).status {
            200 => accepted.push(id),
            503 => return accepted,
            other => panic!("{other}"),
        }
    }
    panic!("5,000 events were accepted");
}

#[test]
fn a_gateway_started_on_a_full_volume_recovers_by_pruning() {
    let Some(disk) = Disk::new("24m") else {
        return;
    };
    let folder = open(&on(&disk, ""), "");
    let store = disk.path().join("hookgate.db");
    let gateway = folder.serve();
    let accepted = fill(&gateway);
    assert!(length(&store, "") > 6 * MIB, "{}", length(&store, ""));
    fill_free_space(&disk);
    // The worst case: the process ends without a checkpoint.
    gateway.kill();
    fill_free_space(&disk);
    let gateway = folder.serve();
    assert_eq!(gateway.get_management("/healthz").status, 200);
    assert_eq!(post(&gateway, 5000, 20_000).status, 503);
    wait_until("still ready", || gateway.get_management("/readyz").status == 503);
    assert_eq!(ids(&store), accepted);
    // Pruning works although the volume stays full.
    folder.settings(&on(&disk, "[retention]\nbytes = 4194304\n"));
    wait_until("no event was pruned", || gateway.get_management("/readyz").status == 200);
    assert_eq!(post(&gateway, 6000, 20_000).status, 200);
    let left = ids(&store);
    assert_eq!(left.last(), Some(&6000));
    assert!(left.len() < accepted.len());
    assert!(gateway.stop().success());
}

#[test]
fn the_reserve_file_is_released_on_a_full_volume_and_created_again() {
    let Some(disk) = Disk::new("24m") else {
        return;
    };
    let folder = open(&on(&disk, ""), "");
    let store = disk.path().join("hookgate.db");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 0, 10).status, 200);
    let reserve = disk.path().join("hookgate.db.reserve");
    let blocks = || std::fs::metadata(&reserve).unwrap().blocks() * 512;
    assert!(blocks() >= MIB, "the reserve file has {} bytes on the disk", blocks());
    // Another process uses all space that becomes free, again and again.
    let (mut accepted, mut neighbours) = (Vec::new(), Vec::new());
    wait_until_mut("the reserve file was not released", || {
        neighbours.push(fill_free_space(&disk));
        let id = neighbours.len();
        if post(&gateway, id, 20_000).status == 200 {
            accepted.push(id);
        }
        blocks() == 0
    });
    gateway.wait_for_log("the reserve file is released");
    neighbours.iter().for_each(|neighbour| std::fs::remove_file(neighbour).unwrap());
    wait_until("the reserve file was not created again", || blocks() >= MIB);
    wait_until("still not ready", || gateway.get_management("/readyz").status == 200);
    assert_eq!(post(&gateway, 7000, 20_000).status, 200);
    let all: Vec<usize> = [0].into_iter().chain(accepted).chain([7000]).collect();
    assert_eq!(ids(&store), all);
    assert!(gateway.stop().success());
}

#[test]
fn a_backup_that_would_fill_the_volume_is_refused_and_leaves_no_file() {
    let Some(disk) = Disk::new("24m") else {
        return;
    };
    let folder = open(&on(&disk, ""), "");
    let gateway = folder.serve();
    for id in 0..500 {
        assert_eq!(post(&gateway, id, 20_000).status, 200);
    }
    let backup = disk.path().join("backup.db");
    let refused = folder.command(&["backup", backup.to_str().unwrap()]);
    let report = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{report}");
    assert!(report.contains("no backup was made"), "{report}");
    assert!(!backup.exists());
    // A backup to another volume succeeds.
    let backup = folder.path().join("backup.db");
    folder.stdout_of(&["backup", backup.to_str().unwrap()]);
    assert_eq!(ids(&backup), (0..500).collect::<Vec<_>>());
    assert_eq!(post(&gateway, 500, 20_000).status, 200);
}

/// Posts an event. Returns true if it was accepted; `None` if the connection broke.
fn try_post(address: SocketAddr, id: usize) -> Option<bool> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let body = serde_json::json!({ "id": id, "text": noise(id, 3000 * (id % 8)) }).to_string();
    let head = format!(
        "POST /webhooks/v1/listeners/{LISTENER}/notify HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.get(9..12)?.to_owned();
    assert!(["200", "503"].contains(&status.as_str()), "{answer}");
    Some(status == "200")
}

/// Returns random numbers, which are the same in each run with the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Runs a gateway on a disk and kills it at some moment, while senders post.
fn run_and_kill(
    folder: &Folder,
    next: &AtomicUsize,
    accepted: &Mutex<BTreeSet<usize>>,
    life: Duration,
) {
    let gateway = folder.serve();
    let (address, over) = (gateway.senders, AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let id = next.fetch_add(1, Ordering::SeqCst);
                    if try_post(address, id) == Some(true) {
                        accepted.lock().unwrap().insert(id);
                    }
                }
            });
        }
        std::thread::sleep(life);
        gateway.kill();
        over.store(true, Ordering::SeqCst);
    });
}

fn killed_on_full_volumes(volumes: usize, kills: usize) {
    let mut numbers = Numbers(env_number("SEED", 12) as u64);
    let mut all = 0;
    for volume in 0..volumes {
        let size = format!("{}k", 2048 + numbers.below(8192));
        let Some(disk) = Disk::new(&size) else {
            return;
        };
        let folder = open(&on(&disk, ""), "");
        let store = disk.path().join("hookgate.db");
        let (next, accepted) = (AtomicUsize::new(0), Mutex::default());
        for kill in 0..kills {
            run_and_kill(
                &folder,
                &next,
                &accepted,
                Duration::from_millis(100 + numbers.below(900)),
            );
            // Before the last kill all free space is used.
            if kill + 2 == kills {
                fill_free_space(&disk);
            }
        }
        disk.remount("size=64m");
        let gateway = folder.serve();
        wait_until("still refuses events", || post(&gateway, 1_000_000, 20_000).status == 200);
        assert!(gateway.stop().success());
        let stored: BTreeSet<usize> = ids(&store).into_iter().collect();
        let accepted = accepted.into_inner().unwrap();
        let lost: Vec<_> = accepted.difference(&stored).collect();
        assert!(
            lost.is_empty(),
            "volume {volume} of {size}: acknowledged events are lost: {lost:?}"
        );
        let connection = Connection::open(&store).unwrap();
        let whole: String =
            connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        all += accepted.len();
    }
    println!("{} kills on full volumes, {all} events, none lost", volumes * kills);
}

#[test]
fn no_acknowledged_event_is_lost_in_a_kill_on_a_full_volume() {
    killed_on_full_volumes(2, 3);
}

#[test]
#[ignore = "takes minutes"]
fn no_acknowledged_event_is_lost_in_a_hundred_kills_on_full_volumes() {
    killed_on_full_volumes(env_number("KILL_VOLUMES", 20), 5);
}

#[test]
fn disk_full_with_a_long_reader_answers_503_and_recovers_when_it_ends() {
    let Some(disk) = Disk::new("12m") else {
        return;
    };
    let folder = open(&on(&disk, ""), "");
    let store = disk.path().join("hookgate.db");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, 0, 10).status, 200);
    let reader = Connection::open(&store).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let accepted = fill(&gateway);
    assert!(accepted.len() > 50, "{}", accepted.len());
    assert_eq!(gateway.get_management("/healthz").status, 200);
    drop(reader);
    wait_until("still refuses events", || post(&gateway, 9000, 20_000).status == 200);
    let stored = ids(&store);
    assert_eq!(stored[1..=accepted.len()], accepted);
    assert_eq!(stored.last(), Some(&9000));
    assert!(gateway.stop().success());
}

#[test]
fn a_sink_on_a_full_volume_writes_whole_lines_only() {
    let Some(disk) = Disk::new("1m") else {
        return;
    };
    let path = disk.path().join("events.jsonl");
    let sink = format!(
        "[[sink]]\nname = \"all\"\ntenant = \"acme\"\npath = \"{}\"\nbytes = 8388608\n",
        path.display()
    );
    let folder = open(&sink, "");
    let gateway = folder.serve();
    for id in 0..80 {
        assert_eq!(post(&gateway, id, 20_000).status, 200);
    }
    wait_until("the sink's volume is not full", || {
        let listed = folder.stdout_of(&["deliveries", "list", "--limit", "100"]);
        listed.contains("No space left on device")
    });
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.ends_with('\n'));
    for line in written.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(gateway.stop().success());
}
