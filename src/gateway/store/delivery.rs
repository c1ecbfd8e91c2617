//! What is stored of subscriptions and deliveries, and how it is asked for.

use async_trait::async_trait;

use super::{AuditRecord, EventRecord, StoreError};
use crate::delivery::{Api, Standing, Verdict};

/// A subscription. What it says is encrypted; what the store has to know of it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRecord {
    /// Its id.
    pub id: String,
    /// The tenant that it belongs to.
    pub tenant: String,
    /// The API that it was made by.
    pub api: Api,
    /// Whether its owner wants events.
    pub enabled: bool,
    /// How it stands with its receiver.
    pub standing: Standing,
    /// Why the last one failed that did.
    pub last_failure: Option<String>,
    /// The types of events that it wants; `*` is any.
    pub events: Vec<String>,
    /// What it says, encrypted.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
    /// When its owner last changed it.
    pub updated_at: i64,
    /// Counts its changes.
    pub version: i64,
}

/// Which subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Made by this API.
    pub api: Option<Api>,
    /// Enabled by its owner, or not.
    pub enabled: Option<bool>,
    /// Suspended after failures, or not.
    pub suspended: Option<bool>,
    /// Enabled and not suspended, or anything else.
    pub active: Option<bool>,
    /// With one of these types of events; empty: with any.
    pub event_types: Vec<String>,
}

/// A part of a list, bounded in rows and in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// The sequence number of the last row of the page before; none: from the first row.
    pub after: Option<i64>,
    /// How many rows to skip.
    pub offset: usize,
    /// How many rows at most.
    pub limit: usize,
    /// How many bytes at most; at least one row is read.
    pub bytes: usize,
}

/// A page of a list: each row with its sequence number.
pub type Page<T> = Vec<(i64, T)>;

/// Which attempts of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttemptFilter {
    /// Of this subscription.
    pub subscription_id: String,
    /// To send events of these listeners; empty: of any.
    pub listeners: Vec<String>,
}

/// Which diverted events of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DivertedFilter {
    /// Of this subscription.
    pub subscription_id: String,
    /// This event.
    pub event_id: Option<String>,
    /// Events of these listeners; empty: of any.
    pub listeners: Vec<String>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is to be tried, now or later.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was given up, and is kept to be sent again.
    Diverted,
    /// It was given up.
    Dropped,
    /// The subscription's filter did not want it.
    Filtered,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Delivered, Self::Diverted, Self::Dropped, Self::Filtered];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Diverted => "diverted",
            Self::Dropped => "dropped",
            Self::Filtered => "filtered",
        }
    }

    /// The one of a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One event on its way to one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its number.
    pub id: i64,
    /// The tenant.
    pub tenant: String,
    /// The subscription.
    pub subscription_id: String,
    /// The event.
    pub event_id: String,
    /// Whether it tells an alert endpoint of a failure, in place of bringing the event.
    pub notice: bool,
    /// Whether someone asked for it to be sent again.
    pub resent: bool,
    /// What became of it.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is to be tried, where it waits.
    pub next_at: i64,
    /// Why it ended, or was not taken the last time.
    pub reason: Option<String>,
    /// When the event was accepted.
    pub created_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// A delivery that is to be tried now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The delivery.
    pub delivery: DeliveryRecord,
    /// The event, where it is still there.
    pub event: Option<EventRecord>,
    /// The body of the first attempt: each repeats it.
    pub body: Option<String>,
}

/// A subscription with waiting deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// The subscription.
    pub subscription_id: String,
    /// Its tenant.
    pub tenant: String,
    /// When the next delivery is to be tried.
    pub at: i64,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The delivery.
    pub delivery_id: i64,
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub at: i64,
    /// The status of the answer; 0 where there was none.
    pub status: u16,
    /// Whether the receiver took it.
    pub ok: bool,
    /// Why not.
    pub reason: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// How an attempt, or a look at a delivery, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is tried again.
    Again {
        /// When.
        at: i64,
    },
    /// The receiver took it.
    Delivered,
    /// It is kept, to be sent again.
    Diverted {
        /// What failed, as the policy has it.
        trigger: String,
    },
    /// It is given up.
    Dropped,
    /// It was not wanted.
    Filtered,
}

/// What is to be stored of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery.
    pub delivery_id: i64,
    /// The attempt, if there was one.
    pub attempt: Option<AttemptRecord>,
    /// What was sent; kept of the first attempt, as each repeats it.
    pub body: Option<String>,
    /// How it ended.
    pub end: End,
    /// Why.
    pub reason: Option<String>,
    /// The notice for the alert endpoint.
    pub notice: Option<String>,
    /// What the attempt means for the subscription; none where it means nothing.
    pub verdict: Option<Verdict>,
}

/// An event that is kept for a subscription, to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivertedRecord {
    /// The subscription.
    pub subscription_id: String,
    /// The event.
    pub event_id: String,
    /// The request that it came by.
    pub request_id: String,
    /// When it was given up.
    pub at: i64,
    /// What failed, as the policy has it.
    pub trigger: String,
    /// What failed, in words.
    pub message: String,
}

/// Which deliveries, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this subscription.
    pub subscription_id: Option<String>,
    /// Of this event.
    pub event_id: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// With this number.
    pub id: Option<i64>,
    /// With a lower number than this: those that follow a page.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A change that an operator or a client makes, with what the audit log says of it. Both are
/// stored, or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    /// What is changed.
    pub what: T,
    /// What is written down about it.
    pub audit: AuditRecord,
}

/// What is asked of a store about subscriptions and deliveries.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Makes a subscription.
    async fn create_subscription(
        &self,
        change: Change<SubscriptionRecord>,
    ) -> Result<(), StoreError>;

    /// Makes a subscription, if its tenant has fewer than `most`; answers whether it had.
    async fn create_subscription_within(
        &self,
        change: Change<SubscriptionRecord>,
        most: usize,
    ) -> Result<bool, StoreError>;

    /// Changes what its owner says of a subscription, if its version is still the one given;
    /// answers whether it was. Failures go on being counted, unless they are set to none.
    async fn update_subscription(
        &self,
        change: Change<SubscriptionRecord>,
    ) -> Result<bool, StoreError>;

    /// Deletes a subscription with all that belongs to it; answers whether there was one.
    async fn delete_subscription(&self, change: Change<String>) -> Result<bool, StoreError>;

    /// A subscription.
    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionRecord>, StoreError>;

    /// Subscriptions, the oldest first.
    async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
    ) -> Result<Vec<SubscriptionRecord>, StoreError>;

    /// A page of subscriptions, the oldest first.
    async fn subscription_page(
        &self,
        filter: &SubscriptionFilter,
        page: PageRequest,
    ) -> Result<Page<SubscriptionRecord>, StoreError>;

    /// The number of subscriptions that a filter selects.
    async fn count_subscriptions(&self, filter: &SubscriptionFilter) -> Result<usize, StoreError>;

    /// Takes deliveries of a subscription that are to be tried now; nobody else gets them until
    /// the lease ends.
    async fn take(
        &self,
        subscription_id: &str,
        now: i64,
        lease_until: i64,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError>;

    /// Stores how an attempt ended, and what follows; answers whether the subscription became
    /// suspended by it.
    async fn settle(&self, settlement: Settlement, now: i64) -> Result<bool, StoreError>;

    /// When each subscription with waiting deliveries is to be tried next.
    async fn upcoming(&self, now: i64) -> Result<Vec<Upcoming>, StoreError>;

    /// When a subscription is to be tried next.
    async fn next_due(&self, subscription_id: &str, now: i64) -> Result<Option<i64>, StoreError>;

    /// Ends all leases: those who had them are gone. What is to be tried later than any policy
    /// lets it wait was planned by a clock that was ahead, and is due now.
    async fn end_leases(&self, now: i64) -> Result<(), StoreError>;

    /// The clock was set back to `now` by so many microseconds: what waits beyond it waits that
    /// much less.
    async fn set_back(&self, by: i64, now: i64) -> Result<(), StoreError>;

    /// Deliveries.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// The attempts of a delivery, the first one first.
    async fn attempts(&self, delivery_id: i64) -> Result<Vec<AttemptRecord>, StoreError>;

    /// A page of the attempts of a subscription, the newest first.
    async fn attempt_page(
        &self,
        filter: &AttemptFilter,
        page: PageRequest,
    ) -> Result<Page<AttemptRecord>, StoreError>;

    /// The number of attempts that a filter selects.
    async fn count_attempts(&self, filter: &AttemptFilter) -> Result<usize, StoreError>;

    /// What a delivery sends, once it was tried.
    async fn body(&self, delivery_id: i64) -> Result<Option<String>, StoreError>;

    /// A page of the events that are kept for a subscription, the oldest first.
    async fn diverted_page(
        &self,
        filter: &DivertedFilter,
        page: PageRequest,
    ) -> Result<Page<DivertedRecord>, StoreError>;

    /// Deletes one of them, given as subscription and event; answers whether there was one.
    async fn delete_diverted(&self, change: Change<(String, String)>) -> Result<bool, StoreError>;

    /// Sends an event to a subscription again, given as subscription and event; answers the new
    /// delivery, or none where either is not there. One that still waits is brought forward.
    async fn resend(
        &self,
        change: Change<(String, String)>,
        now: i64,
    ) -> Result<Option<i64>, StoreError>;
}
