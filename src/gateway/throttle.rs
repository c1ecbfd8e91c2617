//! Verification for senders that keep failing: one at a time, away from the threads that serve
//! everybody else.
//!
//! Such a sender may have the secret all the same: behind one address may be several, of which one
//! is forged. So its requests are not refused unread; they wait for each other, and take at most
//! one processor together.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The place where senders that keep failing wait.
#[derive(Debug)]
pub struct Throttle {
    turns: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { turns: Semaphore::new(1) }
    }
}

/// Leave to verify a request.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    /// None for senders that do not fail: they wait for nobody.
    permit: Option<SemaphorePermit<'t>>,
}

impl Throttle {
    /// Waits for a turn, where the sender keeps failing; none where that takes too long.
    pub(super) async fn turn(&self, is_failing: bool, patience: Duration) -> Option<Turn<'_>> {
        if !is_failing {
            return Some(Turn { permit: None });
        }
        let waited = tokio::time::timeout(patience, self.turns.acquire()).await;
        let permit = waited.ok()?.ok()?;
        Some(Turn { permit: Some(permit) })
    }
}

impl Turn<'_> {
    /// Does a part of the work. Where the sender keeps failing, the thread is handed over first:
    /// its other tasks go on elsewhere meanwhile.
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

    use super::Throttle;

    const PATIENCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn failing_senders_are_verified_one_at_a_time_and_others_wait_for_nobody() {
        let throttle = Throttle::default();
        let first = throttle.turn(true, PATIENCE).await.unwrap();
        assert!(throttle.turn(true, PATIENCE).await.is_none(), "two at a time");
        assert!(throttle.turn(false, PATIENCE).await.is_some());
        drop(first);
        assert!(throttle.turn(true, PATIENCE).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_for_a_failing_sender_leaves_its_worker_to_others() {
        let throttle = Throttle::default();
        let turn = throttle.turn(true, PATIENCE).await.unwrap();
        let (send, receive) = std::sync::mpsc::channel();
        // The only worker runs this task while the work waits for it.
        tokio::spawn(async move { send.send(7) });
        let done = turn.run(|| receive.recv_timeout(Duration::from_secs(10)));
        assert_eq!(done, Ok(7));
    }
}
