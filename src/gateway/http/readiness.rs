//! Whether the gateway takes requests, for probes: asked of the store once a second at most.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::gateway::store::Store;

/// How long an answer is good. A check writes to the store and syncs it.
const FRESH: Duration = Duration::from_secs(1);

/// The last check of the store.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Readiness(Mutex<Option<Check>>);

#[derive(Debug)]
struct Check {
    at: Instant,
    result: Result<(), String>,
}

impl Readiness {
    /// Checks the store, unless that was done a moment ago. Callers at the same time share one
    /// check.
    ///
    /// # Errors
    /// Why the store would not take a request.
    pub(in crate::gateway) async fn check(&self, store: &dyn Store) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some(check) = last.as_ref().filter(|check| check.at.elapsed() < FRESH) {
            return check.result.clone();
        }
        let result = store.check().await.map_err(|error| error.to_string());
        if let Err(error) = &result {
            tracing::warn!(%error, "not ready");
        }
        *last = Some(Check { at: Instant::now(), result: result.clone() });
        result
    }
}
