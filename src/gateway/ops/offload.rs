//! Work that runs outside the runtime threads: verification for senders that keep failing, one at a
//! time, decompression, and work on large bodies and deliveries. Does not know the work itself.
//!
//! A sender that keeps failing may still have the secret: several senders may share one address,
//! and only one of them forges requests. So its requests are not refused unread. They wait for each
//! other, and together use at most one processor. Their addresses take turns, and so do the tenants
//! of large deliveries: one of them cannot keep the others waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::memory_pool::Owner;
use super::shares::{Class, Permit, Shares};

/// Maximum heavy requests at the same time: the value of a body may be forty times as large as the
/// body, and is not part of the memory budget.
const MAX_HEAVY: usize = 4;

/// Permits for work outside the runtime threads.
#[derive(Debug)]
pub struct Offload {
    /// One permit, which addresses share.
    failing: Arc<Shares>,
    heavy: Arc<Semaphore>,
    /// One permit, which tenants share.
    deliveries: Arc<Shares>,
}

impl Default for Offload {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let heavy = processors.min(MAX_HEAVY);
        Self {
            failing: Shares::new(1),
            heavy: Arc::new(Semaphore::new(heavy)),
            deliveries: Shares::new(1),
        }
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
pub(in crate::gateway) struct OffloadPermit(OffloadPlace);

/// The place among other work.
#[derive(Debug)]
enum OffloadPlace {
    /// Light work needs none.
    Nothing,
    Heavy {
        _permit: OwnedSemaphorePermit,
    },
    Turn {
        _permit: Permit,
    },
}

impl Offload {
    /// Waits for a permit if the load needs one. The owner is the address of the sender, or the
    /// tenant of a delivery. Returns `None` after a timeout.
    pub(in crate::gateway) async fn acquire(
        &self,
        load: Load,
        owner: &Owner,
        timeout: Duration,
    ) -> Option<OffloadPermit> {
        let waited = tokio::time::timeout(timeout, self.place(load, owner)).await;
        waited.ok()?.map(OffloadPermit)
    }

    async fn place(&self, load: Load, owner: &Owner) -> Option<OffloadPlace> {
        let turns = match load {
            Load::Light => return Some(OffloadPlace::Nothing),
            Load::Heavy => {
                let permit = Arc::clone(&self.heavy).acquire_owned().await;
                return permit.ok().map(|permit| OffloadPlace::Heavy { _permit: permit });
            }
            Load::Failing => &self.failing,
            Load::Delivery => &self.deliveries,
        };
        let permit = turns.acquire(&owner.to_string(), Class::Steady).await;
        Some(OffloadPlace::Turn { _permit: permit })
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
        if matches!(self.0, OffloadPlace::Nothing) {
            return Some(work());
        }
        let work = move || {
            let _permit = self;
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
    use crate::gateway::ops::memory_pool::Owner;

    const TIMEOUT: Duration = Duration::from_millis(20);

    fn address(last: u8) -> Owner {
        Owner::Address([192, 0, 2, last].into())
    }

    #[tokio::test]
    async fn failing_senders_are_verified_one_at_a_time_and_others_without_waiting() {
        let offload = Offload::default();
        let first = offload.acquire(Load::Failing, &address(1), TIMEOUT).await.unwrap();
        assert!(
            offload.acquire(Load::Failing, &address(1), TIMEOUT).await.is_none(),
            "two at a time"
        );
        assert!(offload.acquire(Load::Light, &address(1), TIMEOUT).await.is_some());
        drop(first);
        assert!(offload.acquire(Load::Failing, &address(1), TIMEOUT).await.is_some());
    }

    #[tokio::test]
    async fn a_verification_permit_is_held_until_the_work_ends_after_a_timeout() {
        let offload = Offload::default();
        let permit = offload.acquire(Load::Failing, &address(1), TIMEOUT).await.unwrap();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let work = permit.run(move || receive.recv().is_err());
        assert!(tokio::time::timeout(TIMEOUT, work).await.is_err(), "the work is done already");
        assert!(
            offload.acquire(Load::Failing, &address(1), TIMEOUT).await.is_none(),
            "two at a time"
        );
        drop(send);
        assert!(
            offload.acquire(Load::Failing, &address(1), Duration::from_secs(10)).await.is_some()
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn offloaded_verification_does_not_block_the_runtime_worker() {
        for load in [Load::Failing, Load::Heavy] {
            let offload = Offload::default();
            let permit = offload.acquire(load, &address(1), TIMEOUT).await.unwrap();
            let (send, receive) = std::sync::mpsc::channel();
            // The only worker runs this task while the work waits for it.
            tokio::spawn(async move { send.send(7) });
            let done = permit.run(move || receive.recv_timeout(Duration::from_secs(10))).await;
            assert_eq!(done, Some(Ok(7)));
            assert!(
                offload.acquire(load, &address(1), TIMEOUT).await.is_some(),
                "the permit was not released"
            );
        }
    }

    #[tokio::test]
    async fn verification_queue_is_fair_between_addresses() {
        for load in [Load::Failing, Load::Delivery] {
            let offload = std::sync::Arc::new(Offload::default());
            let held = offload.acquire(load, &address(1), TIMEOUT).await.unwrap();
            let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let mut waiting = tokio::task::JoinSet::new();
            for last in [1, 1, 1, 1, 2] {
                let (offload, order) = (offload.clone(), order.clone());
                waiting.spawn(async move {
                    let permit =
                        offload.acquire(load, &address(last), Duration::from_secs(10)).await;
                    order.lock().unwrap().push(last);
                    drop(permit);
                });
                tokio::task::yield_now().await;
            }
            drop(held);
            while waiting.join_next().await.is_some() {}
            let order = order.lock().unwrap();
            assert_eq!(order.iter().position(|last| *last == 2), Some(1), "{load:?}: {order:?}");
        }
    }
}
