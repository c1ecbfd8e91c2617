//! The audit log: the record of each change, and the trait.

use async_trait::async_trait;

use super::StoreError;
use super::named::named_enum;
use crate::gateway::ops::clock::UnixMicros;

named_enum! {
    /// A kind of change that the audit log records.
    AuditAction {
        /// A client created a subscription.
        SubscriptionsCreate => "subscriptions.create",
        /// A client changed a subscription.
        SubscriptionsUpdate => "subscriptions.update",
        /// A client deleted a subscription.
        SubscriptionsDelete => "subscriptions.delete",
        /// A signing secret was replaced.
        SubscriptionsRotate => "subscriptions.rotate",
        /// A suspension was ended.
        SubscriptionsUnsuspend => "subscriptions.unsuspend",
        /// An event was sent again.
        DeliveriesResend => "deliveries.resend",
        /// A dead letter was sent again.
        DivertedResend => "diverted.resend",
        /// A dead letter was deleted.
        DivertedDelete => "diverted.delete",
        /// The configuration has a new sink.
        SinksCreate => "sinks.create",
        /// The configuration changed a sink.
        SinksUpdate => "sinks.update",
        /// The configuration lost a sink.
        SinksDelete => "sinks.delete",
        /// A tenant was created.
        TenantsCreate => "tenants.create",
        /// A key was created.
        KeysCreate => "keys.create",
        /// A key was revoked.
        KeysRevoke => "keys.revoke",
        /// All values were encrypted with another key.
        EncryptionRotate => "encryption.rotate",
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The time of the action.
    pub at: UnixMicros,
    /// The actor.
    pub actor: String,
    /// The action.
    pub action: AuditAction,
    /// The target of the action.
    pub target: String,
    /// Further details, as JSON.
    pub detail: String,
}

impl AuditRecord {
    /// Returns an entry without details.
    pub fn new(at: UnixMicros, actor: &str, action: AuditAction, target: &str) -> Self {
        Self {
            at,
            actor: actor.to_owned(),
            action,
            target: target.to_owned(),
            detail: "{}".to_owned(),
        }
    }
}

/// A change by an operator or a client, with its audit entry. Both are stored in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    /// The change.
    pub what: T,
    /// The audit entry.
    pub audit: AuditRecord,
}

/// The audit log in a store. A change of a subscription or a delivery carries its entry itself, as
/// a [`Change`].
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds an entry to the audit log.
    async fn audit(&self, record: AuditRecord) -> Result<(), StoreError>;

    /// Returns the latest audit entries, newest first.
    async fn audits(&self, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;
}
