//! A well-behaved sender beside a flood, and what is measured of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::head_to_github;
use crate::gateway::running::{Gateway, signed};

/// A stop that a flood looks at, and what the flood was answered.
#[derive(Default)]
pub(super) struct Flood {
    over: AtomicBool,
    answers: Mutex<std::collections::BTreeMap<String, usize>>,
}

impl Flood {
    pub(super) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    /// Counts an answer: a status, or what came in its place.
    pub(super) fn count(&self, answer: &str) {
        self.count_many(answer, 1);
    }

    /// Counts several that are the same.
    pub(super) fn count_many(&self, answer: &str, number: usize) {
        *self.answers.lock().unwrap().entry(answer.to_owned()).or_default() += number;
    }

    /// What was answered, the most frequent first.
    pub(super) fn told(&self) -> String {
        let answers = self.answers.lock().unwrap();
        let mut all: Vec<_> = answers.iter().collect();
        all.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let told: Vec<String> =
            all.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        told.join(", ")
    }

    /// The statuses that were answered.
    pub(super) fn statuses(&self) -> Vec<u16> {
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
    /// Those that were not answered with 200.
    pub(super) lost: usize,
}

impl Latencies {
    /// The latency that so many of a hundred do not pass.
    pub(super) fn percent(&self, percent: usize) -> Duration {
        self.took[(self.took.len() * percent / 100).min(self.took.len() - 1)]
    }
}

/// Runs a flood with the sender beside it: for a time, or as long as the flood takes by itself.
pub(super) fn run(
    gateway: &Gateway,
    time: Option<Duration>,
    flood: impl FnOnce(&Flood) + Send,
) -> (Flood, Latencies) {
    let state = Flood::default();
    let latencies = std::thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(&state));
        let began = Instant::now();
        let goes_on = || match time {
            Some(time) => began.elapsed() < time,
            None => !flooding.is_finished(),
        };
        let latencies = send(gateway.senders, goes_on);
        state.over.store(true, Ordering::SeqCst);
        latencies
    });
    (state, latencies)
}

fn send(address: SocketAddr, goes_on: impl Fn() -> bool) -> Latencies {
    let mut latencies = Latencies { took: Vec::new(), lost: 0 };
    while goes_on() || latencies.took.len() < 20 {
        let id = latencies.took.len();
        let sent = Instant::now();
        if post(address, id) != "200" {
            latencies.lost += 1;
        }
        latencies.took.push(sent.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    latencies.took.sort();
    latencies
}

/// Posts a signed delivery of some two kilobytes.
fn post(address: SocketAddr, id: usize) -> String {
    let body =
        format!("{{\"action\":\"opened\",\"id\":{id},\"text\":\"{}\"}}", "word ".repeat(400));
    let headers: String = signed(body.as_bytes(), &format!("well-behaved {id}"))
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = head_to_github(&format!("{headers}Content-Length: {}\r\n\r\n", body.len()));
    let Ok(mut stream) = TcpStream::connect(address) else {
        return "no connection".to_owned();
    };
    match stream.write_all(format!("{head}{body}").as_bytes()) {
        Ok(()) => status(&stream),
        Err(_) => "closed".to_owned(),
    }
}
