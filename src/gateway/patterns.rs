//! The regular expressions of subscribers: their bytes are bounded by tenant and in all, and they
//! are compiled beside the runtime, for a tenant one program at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::delivery::Programs;
use crate::engine::{PatternPool, PatternShare};

/// Bytes of the compiled patterns of all tenants.
const ALL_BYTES: usize = 64 << 20;

/// Bytes of the compiled patterns of a tenant.
const TENANT_BYTES: usize = 16 << 20;

/// Compiled patterns, and who compiles.
pub struct Patterns {
    pool: Arc<PatternPool>,
    /// By tenant: held while a program of it is compiled.
    compiling: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { pool: PatternPool::new(ALL_BYTES, TENANT_BYTES), compiling: Mutex::default() }
    }
}

impl Patterns {
    /// The share of a tenant.
    pub fn share(&self, tenant: &str) -> PatternShare {
        self.pool.share(tenant)
    }

    /// Compiles the patterns of programs that are about to run. They may have made room for others
    /// since they ran.
    pub(super) async fn warm(&self, tenant: &str, programs: &Programs) {
        if programs.is_warm() {
            return;
        }
        // Nobody closes it, and without a permit the run compiles what it needs.
        let _permit = self.turn(tenant).acquire_owned().await.ok();
        if programs.is_warm() {
            return;
        }
        let programs = programs.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || programs.warm()).await {
            tracing::error!(tenant, %error, "the patterns of a subscription were not compiled");
        }
    }

    /// What a tenant holds while it compiles.
    fn turn(&self, tenant: &str) -> Arc<Semaphore> {
        // A table is whole at any time, so a panic elsewhere leaves nothing half done.
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
