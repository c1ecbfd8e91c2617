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

/// The counters of a gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    duration: Histogram,
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
        Self { registry, requests, duration, connections, reloads, reloads_refused }
    }
}

impl Metrics {
    /// Counts a request.
    pub fn count(&self, listener: &str, outcome: Outcome, took: Duration) {
        let labels = Labels { listener: listener.to_owned(), outcome: outcome.name().to_owned() };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Everything that was counted, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
