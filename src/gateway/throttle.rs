//! Work that is done away from the threads that serve everybody else: verification for senders
//! that keep failing, one at a time, and large bodies that are held to a schema.
//!
//! A sender that keeps failing may have the secret all the same: behind one address may be several, of which one
//! is forged. So its requests are not refused unread; they wait for each other, and take at most
//! one processor together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places where work waits for its turn.
#[derive(Debug)]
pub struct Throttle {
    failing: Arc<Semaphore>,
    validating: Arc<Semaphore>,
}

impl Default for Throttle {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { failing: semaphore(1), validating: semaphore(processors) }
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
pub(super) struct Turn {
    /// None for light work.
    permit: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    /// Waits for a turn, where the load asks for one; none where that takes too long.
    pub(super) async fn turn(&self, load: Load, patience: Duration) -> Option<Turn> {
        let turns = match load {
            Load::Light => return Some(Turn { permit: None }),
            Load::Validation => &self.validating,
            Load::Failing => &self.failing,
        };
        let waited = tokio::time::timeout(patience, Arc::clone(turns).acquire_owned()).await;
        let permit = waited.ok()?.ok()?;
        Some(Turn { permit: Some(permit) })
    }
}

impl Turn {
    /// Whether the work is done where the request is read.
    pub(super) fn is_light(&self) -> bool {
        self.permit.is_none()
    }

    /// Does the work: light work at once, other work on a thread beside the runtime's workers. The
    /// turn ends with the work, also where the sender does not wait for it. There are as many of
    /// these threads as turns: each keeps memory of its own.
    ///
    /// # Panics
    /// Where the work does.
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
            // The runtime ends.
            Err(_) => None,
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

    #[tokio::test]
    async fn a_turn_ends_with_the_work_and_not_with_the_wait() {
        let throttle = Throttle::default();
        let turn = throttle.turn(Load::Failing, PATIENCE).await.unwrap();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let work = turn.run(move || receive.recv().is_err());
        assert!(tokio::time::timeout(PATIENCE, work).await.is_err(), "the work is done already");
        assert!(throttle.turn(Load::Failing, PATIENCE).await.is_none(), "two at a time");
        drop(send);
        assert!(throttle.turn(Load::Failing, Duration::from_secs(10)).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_for_a_failing_sender_and_validation_leave_their_worker_to_others() {
        for load in [Load::Failing, Load::Validation] {
            let throttle = Throttle::default();
            let turn = throttle.turn(load, PATIENCE).await.unwrap();
            let (send, receive) = std::sync::mpsc::channel();
            // The only worker runs this task while the work waits for it.
            tokio::spawn(async move { send.send(7) });
            let done = turn.run(move || receive.recv_timeout(Duration::from_secs(10))).await;
            assert_eq!(done, Some(Ok(7)));
            assert!(throttle.turn(load, PATIENCE).await.is_some(), "the turn did not end");
        }
    }
}
