//! A well-behaved sender beside a flood, and what is measured of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::client::connect_blocking;
use super::head_to_github;
use super::stage::SENDER;
use crate::gateway::endpoint::Received;
use crate::gateway::running::signed;

/// A stop that a flood looks at, and what the flood was answered.
#[derive(Default)]
pub(crate) struct Flood {
    over: AtomicBool,
    answers: Mutex<std::collections::BTreeMap<String, usize>>,
    /// Whether it is the short form, which the suite runs.
    small: bool,
    next: AtomicUsize,
    held: AtomicUsize,
    held_at_most: AtomicUsize,
}

/// A connection that is held, as long as this lives.
pub(crate) struct Holds<'a>(&'a AtomicUsize);

impl Drop for Holds<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Flood {
    /// The short form.
    pub(crate) fn small() -> Self {
        Self { small: true, ..Self::default() }
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// A number in the measured form, and in the short one.
    pub(super) fn size(&self, measured: usize, short: usize) -> usize {
        if self.small { short } else { measured }
    }

    /// How long a client rests between two sessions: in the short form the suite goes on beside it.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_millis(if self.small { 100 } else { 0 })
    }

    /// A number that no other session has.
    pub(crate) fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Counts a connection among those that are held at a time.
    pub(super) fn hold(&self) -> Holds<'_> {
        let held = self.held.fetch_add(1, Ordering::SeqCst) + 1;
        self.held_at_most.fetch_max(held, Ordering::SeqCst);
        Holds(&self.held)
    }

    /// Counts an answer: a status, or what came in its place.
    pub(crate) fn count(&self, answer: &str) {
        self.count_many(answer, 1);
    }

    /// Counts several that are the same.
    pub(crate) fn count_many(&self, answer: &str, number: usize) {
        *self.answers.lock().unwrap().entry(answer.to_owned()).or_default() += number;
    }

    /// What was answered, the most frequent first.
    pub(crate) fn told(&self) -> String {
        let answers = self.answers.lock().unwrap();
        let mut all: Vec<_> = answers.iter().collect();
        all.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let mut told: Vec<String> =
            all.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        match self.held_at_most.load(Ordering::SeqCst) {
            0 => {}
            held => told.push(format!("held at most: {held}")),
        }
        told.join(", ")
    }

    /// The statuses that were answered.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.answers.lock().unwrap().keys().filter_map(|what| what.parse().ok()).collect()
    }
}

/// The status that a connection answers with, as far as it does.
pub(super) fn status(mut stream: &TcpStream) -> String {
    let mut begins = [0; 12];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(40)));
    match stream.read_exact(&mut begins) {
        Ok(()) => String::from_utf8_lossy(&begins[9..]).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => "silence".to_owned(),
        Err(_) => "closed".to_owned(),
    }
}

/// How long a sender waited for each of its answers, who sends some twenty signed requests a
/// second, each over a connection of its own.
pub(super) struct Latencies {
    pub(super) took: Vec<Duration>,
    /// Those that were not answered with 200: their number, and what came.
    pub(super) lost: Vec<(usize, String)>,
    /// When each was answered.
    answered: Vec<Instant>,
}

impl Latencies {
    /// The latency that so many of a hundred do not pass.
    pub(super) fn percent(&self, percent: usize) -> Duration {
        of_hundred(&self.took, percent)
    }

    /// Those that have not been delivered, and how long after its answer each was, sorted.
    pub(super) fn delivered(&self, received: &[Received]) -> (Vec<usize>, Vec<Duration>) {
        let mut first = std::collections::BTreeMap::new();
        for one in received {
            let body: serde_json::Value = serde_json::from_slice(&one.body).unwrap();
            let id = body["data"]["id"].as_u64().unwrap() as usize;
            first.entry(id).or_insert(one.at);
        }
        let ids = 0..self.answered.len();
        let missing: Vec<usize> = ids.clone().filter(|id| !first.contains_key(id)).collect();
        let after = |id| Some(first.get(&id)?.saturating_duration_since(self.answered[id]));
        let mut lags: Vec<Duration> = ids.filter_map(after).collect();
        lags.sort();
        (missing, lags)
    }
}

/// The duration that so many of a hundred do not pass; they are sorted.
pub(crate) fn of_hundred(all: &[Duration], percent: usize) -> Duration {
    let at = (all.len() * percent / 100).min(all.len().saturating_sub(1));
    all.get(at).copied().unwrap_or_default()
}

/// So many requests the sender sends at least.
pub(super) const LEAST: usize = 8;

/// Runs a flood with the sender beside it: for a time, or as long as the flood takes by itself.
pub(super) fn run(
    to: SocketAddr,
    state: &Flood,
    time: Option<Duration>,
    flood: impl FnOnce(&Flood) + Send,
) -> Latencies {
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(state));
        let began = Instant::now();
        let goes_on = || match time {
            Some(time) => began.elapsed() < time,
            None => !flooding.is_finished(),
        };
        let latencies = send(to, goes_on);
        state.end();
        latencies
    })
}

fn send(address: SocketAddr, goes_on: impl Fn() -> bool) -> Latencies {
    let mut latencies = Latencies { took: Vec::new(), lost: Vec::new(), answered: Vec::new() };
    let began = Instant::now();
    // At least so many, unless they take so long that it is clear what that means.
    let few =
        |took: &Vec<Duration>| took.len() < LEAST && began.elapsed() < Duration::from_secs(120);
    while goes_on() || few(&latencies.took) {
        let id = latencies.took.len();
        let sent = Instant::now();
        let answer = post(address, id);
        if answer != "200" {
            latencies.lost.push((id, answer));
        }
        latencies.took.push(sent.elapsed());
        latencies.answered.push(Instant::now());
        std::thread::sleep(Duration::from_millis(50));
    }
    latencies.took.sort();
    latencies
}

/// Posts a signed delivery of some two kilobytes.
pub(crate) fn post(address: SocketAddr, id: usize) -> String {
    let body =
        format!("{{\"action\":\"opened\",\"id\":{id},\"text\":\"{}\"}}", "word ".repeat(400));
    let headers: String = signed(body.as_bytes(), &format!("well-behaved {id}"))
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = head_to_github(&format!("{headers}Content-Length: {}\r\n\r\n", body.len()));
    let Ok(mut stream) = connect_blocking(SENDER, address) else {
        return "no connection".to_owned();
    };
    match stream.write_all(format!("{head}{body}").as_bytes()) {
        Ok(()) => status(&stream),
        Err(_) => "closed".to_owned(),
    }
}
