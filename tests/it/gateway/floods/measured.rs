//! The latency of a well-behaved sender beside each flood: run by hand, in a release build.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::catalog::{TENANTS, UNAUTHENTICATED};
use super::refused::HEAVY;
use super::sender::{Flood, Latencies, percentile, run, status};
use super::target::Target;
use super::{OTHER, frames, head, head_to_github, payloads, with_other};
use crate::gateway::running::{env_number, read_response};

/// A flood over one connection at a time, from one address.
const fn one_address(name: &'static str, flood: fn(SocketAddr, &Flood)) -> OneAddress {
    OneAddress { name, listener: "", flood }
}

/// A flood from one address, and additional keys of the listener that accepts any request.
struct OneAddress {
    name: &'static str,
    listener: &'static str,
    flood: fn(SocketAddr, &Flood),
}

const ONE_ADDRESS: &[OneAddress] = &[
    one_address("none", |_, _| {}),
    one_address("silent connections, 10,000", |to, flood| hold_all(to, flood, 10_000, &[])),
    one_address("unfinished heads of 30 KB, 10,000", |to, flood| {
        let filler = "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(60);
        let long = format!("X-Long: {}", "a".repeat(27_000));
        hold_all(to, flood, 10_000, head_to_github(&format!("{filler}{long}")).as_bytes());
    }),
    one_address("slow heads, a byte a second, 2,000", |to, flood| {
        trickle(to, flood, 2000, &head_to_github("X-Slow: "))
    }),
    one_address("slow bodies, a byte a second, 2,000", |to, flood| {
        trickle(to, flood, 2000, &head_to_github("Content-Length: 100000\r\n\r\n"));
    }),
    one_address("unfinished bodies of 1 MiB, 256", |to, flood| {
        let head = head_to_github("Content-Length: 1048576\r\n\r\n");
        let unfinished = [head.into_bytes(), vec![b' '; 1_048_575]].concat();
        workers(256, flood, || send_head(to, flood, &unfinished));
    }),
    one_address("heads of 100 KB, 16 at a time", |to, flood| {
        let head = head_to_github(&format!("X-Long: {}\r\n\r\n", "a".repeat(100_000)));
        workers(16, flood, || send_head(to, flood, head.as_bytes()));
    }),
    one_address("endless chunked bodies, 64 at a time", |to, flood| {
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
        let head = head_to_github("Transfer-Encoding: chunked\r\n\r\n");
        workers(64, flood, || endless(to, flood, head.as_bytes(), chunk.as_bytes()));
    }),
    one_address("gzip bombs (1 MB for 1 GB), 16 at a time", |to, flood| {
        let bomb = payloads::bomb();
        workers(16, flood, || {
            send_request(to, flood, head_to_github, "Content-Encoding: gzip\r\n", &bomb);
        });
    }),
    one_address("empty deflate blocks of 1 MB, 16 at a time", |to, flood| {
        let blocks = payloads::empty_blocks(1_000_000);
        workers(16, flood, || {
            send_request(to, flood, head_to_github, "Content-Encoding: gzip\r\n", &blocks);
        });
    }),
    one_address("forms of 250,000 fields, 16 at a time", |to, flood| {
        let form = vec!["a=1"; 250_000].join("&").into_bytes();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        workers(16, flood, || send_request(to, flood, head_to_github, kind, &form));
    }),
    one_address("JSON nested a million deep, 16 at a time", |to, flood| {
        let deep = payloads::deep();
        workers(16, flood, || send_request(to, flood, head_to_github, JSON, &deep));
    }),
    one_address("25,000 colliding keys in JSON, 16 at a time", |to, flood| {
        let object = payloads::colliding_object();
        workers(16, flood, || send_request(to, flood, head_to_github, JSON, &object));
    }),
    one_address("10,000 colliding keys in a form, 16 at a time", |to, flood| {
        let form = payloads::colliding_form(10_000);
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        workers(16, flood, || send_request(to, flood, head_to_github, kind, &form));
    }),
    one_address("forged signatures, 64 at a time", |to, flood| {
        let forged = format!("{JSON}X-Hub-Signature-256: sha256={}\r\n", "00".repeat(32));
        let body = vec![b'1'; 8000];
        workers(64, flood, || send_request(to, flood, head_to_github, &forged, &body));
    }),
    one_address("HTTP/2 rapid reset, 16 connections", |to, flood| {
        workers(16, flood, || {
            let took = frames::connect(to)
                .map(|mut stream| frames::reset_rapidly(&mut stream, u32::MAX / 4));
            flood.count(if took.is_some() { "closed" } else { "no connection" });
        });
    }),
    one_address("HTTP/2 endless headers, 16 connections", |to, flood| {
        workers(16, flood, || {
            let took = frames::connect(to)
                .map(|mut stream| frames::continue_headers(&mut stream, usize::MAX));
            flood.count(if took.is_some() { "closed" } else { "no connection" });
        });
    }),
    one_address("HTTP/2 stalled bodies of 1 MB, 500 connections", |to, flood| {
        workers(500, flood, || {
            let Some(mut stream) = frames::connect(to) else {
                return flood.count("no connection");
            };
            let _ = stream.set_write_timeout(Some(Duration::from_secs(20)));
            flood.count(if frames::stall(&mut stream, 1_000_000) { "accepted" } else { "closed" });
            let until = Instant::now() + Duration::from_secs(5);
            while flood.is_running() && Instant::now() < until {
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
                send_request(to, flood, head_to_other, "Content-Type: text/plain\r\n", &body)
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
        let flood = |target: &Target, flood: &Flood| (kind.flood)(target.senders, flood);
        table.measure(kind.name, kind.listener, |_, _| {}, flood, !kind.listener.is_empty());
    }
    for kind in
        [UNAUTHENTICATED, TENANTS].concat().iter().filter(|kind| kind.name.contains(&wanted))
    {
        table.measure(kind.name, kind.listener, kind.prepare, kind.flood, kind.accepted);
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
        prepare: impl Fn(&Target, &Flood),
        flood: impl Fn(&Target, &Flood) + Sync,
        accepted: bool,
    ) {
        let time = Duration::from_secs(env_number("FLOOD_SECONDS", 15) as u64);
        let (target, gateway) = Target::new(listener);
        let state = Flood::default();
        prepare(&target, &state);
        let latencies = run(target.senders, &state, Some(time), |state| flood(&target, state));
        let (missing, lags) = target.delivered(&latencies, Duration::from_secs(60));
        let peak = gateway.peak_mib();
        let lag = percentile(&lags, 99).as_secs_f64() * 1000.0;
        println!("{} {lag:.1} | {peak} |", row(name, &state, &latencies));
        self.peak = self.peak.max(peak);
        let p99 = latencies.percentile(99);
        if name == "none" {
            self.alone = p99;
        }
        let most = (self.alone * 10).max(Duration::from_millis(100));
        for (fault, report) in [
            (!latencies.lost.is_empty(), format!("lost {:?}", latencies.lost)),
            (!missing.is_empty(), format!("not delivered: {missing:?}")),
            (p99 > most, format!("p99 {p99:?}, more than {most:?}")),
            (peak >= MEMORY, format!("{peak} MiB")),
            (state.statuses().contains(&500), format!("answered 500: {}", state.summary())),
            (!accepted && state.statuses().contains(&200), format!("taken: {}", state.summary())),
        ] {
            if fault {
                self.faults.push(format!("{name}: {report}"));
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

impl Target {
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
        flood.summary(),
        latencies.lost.len(),
        latencies.took.len(),
        millis(latencies.percentile(50)),
        millis(latencies.percentile(99)),
        millis(latencies.percentile(100)),
    )
}

/// Repeats an action, with this number of concurrent clients.
fn workers(number: usize, flood: &Flood, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..number {
            scope.spawn(|| {
                while flood.is_running() {
                    work();
                }
            });
        }
    });
}

/// Sends a head and waits for the end of the connection.
fn send_head(to: SocketAddr, flood: &Flood, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(to) else {
        flood.count("no connection");
        return std::thread::sleep(Duration::from_millis(100));
    };
    let _ = stream.set_write_timeout(Some(Duration::from_secs(40)));
    let _ = stream.write_all(bytes);
    flood.count(&status(&stream));
}

/// Sends a whole request.
fn send_request(
    to: SocketAddr,
    flood: &Flood,
    head: fn(&str) -> String,
    headers: &str,
    body: &[u8],
) {
    let head = head(&format!("{headers}Content-Length: {}\r\n\r\n", body.len()));
    send_head(to, flood, &[head.as_bytes(), body].concat());
}

/// Sends a head and then bytes as long as they are accepted.
fn endless(to: SocketAddr, flood: &Flood, head: &[u8], more: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(to) else {
        return flood.count("no connection");
    };
    let _ = stream.set_write_timeout(Some(Duration::from_secs(40)));
    let _ = stream.write_all(head);
    while flood.is_running() && stream.write_all(more).is_ok() {}
    flood.count(&status(&stream));
}

/// Holds this number of connections, opened by several threads at a time: they may be silent for
/// ten seconds.
fn hold_all(to: SocketAddr, flood: &Flood, number: usize, begins: &[u8]) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| hold_open(to, flood, number / 8, begins));
        }
    });
}

/// Opens connections, each with some bytes, up to this number.
fn connect(held: &mut Vec<TcpStream>, to: SocketAddr, flood: &Flood, number: usize, begins: &[u8]) {
    while held.len() < number && flood.is_running() {
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
fn hold_open(to: SocketAddr, flood: &Flood, number: usize, begins: &[u8]) {
    let mut held: Vec<TcpStream> = Vec::new();
    while flood.is_running() {
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
    while flood.is_running() {
        connect(&mut held, to, flood, number, begins.as_bytes());
        let next = Instant::now() + Duration::from_secs(1);
        held.retain_mut(|stream| {
            let open = stream.write_all(b"a").is_ok();
            if !open {
                flood.count("ended");
            }
            open
        });
        while Instant::now() < next && flood.is_running() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    flood.count_many("held at the end", held.len());
}

/// Posts `FLOOD_KEYS` events with one key each, over 32 persistent connections.
#[test]
#[ignore = "measures, and takes minutes"]
fn measure_latency_beside_a_million_deduplication_keys() {
    let keys = env_number("FLOOD_KEYS", 1_000_000);
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
    println!("{}{} |", row(&format!("{keys} keys"), &flood, &latencies), gateway.peak_mib());
    println!("{rate:.0} a second");
    assert_eq!(flood.statuses(), [200]);
    // The first and the last key are found.
    let mut stream = TcpStream::connect(address).unwrap();
    for at in 0..1000 {
        assert_eq!(keep_alive(&mut stream, at * (keys / 1000)), "200");
    }
    let metrics = gateway.get_management("/metrics");
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
    read_response(stream.try_clone().unwrap()).status.to_string()
}
