//! A well-behaved sender beside a flood, and its measured latency.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::client::connect_blocking;
use super::head_to_github;
use super::target::SENDER;
use crate::gateway::endpoint::Received;
use crate::gateway::running::signed;

/// The stop signal of a flood, and the counted responses.
#[derive(Default)]
pub(crate) struct Flood {
    over: AtomicBool,
    answers: Mutex<std::collections::BTreeMap<String, usize>>,
    /// True in the short form, which the suite runs.
    small: bool,
    next: AtomicUsize,
    held: AtomicUsize,
    held_at_most: AtomicUsize,
}

/// A connection that is counted as open while this value lives.
pub(crate) struct OpenConnection<'a>(&'a AtomicUsize);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Flood {
    /// The short form.
    pub(crate) fn small() -> Self {
        Self { small: true, ..Self::default() }
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Returns a number for the measured form, or the one for the short form.
    pub(super) fn size(&self, measured: usize, short: usize) -> usize {
        if self.small { short } else { measured }
    }

    /// The pause of a client between two sessions: the rest of the suite runs beside the short
    /// form.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_millis(if self.small { 100 } else { 0 })
    }

    /// Returns a number that no other session has.
    pub(crate) fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Counts a connection among the open ones.
    pub(super) fn count_open(&self) -> OpenConnection<'_> {
        let held = self.held.fetch_add(1, Ordering::SeqCst) + 1;
        self.held_at_most.fetch_max(held, Ordering::SeqCst);
        OpenConnection(&self.held)
    }

    /// Counts a response: a status, or a description of its absence.
    pub(crate) fn count(&self, answer: &str) {
        self.count_many(answer, 1);
    }

    /// Counts several equal responses.
    pub(crate) fn count_many(&self, answer: &str, number: usize) {
        *self.answers.lock().unwrap().entry(answer.to_owned()).or_default() += number;
    }

    /// Returns the counted responses, the most frequent first.
    pub(crate) fn summary(&self) -> String {
        let answers = self.answers.lock().unwrap();
        let mut all: Vec<_> = answers.iter().collect();
        all.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let mut report: Vec<String> =
            all.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        match self.held_at_most.load(Ordering::SeqCst) {
            0 => {}
            held => report.push(format!("held at most: {held}")),
        }
        report.join(", ")
    }

    /// Returns the statuses of the responses.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.answers.lock().unwrap().keys().filter_map(|what| what.parse().ok()).collect()
    }
}

/// Returns the status on a connection, as far as it was received.
pub(super) fn status(mut stream: &TcpStream) -> String {
    let mut begins = [0; 12];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(40)));
    match stream.read_exact(&mut begins) {
        Ok(()) => String::from_utf8_lossy(&begins[9..]).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => "silence".to_owned(),
        Err(_) => "closed".to_owned(),
    }
}

/// The latency of each response to a sender of some twenty signed requests a second, each over a
/// new connection.
pub(super) struct Latencies {
    pub(super) took: Vec<Duration>,
    /// The requests without a 200: their number, and the responses.
    pub(super) lost: Vec<(usize, String)>,
    /// The time of each response.
    answered: Vec<Instant>,
}

impl Latencies {
    /// Returns a percentile of the latencies.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.took, percent)
    }

    /// Returns the number of undelivered events, and the delivery latency of each of the others,
    /// sorted.
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

/// Returns a percentile of sorted durations.
pub(crate) fn percentile(all: &[Duration], percent: usize) -> Duration {
    let at = (all.len() * percent / 100).min(all.len().saturating_sub(1));
    all.get(at).copied().unwrap_or_default()
}

/// The least number of requests of the sender.
pub(super) const LEAST: usize = 8;

/// Runs a flood with the sender beside it: for a time, or until the flood ends by itself.
pub(super) fn run(
    to: SocketAddr,
    state: &Flood,
    time: Option<Duration>,
    flood: impl FnOnce(&Flood) + Send,
) -> Latencies {
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(state));
        let began = Instant::now();
        let is_running = || match time {
            Some(time) => began.elapsed() < time,
            None => !flooding.is_finished(),
        };
        let latencies = send(to, is_running);
        state.end();
        latencies
    })
}

fn send(address: SocketAddr, is_running: impl Fn() -> bool) -> Latencies {
    let mut latencies = Latencies { took: Vec::new(), lost: Vec::new(), answered: Vec::new() };
    let began = Instant::now();
    // At least this number, unless the requests take so long that the result is clear.
    let few =
        |took: &Vec<Duration>| took.len() < LEAST && began.elapsed() < Duration::from_secs(120);
    while is_running() || few(&latencies.took) {
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
