//! Who has something to do, told from those who store events to those who send them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

/// Subscriptions with new deliveries, and a count of stored events for those who follow them.
pub struct Arrivals {
    waiting: Mutex<BTreeSet<String>>,
    notify: Notify,
    events: watch::Sender<u64>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { waiting: Mutex::default(), notify: Notify::new(), events: watch::Sender::new(0) }
    }
}

impl Arrivals {
    /// An event was stored, with deliveries to these subscriptions.
    pub fn announce(&self, subscriptions: Vec<String>) {
        self.events.send_modify(|events| *events += 1);
        if !subscriptions.is_empty() {
            self.wake(subscriptions);
        }
    }

    /// These subscriptions have something to do.
    pub fn wake(&self, subscriptions: impl IntoIterator<Item = String>) {
        self.lock().extend(subscriptions);
        self.notify.notify_one();
    }

    /// Follows the count of events.
    pub(in crate::gateway) fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Waits until someone has something to do, and takes all who have.
    pub(super) async fn next(&self) -> BTreeSet<String> {
        loop {
            let waiting = std::mem::take(&mut *self.lock());
            if !waiting.is_empty() {
                return waiting;
            }
            self.notify.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        // A set is whole at any time, so a panic elsewhere leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
