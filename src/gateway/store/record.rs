//! The rows of requests, events, keys, tenants and the audit log, and the filters that select them.
//! The caller redacts the strings before they come here. Times are microseconds since the epoch,
//! UTC. The records know nothing of the database.

use std::fmt;

/// The log of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestRecord {
    /// The id of the request.
    pub id: String,
    /// The tenant of its listener.
    pub tenant: String,
    /// The listener's id.
    pub listener_id: String,
    /// The name of the listener.
    pub listener_name: String,
    /// The time of arrival.
    pub received_at: i64,
    /// The name of the outcome.
    pub outcome: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// The request as JSON, in the form of the logs.
    pub log: String,
    /// The body as it was sent, if it is stored apart from `log`.
    pub body: Option<String>,
    /// The reason codes of all steps, as JSON.
    pub reasons: String,
    /// The event that the request created.
    pub event_id: Option<String>,
    /// The processing time, in microseconds.
    pub duration_us: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventRecord {
    /// The id of the event.
    pub id: String,
    /// The tenant that owns the event.
    pub tenant: String,
    /// The listener that accepted the event.
    pub listener_id: String,
    /// The request that carried the event.
    pub request_id: String,
    /// The event type; empty if it has none.
    pub event_type: String,
    /// The event id that the provider sent.
    pub provider_event_id: Option<String>,
    /// The event data, as JSON. `None` if the data is the body of its request; the store then reads
    /// that.
    pub data: Option<String>,
    /// The time of acceptance.
    pub created_at: i64,
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
    /// The deduplication window, in microseconds: the time a key is remembered after its first use.
    pub window_us: i64,
    /// The fields that replace those of the request log if the event is a duplicate.
    pub duplicate: Repeat,
}

/// The log fields of a request whose event was accepted before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeat {
    /// The name of the outcome.
    pub outcome: String,
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
        first_request: String,
        /// The time of that request.
        first_at: i64,
    },
}

/// A filter of request logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestFilter {
    /// Selects requests of this tenant.
    pub tenant: Option<String>,
    /// Selects requests of this listener.
    pub listener_id: Option<String>,
    /// Selects requests with this outcome.
    pub outcome: Option<String>,
    /// The earliest time of arrival, inclusive.
    pub since: Option<i64>,
    /// The latest time of arrival, exclusive.
    pub until: Option<i64>,
    /// The maximum number of rows.
    pub limit: usize,
    /// The maximum bytes of logs and bodies. At least one request is returned. `None`: no limit.
    pub bytes: Option<usize>,
    /// True to return the newest requests first, false for the oldest first.
    pub newest_first: bool,
    /// The id of the last request of the previous page.
    pub after: Option<String>,
}

/// A filter of events. The oldest events come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Selects events of this tenant.
    pub tenant: Option<String>,
    /// Selects events of these listeners; empty selects all.
    pub listeners: Vec<String>,
    /// Selects the event of this request.
    pub request_id: Option<String>,
    /// Selects events of these types; empty selects all.
    pub types: Vec<String>,
    /// The earliest time of acceptance, inclusive.
    pub since: Option<i64>,
    /// The latest time of acceptance, exclusive.
    pub until: Option<i64>,
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
    pub at: i64,
    /// The id of the request.
    pub request_id: String,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The id, as listeners name it.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The time of creation.
    pub created_at: i64,
}

/// The use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// An API key, sent with each request.
    Api,
    /// An OAuth client, exchanged for access tokens.
    OAuthClient,
}

impl KeyKind {
    /// Returns the name of this kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::OAuthClient => "oauth",
        }
    }

    /// Returns the kind with a name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Api, Self::OAuthClient].into_iter().find(|kind| kind.name() == name)
    }
}

/// A key of a tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The id, which is also a part of the key.
    pub id: String,
    /// The tenant that owns the key.
    pub tenant: String,
    /// The use of the key.
    pub kind: KeyKind,
    /// The SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// The scopes that the key grants.
    pub scopes: Vec<String>,
    /// The listeners that the key is valid for; empty for all listeners of the tenant.
    pub listeners: Vec<String>,
    /// The label that the owner chose.
    pub label: String,
    /// The time of creation.
    pub created_at: i64,
    /// The time of expiry.
    pub expires_at: Option<i64>,
    /// The time of revocation.
    pub revoked_at: Option<i64>,
    /// The time of the last use; approximate.
    pub last_used_at: Option<i64>,
}

/// Debug output without the hash.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, tenant, kind, label, .. } = self;
        f.debug_struct("Key")
            .field("id", id)
            .field("tenant", tenant)
            .field("kind", kind)
            .field("label", label)
            .finish_non_exhaustive()
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The time of the action.
    pub at: i64,
    /// The actor.
    pub actor: String,
    /// The action, such as `keys.create`.
    pub action: String,
    /// The target of the action.
    pub target: String,
    /// Further details, as JSON.
    pub detail: String,
}

impl AuditRecord {
    /// Returns an entry without details.
    pub fn new(at: i64, actor: &str, action: &str, target: &str) -> Self {
        Self {
            at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            target: target.to_owned(),
            detail: "{}".to_owned(),
        }
    }
}

/// The retention of each kind of row, in microseconds, and the size limit of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Retention of the logs of accepted requests.
    pub requests_us: i64,
    /// Retention of events.
    pub events_us: i64,
    /// Retention of ended deliveries, with their attempts.
    pub deliveries_us: i64,
    /// Retention of dead letters.
    pub diverted_us: i64,
    /// Retention of the rejected-request log.
    pub refused_us: i64,
    /// Retention of the challenge history.
    pub challenges_us: i64,
    /// Retention of the audit log.
    pub audit_us: i64,
    /// Maximum bytes of the whole store. `None`: no limit.
    pub max_bytes: Option<u64>,
}

/// The result of one pruning step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Rows that were deleted.
    pub rows: usize,
    /// Rows that were examined.
    pub examined: usize,
    /// True if more rows may be deleted now.
    pub more: bool,
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

/// A page of a list, bounded in rows and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// The sequence number of the last row of the previous page. `None`: from the first row.
    pub after: Option<i64>,
    /// Rows to skip.
    pub offset: usize,
    /// Maximum number of rows.
    pub limit: usize,
    /// Maximum number of bytes. At least one row is returned.
    pub bytes: usize,
}

/// The rows of a page, each with its sequence number.
pub type Page<T> = Vec<(i64, T)>;

/// A change by an operator or a client, with its audit entry. Both are stored in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    /// The change.
    pub what: T,
    /// The audit entry.
    pub audit: AuditRecord,
}
