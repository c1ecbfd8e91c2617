//! The metrics, in the format of Prometheus. Does not know the code that counts.

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

/// The metrics of a gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    duration: Histogram,
    attempts: Family<AttemptLabel, Counter>,
    attempt_duration: Histogram,
    deliveries: Family<Ends, Counter>,
    /// Bytes that signature verifications hashed.
    pub hashed_bytes: Counter,
    /// Fetches of key documents.
    pub(in crate::gateway) key_fetches: KeyFetches,
    waiting: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Configuration reloads that succeeded.
    pub reloads: Counter,
    /// Configuration reloads that were refused.
    pub reloads_refused: Counter,
}

/// The labels of requests. Only names from the configuration become labels, so a sender cannot
/// create time series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: String,
    outcome: String,
}

/// The label of attempts: accepted by the receiver or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabel {
    taken: &'static str,
}

/// The counter of fetches of key documents, by result.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct KeyFetches(Family<Ends, Counter>);

impl KeyFetches {
    /// Counts a fetch.
    pub(in crate::gateway) fn count(&self, ok: bool) {
        let result = if ok { "fetched" } else { "failed" };
        self.0.get_or_create(&Ends { result }).inc();
    }
}

/// The label of deliveries: their result.
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
        let key_fetches = KeyFetches::default();
        registry.register(
            "key_fetches",
            "Fetches of key documents by result",
            key_fetches.0.clone(),
        );
        let attempts = Family::<AttemptLabel, Counter>::default();
        // From 1 ms to 33 s.
        let attempt_duration = Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let deliveries = Family::<Ends, Counter>::default();
        registry.register("attempts", "Attempts to deliver an event", attempts.clone());
        registry.register(
            "attempt_duration_seconds",
            "From the beginning of an attempt to its end",
            attempt_duration.clone(),
        );
        registry.register("deliveries", "Deliveries by result", deliveries.clone());
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
            key_fetches,
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
        self.attempts.get_or_create(&AttemptLabel { taken }).inc();
        self.attempt_duration.observe(took.as_secs_f64());
    }

    /// Counts the result of a delivery.
    pub fn delivery(&self, result: &'static str) {
        self.deliveries(result, 1);
    }

    /// Counts the result of several deliveries.
    pub fn deliveries(&self, result: &'static str, number: usize) {
        if number > 0 {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            self.deliveries.get_or_create(&Ends { result }).inc_by(number);
        }
    }

    /// Sets the number of waiting deliveries.
    pub fn waiting(&self, number: usize) {
        self.waiting.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Returns all metrics in the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
