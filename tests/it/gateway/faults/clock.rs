//! Clock faults: a clock that is set forward and back.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookgate::engine::Time;
use hookgate::gateway::{Clock, Configuration, Gateway, UnixMicros, micros_of, time_of};
use serde_json::json;

use super::wait_until;
use crate::gateway::receiver::{Reaction, Receiver};
use crate::gateway::running::{
    Answer, Folder, LISTENER, SIGNATURE, SIGNED_TIME, exchange, hookgate_hmac,
};
use crate::gateway::subscribed::Subscribed;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const YEAR: i64 = 365 * DAY;

/// A gateway in this process, with a clock that the test sets.
struct ClockedGateway {
    clock: Clock,
    /// The start time.
    began: i64,
    senders: SocketAddr,
    management: SocketAddr,
    log: Arc<Mutex<Vec<u8>>>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// A log in memory.
#[derive(Clone)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ClockedGateway {
    fn serve(folder: &Path) -> Self {
        let began: Time = "2026-01-01T12:00:00Z".parse().unwrap();
        let clock = Clock::pinned(began);
        let configuration = Configuration::read(folder, true).unwrap();
        let (tell, report) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (log, pinned) = (Arc::<Mutex<Vec<u8>>>::default(), clock.clone());
        let lines = Lines(Arc::clone(&log));
        // One thread, so that its log goes to the log of this test.
        std::thread::spawn(move || {
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(move || lines.clone())
                .finish();
            let _logs = tracing::subscriber::set_default(subscriber);
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let gateway = Gateway::open(configuration, pinned).await.unwrap();
                tell.send(gateway.addresses().unwrap()).unwrap();
                tokio::select! {
                    served = gateway.serve() => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let (senders, management) = report.recv().unwrap();
        Self { clock, began: micros_of(began).get(), senders, management, log, _stop: stop }
    }

    /// Sets the clock to this number of microseconds after the start.
    fn set(&self, after: i64) {
        self.clock.set(time_of(UnixMicros::new(self.began + after)));
    }

    fn wait_for_log(&self, text: &str) {
        wait_until(&format!("no `{text}` in the log"), || {
            String::from_utf8_lossy(&self.log.lock().unwrap()).contains(text)
        });
    }

    fn post(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = format!("/webhooks/v1/listeners/{LISTENER}/notify");
        exchange(self.senders, "POST", &path, headers, body.as_bytes())
    }
}

#[test]
fn clock_skew_rejects_signed_times_only_until_the_clock_is_corrected() {
    let folder = super::open("", &format!("{SIGNATURE}{SIGNED_TIME}"));
    let gateway = ClockedGateway::serve(folder.path());
    let time = (gateway.began / SECOND).to_string();
    let post = |body: &str| {
        let secret = crate::gateway::running::SECRET;
        let signature = hookgate_hmac(secret, format!("{time}.{body}").as_bytes());
        gateway.post(&[("X-Time", &time), ("X-Signature", &signature)], body).status
    };
    assert_eq!(post("1"), 200);
    gateway.set(DAY);
    assert_eq!(post("2"), 401);
    gateway.wait_for_log("stale: signed 86400 s ago, more than 300 s");
    gateway.set(-DAY);
    assert_eq!(post("3"), 401);
    gateway.wait_for_log("future: signed 86400 s in the future, more than 300 s");
    gateway.set(10 * SECOND);
    assert_eq!(post("4"), 200);
}

/// A listener with deduplication keys that expire after a minute.
const KEYED: &str = "\n[deduplicate]\nkeys = ['parsed_body.key']\nwindow = \"60s\"\n";

#[test]
fn deduplication_drops_no_new_event_after_a_fast_clock_is_corrected() {
    let folder = super::open("", KEYED);
    let gateway = ClockedGateway::serve(folder.path());
    let mut sent = 0;
    let mut post = |after: i64| {
        gateway.set(after);
        sent += 1;
        let kind = [("Content-Type", "application/json")];
        let body = json!({ "key": "one", "id": sent }).to_string();
        assert_eq!(gateway.post(&kind, &body).status, 200);
    };
    // New, a repeat, and a repeat after the clock was set back a little.
    post(0);
    post(30 * SECOND);
    post(-30 * SECOND);
    // New: the window has ended, by a clock that was set forward.
    post(YEAR);
    // New again, although the stored time is a year ahead; from then on it is a repeat.
    post(40 * SECOND);
    post(50 * SECOND);
    assert_eq!(super::ids(&folder.path().join("hookgate.db")), [1, 4, 5]);
}

#[test]
fn a_clock_set_back_does_not_block_senders_by_rate_limit() {
    let folder = Folder::with_listener("[rate_limit]\nrequests = 1\nper = \"10s\"\nburst = 2\n");
    let text = std::fs::read_to_string(folder.path().join("listeners/github.toml")).unwrap();
    folder.write("listeners/github.toml", &text.replace("provider = \"github\"\n", ""));
    let gateway = ClockedGateway::serve(folder.path());
    let post = || gateway.post(&[], "1").status;
    assert_eq!([post(), post(), post()], [200, 200, 429]);
    for set in [-YEAR, YEAR] {
        gateway.set(set);
        assert_eq!([post(), post(), post()], [200, 200, 429]);
    }
}

#[test]
fn retries_scheduled_by_a_fast_clock_are_sent_when_it_is_set_back() {
    let subscribed = Subscribed::new("");
    let gateway = ClockedGateway::serve(subscribed.folder.path());
    let receiver = Receiver::new(|number, _| match number {
        0 => Reaction::Answers(500, "", ""),
        _ => Reaction::Answers(200, "", ""),
    });
    let form = json!({
        "name": "test", "endpoint": { "url": receiver.url() }, "eventTypes": ["thing.made"],
        "failureHandling": { "retryStrategy": { "type": "linear", "interval": 5, "attempts": 3 } },
    });
    let key = format!("Bearer {}", subscribed.key);
    let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    let path = "/event/acme/webhooks";
    let created = exchange(gateway.management, "POST", path, &headers, form.to_string().as_bytes());
    assert_eq!(created.status, 200, "{}", created.text());
    gateway.set(YEAR);
    gateway.post(&headers[1..], "{\"type\":\"thing.made\",\"id\":1}");
    receiver.wait_for(1);
    gateway.wait_for_log("the clock was set forward");
    // Each task that depends on the clock reads it once a second, and logs nothing here.
    std::thread::sleep(Duration::from_millis(2500));
    // The clock is corrected; the retry is still due five seconds after the first attempt.
    gateway.set(0);
    gateway.wait_for_log("clock skew: the clock was set back, and waiting deliveries are adjusted");
    gateway.set(6 * SECOND);
    assert_eq!(receiver.wait_for(2)[1].json()["data"]["id"], 1);
}

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Answers each delivery with 500 three times, and then with 200.
fn fail_three_times() -> Receiver {
    let attempts = Mutex::new(std::collections::BTreeMap::<String, usize>::new());
    Receiver::new(move |_, got| {
        let mut attempts = attempts.lock().unwrap();
        let attempt = attempts.entry(got.header("webhook-id").unwrap().to_owned()).or_default();
        *attempt += 1;
        Reaction::Answers(if *attempt <= 3 { 500 } else { 200 }, "", "")
    })
}

#[test]
fn clock_jumps_of_hours_during_retries_lose_no_attempt_and_cause_no_stampede() {
    const EVENTS: usize = 6;
    let subscribed = Subscribed::new("");
    let gateway = ClockedGateway::serve(subscribed.folder.path());
    let receiver = fail_three_times();
    let form = json!({
        "name": "test", "endpoint": { "url": receiver.url() }, "eventTypes": ["thing.made"],
        "failureHandling": { "retryStrategy": { "type": "linear", "interval": 60, "attempts": 5 } },
    });
    let key = format!("Bearer {}", subscribed.key);
    let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    let path = "/event/acme/webhooks";
    let created = exchange(gateway.management, "POST", path, &headers, form.to_string().as_bytes());
    assert_eq!(created.status, 200, "{}", created.text());
    for id in 0..EVENTS {
        let body = json!({ "type": "thing.made", "id": id }).to_string();
        assert_eq!(gateway.post(&headers[1..], &body).status, 200);
    }
    // Waits for this number of attempts of each delivery, and asserts that no more follow. They are
    // few enough that the backoff of a failing receiver lets all of them run within seconds.
    let attempts_of_each = |number: usize| {
        receiver.wait_for(number * EVENTS);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        let mut attempts = std::collections::BTreeMap::<String, usize>::new();
        for one in receiver.received() {
            *attempts.entry(one.header("webhook-id").unwrap().to_owned()).or_default() += 1;
        }
        let all = vec![number; EVENTS];
        assert_eq!(attempts.into_values().collect::<Vec<_>>(), all, "attempts of each delivery");
    };
    attempts_of_each(1);
    // Three hours forward: deliveries due in a minute are due now, once.
    gateway.set(3 * HOUR);
    gateway.wait_for_log("the clock was set forward");
    attempts_of_each(2);
    // Five hours back: nothing is due for a minute, and then each delivery is.
    gateway.set(-2 * HOUR);
    gateway.wait_for_log("the clock was set back");
    attempts_of_each(2);
    gateway.set(-2 * HOUR + 70 * SECOND);
    attempts_of_each(3);
    gateway.set(-2 * HOUR + 140 * SECOND);
    attempts_of_each(4);
    // All are delivered: no change of the clock sends them again.
    gateway.set(2 * DAY);
    attempts_of_each(4);
}
