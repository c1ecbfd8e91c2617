//! Compilation of subscribers' programs outside the runtime threads: one at a time for each tenant,
//! a bounded number in total, with a timeout. The bytes of compiled regular expressions are bounded
//! for each tenant and in total. Does not run the programs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::delivery::Programs;
use crate::engine::{PatternPool, PatternShare};

/// Bytes of the compiled patterns of all tenants.
const ALL_BYTES: usize = 64 << 20;

/// Bytes of the compiled patterns of one tenant.
const TENANT_BYTES: usize = 16 << 20;

/// Longest time that a caller waits for a program: for its turn and for the compiler.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The compiled patterns, and the limits on compilation.
pub struct Patterns {
    pool: Arc<PatternPool>,
    /// Semaphores by tenant, held while a program of the tenant is compiled.
    compiling: Mutex<HashMap<String, Weak<Semaphore>>>,
    /// Held while a program of any tenant is compiled. Half of the processors stay free for other
    /// work.
    compilers: Arc<Semaphore>,
}

/// The reason why a program was not compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A timeout, because other programs were compiled first or the program takes too long.
    #[error("the program was not compiled within {} s, because others were first; try again", TIMEOUT.as_secs())]
    Timeout,
    /// A panic of the compiler.
    #[error("the compiler of programs failed")]
    Failed,
}

impl Default for Patterns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            pool: PatternPool::new(ALL_BYTES, TENANT_BYTES),
            compiling: Mutex::default(),
            compilers: Arc::new(Semaphore::new((processors / 2).max(1))),
        }
    }
}

impl Patterns {
    /// Returns the share of a tenant in the pattern pool.
    pub fn share(&self, tenant: &str) -> PatternShare {
        self.pool.share(tenant)
    }

    /// Compiles the patterns of programs that are about to run. The pool may have evicted them
    /// since their last run.
    pub(in crate::gateway) async fn warm(&self, tenant: &str, programs: &Programs) {
        if programs.is_warm() {
            return;
        }
        let warmed = programs.clone();
        if let Err(error) = self.compile(tenant, move || warmed.warm()).await {
            tracing::warn!(tenant, %error, "patterns of a subscription not compiled yet");
        }
    }

    /// Runs the compiler for a tenant on a thread outside the runtime.
    ///
    /// The turn of a tenant ends with the work, not with the wait. So a tenant has at most one
    /// compiler at any time.
    ///
    /// # Errors
    /// Returns an error if the compilation, including the wait for other programs, takes too long.
    pub(in crate::gateway) async fn compile<T: Send + 'static>(
        &self,
        tenant: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CompileError> {
        self.compile_within(TIMEOUT, tenant, work).await
    }

    async fn compile_within<T: Send + 'static>(
        &self,
        timeout: Duration,
        tenant: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CompileError> {
        let (turn, compilers) = (self.turn(tenant), Arc::clone(&self.compilers));
        let compiled = async {
            // The semaphores are never closed.
            let turn = turn.acquire_owned().await.map_err(|_| CompileError::Failed)?;
            let compiler = compilers.acquire_owned().await.map_err(|_| CompileError::Failed)?;
            let work = move || {
                let _held = (turn, compiler);
                work()
            };
            tokio::task::spawn_blocking(work).await.map_err(|_| CompileError::Failed)
        };
        tokio::time::timeout(timeout, compiled).await.map_err(|_| CompileError::Timeout)?
    }

    /// Returns the semaphore that a tenant holds while it compiles.
    fn turn(&self, tenant: &str) -> Arc<Semaphore> {
        // The table is valid at any time, so a panic elsewhere leaves no partial change.
        let mut compiling = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = compiling.get(tenant).and_then(Weak::upgrade) {
            return turn;
        }
        compiling.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Semaphore::new(1));
        compiling.insert(tenant.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::{CompileError, Patterns};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn filters_are_compiled_outside_the_runtime_threads() {
        let patterns = Patterns::default();
        let (send, receive) = mpsc::channel();
        // The only worker runs this task while the compiler waits for it.
        tokio::spawn(async move { send.send(7) });
        let compiled = patterns.compile("acme", move || receive.recv().ok()).await;
        assert_eq!(compiled, Ok(Some(7)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_tenant_compiles_one_filter_at_a_time() {
        let patterns = Arc::new(Patterns::default());
        let running = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (patterns, running) = (Arc::clone(&patterns), Arc::clone(&running));
                tokio::spawn(async move {
                    let work = move || {
                        let others = running.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        running.fetch_sub(1, Ordering::SeqCst);
                        others
                    };
                    patterns.compile("acme", work).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(0), "two compile at a time");
        }
    }

    #[tokio::test]
    async fn filter_compilation_ends_with_a_timeout_while_the_tenant_is_busy() {
        let patterns = Patterns::default();
        let held = patterns.turn("acme").acquire_owned().await.unwrap();
        let short = Duration::from_millis(20);
        let late = patterns.compile_within(short, "acme", || ()).await;
        assert_eq!(late, Err(CompileError::Timeout));
        assert_eq!(patterns.compile("other", || ()).await, Ok(()), "another tenant waited");
        drop(held);
        assert_eq!(patterns.compile("acme", || ()).await, Ok(()));
    }
}
