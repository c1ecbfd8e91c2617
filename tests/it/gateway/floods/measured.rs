//! The latency of a well-behaved sender beside each flood: run by hand, in a release build.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::beside::{Flood, Latencies, of_hundred, run, status};
use super::catalog::{STRANGERS, TENANTS};
use super::refused::HEAVY;
use super::stage::Stage;
use super::{OTHER, frames, head, head_to_github, kinds, with_other};
use crate::gateway::running::{answer, setting};

/// A flood over one connection at a time, from one address.
const fn of(name: &'static str, flood: fn(SocketAddr, &Flood)) -> OneAddress {
    OneAddress { name, listener: "", flood }
}

/// A flood from one address, and additional keys of the listener that accepts any request.
struct OneAddress {
    name: &'static str,
    listener: &'static str,
    flood: fn(SocketAddr, &Flood),
}

const ONE_ADDRESS: &[OneAddress] = &[
    of("none", |_, _| {}),
    of("silent connections, 10,000", |to, flood| hold_all(to, flood, 10_000, &[])),
    of("unfinished heads of 30 KB, 10,000", |to, flood| {
        let filler = "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(60);
        let long = format!("X-Long: {}", "a".repeat(27_000));
        hold_all(to, flood, 10_000, head_to_github(&format!("{filler}{long}")).as_bytes());
    }),
    of("slow heads, a byte a second, 2,000", |to, flood| {
        trickle(to, flood, 2000, &head_to_github("X-Slow: "))
    }),
    of("slow bodies, a byte a second, 2,000", |to, flood| {
        trickle(to, flood, 2000, &head_to_github("Content-Length: 100000\r\n\r\n"));
    }),
    of("unfinished bodies of 1 MiB, 256", |to, flood| {
        let head = head_to_github("Content-Length: 1048576\r\n\r\n");
        let unfinished = [head.into_bytes(), vec![b' '; 1_048_575]].concat();
        workers(256, flood, || once(to, flood, &unfinished));
    }),
    of("heads of 100 KB, 16 at a time", |to, flood| {
        let head = head_to_github(&format!("X-Long: {}\r\n\r\n", "a".repeat(100_000)));
        workers(16, flood, || once(to, flood, head.as_bytes()));
    }),
    of("endless chunked bodies, 64 at a time", |to, flood| {
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
        let head = head_to_github("Transfer-Encoding: chunked\r\n\r\n");
        workers(64, flood, || endless(to, flood, head.as_bytes(), chunk.as_bytes()));
    }),
    of("gzip bombs (1 MB for 1 GB), 16 at a time", |to, flood| {
        let bomb = kinds::bomb();
        workers(16, flood, || {
            whole(to, flood, head_to_github, "Content-Encoding: gzip\r\n", &bomb);
        });
    }),
    of("empty deflate blocks of 1 MB, 16 at a time", |to, flood| {
        let blocks = kinds::empty_blocks(1_000_000);
        workers(16, flood, || {
            whole(to, flood, head_to_github, "Content-Encoding: gzip\r\n", &blocks);
        });
    }),
    of("forms of 250,000 fields, 16 at a time", |to, flood| {
        let form = vec!["a=1"; 250_000].join("&").into_bytes();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        workers(16, flood, || whole(to, flood, head_to_github, kind, &form));
    }),
    of("JSON nested a million deep, 16 at a time", |to, flood| {
        let deep = kinds::deep();
        workers(16, flood, || whole(to, flood, head_to_github, JSON, &deep));
    }),
    of("25,000 colliding keys in JSON, 16 at a time", |to, flood| {
        let object = kinds::colliding_object();
        workers(16, flood, || whole(to, flood, head_to_github, JSON, &object));
    }),
    of("10,000 colliding keys in a form, 16 at a time", |to, flood| {
        let form = kinds::colliding_form(10_000);
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        workers(16, flood, || whole(to, flood, head_to_github, kind, &form));
    }),
    of("forged signatures, 64 at a time", |to, flood| {
        let forged = format!("{JSON}X-Hub-Signature-256: sha256={}\r\n", "00".repeat(32));
        let body = vec![b'1'; 8000];
        workers(64, flood, || whole(to, flood, head_to_github, &forged, &body));
    }),
    of("HTTP/2 rapid reset, 16 connections", |to, flood| {
        workers(16, flood, || {
            let took = frames::connect(to)
                .map(|mut stream| frames::reset_rapidly(&mut stream, u32::MAX / 4));
            flood.count(if took.is_some() { "closed" } else { "no connection" });
        });
    }),
    of("HTTP/2 endless headers, 16 connections", |to, flood| {
        workers(16, flood, || {
            let took = frames::connect(to)
                .map(|mut stream| frames::continue_headers(&mut stream, usize::MAX));
            flood.count(if took.is_some() { "closed" } else { "no connection" });
        });
    }),
    of("HTTP/2 stalled bodies of 1 MB, 500 connections", |to, flood| {
        workers(500, flood, || {
            let Some(mut stream) = frames::connect(to) else {
                return flood.count("no connection");
            };
            let _ = stream.set_write_timeout(Some(Duration::from_secs(20)));
            flood.count(if frames::stall(&mut stream, 1_000_000) { "accepted" } else { "closed" });
            let until = Instant::now() + Duration::from_secs(5);
            while flood.goes_on() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
    }),
    OneAddress {
        name: "a rule at its step limit, 1 MB each, 16 at a time",
        listener: HEAVY,
        flood: |to, flood| {
            let body = vec![b'a'; 1_000_000];
            workers(16, flood, || {
                whole(to, flood, head_to_other, "Content-Type: text/plain\r\n", &body)
            });
        },
    },
];

const JSON: &str = "Content-Type: application/json\r\n";

fn head_to_other(headers: &str) -> String {
    head(OTHER, headers)
}

/// `FLOOD_SECONDS` each; only floods with `FLOOD` in their name, and first the sender alone.
#[test]
#[ignore = "measures, and takes minutes"]
fn measure_floods_beside_a_well_behaved_sender() {
    let wanted = std::env::var("FLOOD").unwrap_or_default();
    println!("{HEADINGS}");
    let mut table = Table::default();
    table.measure("none", "", |_, _| {}, |_, _| {}, false);
    for kind in ONE_ADDRESS.iter().filter(|kind| kind.name.contains(&wanted)) {
        let flood = |stage: &Stage, flood: &Flood| (kind.flood)(stage.senders, flood);
        table.measure(kind.name, kind.listener, |_, _| {}, flood, !kind.listener.is_empty());
    }
    for kind in [STRANGERS, TENANTS].concat().iter().filter(|kind| kind.name.contains(&wanted)) {
        table.measure(kind.name, kind.listener, kind.prepare, kind.flood, kind.taken);
    }
    println!("peak of all: {} MiB", table.peak);
    assert!(table.faults.is_empty(), "{:#?}", table.faults);
}

const HEADINGS: &str = "| flood | what it was answered | lost | p50 ms | p99 ms | most ms | \
    delivered p99 ms | peak MiB |\n|---|---|---|---|---|---|---|---|";

/// The measured values, and the failed expectations.
#[derive(Default)]
struct Table {
    /// The p99 of the sender without a flood.
    alone: Duration,
    peak: u64,
    faults: Vec<String>,
}

impl Table {
    fn measure(
        &mut self,
        name: &str,
        listener: &str,
        prepare: impl Fn(&Stage, &Flood),
        flood: impl Fn(&Stage, &Flood) + Sync,
        taken: bool,
    ) {
        let time = Duration::from_secs(setting("FLOOD_SECONDS", 15) as u64);
        let (stage, gateway) = Stage::new(listener);
        let state = Flood::default();
        prepare(&stage, &state);
        let latencies = run(stage.senders, &state, Some(time), |state| flood(&stage, state));
        let (missing, lags) = stage.delivered(&latencies, Duration::from_secs(60));
        let peak = gateway.peak();
        let lag = of_hundred(&lags, 99).as_secs_f64() * 1000.0;
        println!("{} {lag:.1} | {peak} |", row(name, &state, &latencies));
        self.peak = self.peak.max(peak);
        let p99 = latencies.percent(99);
        if name == "none" {
            self.alone = p99;
        }
        let most = (self.alone * 10).max(Duration::from_millis(100));
        for (fault, told) in [
            (!latencies.lost.is_empty(), format!("lost {:?}", latencies.lost)),
            (!missing.is_empty(), format!("not delivered: {missing:?}")),
            (p99 > most, format!("p99 {p99:?}, more than {most:?}")),
            (peak >= MEMORY, format!("{peak} MiB")),
            (state.statuses().contains(&500), format!("answered 500: {}", state.told())),
            (!taken && state.statuses().contains(&200), format!("taken: {}", state.told())),
        ] {
            if fault {
                self.faults.push(format!("{name}: {told}"));
            }
        }
        let began = Instant::now();
        if !gateway.stop().success() || began.elapsed() > Duration::from_secs(40) {
            self.faults.push(format!("{name}: it ended after {:?}", began.elapsed()));
        }
    }
}

/// The memory limit of the gateway in MiB, with the default limits, under any flood.
pub(super) const MEMORY: u64 = 512;

impl Stage {
    /// The undelivered events of the sender after some time, and the delivery latency of the
    /// others.
    pub(super) fn delivered(
        &self,
        latencies: &Latencies,
        time: Duration,
    ) -> (Vec<usize>, Vec<Duration>) {
        let until = Instant::now() + time;
        loop {
            let (missing, lags) = latencies.delivered(&self.receiver.received());
            let lost = |id: &usize| latencies.lost.iter().any(|(lost, _)| lost == id);
            let missing: Vec<usize> = missing.into_iter().filter(|id| !lost(id)).collect();
            if missing.is_empty() || Instant::now() > until {
                return (missing, lags);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn row(name: &str, flood: &Flood, latencies: &Latencies) -> String {
    let millis = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    format!(
        "| {name} | {} | {} of {} | {} | {} | {} |",
        flood.told(),
        latencies.lost.len(),
        latencies.took.len(),
        millis(latencies.percent(50)),
        millis(latencies.percent(99)),
        millis(latencies.percent(100)),
    )
}

/// Repeats an action, with this number of concurrent clients.
fn workers(number: usize, flood: &Flood, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..number {
            scope.spawn(|| {
                while flood.goes_on() {
                    work();
                }
            });
        }
    });
}

/// Sends a head and waits for the end of the connection.
fn once(to: SocketAddr, flood: &Flood, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(to) else {
        flood.count("no connection");
        return std::thread::sleep(Duration::from_millis(100));
    };
    let _ = stream.set_write_timeout(Some(Duration::from_secs(40)));
    let _ = stream.write_all(bytes);
    flood.count(&status(&stream));
}

/// Sends a whole request.
fn whole(to: SocketAddr, flood: &Flood, head: fn(&str) -> String, headers: &str, body: &[u8]) {
    let head = head(&format!("{headers}Content-Length: {}\r\n\r\n", body.len()));
    once(to, flood, &[head.as_bytes(), body].concat());
}

/// Sends a head and then bytes as long as they are accepted.
fn endless(to: SocketAddr, flood: &Flood, head: &[u8], more: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(to) else {
        return flood.count("no connection");
    };
    let _ = stream.set_write_timeout(Some(Duration::from_secs(40)));
    let _ = stream.write_all(head);
    while flood.goes_on() && stream.write_all(more).is_ok() {}
    flood.count(&status(&stream));
}

/// Holds this number of connections, opened by several threads at a time: they may be silent for
/// ten seconds.
fn hold_all(to: SocketAddr, flood: &Flood, number: usize, begins: &[u8]) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| hold(to, flood, number / 8, begins));
        }
    });
}

/// Opens connections, each with some bytes, up to this number.
fn connect(held: &mut Vec<TcpStream>, to: SocketAddr, flood: &Flood, number: usize, begins: &[u8]) {
    while held.len() < number && flood.goes_on() {
        let Ok(mut stream) = TcpStream::connect(to) else {
            flood.count("no connection");
            return;
        };
        if stream.write_all(begins).is_err() {
            flood.count("closed");
        }
        held.push(stream);
    }
}

/// Holds this number of connections with some bytes, and replaces those that end.
fn hold(to: SocketAddr, flood: &Flood, number: usize, begins: &[u8]) {
    let mut held: Vec<TcpStream> = Vec::new();
    while flood.goes_on() {
        connect(&mut held, to, flood, number, begins);
        held.retain(|stream| {
            stream.set_nonblocking(true).unwrap();
            let open = matches!(stream.peek(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
            if !open {
                flood.count("ended");
            }
            open
        });
        std::thread::sleep(Duration::from_millis(100));
    }
    flood.count_many("held at the end", held.len());
}

/// Sends a head on each of the connections, and then one byte a second.
fn trickle(to: SocketAddr, flood: &Flood, number: usize, begins: &str) {
    let mut held: Vec<TcpStream> = Vec::new();
    while flood.goes_on() {
        connect(&mut held, to, flood, number, begins.as_bytes());
        let next = Instant::now() + Duration::from_secs(1);
        held.retain_mut(|stream| {
            let open = stream.write_all(b"a").is_ok();
            if !open {
                flood.count("ended");
            }
            open
        });
        while Instant::now() < next && flood.goes_on() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    flood.count_many("held at the end", held.len());
}

/// Posts `FLOOD_KEYS` events with one key each, over 32 persistent connections.
#[test]
#[ignore = "measures, and takes minutes"]
fn measure_latency_beside_a_million_deduplication_keys() {
    let keys = setting("FLOOD_KEYS", 1_000_000);
    let keyed = "\n[deduplicate]\nkeys = ['parsed_body.key']\nwindow = \"24h\"\n";
    let (folder, gateway) = with_other("[log]\nlevel = \"error\"\n", keyed);
    let (address, next) = (gateway.senders, AtomicUsize::new(0));
    let began = Instant::now();
    let flood = Flood::default();
    let latencies = run(address, &flood, None, |flood| {
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    loop {
                        let key = next.fetch_add(1, Ordering::SeqCst);
                        if key >= keys {
                            return;
                        }
                        flood.count(&keep_alive(&mut stream, key));
                    }
                });
            }
        });
    });
    let rate = keys as f64 / began.elapsed().as_secs_f64();
    println!("{}{} |", row(&format!("{keys} keys"), &flood, &latencies), gateway.peak());
    println!("{rate:.0} a second");
    assert_eq!(flood.statuses(), [200]);
    // The first and the last key are found.
    let mut stream = TcpStream::connect(address).unwrap();
    for at in 0..1000 {
        assert_eq!(keep_alive(&mut stream, at * (keys / 1000)), "200");
    }
    let metrics = gateway.manage("/metrics");
    let repeats = "hookgate_requests_total{listener=\"Other\",outcome=\"duplicate\"} 1000";
    assert!(metrics.text().contains(repeats), "{}", metrics.text());
    assert!(gateway.stop().success());
    let store = folder.path().join("hookgate.db");
    println!("{} MiB on disk", std::fs::metadata(store).unwrap().len() >> 20);
}

/// Posts an event with a key over a persistent connection. Returns the status.
fn keep_alive(stream: &mut TcpStream, key: usize) -> String {
    let body = format!("{{\"key\":\"{key}\"}}");
    let head = head_to_other(&format!("{JSON}Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    answer(stream.try_clone().unwrap()).status.to_string()
}
