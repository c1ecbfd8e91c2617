//! Fan-out: the traits and records by which events become deliveries of subscriptions, and the
//! limits of the backlogs. Filters are evaluated by the caller.

use async_trait::async_trait;

use super::{EventRecord, StoreError};
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::clock::UnixMicros;

/// A subscription whose filter does not hold for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwanted {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The version of the subscription that has this filter.
    pub version: i64,
}

/// The turn of one tenant in a fan-out step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOutTurn {
    /// The tenant.
    pub tenant: TenantId,
    /// The sequence number of the last event that filters were evaluated for. `None` without
    /// filters.
    pub upto: Option<i64>,
    /// Filters that do not hold, each with the sequence number of the event.
    pub unwanted: Vec<(i64, Unwanted)>,
}

impl FanOutTurn {
    /// Returns a turn without filter results. The workers evaluate the filters instead.
    pub fn without_filters(tenant: impl Into<TenantId>) -> Self {
        Self { tenant: tenant.into(), upto: None, unwanted: Vec::new() }
    }
}

/// The result of one fan-out step for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FannedOut {
    /// The tenant.
    pub tenant: TenantId,
    /// Subscriptions with new deliveries.
    pub subscriptions: Vec<SubscriptionId>,
    /// Deliveries that a filter ended.
    pub filtered: usize,
    /// Waiting deliveries that became dead letters because the backlog was full, by subscription.
    pub diverted: Vec<(SubscriptionId, usize)>,
    /// True if the tenant has a subscription that takes events.
    pub subscribed: bool,
    /// True if the tenant has more events to fan out.
    pub more: bool,
    /// True if the tenant, or the process, has more waiting deliveries than its limit.
    pub over: bool,
}

/// The limits of backlogs and dead-letter queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacklogLimits {
    /// Waiting deliveries of a subscription.
    pub rows: usize,
    /// Bytes of the stored events and bodies of these deliveries.
    pub bytes: u64,
    /// Maximum age of a waiting delivery, in microseconds.
    pub age_us: i64,
    /// Waiting deliveries of a tenant.
    pub tenant_rows: usize,
    /// Waiting deliveries of all tenants.
    pub total_rows: usize,
    /// Dead letters of a subscription.
    pub dead_letter_rows: usize,
    /// Dead letters of a tenant.
    pub dead_letter_rows_per_tenant: usize,
}

/// The result of trimming all backlogs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Waiting deliveries that became dead letters, by subscription.
    pub diverted: Vec<(SubscriptionId, usize)>,
    /// Dead letters that were deleted.
    pub deleted: usize,
    /// True if more rows have to be trimmed.
    pub more: bool,
}

/// The reason of a delivery whose event was accepted while its subscription was suspended. Fan-out
/// stores it with the delivery, so resuming the subscription a moment later does not change the
/// result.
pub const SUSPENDED: &str = "the subscription is suspended";

/// The backlog of a subscription and of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Waiting deliveries of the subscription.
    pub rows: usize,
    /// Bytes of the events and bodies of these deliveries.
    pub bytes: u64,
    /// Waiting deliveries of the tenant.
    pub tenant_rows: usize,
}

/// Fan-out in a store.
///
/// Fan-out reads the events of each tenant in order. It writes a delivery for each subscription
/// that is older than the event, is subscribed to its type, and is enabled at that moment. The
/// progress is stored in the same transaction. After a crash, fan-out continues from there, so each
/// delivery is written once.
#[async_trait]
pub trait FanOutStore: Send + Sync {
    /// Returns the tenants with events to fan out.
    async fn pending_tenants(&self) -> Result<Vec<TenantId>, StoreError>;

    /// Returns `None` if all events of a tenant up to a sequence number are fanned out. Otherwise
    /// returns that number. Default for `upto`: the last event of the tenant.
    async fn fan_out_lag(
        &self,
        tenant: &TenantId,
        upto: Option<i64>,
    ) -> Result<Option<i64>, StoreError>;

    /// Returns the next events of a tenant to fan out, in order, at most `limit`.
    async fn pending_events(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError>;

    /// Fans out for each tenant in turn. One call writes at most `rows` events and deliveries,
    /// shared fairly among the tenants, and fewer while senders wait for the store. If a backlog
    /// exceeds its limit, the oldest deliveries of the subscription become dead letters.
    async fn fan_out(
        &self,
        turns: Vec<FanOutTurn>,
        limits: BacklogLimits,
        rows: usize,
        now: UnixMicros,
    ) -> Result<Vec<FannedOut>, StoreError>;

    /// Trims all backlogs. The oldest deliveries above a limit of rows, bytes or age become dead
    /// letters. The oldest dead letters above their limit are deleted. One transaction changes at
    /// most `rows` of each subscription.
    async fn trim(
        &self,
        limits: BacklogLimits,
        rows: usize,
        now: UnixMicros,
    ) -> Result<Trimmed, StoreError>;

    /// Returns the backlog of a subscription.
    async fn backlog(&self, subscription_id: &SubscriptionId) -> Result<Backlog, StoreError>;

    /// Returns the number of waiting deliveries of all tenants.
    async fn waiting_rows(&self) -> Result<usize, StoreError>;
}
