//! Requests with their captured requests and challenges: one function for each write and each read,
//! and the transaction that stores an accepted request with everything that belongs to it. Writes
//! run in a shared transaction and may run twice.

use std::borrow::Cow;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::compression::{Packed, Unpacked};
use super::decode::{RowName, decoded};
use super::events::{self, insert_event};
use super::query::{Bounds, SLACK, bounded, collected, first_id, most};
use super::tables::Tables;
use super::{SqliteStore, fault};
use crate::gateway::ids::{EventId, ListenerId, RequestId};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{
    ChallengeRecord, Entry, EventFilter, EventRecord, Kept, RejectedLogStats, Repeat,
    RequestFilter, RequestRecord, RequestStore, StoreError,
};
use crate::listener::all_outcomes;

const REQUEST: &str = "SELECT id, tenant, listener_id, listener_name, received_at, outcome, status,
    log, body, reasons, event_id, duration_us FROM all_requests";

const REQUEST_NAME: RowName = RowName { table: "all_requests", column: 0 };

fn request_of(row: &Row<'_>) -> rusqlite::Result<RequestRecord> {
    decoded(REQUEST_NAME, row, |row| {
        Ok(RequestRecord {
            id: row.get(0)?,
            tenant: row.get(1)?,
            listener_id: row.get(2)?,
            listener_name: row.get(3)?,
            received_at: row.get(4)?,
            outcome: row.get(5)?,
            status: row.get(6)?,
            log: row.get::<_, Unpacked>(7)?.0,
            body: row.get::<_, Option<Unpacked>>(8)?.map(|body| body.0),
            reasons: row.get(9)?,
            event_id: row.get(10)?,
            duration_us: row.get(11)?,
        })
    })
}

pub(super) fn requests(
    connection: &Connection,
    filter: &RequestFilter,
) -> rusqlite::Result<Vec<RequestRecord>> {
    let order = if filter.newest_first { "DESC" } else { "ASC" };
    let sql = format!(
        "{REQUEST} WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR listener_id = ?2)
         AND (?3 IS NULL OR outcome = ?3) AND received_at >= ?4 AND (?5 IS NULL OR received_at < ?5)
         AND id >= ?6 AND {} AND {} ORDER BY id {order}",
        if filter.rejected { is_rejected() } else { "TRUE".to_owned() },
        match (&filter.after, filter.newest_first) {
            (None, _) => "?7 IS NULL",
            (Some(_), true) => "id < ?7",
            (Some(_), false) => "id > ?7",
        },
    );
    let params = params![
        filter.tenant,
        filter.listener_id,
        filter.outcome,
        filter.since.unwrap_or(UnixMicros::MIN),
        filter.until,
        filter.since.map_or(String::new(), |since| first_id(since.saturating_sub(SLACK))),
        filter.after,
    ];
    let size = |request: &RequestRecord| {
        request.log.len() + request.reasons.len() + request.body.as_ref().map_or(0, String::len)
    };
    let bounds = Bounds { rows: filter.limit, bytes: filter.bytes.unwrap_or(usize::MAX) };
    bounded(connection, &sql, params, bounds, request_of, size)
}

/// Returns the condition for rejected requests. The names are those of the table of outcomes.
fn is_rejected() -> String {
    let rejected = all_outcomes().filter(|row| row.outcome.is_rejected());
    let names: Vec<String> = rejected.map(|row| format!("'{}'", row.name)).collect();
    format!("outcome IN ({})", names.join(", "))
}

pub(super) fn request(
    connection: &Connection,
    id: &RequestId,
) -> rusqlite::Result<Option<RequestRecord>> {
    let sql = format!("{REQUEST} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], request_of).optional()
}

pub(super) fn raw(connection: &Connection, id: &RequestId) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT content FROM originals WHERE request_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

pub(super) fn challenges(
    connection: &Connection,
    listener: &ListenerId,
    limit: usize,
) -> rusqlite::Result<Vec<ChallengeRecord>> {
    collected(
        connection,
        "SELECT at, request_id, place FROM challenges WHERE listener_id = ?1 ORDER BY at DESC LIMIT ?2",
        params![listener, most(limit)],
        |row| {
            let name = RowName { table: "challenges", column: 2 };
            decoded(name, row, |row| {
                Ok(ChallengeRecord { at: row.get(0)?, request_id: row.get(1)? })
            })
        },
    )
}

/// The columns and values of an insert into a table of requests.
macro_rules! request_columns {
    () => {
        "(id, tenant, listener_id, listener_name, received_at, outcome, status, log, body, reasons,
         event_id, duration_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    };
}

/// An entry that is ready to be stored. Slow work such as compression is done before the writer
/// thread gets it.
pub(super) struct PreparedEntry {
    entry: Entry,
    log: Packed<'static>,
    body: Option<Packed<'static>>,
    data: Option<Packed<'static>>,
}

impl PreparedEntry {
    /// Prepares an entry.
    pub(super) fn of(mut entry: Entry) -> Self {
        let log = Packed::of(std::mem::take(&mut entry.request.log));
        let body = entry.request.body.take().map(Packed::of);
        let data = entry.event.as_mut().and_then(|event| event.data.take()).map(Packed::of);
        Self { entry, log, body, data }
    }

    /// Returns the bytes that the entry writes.
    pub(super) fn bytes(&self) -> usize {
        let raw = self.entry.raw.as_ref().map_or(0, Vec::len);
        let packed = [Some(&self.log), self.body.as_ref(), self.data.as_ref()];
        packed.into_iter().flatten().map(Packed::len).sum::<usize>().saturating_add(raw)
    }
}

/// Stores a request with its event, unless the event is a duplicate.
pub(super) fn keep(
    tables: &Tables,
    prepared: &PreparedEntry,
    now: UnixMicros,
) -> Result<Kept, StoreError> {
    keep_rows(tables, prepared, now).map_err(fault)
}

fn keep_rows(tables: &Tables, prepared: &PreparedEntry, now: UnixMicros) -> rusqlite::Result<Kept> {
    let connection: &Connection = tables;
    let PreparedEntry { entry, log, body, data } = prepared;
    let row = |repeat| RequestRow { request: &entry.request, log, body: body.as_ref(), repeat };
    if let Some(claim) = &entry.dedup {
        let (listener, request) = (&entry.request.listener_id, &entry.request.id);
        let mut dedup_index = tables.dedup_index();
        if let Some((first_request, first_at)) =
            dedup_index.lookup(connection, listener, claim, now)?
        {
            insert_row(connection, RequestTable::Requests, &row(Some(&claim.duplicate)))?;
            return Ok(Kept::Duplicate { first_request, first_at });
        }
        dedup_index.insert(connection, listener, request, claim, now)?;
    }
    insert_row(connection, RequestTable::Requests, &row(None))?;
    if let Some(event) = &entry.event {
        // Fan-out reads the event from its sequence number on. No delivery is written here.
        insert_event(connection, event, data.as_ref())?;
    }
    if let Some(raw) = &entry.raw {
        connection
            .prepare_cached("INSERT INTO originals (request_id, content) VALUES (?1, ?2)")?
            .execute(params![entry.request.id, raw])?;
    }
    if entry.challenge {
        insert_challenge(connection, &entry.request)?;
    }
    Ok(Kept::New)
}

/// Challenges that are kept for each listener; older ones are deleted.
const CHALLENGES: i64 = 1000;

/// Records an answered challenge. Unknown senders may send many, so the oldest are deleted.
pub(super) fn insert_challenge(
    connection: &Connection,
    request: &RequestRecord,
) -> rusqlite::Result<()> {
    let RequestRecord { id, listener_id, received_at, .. } = request;
    connection
        .prepare_cached("INSERT INTO challenges (listener_id, at, request_id) VALUES (?1, ?2, ?3)")?
        .execute(params![listener_id, received_at, id])?;
    connection
        .prepare_cached(
            "DELETE FROM challenges WHERE place IN (SELECT place FROM challenges
             WHERE listener_id = ?1 ORDER BY at DESC, place DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![listener_id, CHALLENGES])
        .map(drop)
}

/// The two tables of request logs. They have the same columns.
#[derive(Debug, Clone, Copy)]
enum RequestTable {
    Requests,
    Refused,
}

/// The log of a request to insert.
struct RequestRow<'r> {
    request: &'r RequestRecord,
    log: &'r Packed<'r>,
    body: Option<&'r Packed<'r>>,
    /// The log fields of a duplicate, if its event was accepted before.
    repeat: Option<&'r Repeat>,
}

/// Inserts the log of a rejected request.
pub(super) fn insert_refused(
    connection: &Connection,
    request: &RequestRecord,
) -> rusqlite::Result<()> {
    let (log, body) = (Packed::of(&request.log), request.body.as_deref().map(Packed::of));
    let row = RequestRow { request, log: &log, body: body.as_ref(), repeat: None };
    insert_row(connection, RequestTable::Refused, &row)
}

fn insert_row(
    connection: &Connection,
    table: RequestTable,
    row: &RequestRow<'_>,
) -> rusqlite::Result<()> {
    let sql = match table {
        RequestTable::Requests => concat!("INSERT INTO requests ", request_columns!()),
        RequestTable::Refused => concat!("INSERT INTO refused ", request_columns!()),
    };
    let RequestRow { request, log, body, repeat } = row;
    let reasons = match repeat {
        Some(repeat) => Cow::Owned(with_reason(&request.reasons, &repeat.reason)),
        None => Cow::Borrowed(request.reasons.as_str()),
    };
    connection
        .prepare_cached(sql)?
        .execute(params![
            request.id,
            request.tenant,
            request.listener_id,
            request.listener_name,
            request.received_at,
            repeat.map_or(request.outcome, |repeat| repeat.outcome),
            request.status,
            log,
            body,
            reasons,
            request.event_id.as_deref().filter(|_| repeat.is_none()),
            i64::try_from(request.duration_us).unwrap_or(i64::MAX),
        ])
        .map(drop)
}

/// Appends an element to a JSON list.
fn with_reason(list: &str, reason: &str) -> String {
    match list.strip_suffix(']') {
        Some("[") | None => format!("[{reason}]"),
        Some(begun) => format!("{begun},{reason}]"),
    }
}

#[async_trait]
impl RequestStore for SqliteStore {
    async fn keep(&self, entry: Entry, now: UnixMicros) -> Result<Kept, StoreError> {
        let prepared = PreparedEntry::of(entry);
        let bytes = prepared.bytes();
        let keep = move |tables: &Tables| keep(tables, &prepared, now);
        self.writer.run_with(bytes, keep).await
    }

    fn record_rejected(&self, request: RequestRecord) {
        self.rejected_log.add(request);
    }

    fn record_rejected_with(
        &self,
        listener_id: &ListenerId,
        at: UnixMicros,
        make: &mut dyn FnMut() -> RequestRecord,
    ) {
        if self.rejected_log.admit(listener_id, at) {
            self.rejected_log.push(make());
        }
    }

    fn rejected_stats(&self) -> RejectedLogStats {
        self.rejected_log.counters()
    }

    async fn requests(&self, filter: &RequestFilter) -> Result<Vec<RequestRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| requests(connection, &filter)).await
    }

    async fn request(&self, id: &RequestId) -> Result<Option<RequestRecord>, StoreError> {
        let id = id.clone();
        self.read(move |connection| request(connection, &id)).await
    }

    async fn raw(&self, id: &RequestId) -> Result<Option<Vec<u8>>, StoreError> {
        let id = id.clone();
        self.read(move |connection| raw(connection, &id)).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| events::events(connection, &filter)).await
    }

    async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        let id = id.clone();
        self.read(move |connection| events::event(connection, &id)).await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        let last = "SELECT coalesce(max(place), 0) FROM events";
        self.read(move |connection| connection.query_row(last, [], |row| row.get(0))).await
    }

    async fn challenges(
        &self,
        listener_id: &ListenerId,
        limit: usize,
    ) -> Result<Vec<ChallengeRecord>, StoreError> {
        let id = listener_id.clone();
        self.read(move |connection| challenges(connection, &id, limit)).await
    }
}
