//! What a gateway promises though it is killed: nothing that it took is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::receiver::{Does, Receiver};
use super::running::LISTENER;
use super::subscribed::Subscribed;

/// How much is done; more by `KILL_EVENTS` and `KILL_TIMES`.
fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Posts an event; whether it was taken is known only by the answer.
fn post(address: SocketAddr, id: usize) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let body = json!({ "type": "thing.made", "id": id }).to_string();
    let head = format!(
        "POST /webhooks/v1/listeners/{LISTENER}/notify HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(())
}

#[test]
fn every_event_that_was_taken_is_delivered_though_the_gateway_is_killed_again_and_again() {
    let (events, kills) = (setting("KILL_EVENTS", 400), setting("KILL_TIMES", 6));
    let subscribed = Subscribed::new("rate = 10000\n");
    let receivers = [
        Receiver::new(|_, _| Does::Waits(Duration::from_millis(2), 200)),
        Receiver::new(|number, _| Does::Answers(if number % 7 == 3 { 500 } else { 200 }, "", "")),
    ];
    let mut gateway = subscribed.serve();
    for receiver in &receivers {
        let handling =
            json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    let address = Arc::new(Mutex::new(Some(gateway.senders)));
    let (next, taken) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<BTreeSet<usize>>>::default());
    // Events come as long as it is killed, and at least so many.
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (address, next) = (Arc::clone(&address), Arc::clone(&next));
            let (taken, over) = (Arc::clone(&taken), Arc::clone(&over));
            std::thread::spawn(move || {
                loop {
                    let id = next.fetch_add(1, Ordering::SeqCst);
                    if id >= events && over.load(Ordering::SeqCst) {
                        return;
                    }
                    // As providers do: until there is an answer that says yes.
                    loop {
                        let to = *address.lock().unwrap();
                        if to.is_some_and(|to| post(to, id).is_some()) {
                            taken.lock().unwrap().insert(id);
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            })
        })
        .collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut killed = 0;
    while killed < kills {
        // Not while nothing goes on: each kill comes at some moment of the work.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 200));
        *address.lock().unwrap() = None;
        gateway.kill();
        killed += 1;
        gateway = subscribed.serve();
        *address.lock().unwrap() = Some(gateway.senders);
    }
    over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.join().unwrap();
    }
    let taken = taken.lock().unwrap().clone();
    assert!(taken.len() >= events);
    for receiver in &receivers {
        let until = Instant::now() + Duration::from_secs(60);
        let ids = || -> BTreeSet<usize> {
            let got = receiver.got();
            got.iter().map(|one| one.json()["data"]["id"].as_u64().unwrap() as usize).collect()
        };
        while !taken.is_subset(&ids()) {
            let missing: Vec<_> = taken.difference(&ids()).copied().take(10).collect();
            assert!(Instant::now() < until, "not delivered: {missing:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        repeats(&receiver.got(), kills);
    }
    println!("{events} events, {killed} kills, none lost");
}

/// What came more than once has the same id and the same body, and is no more than what was in
/// flight when it was killed, and what failed.
fn repeats(got: &[super::receiver::Got], kills: usize) {
    let mut seen: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for one in got {
        let id = one.header("webhook-id").unwrap();
        let entry = seen.entry(id).or_insert((&one.body, 0));
        assert_eq!(entry.0, one.body);
        entry.1 += 1;
    }
    let repeats: usize = seen.values().map(|(_, times)| times - 1).sum();
    let failed = got.len() / 7 + 1;
    assert!(repeats <= kills * 8 + failed, "{repeats} repeats of {}", got.len());
}
