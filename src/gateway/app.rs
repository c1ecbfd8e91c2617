//! The gateway as one thing: its configuration, its store, its clock, its counters.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use zeroize::Zeroizing;

use super::clock::Clock;
use super::configuration::Configuration;
use super::deliver::{Arrivals, Filters};
use super::encryption::Keyring;
use super::http::Memory;
use super::http::readiness::Readiness;
use super::limits::Buckets;
use super::manage::Budget;
use super::metrics::Metrics;
use super::patterns::Patterns;
use super::store::Store;
use super::throttle::Throttle;

/// A gateway, shared by all that it does at a time.
pub struct App {
    /// What is stored.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// The rate limits.
    pub buckets: Buckets,
    /// Where senders that keep failing wait for each other.
    pub throttle: Throttle,
    /// The memory that requests may hold.
    pub memory: Memory,
    /// The bounds of the management address.
    pub(super) management: Budget,
    /// Whether the store takes requests.
    pub(super) readiness: Readiness,
    /// The keys that what is kept is encrypted with.
    pub keyring: Keyring,
    /// Who has something to deliver.
    pub arrivals: Arrivals,
    /// The filters of those who want events.
    pub(super) filters: Filters,
    /// The compiled regular expressions of subscribers.
    pub patterns: Patterns,
    /// The key that access tokens are signed with.
    pub token_key: Zeroizing<[u8; 32]>,
    configuration: RwLock<Arc<Configuration>>,
    stop: watch::Sender<bool>,
}

impl App {
    /// A gateway of its parts.
    pub fn new(
        configuration: Configuration,
        store: Arc<dyn Store>,
        clock: Clock,
        keyring: Keyring,
        token_key: Zeroizing<[u8; 32]>,
    ) -> Self {
        let memory = Memory::new(configuration.settings.limits.memory);
        let management = Budget::new(&configuration.settings.limits);
        Self {
            store,
            clock,
            metrics: Metrics::default(),
            buckets: Buckets::default(),
            throttle: Throttle::default(),
            memory,
            management,
            readiness: Readiness::default(),
            keyring,
            arrivals: Arrivals::default(),
            filters: Filters::default(),
            patterns: Patterns::default(),
            token_key,
            configuration: RwLock::new(Arc::new(configuration)),
            stop: watch::Sender::new(false),
        }
    }

    /// Tells everything that runs to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Follows whether it is to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The configuration as it is now. A request keeps the one it began with.
    pub fn configuration(&self) -> Arc<Configuration> {
        // A writer only swaps a pointer, so a panic leaves nothing half written.
        Arc::clone(&self.configuration.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in its place.
    pub fn replace(&self, configuration: Configuration) {
        *self.configuration.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(configuration);
    }
}
