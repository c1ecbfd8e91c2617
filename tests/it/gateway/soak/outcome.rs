//! The results of a soak test, and their checks.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::senders::Senders;
use super::watch::Watch;
use crate::gateway::endpoint::Endpoint;
use crate::gateway::faults;
use crate::gateway::floods::sender::{Flood, percentile};
use crate::gateway::running::Gateway;

#[derive(Default)]
pub(super) struct Outcome {
    pub(super) kills: usize,
    pub(super) reloads: usize,
    pub(super) bad_reloads: usize,
    pub(super) stops: usize,
    /// Deliveries to each receiver, and the number of repeats.
    got: Vec<(usize, usize)>,
    ended_after: Duration,
    stored: usize,
}

impl Outcome {
    /// Waits until each acknowledged event was delivered to both receivers.
    pub(super) fn delivered(&mut self, senders: &Senders, receivers: [&Endpoint; 2]) {
        let acknowledged = senders.acknowledged();
        let until = Instant::now() + Duration::from_secs(120);
        for receiver in receivers {
            loop {
                let received = receiver.received();
                let ids: BTreeSet<usize> = received.iter().map(|one| event(&one.body)).collect();
                let missing: Vec<_> = acknowledged.difference(&ids).take(10).collect();
                if missing.is_empty() {
                    same_id_same_body(receiver);
                    self.got.push((received.len(), received.len() - ids.len()));
                    break;
                }
                assert!(
                    Instant::now() < until,
                    "acknowledged events are not delivered: {missing:?}"
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }

    /// Stops the gateway while the flood continues.
    pub(super) fn stopped(&mut self, gateway: Gateway) {
        let began = Instant::now();
        assert!(gateway.stop().success());
        self.ended_after = began.elapsed();
    }

    /// Asserts that each acknowledged event is stored once.
    pub(super) fn stored(&mut self, senders: &Senders, store: &Path) {
        let events = faults::events(store);
        let good = events.iter().filter(|event| event.event_type == "issues");
        let ids: Vec<usize> = good.map(|event| data_id(event.data.as_deref().unwrap())).collect();
        let once: BTreeSet<usize> = ids.iter().copied().collect();
        assert_eq!(ids.len(), once.len(), "an event is stored twice");
        let missing: Vec<usize> = senders.acknowledged().difference(&once).copied().collect();
        assert!(missing.is_empty(), "acknowledged events are not stored: {missing:?}");
        self.stored = once.len();
        let connection = rusqlite::Connection::open(store).unwrap();
        let whole: String =
            connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }

    pub(super) fn print(&self, time: Duration, senders: &Senders, flood: &Flood, watch: &Watch) {
        let took = senders.took();
        let millis = |percent| percentile(&took, percent).as_secs_f64() * 1000.0;
        let (disk, log) = watch.disk();
        let (early, late) = watch.growth();
        println!("| soak | |\n|---|---|");
        for (what, figure) in [
            ("duration", format!("{} s", time.as_secs())),
            ("events acknowledged", senders.acknowledged().len().to_string()),
            ("events stored", self.stored.to_string()),
            ("deliveries, of which repeats", format!("{:?}", self.got)),
            ("answers other than 200, sent again", senders.refused()),
            (
                "latency p50, p99, most",
                format!("{:.1}, {:.1}, {:.1} ms", millis(50), millis(99), millis(100)),
            ),
            ("kills, stops of 2 s", format!("{}, {}", self.kills, self.stops)),
            ("reloads, refused reloads", format!("{}, {}", self.reloads, self.bad_reloads)),
            (
                "memory after warm-up, later, peak",
                format!("{early}, {late}, {} MiB", watch.peak_mib()),
            ),
            ("disk at most, write-ahead log", format!("{disk}, {log} MiB")),
            ("end after SIGTERM", format!("{:.1} s", self.ended_after.as_secs_f64())),
            ("hostile sessions", flood.summary()),
        ] {
            println!("| {what} | {figure} |");
        }
    }

    /// Asserts the bounds of memory, disk usage and shutdown time.
    pub(super) fn assert_bounds(&self, watch: &Watch, stored_mib: u64) {
        let (early, late) = watch.growth();
        assert!(late <= early + early / 2 + 64, "memory grew from {early} to {late} MiB");
        assert!(watch.peak_mib() < 512, "{} MiB", watch.peak_mib());
        let (disk, _) = watch.disk();
        assert!(disk <= stored_mib, "{disk} MiB on the disk, of {stored_mib}");
        assert!(self.ended_after < Duration::from_secs(40), "{:?}", self.ended_after);
    }
}

/// Returns the id of the event of a delivery.
fn event(body: &[u8]) -> usize {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    usize::try_from(body["data"]["id"].as_u64().unwrap()).unwrap()
}

fn data_id(data: &str) -> usize {
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    usize::try_from(data["id"].as_u64().unwrap()).unwrap()
}

/// Asserts that repeats of a delivery have one id, and no two events share an id.
fn same_id_same_body(receiver: &Endpoint) {
    let mut ids = std::collections::BTreeMap::new();
    for one in receiver.received() {
        let event = event(&one.body);
        assert_eq!(*ids.entry(one.id.clone()).or_insert(event), event, "{}", one.id);
    }
}
