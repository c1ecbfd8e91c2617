//! Durability: an accepted event is not lost in a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::receiver::{Reaction, Receiver};
use super::running::{Gateway, LISTENER, env_number, program};
use super::subscribed::Subscribed;

/// Posts an event. Only the response shows if it was accepted.
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

/// Senders that repeat each event until it gets a 200, like providers.
struct Load {
    /// The address of the gateway, while one runs.
    address: Arc<Mutex<Option<SocketAddr>>>,
    next: Arc<AtomicUsize>,
    accepted: Arc<Mutex<BTreeSet<usize>>>,
    over: Arc<AtomicBool>,
    /// Events are sent until the test ends, and at least this number.
    least: usize,
}

impl Load {
    fn new(address: SocketAddr, least: usize) -> Self {
        Self {
            address: Arc::new(Mutex::new(Some(address))),
            next: Arc::default(),
            accepted: Arc::default(),
            over: Arc::default(),
            least,
        }
    }

    /// Sends while the gateway is killed again and again, and returns the last gateway.
    fn beside_kills(&self, subscribed: &Subscribed, mut gateway: Gateway, kills: usize) -> Gateway {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| self.send());
            }
            let mut moments = Moments(0x9e37_79b9_7f4a_7c15);
            for kill in 0..kills {
                // Only under load, so that each kill interrupts some work.
                std::thread::sleep(Duration::from_millis(20) + moments.within(200));
                *self.address.lock().unwrap() = None;
                gateway.kill();
                if kill % 5 == 4 {
                    kill_while_it_starts(subscribed, &mut moments);
                }
                gateway = subscribed.serve();
                *self.address.lock().unwrap() = Some(gateway.senders);
            }
            self.over.store(true, Ordering::SeqCst);
            gateway
        })
    }

    fn send(&self) {
        loop {
            let id = self.next.fetch_add(1, Ordering::SeqCst);
            if id >= self.least && self.over.load(Ordering::SeqCst) {
                return;
            }
            loop {
                let to = *self.address.lock().unwrap();
                if to.is_some_and(|to| post(to, id).is_some()) {
                    self.accepted.lock().unwrap().insert(id);
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Random durations from a seed.
struct Moments(u64);

impl Moments {
    fn within(&mut self, millis: u64) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % millis)
    }
}

/// Starts a gateway, and kills it at some moment of its start.
fn kill_while_it_starts(subscribed: &Subscribed, moments: &mut Moments) {
    let folder = subscribed.folder.path().to_str().unwrap();
    let mut starting =
        program().args(["serve", "-C", folder]).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(moments.within(60));
    starting.kill().unwrap();
    starting.wait().unwrap();
}

#[test]
fn every_accepted_event_is_delivered_through_repeated_kills() {
    killed(env_number("KILL_EVENTS", 400), env_number("KILL_TIMES", 6));
}

#[test]
#[ignore = "takes minutes"]
fn no_acknowledged_event_is_lost_in_two_hundred_kills_under_load() {
    killed(env_number("KILL_EVENTS", 20_000), env_number("KILL_TIMES", 200));
}

/// Kills between accepting and fan-out, and between fan-out steps: forty subscriptions are more
/// than the share of one event in a step under load.
#[test]
fn fan_out_delivers_each_event_once_to_each_subscription_through_kills() {
    let subscribed = Subscribed::new("rate = 10000\n");
    let receiver = Receiver::healthy();
    let gateway = subscribed.serve();
    // Retries an attempt that a busy machine makes too slow.
    let handling = json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
    for _ in 0..40 {
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    let load = Load::new(gateway.senders, 20);
    let gateway = load.beside_kills(&subscribed, gateway, env_number("KILL_TIMES", 6));
    let accepted = load.accepted.lock().unwrap().clone();
    assert_all_delivered(&receiver, &accepted);
    fanned_out_once(&subscribed, gateway, 40);
}

fn killed(events: usize, kills: usize) {
    let subscribed = Subscribed::new("rate = 10000\n");
    let file = subscribed.folder.path().join("listeners/open.toml");
    let listener = std::fs::read_to_string(&file).unwrap();
    // An event whose response was lost is sent again, and deduplicated.
    let keyed = "\n[deduplicate]\nkeys = ['parsed_body.id']\nwindow = \"24h\"\n";
    std::fs::write(&file, format!("{listener}{keyed}")).unwrap();
    let receivers = [
        Receiver::new(|_, _| Reaction::Waits(Duration::from_millis(2), 200)),
        Receiver::new(|number, _| {
            Reaction::Answers(if number % 7 == 3 { 500 } else { 200 }, "", "")
        }),
    ];
    let gateway = subscribed.serve();
    for receiver in &receivers {
        let handling =
            json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    let load = Load::new(gateway.senders, events);
    let gateway = load.beside_kills(&subscribed, gateway, kills);
    let accepted = load.accepted.lock().unwrap().clone();
    assert!(accepted.len() >= events);
    for receiver in &receivers {
        assert_all_delivered(receiver, &accepted);
        repeats(&receiver.received(), kills);
    }
    stored_once(&subscribed, gateway, &accepted);
    println!("{kills} kills, {} events, each stored once and delivered to both", accepted.len());
}

fn assert_all_delivered(receiver: &Receiver, accepted: &BTreeSet<usize>) {
    let until = Instant::now() + Duration::from_secs(120);
    let ids = || -> BTreeSet<usize> {
        let got = receiver.received();
        got.iter().map(|one| one.json()["data"]["id"].as_u64().unwrap() as usize).collect()
    };
    loop {
        let delivered = ids();
        if accepted.is_subset(&delivered) {
            return;
        }
        let missing: Vec<_> = accepted.difference(&delivered).copied().take(10).collect();
        assert!(Instant::now() < until, "not delivered: {missing:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Asserts that the store has each accepted event once, and is consistent.
fn stored_once(subscribed: &Subscribed, gateway: Gateway, accepted: &BTreeSet<usize>) {
    assert!(gateway.stop().success());
    let store = subscribed.folder.path().join("hookgate.db");
    let ids = super::faults::ids(&store);
    let once: BTreeSet<usize> = ids.iter().copied().collect();
    assert_eq!(ids.len(), once.len(), "an event is stored twice");
    assert!(accepted.is_subset(&once));
    let connection = rusqlite::Connection::open(&store).unwrap();
    let whole: String =
        connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

/// Asserts that each stored event has one finished delivery for each subscription.
fn fanned_out_once(subscribed: &Subscribed, gateway: Gateway, subscriptions: usize) {
    let store = subscribed.folder.path().join("hookgate.db");
    let connection = rusqlite::Connection::open(&store).unwrap();
    let count = |sql: &str| -> usize {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    };
    let until = Instant::now() + Duration::from_secs(60);
    let undone = "SELECT (SELECT count(*) FROM deliveries WHERE state = 'waiting')
        + (SELECT max(place) FROM events) - (SELECT place FROM fanouts WHERE tenant = 'acme')";
    while count(undone) > 0 {
        assert!(Instant::now() < until, "deliveries still wait");
        std::thread::sleep(Duration::from_millis(100));
    }
    let events = count("SELECT count(*) FROM events");
    assert_eq!(count("SELECT count(*) FROM deliveries"), events * subscriptions);
    let once = "SELECT count(*) FROM
        (SELECT DISTINCT subscription_id, event_id FROM deliveries WHERE state = 'delivered')";
    assert_eq!(count(once), events * subscriptions);
    assert!(gateway.stop().success());
}

/// Repeated deliveries have the same id and the same body. They are at most the deliveries in
/// flight at a kill, and the failed ones.
fn repeats(got: &[super::receiver::ReceivedRequest], kills: usize) {
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
