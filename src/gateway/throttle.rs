//! Work that is done away from the threads that serve everybody else: verification for senders
//! that keep failing, one at a time, and large bodies that are held to a schema.
//!
//! A sender that keeps failing may have the secret all the same: behind one address may be several, of which one
//! is forged. So its requests are not refused unread; they wait for each other, and take at most
//! one processor together.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The places where work waits for its turn.
#[derive(Debug)]
pub struct Throttle {
    failing: Semaphore,
    validating: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { failing: Semaphore::new(1), validating: Semaphore::new(processors) }
    }
}

/// The work that a request brings, as far as it is known before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// It is done where the request is read, and waits for nobody.
    Light,
    /// A large body that is held to a schema.
    Validation,
    /// A request of a sender that keeps failing.
    Failing,
}

/// Leave to work on a request.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    /// None for light work.
    permit: Option<SemaphorePermit<'t>>,
}

impl Throttle {
    /// Waits for a turn, where the load asks for one; none where that takes too long.
    pub(super) async fn turn(&self, load: Load, patience: Duration) -> Option<Turn<'_>> {
        let turns = match load {
            Load::Light => return Some(Turn { permit: None }),
            Load::Validation => &self.validating,
            Load::Failing => &self.failing,
        };
        let waited = tokio::time::timeout(patience, turns.acquire()).await;
        let permit = waited.ok()?.ok()?;
        Some(Turn { permit: Some(permit) })
    }
}

impl Turn<'_> {
    /// Does a part of the work. Unless it is light, the thread is handed over first: its other
    /// tasks go on elsewhere meanwhile.
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let has_others = || Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        match self.permit {
            Some(_) if has_others() => tokio::task::block_in_place(work),
            _ => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Load, Throttle};

    const PATIENCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn failing_senders_are_verified_one_at_a_time_and_others_wait_for_nobody() {
        let throttle = Throttle::default();
        let first = throttle.turn(Load::Failing, PATIENCE).await.unwrap();
        assert!(throttle.turn(Load::Failing, PATIENCE).await.is_none(), "two at a time");
        assert!(throttle.turn(Load::Light, PATIENCE).await.is_some());
        drop(first);
        assert!(throttle.turn(Load::Failing, PATIENCE).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_for_a_failing_sender_and_validation_leave_their_worker_to_others() {
        for load in [Load::Failing, Load::Validation] {
            let throttle = Throttle::default();
            let turn = throttle.turn(load, PATIENCE).await.unwrap();
            let (send, receive) = std::sync::mpsc::channel();
            // The only worker runs this task while the work waits for it.
            tokio::spawn(async move { send.send(7) });
            let done = turn.run(|| receive.recv_timeout(Duration::from_secs(10)));
            assert_eq!(done, Ok(7));
        }
    }
}
