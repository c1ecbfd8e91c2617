//! Writes: one function for each kind of row. Each runs in a shared transaction and may run twice.

use std::borrow::Cow;

use rusqlite::{Connection, params};

use super::compression::Packed;
use super::fault;
use super::tables::Tables;
use crate::gateway::store::{
    AuditRecord, Entry, EventRecord, Kept, Key, Repeat, RequestRecord, StoreError, Tenant,
};

/// The columns and values of an insert into a table of requests.
macro_rules! request_columns {
    () => {
        "(id, tenant, listener_id, listener_name, received_at, outcome, status, log, body, reasons,
         event_id, duration_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    };
}

/// An entry that is ready to be stored. Slow work such as compression is done before the writer
/// thread gets it.
pub(super) struct Prepared {
    entry: Entry,
    log: Packed<'static>,
    body: Option<Packed<'static>>,
    data: Option<Packed<'static>>,
}

impl Prepared {
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
pub(super) fn keep(tables: &Tables, prepared: &Prepared, now: i64) -> Result<Kept, StoreError> {
    keep_rows(tables, prepared, now).map_err(fault)
}

fn keep_rows(tables: &Tables, prepared: &Prepared, now: i64) -> rusqlite::Result<Kept> {
    let connection: &Connection = tables;
    let Prepared { entry, log, body, data } = prepared;
    let row = |repeat| RequestRow { request: &entry.request, log, body: body.as_ref(), repeat };
    if let Some(claim) = &entry.dedup {
        let (listener, request) = (&entry.request.listener_id, &entry.request.id);
        let mut dedup_index = tables.dedup_index();
        if let Some((first_request, first_at)) =
            dedup_index.lookup(connection, listener, claim, now)?
        {
            insert_row(connection, Taken::Requests, &row(Some(&claim.duplicate)))?;
            return Ok(Kept::Duplicate { first_request, first_at });
        }
        dedup_index.insert(connection, listener, request, claim, now)?;
    }
    insert_row(connection, Taken::Requests, &row(None))?;
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
enum Taken {
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
    insert_row(connection, Taken::Refused, &row)
}

fn insert_row(connection: &Connection, table: Taken, row: &RequestRow<'_>) -> rusqlite::Result<()> {
    let sql = match table {
        Taken::Requests => concat!("INSERT INTO requests ", request_columns!()),
        Taken::Refused => concat!("INSERT INTO refused ", request_columns!()),
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
            repeat.map_or(&request.outcome, |repeat| &repeat.outcome),
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

fn insert_event(
    connection: &Connection,
    event: &EventRecord,
    data: Option<&Packed<'_>>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO events (id, tenant, listener_id, request_id, event_type,
             provider_event_id, data, created_at, hops)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            event.id,
            event.tenant,
            event.listener_id,
            event.request_id,
            event.event_type,
            event.provider_event_id,
            data,
            event.created_at,
            event.hops,
        ])
        .map(drop)
}

/// Converts the result of an insert: a duplicate key or a missing foreign row becomes an error of
/// its own.
fn new(result: rusqlite::Result<usize>, what: String, missing: &str) -> Result<(), StoreError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.sqlite_error().map(|one| one.extended_code) {
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => StoreError::Exists(what),
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
                StoreError::Missing(missing.to_owned())
            }
            _ => fault(error),
        }),
    }
}

pub(super) fn create_tenant(connection: &Connection, tenant: &Tenant) -> Result<(), StoreError> {
    let inserted = connection.execute(
        "INSERT INTO tenants (id, name, created_at) VALUES (?1, ?2, ?3)",
        params![tenant.id, tenant.name, tenant.created_at],
    );
    new(inserted, format!("the tenant `{}`", tenant.id), "")
}

pub(super) fn create_key(connection: &Connection, key: &Key) -> Result<(), StoreError> {
    let list = |texts: &[String]| serde_json::Value::from(texts.to_vec()).to_string();
    let inserted = connection.execute(
        "INSERT INTO keys (id, tenant, kind, hash, scopes, listeners, label, created_at,
         expires_at, revoked_at, last_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            key.id,
            key.tenant,
            key.kind.name(),
            key.hash,
            list(&key.scopes),
            list(&key.listeners),
            key.label,
            key.created_at,
            key.expires_at,
            key.revoked_at,
            key.last_used_at,
        ],
    );
    new(inserted, format!("the key `{}`", key.id), &format!("tenant `{}`", key.tenant))
}

pub(super) fn revoke_key(connection: &Connection, id: &str, now: i64) -> Result<bool, StoreError> {
    let revoked = connection.execute(
        "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id, now],
    );
    revoked.map(|rows| rows > 0).map_err(fault)
}

pub(super) fn put_secret(
    connection: &Connection,
    listener: &str,
    name: &str,
    sealed: &[u8],
    now: i64,
) -> Result<bool, StoreError> {
    let inserted = connection.execute(
        "INSERT OR IGNORE INTO captured_secrets (listener_id, name, sealed, captured_at)
         VALUES (?1, ?2, ?3, ?4)",
        params![listener, name, sealed, now],
    );
    inserted.map(|rows| rows > 0).map_err(fault)
}

pub(super) fn server_secret(
    connection: &Connection,
    name: &str,
    fresh: &[u8],
) -> Result<Vec<u8>, StoreError> {
    connection
        .execute(
            "INSERT OR IGNORE INTO server_secrets (name, content) VALUES (?1, ?2)",
            params![name, fresh],
        )
        .and_then(|_| {
            let find = "SELECT content FROM server_secrets WHERE name = ?1";
            connection.query_row(find, [name], |row| row.get(0))
        })
        .map_err(fault)
}

pub(super) fn audit(connection: &Connection, record: &AuditRecord) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO audit (at, actor, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![record.at, record.actor, record.action, record.target, record.detail],
        )
        .map(drop)
        .map_err(fault)
}
