//! The settings, clients, permits and memory that all workers share.

use std::sync::{Arc, PoisonError, RwLock};

use super::client::Clients;
use crate::gateway::config::settings::Delivery;
use crate::gateway::ops::shares::Shares;

/// The state that all workers share.
pub(super) struct SharedByWorkers {
    /// The current settings, and the clients that were created from them.
    pub current: RwLock<(Arc<Delivery>, Clients)>,
    /// Permits for attempts of all workers.
    pub permits: Arc<Shares>,
    /// Memory for the content of deliveries, shared by tenants.
    pub memory: Arc<Shares>,
    /// Permits for reads of the store, of all workers. Each read uses a thread and a connection.
    pub reads: Arc<Shares>,
}

impl SharedByWorkers {
    pub(super) fn now(&self) -> (Arc<Delivery>, Clients) {
        // A writer only replaces the value, so a panic leaves it complete.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
