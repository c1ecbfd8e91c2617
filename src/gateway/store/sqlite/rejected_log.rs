//! The rejected-request log: buffers rows in memory, writes them later, and drops rows above the
//! limits. It also holds unverified challenges and the last use of keys. Requests of unknown
//! senders must not slow or fill the store. The log does not know why a request was rejected.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::{fault, requests};
use crate::gateway::ids::ListenerId;
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{RejectedLogPolicy, RejectedLogStats, RequestRecord, StoreError};
use crate::listener::Outcome;
use crate::listener::rate::{Admission, Bucket, Policy, admit};

/// The log, with the rows that are not written yet.
pub(super) struct RejectedLog {
    policy: RejectedLogPolicy,
    state: Mutex<State>,
}

/// Rows to write.
#[derive(Default)]
pub(super) struct Buffer {
    rows: Vec<RequestRecord>,
    /// The last use of keys, in microseconds since the epoch.
    used_keys: HashMap<String, UnixMicros>,
}

#[derive(Default)]
struct State {
    buffer: Buffer,
    counters: RejectedLogStats,
    /// The current second, and the number of requests of each listener in it.
    second: i64,
    seen: HashMap<ListenerId, u32>,
    /// The rows of requests without a listener.
    unrouted: Bucket,
}

/// Maximum rows in the buffer, and maximum keys with a new time of use.
const MAX_ROWS: usize = 2048;

/// Rows in the buffer that start a write before the interval is over.
const EARLY_WRITE_ROWS: usize = 256;

/// Sampling rate above the limit per second: every 100th request is logged.
const SAMPLING_RATE: u32 = 100;

/// Rows of requests without a listener: one in ten seconds, fifty after a pause. They must not push
/// those of listeners out of the log, and anyone can send them.
const UNROUTED: Policy = Policy { requests: 1, per: Duration::from_secs(10), burst: 50 };

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;

impl State {
    /// Returns true if a row of a request without a listener may be written now.
    fn admit_unrouted(&mut self, at: UnixMicros) -> bool {
        matches!(admit(&mut self.unrouted, UNROUTED, at.get()), Admission::Admitted { .. })
    }
}

impl RejectedLog {
    pub(super) fn new(policy: RejectedLogPolicy) -> Self {
        Self { policy, state: Mutex::default() }
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        // The state is complete at any time, so a panic elsewhere leaves it usable.
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a row, or drops it.
    pub(super) fn add(&self, request: RequestRecord) {
        if self.admit(&request.listener_id, request.received_at) {
            self.push(request);
        }
    }

    /// Returns true if the log accepts one more row of a listener, or of none if the id is empty.
    /// Counts the request in any case.
    pub(super) fn admit(&self, listener_id: &ListenerId, at: UnixMicros) -> bool {
        self.with(|state| {
            let second = at.get() / SECOND;
            if state.second != second {
                state.second = second;
                state.seen.clear();
            }
            if !state.seen.contains_key(listener_id) {
                state.seen.insert(listener_id.clone(), 0);
            }
            let seen = state.seen.get_mut(listener_id).map_or(1, |seen| {
                *seen = seen.saturating_add(1);
                *seen
            });
            let is_sampled = seen <= self.policy.per_second || seen % SAMPLING_RATE == 0;
            let wanted = is_sampled && (!listener_id.is_empty() || state.admit_unrouted(at));
            let admitted = wanted && state.buffer.rows.len() < MAX_ROWS;
            if !admitted {
                state.counters.dropped += 1;
            }
            admitted
        })
    }

    /// Adds an accepted row.
    pub(super) fn push(&self, mut request: RequestRecord) {
        cut(&mut request.log, self.policy.cut);
        shorten(&mut request.body, self.policy.cut);
        self.with(|state| state.buffer.rows.push(request));
    }

    /// Records that a key was used.
    pub(super) fn touch(&self, key: &str, now: UnixMicros) {
        self.with(|state| {
            if state.buffer.used_keys.len() < MAX_ROWS {
                state.buffer.used_keys.insert(key.to_owned(), now);
            }
        });
    }

    pub(super) fn counters(&self) -> RejectedLogStats {
        self.with(|state| state.counters)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.with(|state| state.buffer.rows.is_empty() && state.buffer.used_keys.is_empty())
    }

    pub(super) fn is_pressing(&self) -> bool {
        self.with(|state| state.buffer.rows.len() >= EARLY_WRITE_ROWS)
    }

    /// Takes the buffer.
    pub(super) fn take(&self) -> Buffer {
        self.with(|state| std::mem::take(&mut state.buffer))
    }

    /// Counts the rows of a buffer as written, or as dropped because the write failed.
    pub(super) fn count(&self, buffer: &Buffer, is_written: bool) {
        let rows = u64::try_from(buffer.rows.len()).unwrap_or(u64::MAX);
        self.with(|state| match is_written {
            true => state.counters.kept = state.counters.kept.saturating_add(rows),
            false => state.counters.dropped = state.counters.dropped.saturating_add(rows),
        });
    }

    /// Writes a buffer, and deletes the oldest rows above the size limit.
    pub(super) fn write(&self, buffer: &Buffer, connection: &Connection) -> Result<(), StoreError> {
        for request in &buffer.rows {
            requests::insert_refused(connection, request).map_err(fault)?;
            if request.outcome == Outcome::Challenged {
                requests::insert_challenge(connection, request).map_err(fault)?;
            }
        }
        for (key, at) in &buffer.used_keys {
            connection
                .prepare_cached("UPDATE keys SET last_used_at = ?2 WHERE id = ?1")
                .and_then(|mut update| update.execute((key, at)))
                .map_err(fault)?;
        }
        if buffer.rows.is_empty() { Ok(()) } else { self.make_room(connection) }
    }

    /// Deletes the oldest rows if the log is above its size limit. The limit is a number of rows,
    /// because each row is cut to a size.
    fn make_room(&self, connection: &Connection) -> Result<(), StoreError> {
        let each = u64::try_from(self.policy.cut).unwrap_or(u64::MAX).saturating_mul(2).max(1);
        let most = i64::try_from((self.policy.bytes / each).max(1)).unwrap_or(i64::MAX);
        connection
            .prepare_cached(
                "DELETE FROM refused WHERE place <= (SELECT max(place) FROM refused) - ?1",
            )
            .and_then(|mut delete| delete.execute([most]))
            .map(drop)
            .map_err(fault)
    }
}

/// Cuts a body that is too long.
fn shorten(body: &mut Option<String>, most: usize) {
    if let Some(body) = body
        && body.len() > most
    {
        let end = (0..=most).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
        body.truncate(end);
    }
}

/// Cuts a log that is too long. The result is valid JSON that contains the beginning as a string.
fn cut(log: &mut String, most: usize) {
    if log.len() <= most {
        return;
    }
    let end = (0..=most).rev().find(|at| log.is_char_boundary(*at)).unwrap_or(0);
    let begin = log.get(..end).unwrap_or("");
    *log = serde_json::json!({ "cut": true, "begins": begin }).to_string();
}
