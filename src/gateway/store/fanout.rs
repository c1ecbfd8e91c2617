//! Fan-out: what is stored of an event for its subscriptions, after the event itself is stored, and
//! how much may wait for them.

use async_trait::async_trait;

use super::{EventRecord, StoreError};

/// A subscription whose filter does not want an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwanted {
    /// The subscription.
    pub subscription: String,
    /// The version of it that has that filter.
    pub version: i64,
}

/// One tenant's part of a step of fan-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOutTurn {
    /// The tenant.
    pub tenant: String,
    /// The place of the last event that filters were asked about; none where there are no filters.
    pub upto: Option<i64>,
    /// Which filters do not hold, by the place of the event.
    pub unwanted: Vec<(i64, Unwanted)>,
}

impl FanOutTurn {
    /// The turn of a tenant whose filters are not asked, or not here.
    pub fn without_filters(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), upto: None, unwanted: Vec::new() }
    }
}

/// What one step brought for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FannedOut {
    /// The tenant.
    pub tenant: String,
    /// Subscriptions with new deliveries.
    pub subscriptions: Vec<String>,
    /// Deliveries that a filter ended.
    pub filtered: usize,
    /// Waiting deliveries that became dead letters, since there were too many.
    pub diverted: Vec<(String, usize)>,
    /// Whether the tenant has any subscription that takes events.
    pub subscribed: bool,
    /// Whether there are more events to fan out.
    pub more: bool,
    /// Whether more waits than the tenant, or the process, may have.
    pub over: bool,
}

/// How much may wait for subscriptions, and how many dead letters are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacklogLimits {
    /// Waiting deliveries of a subscription.
    pub rows: usize,
    /// Bytes of their events, as they are stored, and of their bodies.
    pub bytes: u64,
    /// Microseconds that a delivery waits.
    pub age_us: i64,
    /// Waiting deliveries of a tenant.
    pub tenant_rows: usize,
    /// Waiting deliveries of all tenants.
    pub total_rows: usize,
    /// Dead letters of a subscription.
    pub diverted_rows: usize,
    /// Dead letters of a tenant.
    pub diverted_rows_per_tenant: usize,
}

/// What a look at all backlogs did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Waiting deliveries that became dead letters, by subscription.
    pub diverted: Vec<(String, usize)>,
    /// Dead letters that were deleted.
    pub deleted: usize,
    /// Whether there is more to do.
    pub more: bool,
}

/// Why a delivery is not sent whose event was accepted while its subscription was suspended. Fan-out
/// writes it with the delivery, so that lifting the suspension a moment later changes nothing.
pub const SUSPENDED: &str = "the subscription is suspended";

/// What waits for a subscription and its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Waiting deliveries of the subscription.
    pub rows: usize,
    /// Bytes of their events and bodies.
    pub bytes: u64,
    /// Waiting deliveries of its tenant.
    pub tenant_rows: usize,
}

/// What is asked of a store about fan-out.
///
/// Fan-out goes through the events of each tenant in their order, and writes a delivery for each
/// subscription that was made before the event, wants its type, and is enabled when its turn
/// comes. How far it came is stored in the same transaction, so after a crash it goes on there,
/// and each delivery is written once.
#[async_trait]
pub trait FanOutStore: Send + Sync {
    /// The tenants with events to fan out.
    async fn pending_tenants(&self) -> Result<Vec<String>, StoreError>;

    /// Whether all events of a tenant up to a place are fanned out; without a place, up to the last
    /// one. Answers that place where they are not.
    async fn fan_out_lag(&self, tenant: &str, upto: Option<i64>)
    -> Result<Option<i64>, StoreError>;

    /// The next events of a tenant to fan out, in their order; fewer where they are large.
    async fn pending_events(
        &self,
        tenant: &str,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError>;

    /// Fans out for each tenant in turn, with at most `rows` events and deliveries for all, and a
    /// fair part of that for each; fewer while senders wait for the store. Where a subscription
    /// has more waiting than it may, its oldest deliveries become dead letters.
    async fn fan_out(
        &self,
        turns: Vec<FanOutTurn>,
        limits: BacklogLimits,
        rows: usize,
        now: i64,
    ) -> Result<Vec<FannedOut>, StoreError>;

    /// Looks at all backlogs: where more waits, or for longer, than may, the oldest deliveries
    /// become dead letters; where there are more of those than are kept, the oldest are deleted.
    /// At most `rows` of each subscription in one transaction.
    async fn trim(
        &self,
        limits: BacklogLimits,
        rows: usize,
        now: i64,
    ) -> Result<Trimmed, StoreError>;

    /// What waits for a subscription.
    async fn backlog(&self, subscription_id: &str) -> Result<Backlog, StoreError>;

    /// How many deliveries wait in all.
    async fn waiting_rows(&self) -> Result<usize, StoreError>;
}
