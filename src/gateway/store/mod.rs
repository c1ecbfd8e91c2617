//! The durable store for requests, events and deliveries: a trait with its records for each
//! aggregate, and the embedded SQLite implementation.
//!
//! Nothing in the traits is specific to SQLite. The store knows no clock: the caller passes times
//! in, as microseconds since the epoch, UTC.

mod audit;
mod delivery;
mod encryption;
mod error;
mod fanout;
mod key;
mod maintenance;
mod named;
mod page;
mod request;
mod secret;
mod sqlite;
mod subscription;

pub use audit::{AuditAction, AuditRecord, AuditStore, Change};
pub use delivery::{
    AttemptFilter, AttemptRecord, DeliveryContent, DeliveryFilter, DeliveryOutcome, DeliveryRecord,
    DeliveryState, DeliveryStore, DeliveryUpdate, DivertCause, DivertedFilter, DivertedRecord,
    LEASED_BYTES, LeasedDelivery, Upcoming,
};
pub use encryption::{
    EncryptionState, EncryptionStore, KeyHolder, RegisteredKey, Replacement, SealedColumn,
    SealedValue,
};
pub use error::StoreError;
pub use fanout::{
    Backlog, BacklogLimits, FanOutStore, FanOutTurn, FannedOut, SUSPENDED, Trimmed, Unwanted,
};
pub use key::{Key, KeyKind, KeyStore, Scope, Tenant};
pub use maintenance::{MaintenanceStore, Mode, Pruned, Retention};
pub use page::{Page, PageRequest};
pub use request::{
    ChallengeRecord, DedupClaim, Entry, EventFilter, EventRecord, Kept, RejectedLogPolicy,
    RejectedLogStats, Repeat, RequestFilter, RequestRecord, RequestStore,
};
pub use secret::SecretStore;
pub use sqlite::{SqliteOptions, SqliteStore};
pub use subscription::{SubscriptionFilter, SubscriptionRecord, SubscriptionStore};

/// A durable store: the sum of the traits of all aggregates.
pub trait Store:
    AuditStore
    + DeliveryStore
    + EncryptionStore
    + FanOutStore
    + KeyStore
    + MaintenanceStore
    + RequestStore
    + SecretStore
    + SubscriptionStore
{
}

impl<T> Store for T where
    T: AuditStore
        + DeliveryStore
        + EncryptionStore
        + FanOutStore
        + KeyStore
        + MaintenanceStore
        + RequestStore
        + SecretStore
        + SubscriptionStore
{
}
