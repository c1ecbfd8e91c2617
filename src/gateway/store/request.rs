//! Requests and their events, with the rejected-request log: the records and the trait. The caller
//! redacts the strings before they come here.

use async_trait::async_trait;

use super::StoreError;
use crate::gateway::ids::{EventId, ListenerId, RequestId, TenantId};
use crate::gateway::ops::clock::UnixMicros;
use crate::listener::Outcome;

/// The log of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The id of the request.
    pub id: RequestId,
    /// The tenant of its listener.
    pub tenant: TenantId,
    /// The listener's id.
    pub listener_id: ListenerId,
    /// The name of the listener.
    pub listener_name: String,
    /// The time of arrival.
    pub received_at: UnixMicros,
    /// The outcome.
    pub outcome: Outcome,
    /// The HTTP status of the response.
    pub status: u16,
    /// The request as JSON, in the form of the logs.
    pub log: String,
    /// The body as it was sent, if it is stored apart from `log`.
    pub body: Option<String>,
    /// The reasons of all steps, as a JSON list. They stay JSON, because redaction works on it.
    pub reasons: String,
    /// The event that the request created.
    pub event_id: Option<EventId>,
    /// The processing time, in microseconds.
    pub duration_us: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventRecord {
    /// The id of the event.
    pub id: EventId,
    /// The tenant that owns the event.
    pub tenant: TenantId,
    /// The listener that accepted the event.
    pub listener_id: ListenerId,
    /// The request that carried the event.
    pub request_id: RequestId,
    /// The event type; empty if it has none.
    pub event_type: String,
    /// The event id that the provider sent.
    pub provider_event_id: Option<String>,
    /// The event data, as JSON. `None` if the data is the body of its request; the store then reads
    /// that.
    pub data: Option<String>,
    /// The time of acceptance.
    pub created_at: UnixMicros,
    /// The number of gateways that delivered the event before it came here.
    pub hops: u32,
    /// The sequence number of the event, in the order of storage. The store assigns it.
    pub place: i64,
}

/// A request to store, with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The log of the request.
    pub request: RequestRecord,
    /// The event that the request carried.
    pub event: Option<EventRecord>,
    /// The deduplication keys of the event.
    pub dedup: Option<DedupClaim>,
    /// The captured request, encrypted.
    pub raw: Option<Vec<u8>>,
    /// True if the request is a challenge.
    pub challenge: bool,
}

/// The deduplication keys of an event, and the log fields of a duplicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupClaim {
    /// The keys. An event with any known key is a duplicate.
    pub keys: Vec<[u8; 32]>,
    /// A key as an older version stored it. An event with it is a duplicate too.
    pub former: Option<[u8; 32]>,
    /// The deduplication window, in microseconds: the time a key is remembered after its first use.
    pub window_us: i64,
    /// The fields that replace those of the request log if the event is a duplicate.
    pub duplicate: Repeat,
}

/// The log fields of a request whose event was accepted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The outcome.
    pub outcome: Outcome,
    /// The reason code of deduplication, as a JSON object. It is added to the reason codes of the
    /// other steps.
    pub reason: String,
}

/// The result of storing an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The entry is stored. Fan-out finds its event by its sequence number.
    New,
    /// The event was accepted before. Only the request log is stored.
    Duplicate {
        /// The request that carried the event first.
        first_request: RequestId,
        /// The time of that request.
        first_at: UnixMicros,
    },
}

/// A filter of request logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestFilter {
    /// Selects requests of this tenant.
    pub tenant: Option<TenantId>,
    /// Selects requests of this listener.
    pub listener_id: Option<ListenerId>,
    /// Selects requests with this outcome.
    pub outcome: Option<Outcome>,
    /// True to select rejected requests only.
    pub rejected: bool,
    /// The earliest time of arrival, inclusive.
    pub since: Option<UnixMicros>,
    /// The latest time of arrival, exclusive.
    pub until: Option<UnixMicros>,
    /// The maximum number of rows.
    pub limit: usize,
    /// The maximum bytes of logs and bodies. At least one request is returned. `None`: no limit.
    pub bytes: Option<usize>,
    /// True to return the newest requests first, false for the oldest first.
    pub newest_first: bool,
    /// The id of the last request of the previous page.
    pub after: Option<RequestId>,
}

/// A filter of events. The oldest events come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Selects events of this tenant.
    pub tenant: Option<TenantId>,
    /// Selects events of these listeners; empty selects all.
    pub listeners: Vec<ListenerId>,
    /// Selects the event of this request.
    pub request_id: Option<RequestId>,
    /// Selects events of these types; empty selects all.
    pub types: Vec<String>,
    /// The earliest time of acceptance, inclusive.
    pub since: Option<UnixMicros>,
    /// The latest time of acceptance, exclusive.
    pub until: Option<UnixMicros>,
    /// Selects events after this sequence number.
    pub after: Option<i64>,
    /// The maximum number of events.
    pub limit: usize,
    /// The maximum bytes of event data. At least one event is returned. `None`: no limit.
    pub bytes: Option<usize>,
}

/// A challenge that a listener answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// The time of the challenge.
    pub at: UnixMicros,
    /// The id of the request.
    pub request_id: RequestId,
}

/// The limits of the rejected-request log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedLogPolicy {
    /// Rows of one listener in a second. Above that, only a sample is logged.
    pub per_second: u32,
    /// Bytes of the whole log.
    pub bytes: u64,
    /// Bytes of the log of one request, and of its body. Longer ones are cut.
    pub cut: usize,
}

impl Default for RejectedLogPolicy {
    fn default() -> Self {
        Self { per_second: 20, bytes: 64 << 20, cut: 4096 }
    }
}

/// The counters of the rejected-request log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RejectedLogStats {
    /// Requests that were written.
    pub kept: u64,
    /// Requests that were dropped because of the limits, or because the write failed.
    pub dropped: u64,
}

/// Requests, events and the rejected-request log in a store.
#[async_trait]
pub trait RequestStore: Send + Sync {
    /// Stores a request with its event in one transaction, and returns when the data is on disk.
    /// Fan-out writes the deliveries later. A caller that stops waiting does not undo the write.
    ///
    /// Deduplication is a part of the same transaction: it looks up the keys of the claim, and
    /// either adds them with the event, or stores the request as a duplicate without one. So two
    /// requests with the same key cannot both be new, and no key is left without its event.
    async fn keep(&self, entry: Entry, now: UnixMicros) -> Result<Kept, StoreError>;

    /// Adds a request to the rejected-request log: a rejected request, or one without a verified
    /// sender. The row is written later. Requests above the limits of [`RejectedLogPolicy`] are
    /// dropped.
    fn record_rejected(&self, request: RequestRecord);

    /// Does the same for a request to a listener at a time. Calls `make` only if the log accepts
    /// the request.
    fn record_rejected_with(
        &self,
        listener_id: &ListenerId,
        at: UnixMicros,
        make: &mut dyn FnMut() -> RequestRecord,
    );

    /// Returns the counters of the rejected-request log.
    fn rejected_stats(&self) -> RejectedLogStats;

    /// Returns the request logs that a filter selects.
    async fn requests(&self, filter: &RequestFilter) -> Result<Vec<RequestRecord>, StoreError>;

    /// Returns the log of a request.
    async fn request(&self, id: &RequestId) -> Result<Option<RequestRecord>, StoreError>;

    /// Returns the captured request, encrypted.
    async fn raw(&self, id: &RequestId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the events that a filter selects.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>, StoreError>;

    /// Returns an event.
    async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError>;

    /// Returns the sequence number of the last event, or 0 without events.
    async fn last_place(&self) -> Result<i64, StoreError>;

    /// Returns the latest challenges of a listener, newest first.
    async fn challenges(
        &self,
        listener_id: &ListenerId,
        limit: usize,
    ) -> Result<Vec<ChallengeRecord>, StoreError>;
}
