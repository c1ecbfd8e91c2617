//! Operations: the clock, identifiers, encryption at rest, metrics, the log, and limits on memory and
//! threads that several parts of the gateway share. Knows no request and no delivery.

pub(super) mod clock;
pub(super) mod encryption;
pub(super) mod file_modes;
pub(super) mod ids;
pub(super) mod log_limit;
pub(super) mod logging;
pub(super) mod memory_pool;
pub(super) mod metrics;
pub(super) mod offload;
pub(super) mod retention_clock;
pub(super) mod shares;
