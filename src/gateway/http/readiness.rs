//! The readiness of the gateway, for probes. Checks the store at most once a second. Does not know
//! the reasons of the store.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::gateway::store::Store;

/// Time for which a result is reused. A check writes to the store and syncs it.
const FRESH: Duration = Duration::from_secs(1);

/// The last check of the store.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Readiness(Mutex<Option<ReadinessCheck>>);

#[derive(Debug)]
struct ReadinessCheck {
    at: Instant,
    result: Result<(), String>,
}

impl Readiness {
    /// Checks the store, unless a recent result exists. Concurrent callers share one check.
    ///
    /// # Errors
    /// Returns the reason if the store cannot accept a request.
    pub(in crate::gateway) async fn check(&self, store: &dyn Store) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some(check) = last.as_ref().filter(|check| check.at.elapsed() < FRESH) {
            return check.result.clone();
        }
        let result = store.check().await.map_err(|error| error.to_string());
        if let Err(error) = &result {
            tracing::warn!(%error, "not ready");
        }
        *last = Some(ReadinessCheck { at: Instant::now(), result: result.clone() });
        result
    }
}
