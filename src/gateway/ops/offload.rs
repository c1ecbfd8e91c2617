//! Work that runs outside the runtime threads: verification for senders that keep failing, one at a
//! time, decompression, and work on large bodies and deliveries. Does not know the work itself.
//!
//! A sender that keeps failing may still have the secret: several senders may share one address,
//! and only one of them forges requests. So its requests are not refused unread. They wait for each
//! other, and together use at most one processor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum heavy requests at the same time: the value of a body may be forty times as large as the
/// body, and is not part of the memory budget.
const MAX_HEAVY: usize = 4;

/// Semaphores for work outside the runtime threads.
#[derive(Debug)]
pub struct Offload {
    failing: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
}

impl Default for Offload {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let heavy = processors.min(MAX_HEAVY);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { failing: semaphore(1), heavy: semaphore(heavy), deliveries: semaphore(1) }
    }
}

/// The class of work that a request causes, estimated before the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Load {
    /// Work on the runtime thread, without waiting.
    Light,
    /// Decompression, or work on a large body.
    Heavy,
    /// A request of a sender that keeps failing.
    Failing,
    /// Programs on the large content of a delivery, one at a time: one event may have thousands of
    /// deliveries.
    Delivery,
}

/// A permit to work on a request.
#[derive(Debug)]
pub(in crate::gateway) struct OffloadPermit {
    /// `None` for light work.
    permit: Option<OwnedSemaphorePermit>,
}

impl Offload {
    /// Waits for a permit if the load needs one. Returns `None` after a timeout.
    pub(in crate::gateway) async fn acquire(
        &self,
        load: Load,
        timeout: Duration,
    ) -> Option<OffloadPermit> {
        let permits = match load {
            Load::Light => return Some(OffloadPermit { permit: None }),
            Load::Heavy => &self.heavy,
            Load::Failing => &self.failing,
            Load::Delivery => &self.deliveries,
        };
        let waited = tokio::time::timeout(timeout, Arc::clone(permits).acquire_owned()).await;
        let permit = waited.ok()?.ok()?;
        Some(OffloadPermit { permit: Some(permit) })
    }
}

impl OffloadPermit {
    /// Runs the work: light work at once, other work on a thread outside the runtime workers.
    ///
    /// The permit is released when the work ends, even if the sender no longer waits. The permits
    /// bound the number of these threads, because each thread keeps memory of its own.
    ///
    /// # Panics
    /// Panics if the work panics.
    pub(in crate::gateway) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let Some(permit) = self.permit else {
            return Some(work());
        };
        let work = move || {
            let _permit = permit;
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

    const TIMEOUT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn failing_senders_are_verified_one_at_a_time_and_others_wait_for_nobody() {
        let offload = Offload::default();
        let first = offload.acquire(Load::Failing, TIMEOUT).await.unwrap();
        assert!(offload.acquire(Load::Failing, TIMEOUT).await.is_none(), "two at a time");
        assert!(offload.acquire(Load::Light, TIMEOUT).await.is_some());
        drop(first);
        assert!(offload.acquire(Load::Failing, TIMEOUT).await.is_some());
    }

    #[tokio::test]
    async fn a_permit_ends_with_the_work_and_not_with_the_wait() {
        let offload = Offload::default();
        let permit = offload.acquire(Load::Failing, TIMEOUT).await.unwrap();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let work = permit.run(move || receive.recv().is_err());
        assert!(tokio::time::timeout(TIMEOUT, work).await.is_err(), "the work is done already");
        assert!(offload.acquire(Load::Failing, TIMEOUT).await.is_none(), "two at a time");
        drop(send);
        assert!(offload.acquire(Load::Failing, Duration::from_secs(10)).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_for_a_failing_sender_and_heavy_work_leave_their_worker_to_others() {
        for load in [Load::Failing, Load::Heavy] {
            let offload = Offload::default();
            let permit = offload.acquire(load, TIMEOUT).await.unwrap();
            let (send, receive) = std::sync::mpsc::channel();
            // The only worker runs this task while the work waits for it.
            tokio::spawn(async move { send.send(7) });
            let done = permit.run(move || receive.recv_timeout(Duration::from_secs(10))).await;
            assert_eq!(done, Some(Ok(7)));
            assert!(offload.acquire(load, TIMEOUT).await.is_some(), "the permit was not released");
        }
    }
}
