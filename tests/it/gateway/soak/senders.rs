//! Senders that act like providers: each event is sent until the response is 200.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::gateway::floods::sender::post;

pub(super) struct Senders {
    to: SocketAddr,
    next: AtomicUsize,
    over: AtomicBool,
    acknowledged: Mutex<BTreeSet<usize>>,
    took: Mutex<Vec<Duration>>,
    /// The responses other than 200, with their numbers.
    refused: Mutex<BTreeMap<String, usize>>,
}

impl Senders {
    pub(super) fn new(to: SocketAddr) -> Self {
        Self {
            to,
            next: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            took: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Sends some ten events a second, of two kilobytes each.
    pub(super) fn run(&self) {
        while !self.over.load(Ordering::SeqCst) {
            self.send(self.next.fetch_add(1, Ordering::SeqCst));
            std::thread::sleep(Duration::from_millis(90));
        }
    }

    fn send(&self, id: usize) {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let sent = Instant::now();
            let answer = post(self.to, id);
            if answer == "200" {
                self.acknowledged.lock().unwrap().insert(id);
                return self.took.lock().unwrap().push(sent.elapsed());
            }
            assert!(Instant::now() < until, "{id} is not accepted: {answer}");
            *self.refused.lock().unwrap().entry(answer).or_default() += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn acknowledged(&self) -> BTreeSet<usize> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Returns the latencies of the accepted requests, sorted.
    pub(super) fn took(&self) -> Vec<Duration> {
        let mut took = self.took.lock().unwrap().clone();
        took.sort();
        took
    }

    pub(super) fn refused(&self) -> String {
        format!("{:?}", self.refused.lock().unwrap())
    }
}
