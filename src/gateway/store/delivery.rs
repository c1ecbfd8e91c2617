//! Deliveries, attempts and dead letters: the records and the trait.

use async_trait::async_trait;

use super::named::named_enum;
use super::{Change, EventRecord, Page, PageRequest, StoreError};
use crate::delivery::{AttemptEffect, Trigger};
use crate::gateway::ids::{EventId, ListenerId, RequestId, SubscriptionId, TenantId};
use crate::gateway::ops::clock::UnixMicros;

/// A filter of the attempts of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttemptFilter {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Selects attempts for events of these listeners; empty selects all.
    pub listeners: Vec<ListenerId>,
}

/// A filter of the diverted events (dead letters) of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DivertedFilter {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Selects this event.
    pub event_id: Option<EventId>,
    /// Selects events of these listeners; empty selects all.
    pub listeners: Vec<ListenerId>,
}

named_enum! {
    /// The state of a delivery.
    DeliveryState {
        /// An attempt is due, now or later.
        Waiting => "waiting",
        /// The receiver accepted the delivery.
        Delivered => "delivered",
        /// The delivery failed, and its event is in the dead-letter queue.
        Diverted => "diverted",
        /// The delivery ended without success, and no dead letter was kept.
        Dropped => "dropped",
        /// The filter of the subscription did not hold.
        Filtered => "filtered",
    }
}

/// One event on its way to one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The number of the delivery.
    pub id: i64,
    /// The tenant.
    pub tenant: TenantId,
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// The event.
    pub event_id: EventId,
    /// True if this is a failure notice for the alert endpoint, instead of the event.
    pub notice: bool,
    /// True if an operator or client requested that the event is sent again.
    pub resent: bool,
    /// The state of the delivery.
    pub state: DeliveryState,
    /// The number of attempts so far.
    pub attempts: u32,
    /// The time of the next attempt, if the delivery is waiting.
    pub next_at: UnixMicros,
    /// The reason of the last failed attempt, or of the end.
    pub reason: Option<String>,
    /// The time of acceptance of the event. For a notice or a resent event: the time at which the
    /// delivery was created.
    pub created_at: UnixMicros,
    /// The time of the end.
    pub ended_at: Option<UnixMicros>,
}

/// A delivery with a lease: one worker attempts it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedDelivery {
    /// The delivery.
    pub delivery: DeliveryRecord,
    /// The event, if it is still stored.
    pub event: Option<EventRecord>,
    /// The body of the first attempt. Each attempt sends the same body.
    pub body: Option<String>,
    /// Bytes of the event's data and of the body, if they are more than [`LEASED_BYTES`] and were
    /// therefore not read with the lease. Otherwise 0.
    pub unread: usize,
}

/// Largest content (data of the event, and body) that is read with the lease of a delivery, in
/// bytes. The caller reads larger content when it has the memory for it.
pub const LEASED_BYTES: usize = 16 << 10;

/// The content of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryContent {
    /// The event, if it is still stored.
    pub event: Option<EventRecord>,
    /// The body of the first attempt.
    pub body: Option<String>,
}

impl LeasedDelivery {
    /// Takes the delivery with its content, and leaves it without content.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let (delivery, unread) = (self.delivery.clone(), self.unread);
        std::mem::replace(self, Self { delivery, event: None, body: None, unread })
    }

    /// Drops the content.
    pub fn unload(&mut self) {
        self.body = None;
        if let Some(event) = &mut self.event {
            event.data = None;
        }
    }
}

/// A subscription with waiting deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Tenant of the subscription.
    pub tenant: TenantId,
    /// The time of the next attempt.
    pub at: UnixMicros,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The delivery.
    pub delivery_id: i64,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// The start of the attempt.
    pub at: UnixMicros,
    /// The HTTP status of the response; 0 without a response.
    pub status: u16,
    /// True if the receiver accepted the delivery.
    pub ok: bool,
    /// The reason of the failure.
    pub reason: Option<String>,
    /// The duration, in microseconds.
    pub duration_us: u64,
}

/// The result of one attempt, or of a delivery that needs no attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The delivery is attempted again.
    Again {
        /// The time of the next attempt.
        at: UnixMicros,
    },
    /// The receiver accepted the delivery.
    Delivered,
    /// The delivery failed. Its event goes to the dead-letter queue.
    Diverted {
        /// The cause.
        cause: DivertCause,
    },
    /// The delivery ends without a dead letter.
    Dropped,
    /// The filter of the subscription did not hold.
    Filtered,
}

/// The reason why an event is in the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DivertCause {
    /// The trigger of the failure policy that the last attempt matched.
    Trigger(Trigger),
    /// The subscription was suspended.
    Suspended,
    /// The backlog was above its limit.
    Backlog,
}

impl DivertCause {
    /// Returns the name: that of the trigger, `suspended` or `backlog`.
    pub fn name(self) -> String {
        match self {
            Self::Trigger(trigger) => trigger.to_string(),
            Self::Suspended => "suspended".to_owned(),
            Self::Backlog => "backlog".to_owned(),
        }
    }

    /// Returns the cause with a name.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "suspended" => Some(Self::Suspended),
            "backlog" => Some(Self::Backlog),
            // No client can write this trigger, but policies of other APIs have it.
            "any" => Some(Self::Trigger(Trigger::Any)),
            _ => Trigger::find(name).map(Self::Trigger),
        }
    }
}

/// The changes to store after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryUpdate {
    /// The delivery.
    pub delivery_id: i64,
    /// The attempt, if one was made.
    pub attempt: Option<AttemptRecord>,
    /// The body that was sent. The store keeps that of the first attempt.
    pub body: Option<String>,
    /// Stored bytes that all bodies of the tenant may take. Above them, the oldest ended deliveries
    /// lose their bodies. If that is not enough, the body is not kept, and the next attempt builds
    /// it again.
    pub body_bytes_per_tenant: u64,
    /// The result.
    pub end: DeliveryOutcome,
    /// The reason of the result.
    pub reason: Option<String>,
    /// The body of the failure notice for the alert endpoint.
    pub notice: Option<String>,
    /// The effect of the attempt on the subscription. `None` without an effect.
    pub effect: Option<AttemptEffect>,
}

/// A dead letter: an event that is kept for a subscription, so that it can be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivertedRecord {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// The event.
    pub event_id: EventId,
    /// The request that carried the event.
    pub request_id: RequestId,
    /// The time of failure.
    pub at: UnixMicros,
    /// The cause.
    pub cause: DivertCause,
    /// The failure in words.
    pub message: String,
}

/// A filter of deliveries. The newest deliveries come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Selects deliveries of this tenant.
    pub tenant: Option<TenantId>,
    /// Selects deliveries to this subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// Selects deliveries of this event.
    pub event_id: Option<EventId>,
    /// Selects deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Selects the delivery with this number.
    pub id: Option<i64>,
    /// Selects deliveries with a lower number: the next page.
    pub before: Option<i64>,
    /// The maximum number of rows.
    pub limit: usize,
}

/// Deliveries, attempts and dead letters in a store.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Leases due deliveries of a subscription. No other caller gets them until the lease ends.
    async fn lease(
        &self,
        subscription_id: &SubscriptionId,
        now: UnixMicros,
        lease_until: UnixMicros,
        limit: usize,
    ) -> Result<Vec<LeasedDelivery>, StoreError>;

    /// Returns the content of a delivery; `None` if the delivery was deleted.
    async fn delivery_content(
        &self,
        delivery_id: i64,
    ) -> Result<Option<DeliveryContent>, StoreError>;

    /// Stores the result of an attempt with its effects. Returns true if it suspended the
    /// subscription.
    async fn settle(&self, update: DeliveryUpdate, now: UnixMicros) -> Result<bool, StoreError>;

    /// Returns the time of the next attempt for each subscription with waiting deliveries.
    async fn upcoming(&self, now: UnixMicros) -> Result<Vec<Upcoming>, StoreError>;

    /// Returns the time of the next attempt of a subscription.
    async fn next_due(
        &self,
        subscription_id: &SubscriptionId,
        now: UnixMicros,
    ) -> Result<Option<UnixMicros>, StoreError>;

    /// Ends all leases: their workers no longer run. Also makes deliveries due that wait longer
    /// than any policy allows: their time was set while the clock was ahead (clock skew).
    async fn end_leases(&self, now: UnixMicros) -> Result<(), StoreError>;

    /// Corrects waiting deliveries after the clock was set back to `now` by `by` microseconds:
    /// attempts planned after `now` move earlier by that time.
    async fn set_back(&self, by: i64, now: UnixMicros) -> Result<(), StoreError>;

    /// Returns the deliveries that a filter selects.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// Returns the attempts of a delivery, in order.
    async fn attempts(&self, delivery_id: i64) -> Result<Vec<AttemptRecord>, StoreError>;

    /// Returns a page of the attempts of a subscription, newest first.
    async fn attempt_page(
        &self,
        filter: &AttemptFilter,
        page: PageRequest,
    ) -> Result<Page<AttemptRecord>, StoreError>;

    /// Returns the number of attempts that a filter selects.
    async fn count_attempts(&self, filter: &AttemptFilter) -> Result<usize, StoreError>;

    /// Returns the stored body of a delivery. An event has one from its first attempt on.
    async fn body(&self, delivery_id: i64) -> Result<Option<String>, StoreError>;

    /// Returns a page of the dead letters of a subscription, oldest first.
    async fn diverted_page(
        &self,
        filter: &DivertedFilter,
        page: PageRequest,
    ) -> Result<Page<DivertedRecord>, StoreError>;

    /// Deletes a dead letter, named by subscription and event. Returns true if it existed.
    async fn delete_diverted(
        &self,
        change: Change<(SubscriptionId, EventId)>,
    ) -> Result<bool, StoreError>;

    /// Sends an event to a subscription again. `change` names the subscription and the event.
    /// Returns the new delivery, or `None` if either does not exist. If a delivery of the event
    /// still waits, that one becomes due now.
    async fn resend(
        &self,
        change: Change<(SubscriptionId, EventId)>,
        now: UnixMicros,
    ) -> Result<Option<i64>, StoreError>;
}
