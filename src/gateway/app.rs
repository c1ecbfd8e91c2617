//! The shared state of a gateway: configuration, store, clock, limits and counters. Runs nothing
//! itself.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use zeroize::Zeroizing;

use super::config::configuration::Configuration;
use super::deliver::Clients;
use super::http::Memory;
use super::http::readiness::Readiness;
use super::ingest::confirmations::Confirmations;
use super::ingest::key_cache::KeyCache;
use super::ingest::rate_limit::TokenBuckets;
use super::manage::budget::Budget;
use super::ops::clock::Clock;
use super::ops::encryption::Keyring;
use super::ops::log_limit::LogLimit;
use super::ops::metrics::Metrics;
use super::ops::offload::Offload;
use super::store::Store;
use super::subscriptions::filters::TenantFilterSets;
use super::subscriptions::notifier::DeliveryNotifier;
use super::subscriptions::patterns::Patterns;

/// A gateway, shared by all of its tasks.
pub struct App {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Metrics,
    /// Token buckets of the rate limits.
    pub buckets: TokenBuckets,
    /// Permits for work outside the runtime threads, such as verification for senders that keep
    /// failing.
    pub offload: Offload,
    /// The limit on log lines about unverified senders.
    pub(super) log_limit: LogLimit,
    /// Memory budget of requests.
    pub memory: Memory,
    /// Limits of the management address.
    pub(super) management: Budget,
    /// Readiness of the store.
    pub(super) readiness: Readiness,
    /// Keys for encryption at rest.
    pub keyring: Keyring,
    /// Notifications of new deliveries.
    pub notifier: DeliveryNotifier,
    /// Filters of subscriptions and sinks, for the fan-out.
    pub(super) filters: TenantFilterSets,
    /// Compiled regular expressions of subscribers.
    pub patterns: Patterns,
    /// Key that signs access tokens.
    pub token_key: Zeroizing<[u8; 32]>,
    /// Key documents of listeners.
    pub(super) keys: Arc<KeyCache>,
    /// Confirmations of subscriptions.
    pub(super) confirmations: Confirmations,
    configuration: RwLock<Arc<Configuration>>,
    stop: watch::Sender<bool>,
}

impl App {
    /// Returns a gateway built from its parts.
    pub fn new(
        configuration: Configuration,
        store: Arc<dyn Store>,
        clock: Clock,
        keyring: Keyring,
        token_key: Zeroizing<[u8; 32]>,
    ) -> Self {
        let memory = Memory::new(configuration.settings.limits.memory);
        let management = Budget::new(&configuration.settings.limits);
        let metrics = Metrics::default();
        let keys = KeyCache::given(&[], metrics.key_fetches.clone());
        Self {
            store,
            clock,
            metrics,
            buckets: TokenBuckets::default(),
            offload: Offload::default(),
            log_limit: LogLimit::default(),
            memory,
            management,
            readiness: Readiness::default(),
            keyring,
            notifier: DeliveryNotifier::default(),
            filters: TenantFilterSets::default(),
            patterns: Patterns::default(),
            token_key,
            keys: Arc::new(keys),
            confirmations: Confirmations::default(),
            configuration: RwLock::new(Arc::new(configuration)),
            stop: watch::Sender::new(false),
        }
    }

    /// Lets the gateway fetch what its listeners need from the network.
    pub(super) fn with_clients(self, clients: &Clients) -> Self {
        let keys = KeyCache::new(clients.clone(), self.metrics.key_fetches.clone());
        let confirmations = Confirmations::new(clients.clone());
        Self { keys: Arc::new(keys), confirmations, ..self }
    }

    /// Gives the gateway the key documents of a test, by URL. It has no network.
    pub(super) fn with_keys(self, documents: &[(String, String)]) -> Self {
        let keys = KeyCache::given(documents, self.metrics.key_fetches.clone());
        Self { keys: Arc::new(keys), ..self }
    }

    /// Requests a shutdown of all tasks.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Returns true if a shutdown was requested.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns a receiver that reports the shutdown request.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Returns the current configuration. A request keeps the configuration that it began with.
    pub fn configuration(&self) -> Arc<Configuration> {
        // A writer only swaps a pointer, so a panic leaves no partial change.
        Arc::clone(&self.configuration.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the configuration.
    pub fn replace(&self, configuration: Configuration) {
        *self.configuration.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(configuration);
    }
}
