//! What is stored. Texts are redacted before they come here; times are microseconds since the
//! epoch, UTC.

use std::fmt;

/// The log of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestRecord {
    /// Its id.
    pub id: String,
    /// The tenant of its listener.
    pub tenant: String,
    /// The listener's id.
    pub listener_id: String,
    /// The listener's name.
    pub listener_name: String,
    /// When it arrived.
    pub received_at: i64,
    /// The name of the outcome.
    pub outcome: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The request in the shape that logs have, as JSON.
    pub log: String,
    /// Its body as it was sent, where that stands apart.
    pub body: Option<String>,
    /// What the steps found, as JSON.
    pub reasons: String,
    /// The event that it became.
    pub event_id: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventRecord {
    /// Its id.
    pub id: String,
    /// The tenant that it belongs to.
    pub tenant: String,
    /// The listener that took it.
    pub listener_id: String,
    /// The request that it came by.
    pub request_id: String,
    /// Its type; empty where it has none.
    pub event_type: String,
    /// The provider's own id.
    pub provider_event_id: Option<String>,
    /// Its data, as JSON; none where that is the body of its request, which the store then reads.
    pub data: Option<String>,
    /// When it was accepted.
    pub created_at: i64,
    /// How often it was delivered by gateways before it came here.
    pub hops: u32,
    /// Its place among all events, in the order they were stored; given by the store.
    pub place: i64,
}

/// A request that is stored, with all that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its log.
    pub request: RequestRecord,
    /// The event that it is.
    pub event: Option<EventRecord>,
    /// What the event is recognised by.
    pub dedup: Option<DedupClaim>,
    /// The original, encrypted.
    pub raw: Option<Vec<u8>>,
    /// Whether it is a challenge.
    pub challenge: bool,
}

/// What an event is recognised by, and what is stored if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupClaim {
    /// Any of these makes it a repeat.
    pub keys: Vec<[u8; 32]>,
    /// How long a key is remembered, from the first that had it.
    pub window_us: i64,
    /// What the log of the request says otherwise, if it is a repeat.
    pub duplicate: Repeat,
}

/// What the log of a request says where its event was accepted before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeat {
    /// The name of the outcome.
    pub outcome: String,
    /// What was found, as a JSON object, besides what the other steps found.
    pub reason: String,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is stored. Fan-out finds its event by its place.
    New,
    /// It was accepted before; only its log is stored.
    Duplicate {
        /// The request that was first.
        first_request: String,
        /// When that was.
        first_at: i64,
    },
}

/// Which logs of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this listener.
    pub listener_id: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Not before.
    pub since: Option<i64>,
    /// Before.
    pub until: Option<i64>,
    /// At most so many.
    pub limit: usize,
    /// At most so many bytes of logs and bodies, but at least one request; none: no limit.
    pub bytes: Option<usize>,
    /// The newest first, or the oldest.
    pub newest_first: bool,
    /// The id of the last request of the page before.
    pub after: Option<String>,
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of these listeners; empty: of any.
    pub listeners: Vec<String>,
    /// By this request.
    pub request_id: Option<String>,
    /// Of these types; empty: of any.
    pub types: Vec<String>,
    /// Not before.
    pub since: Option<i64>,
    /// Before.
    pub until: Option<i64>,
    /// After this place.
    pub after: Option<i64>,
    /// At most so many, the oldest first.
    pub limit: usize,
    /// At most so many bytes of data, but at least one event; none: no limit.
    pub bytes: Option<usize>,
}

/// A challenge that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// When.
    pub at: i64,
    /// The request.
    pub request_id: String,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id, as listeners name it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at: i64,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// It is sent as it is.
    Api,
    /// It is exchanged for access tokens.
    OAuthClient,
}

impl KeyKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::OAuthClient => "oauth",
        }
    }

    /// The kind of a name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Api, Self::OAuthClient].into_iter().find(|kind| kind.name() == name)
    }
}

/// A key of a tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id, which is part of it.
    pub id: String,
    /// The tenant that it belongs to.
    pub tenant: String,
    /// What it is for.
    pub kind: KeyKind,
    /// The SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// What it allows.
    pub scopes: Vec<String>,
    /// The listeners that it is for; empty for all of the tenant's.
    pub listeners: Vec<String>,
    /// What its owner calls it.
    pub label: String,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was last used, more or less.
    pub last_used_at: Option<i64>,
}

/// Without the hash.
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

/// Something that an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What: `keys.create`.
    pub action: String,
    /// To what.
    pub target: String,
    /// What else there is to know, as JSON.
    pub detail: String,
}

impl AuditRecord {
    /// Something that someone did to something, with nothing else to know.
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

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Logs of requests that were taken.
    pub requests_us: i64,
    /// Events.
    pub events_us: i64,
    /// Deliveries that ended, with their attempts.
    pub deliveries_us: i64,
    /// Events that are kept to be sent again.
    pub diverted_us: i64,
    /// Logs of requests that were refused.
    pub refused_us: i64,
    /// The history of challenges.
    pub challenges_us: i64,
    /// The audit log.
    pub audit_us: i64,
    /// Bytes of the whole store.
    pub max_bytes: Option<u64>,
}

/// What pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// How many rows went.
    pub rows: usize,
    /// How many rows were examined for it.
    pub examined: usize,
    /// Whether there are more to go.
    pub more: bool,
}

/// How refused requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotePolicy {
    /// So many of one listener in a second; of more, a sample.
    pub per_second: u32,
    /// Bytes of all their logs.
    pub bytes: u64,
    /// Bytes of one log.
    pub cut: usize,
}

impl Default for NotePolicy {
    fn default() -> Self {
        Self { per_second: 20, bytes: 64 << 20, cut: 4096 }
    }
}

/// What became of the logs of refused requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoteCounters {
    /// They were taken.
    pub kept: u64,
    /// They were left out: there were too many.
    pub dropped: u64,
}
