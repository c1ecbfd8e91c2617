//! Who has something to do, told from those who store events to fan-out, and from fan-out to those
//! who send them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

/// Tenants with new events, subscriptions with new deliveries, and a count of stored events for
/// those who follow them.
pub struct Arrivals {
    tenants: Waiting<()>,
    subscriptions: Waiting<String>,
    events: watch::Sender<u64>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            tenants: Waiting::default(),
            subscriptions: Waiting::default(),
            events: watch::Sender::new(0),
        }
    }
}

impl Arrivals {
    /// An event of a tenant was stored.
    pub fn announce(&self, tenant: &str) {
        self.events.send_modify(|events| *events += 1);
        self.tenants.add_one(tenant);
    }

    /// These subscriptions have something to do.
    pub fn wake(&self, subscriptions: impl IntoIterator<Item = String>) {
        self.wake_of("", subscriptions);
    }

    /// These subscriptions of a tenant have something to do.
    pub(super) fn wake_of(&self, tenant: &str, subscriptions: impl IntoIterator<Item = String>) {
        self.subscriptions.add(subscriptions.into_iter().map(|one| (one, tenant.to_owned())));
    }

    /// Follows the count of events.
    pub(in crate::gateway) fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Waits until a subscription has something to do, and takes all that have, with their
    /// tenants where those were told.
    pub(super) async fn next(&self) -> BTreeMap<String, String> {
        self.subscriptions.take().await
    }

    /// Waits until a tenant has a new event, and takes all that have.
    pub(super) async fn next_tenants(&self) -> impl Iterator<Item = String> {
        self.tenants.take().await.into_keys()
    }
}

/// Names that wait for the one who takes them, with what is known of each.
#[derive(Default)]
struct Waiting<T> {
    names: Mutex<BTreeMap<String, T>>,
    notify: Notify,
}

impl Waiting<()> {
    /// Adds a name. Where it waits already, the one who takes it is told already.
    fn add_one(&self, name: &str) {
        let mut names = self.lock();
        if !names.contains_key(name) {
            names.insert(name.to_owned(), ());
            drop(names);
            self.notify.notify_one();
        }
    }
}

impl<T> Waiting<T> {
    fn add(&self, names: impl IntoIterator<Item = (String, T)>) {
        self.lock().extend(names);
        self.notify.notify_one();
    }

    async fn take(&self) -> BTreeMap<String, T> {
        loop {
            let waiting = std::mem::take(&mut *self.lock());
            if !waiting.is_empty() {
                return waiting;
            }
            self.notify.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        // A map is whole at any time, so a panic elsewhere leaves nothing half done.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
