//! What is counted, in the format of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::listener::Outcome;
use crate::printable::escape_line;

/// The counters of a gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    duration: Histogram,
    attempts: Family<Taken, Counter>,
    attempt_duration: Histogram,
    deliveries: Family<Ends, Counter>,
    /// Bytes that the checks of signatures hashed.
    pub hashed_bytes: Counter,
    waiting: Gauge,
    /// Connections that are open.
    pub connections: Gauge,
    /// Times that the configuration was read again, and held.
    pub reloads: Counter,
    /// Times that the configuration was read again, and was refused.
    pub reloads_refused: Counter,
}

/// Only what the operator named becomes a label: a sender cannot make new ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: String,
    outcome: String,
}

/// Whether receivers took what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Taken {
    taken: &'static str,
}

/// How looks at deliveries ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ends {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hookgate");
        let requests = Family::<Labels, Counter>::default();
        // From 0.1 ms to 6.5 s.
        let duration = Histogram::new(exponential_buckets(0.0001, 2.0, 17));
        let (connections, reloads) = (Gauge::default(), Counter::default());
        let reloads_refused = Counter::default();
        registry.register("requests", "Requests by listener and outcome", requests.clone());
        registry.register(
            "request_duration_seconds",
            "From the first byte of a body to the answer",
            duration.clone(),
        );
        registry.register("connections", "Connections that are open", connections.clone());
        registry.register("reloads", "Configurations that were taken over", reloads.clone());
        registry.register(
            "reloads_refused",
            "Configurations that were refused",
            reloads_refused.clone(),
        );
        let hashed_bytes = Counter::default();
        registry.register(
            "verification_hashed_bytes",
            "Bytes that checks of signatures hashed, each as often as it was hashed",
            hashed_bytes.clone(),
        );
        let attempts = Family::<Taken, Counter>::default();
        // From 1 ms to 33 s.
        let attempt_duration = Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let deliveries = Family::<Ends, Counter>::default();
        registry.register("attempts", "Attempts to deliver an event", attempts.clone());
        registry.register(
            "attempt_duration_seconds",
            "From the beginning of an attempt to its end",
            attempt_duration.clone(),
        );
        registry.register("deliveries", "Deliveries by what came of them", deliveries.clone());
        let waiting = Gauge::default();
        registry.register("deliveries_waiting", "Deliveries that wait", waiting.clone());
        Self {
            registry,
            requests,
            duration,
            attempts,
            attempt_duration,
            deliveries,
            hashed_bytes,
            waiting,
            connections,
            reloads,
            reloads_refused,
        }
    }
}

impl Metrics {
    /// Counts a request.
    pub fn count(&self, listener: &str, outcome: Outcome, took: Duration) {
        let listener = escape_line(listener).into_owned();
        let labels = Labels { listener, outcome: outcome.name().to_owned() };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts an attempt.
    pub fn attempt(&self, ok: bool, took: Duration) {
        let taken = if ok { "yes" } else { "no" };
        self.attempts.get_or_create(&Taken { taken }).inc();
        self.attempt_duration.observe(took.as_secs_f64());
    }

    /// Counts what came of a delivery.
    pub fn delivery(&self, result: &'static str) {
        self.deliveries(result, 1);
    }

    /// Counts what came of several.
    pub fn deliveries(&self, result: &'static str, number: usize) {
        if number > 0 {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            self.deliveries.get_or_create(&Ends { result }).inc_by(number);
        }
    }

    /// Says how many deliveries wait.
    pub fn waiting(&self, number: usize) {
        self.waiting.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Everything that was counted, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
