//! Notifications inside the process: from the writers of events to fan-out, and from fan-out to the
//! workers. Losing one is harmless, because both sides also poll the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gateway::ids::{SubscriptionId, TenantId};
use tokio::sync::{Notify, watch};

/// Tenants with new events, subscriptions with new deliveries, and a counter of stored events.
pub struct DeliveryNotifier {
    tenants: PendingNames<TenantId, ()>,
    subscriptions: PendingNames<SubscriptionId, TenantId>,
    events: watch::Sender<u64>,
}

impl Default for DeliveryNotifier {
    fn default() -> Self {
        Self {
            tenants: PendingNames::default(),
            subscriptions: PendingNames::default(),
            events: watch::Sender::new(0),
        }
    }
}

impl DeliveryNotifier {
    /// Reports a new event of a tenant.
    pub fn notify_tenant(&self, tenant: &str) {
        self.events.send_modify(|events| *events += 1);
        self.tenants.add_one(tenant);
    }

    /// Reports new work for subscriptions.
    pub fn notify_subscriptions(&self, subscriptions: impl IntoIterator<Item = SubscriptionId>) {
        self.notify_subscriptions_of(&TenantId::default(), subscriptions);
    }

    /// Reports new work for subscriptions of a tenant.
    pub(in crate::gateway) fn notify_subscriptions_of(
        &self,
        tenant: &TenantId,
        subscriptions: impl IntoIterator<Item = SubscriptionId>,
    ) {
        self.subscriptions.add(subscriptions.into_iter().map(|one| (one, tenant.clone())));
    }

    /// Returns a receiver of the event counter.
    pub(in crate::gateway) fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Waits for new work of a subscription, then takes all subscriptions with new work. The tenant
    /// is empty if it was not reported.
    pub(in crate::gateway) async fn next(&self) -> BTreeMap<SubscriptionId, TenantId> {
        self.subscriptions.take().await
    }

    /// Waits for a new event of a tenant, then takes all tenants with new events.
    pub(in crate::gateway) async fn next_tenants(&self) -> impl Iterator<Item = TenantId> {
        self.tenants.take().await.into_keys()
    }
}

/// Names that wait for a consumer, each with a value.
struct PendingNames<K, T> {
    names: Mutex<BTreeMap<K, T>>,
    notify: Notify,
}

impl<K, T> Default for PendingNames<K, T> {
    fn default() -> Self {
        Self { names: Mutex::default(), notify: Notify::new() }
    }
}

impl PendingNames<TenantId, ()> {
    /// Adds a name. Sends no second notification for a name that waits already.
    fn add_one(&self, name: &str) {
        let mut names = self.lock();
        if !names.contains_key(name) {
            names.insert(name.into(), ());
            drop(names);
            self.notify.notify_one();
        }
    }
}

impl<K: Ord, T> PendingNames<K, T> {
    fn add(&self, names: impl IntoIterator<Item = (K, T)>) {
        self.lock().extend(names);
        self.notify.notify_one();
    }

    async fn take(&self) -> BTreeMap<K, T> {
        loop {
            let waiting = std::mem::take(&mut *self.lock());
            if !waiting.is_empty() {
                return waiting;
            }
            self.notify.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, T>> {
        // The map is complete at any time, so a panic elsewhere leaves it usable.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
