//! A process that is paused by SIGSTOP, a debugger or a virtual machine: every timer and lease is
//! late when it resumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::gateway::receiver::{Reaction, ReceivedRequest, Receiver};
use crate::gateway::running::{
    Answer, Gateway, LISTENER, SECRET, SIGNATURE, SIGNED_TIME, env_number, exchange, hookgate_hmac,
};
use crate::gateway::subscribed::Subscribed;

/// The tolerance of signed times, in seconds, and deduplication.
const TOLERANCE: &str = r#"tolerance = 5

[deduplicate]
keys = ['parsed_body.id']
window = "1h"
"#;

#[test]
fn a_gateway_paused_by_sigstop_loses_no_event_and_resumes() {
    run_with_pause(Duration::from_secs(10));
}

#[test]
#[ignore = "takes a minute and more"]
fn a_gateway_paused_by_sigstop_for_a_minute_loses_no_event_and_resumes() {
    run_with_pause(Duration::from_secs(env_number("STOP_SECONDS", 60) as u64));
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Posts an event that is signed at a time.
fn post(gateway: &Gateway, id: usize, time: u64) -> Answer {
    let body = json!({ "type": "thing.made", "id": id }).to_string();
    let signature = hookgate_hmac(SECRET, format!("{time}.{body}").as_bytes());
    let time = time.to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Time", time.as_str()),
        ("X-Signature", signature.as_str()),
    ];
    exchange(gateway.senders, "POST", &gateway.path(LISTENER), &headers, body.as_bytes())
}

/// Posts events until the test ends, like a provider: an event without a 200 is signed and sent
/// again. A sender that waits longer than ten seconds for a response pauses meanwhile.
fn send(
    gateway: &Gateway,
    next: &AtomicUsize,
    over: &AtomicBool,
    paused: &AtomicBool,
) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    while !over.load(Ordering::SeqCst) {
        if !paused.load(Ordering::SeqCst) {
            let id = next.fetch_add(1, Ordering::SeqCst);
            while post(gateway, id, seconds()).status != 200 {
                std::thread::sleep(Duration::from_millis(20));
            }
            acknowledged.push(id);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    acknowledged
}

fn run_with_pause(time: Duration) {
    let subscribed = Subscribed::new("rate = 10000\n");
    let file = subscribed.folder.path().join("listeners/open.toml");
    let listener = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{listener}{SIGNATURE}{SIGNED_TIME}{TOLERANCE}")).unwrap();
    let gateway = subscribed.serve();
    // The second receiver has deliveries in flight at all times.
    let receivers = [
        Receiver::healthy(),
        Receiver::new(|_, _| Reaction::Waits(Duration::from_millis(200), 200)),
    ];
    for receiver in &receivers {
        let handling =
            json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    let (next, over, paused) =
        (AtomicUsize::new(0), AtomicBool::new(false), AtomicBool::new(false));
    let acknowledged = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let work =
                || acknowledged.lock().unwrap().extend(send(&gateway, &next, &over, &paused));
            scope.spawn(work);
        }
        std::thread::sleep(Duration::from_secs(2));
        // Signed within the tolerance, and read after it.
        let late = seconds();
        paused.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        gateway.signal("-STOP");
        std::thread::sleep(time);
        gateway.signal("-CONT");
        assert_eq!(post(&gateway, 1_000_000, late).status, 401, "an old signed time is stale");
        assert_eq!(post(&gateway, 1_000_000, seconds()).status, 200);
        paused.store(false, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(1));
        over.store(true, Ordering::SeqCst);
    });
    gateway.wait_for_log("stale: signed ");
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    for receiver in &receivers {
        assert_delivered_with_one_id(receiver, &acknowledged);
    }
    let stop = Instant::now();
    assert!(gateway.stop().success());
    assert!(stop.elapsed() < Duration::from_secs(40), "{:?}", stop.elapsed());
    let store = subscribed.folder.path().join("hookgate.db");
    let stored: Vec<usize> = super::ids(&store);
    let once: BTreeSet<usize> = stored.iter().copied().collect();
    assert_eq!(stored.len(), once.len(), "an event is stored twice");
    assert!(acknowledged.is_subset(&once));
}

/// Returns the id of the event of a delivery.
fn event(delivery: &ReceivedRequest) -> usize {
    delivery.json()["data"]["id"].as_u64().unwrap() as usize
}

/// Asserts that each event was delivered. Only deliveries in flight are repeated, with the same id.
fn assert_delivered_with_one_id(receiver: &Receiver, acknowledged: &BTreeSet<usize>) {
    let mut ids: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    super::wait_until("some deliveries are missing", || {
        let delivered: BTreeSet<usize> = receiver.received().iter().map(event).collect();
        acknowledged.is_subset(&delivered)
    });
    for one in receiver.received() {
        let id = one.header("webhook-id").unwrap().to_owned();
        ids.entry(event(&one)).or_default().push(id);
    }
    let mut repeats = 0;
    for (event, ids) in &ids {
        assert!(
            ids.iter().all(|id| *id == ids[0]),
            "event {event} was delivered with two ids: {ids:?}"
        );
        repeats += ids.len() - 1;
    }
    // The limit of concurrent deliveries to one receiver.
    assert!(repeats <= 8, "{repeats} repeats");
}
