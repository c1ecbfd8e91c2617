//! Subscriptions: the records and the trait. The store does not know the content of a subscription;
//! it is encrypted.

use async_trait::async_trait;

use super::{Change, Page, PageRequest, StoreError};
use crate::delivery::{Api, SubscriptionHealth};
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::clock::UnixMicros;

/// A subscription. Its definition is encrypted; the fields that the store needs are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRecord {
    /// The id of the subscription.
    pub id: SubscriptionId,
    /// The tenant that owns the subscription.
    pub tenant: TenantId,
    /// The API that created the subscription.
    pub api: Api,
    /// True if the owner enabled the subscription.
    pub enabled: bool,
    /// The failures in a row and the suspension.
    pub health: SubscriptionHealth,
    /// The reason of the last failed attempt.
    pub last_failure: Option<String>,
    /// The event types that it is subscribed to; `*` is any.
    pub events: Vec<String>,
    /// The definition, encrypted.
    pub sealed: Vec<u8>,
    /// The time of creation.
    pub created_at: UnixMicros,
    /// The time of the last change by its owner.
    pub updated_at: UnixMicros,
    /// The version; it grows with each change.
    pub version: i64,
}

/// A filter of subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionFilter {
    /// Selects subscriptions of this tenant.
    pub tenant: Option<TenantId>,
    /// Selects subscriptions that this API created.
    pub api: Option<Api>,
    /// Selects by the setting of the owner: enabled or not.
    pub enabled: Option<bool>,
    /// Selects by suspension after failures: suspended or not.
    pub suspended: Option<bool>,
    /// Selects subscriptions that are enabled and not suspended (true), or all others (false).
    pub active: Option<bool>,
    /// Selects subscriptions with one of these event types; empty selects all.
    pub event_types: Vec<String>,
}

/// Subscriptions in a store.
#[async_trait]
pub trait SubscriptionStore: Send + Sync {
    /// Creates a subscription.
    async fn create_subscription(
        &self,
        change: Change<SubscriptionRecord>,
    ) -> Result<(), StoreError>;

    /// Creates a subscription if its tenant has fewer than `most`. Returns true if it was created.
    async fn create_subscription_within(
        &self,
        change: Change<SubscriptionRecord>,
        most: usize,
    ) -> Result<bool, StoreError>;

    /// Updates the settings of the owner, if the version is still that of `change`. Returns true if
    /// it was. Keeps the failure count, unless the new count is 0.
    async fn update_subscription(
        &self,
        change: Change<SubscriptionRecord>,
    ) -> Result<bool, StoreError>;

    /// Deletes a subscription with everything that belongs to it. Returns true if it existed.
    async fn delete_subscription(&self, change: Change<SubscriptionId>)
    -> Result<bool, StoreError>;

    /// Returns a subscription.
    async fn subscription(
        &self,
        id: &SubscriptionId,
    ) -> Result<Option<SubscriptionRecord>, StoreError>;

    /// Returns the subscriptions that a filter selects, oldest first.
    async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
    ) -> Result<Vec<SubscriptionRecord>, StoreError>;

    /// Returns a page of subscriptions, oldest first.
    async fn subscription_page(
        &self,
        filter: &SubscriptionFilter,
        page: PageRequest,
    ) -> Result<Page<SubscriptionRecord>, StoreError>;

    /// Returns the number of subscriptions that a filter selects.
    async fn count_subscriptions(&self, filter: &SubscriptionFilter) -> Result<usize, StoreError>;
}
