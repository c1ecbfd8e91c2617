//! Work that runs outside the runtime threads: verification for senders that keep failing, one at a
//! time, and schema validation of large bodies. Does not know the work itself.
//!
//! A sender that keeps failing may still have the secret: several senders may share one address,
//! and only one of them forges requests. So its requests are not refused unread. They wait for each
//! other, and together use at most one processor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphores for work outside the runtime threads.
#[derive(Debug)]
pub struct Offload {
    failing: Arc<Semaphore>,
    validating: Arc<Semaphore>,
}

impl Default for Offload {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { failing: semaphore(1), validating: semaphore(processors) }
    }
}

/// The class of work that a request causes, estimated before the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Work on the runtime thread, without waiting.
    Light,
    /// Schema validation of a large body.
    Validation,
    /// A request of a sender that keeps failing.
    Failing,
}

/// A permit to work on a request.
#[derive(Debug)]
pub(super) struct OffloadPermit {
    /// `None` for light work.
    permit: Option<OwnedSemaphorePermit>,
}

impl Offload {
    /// Waits for a permit if the load needs one. Returns `None` after the time `patience`.
    pub(super) async fn acquire(&self, load: Load, patience: Duration) -> Option<OffloadPermit> {
        let turns = match load {
            Load::Light => return Some(OffloadPermit { permit: None }),
            Load::Validation => &self.validating,
            Load::Failing => &self.failing,
        };
        let waited = tokio::time::timeout(patience, Arc::clone(turns).acquire_owned()).await;
        let permit = waited.ok()?.ok()?;
        Some(OffloadPermit { permit: Some(permit) })
    }
}

impl OffloadPermit {
    /// Returns true if the work runs on the thread that read the request.
    pub(super) fn is_light(&self) -> bool {
        self.permit.is_none()
    }

    /// Runs the work: light work at once, other work on a thread outside the runtime workers.
    ///
    /// The permit is released when the work ends, even if the sender no longer waits. The permits
    /// bound the number of these threads, because each thread keeps memory of its own.
    ///
    /// # Panics
    /// Panics if the work panics.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let Some(permit) = self.permit else {
            return Some(work());
        };
        let work = move || {
            let _turn = permit;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => Some(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down.
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Load, Offload};

    const PATIENCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn failing_senders_are_verified_one_at_a_time_and_others_wait_for_nobody() {
        let offload = Offload::default();
        let first = offload.acquire(Load::Failing, PATIENCE).await.unwrap();
        assert!(offload.acquire(Load::Failing, PATIENCE).await.is_none(), "two at a time");
        assert!(offload.acquire(Load::Light, PATIENCE).await.is_some());
        drop(first);
        assert!(offload.acquire(Load::Failing, PATIENCE).await.is_some());
    }

    #[tokio::test]
    async fn a_turn_ends_with_the_work_and_not_with_the_wait() {
        let offload = Offload::default();
        let acquire = offload.acquire(Load::Failing, PATIENCE).await.unwrap();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let work = acquire.run(move || receive.recv().is_err());
        assert!(tokio::time::timeout(PATIENCE, work).await.is_err(), "the work is done already");
        assert!(offload.acquire(Load::Failing, PATIENCE).await.is_none(), "two at a time");
        drop(send);
        assert!(offload.acquire(Load::Failing, Duration::from_secs(10)).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_for_a_failing_sender_and_validation_leave_their_worker_to_others() {
        for load in [Load::Failing, Load::Validation] {
            let offload = Offload::default();
            let acquire = offload.acquire(load, PATIENCE).await.unwrap();
            let (send, receive) = std::sync::mpsc::channel();
            // The only worker runs this task while the work waits for it.
            tokio::spawn(async move { send.send(7) });
            let done = acquire.run(move || receive.recv_timeout(Duration::from_secs(10))).await;
            assert_eq!(done, Some(Ok(7)));
            assert!(offload.acquire(load, PATIENCE).await.is_some(), "the permit was not released");
        }
    }
}
