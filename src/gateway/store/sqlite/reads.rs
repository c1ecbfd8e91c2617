//! Reads: one function for each kind of row. Values stay encrypted.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::compression::{Unpacked, UnpackedSize};
use crate::gateway::store::{
    AuditRecord, ChallengeRecord, EventFilter, EventRecord, Key, KeyKind, RequestFilter,
    RequestRecord, Tenant,
};

pub(super) fn collected<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(params, read)?.collect()
}

/// Converts a row limit to the type of SQLite.
pub(super) fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

const REQUEST: &str = "SELECT id, tenant, listener_id, listener_name, received_at, outcome, status,
    log, body, reasons, event_id, duration_us FROM all_requests";

fn request_of(row: &Row<'_>) -> rusqlite::Result<RequestRecord> {
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
        duration_us: row.get::<_, i64>(11)?.unsigned_abs(),
    })
}

pub(super) fn requests(
    connection: &Connection,
    filter: &RequestFilter,
) -> rusqlite::Result<Vec<RequestRecord>> {
    let order = if filter.newest_first { "DESC" } else { "ASC" };
    let sql = format!(
        "{REQUEST} WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR listener_id = ?2)
         AND (?3 IS NULL OR outcome = ?3) AND received_at >= ?4 AND received_at < ?5
         AND id >= ?7 AND {} ORDER BY id {order} LIMIT ?6",
        match (&filter.after, filter.newest_first) {
            (None, _) => "?8 IS NULL",
            (Some(_), true) => "id < ?8",
            (Some(_), false) => "id > ?8",
        },
    );
    let params = params![
        filter.tenant,
        filter.listener_id,
        filter.outcome,
        filter.since.unwrap_or(i64::MIN),
        filter.until.unwrap_or(i64::MAX),
        most(filter.limit),
        filter.since.map_or(String::new(), |since| first_id(since.saturating_sub(SLACK))),
        filter.after,
    ];
    let size = |request: &RequestRecord| {
        request.log.len() + request.reasons.len() + request.body.as_ref().map_or(0, String::len)
    };
    let bytes = filter.bytes.unwrap_or(usize::MAX);
    bounded(connection, &sql, params, bytes, request_of, size)
}

/// Reads rows until their sizes exceed `bytes`. A row that does not fit ends the page and is not
/// returned, unless it is the first.
pub(super) fn bounded<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    bytes: usize,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
    size: impl Fn(&T) -> usize,
) -> rusqlite::Result<Vec<T>> {
    let mut page = Vec::new();
    let mut left = bytes;
    let mut find = connection.prepare_cached(sql)?;
    let mut rows = find.query(params)?;
    while let Some(row) = rows.next()? {
        let row = read(row)?;
        let fits = left.checked_sub(size(&row));
        if fits.is_none() && !page.is_empty() {
            break;
        }
        left = fits.unwrap_or(0);
        page.push(row);
    }
    Ok(page)
}

/// Returns a list of strings as JSON for `json_each`, or `None` if it is empty.
pub(super) fn json_list(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| serde_json::Value::from(texts.to_vec()).to_string())
}

pub(super) fn request(
    connection: &Connection,
    id: &str,
) -> rusqlite::Result<Option<RequestRecord>> {
    let sql = format!("{REQUEST} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], request_of).optional()
}

pub(super) fn raw(connection: &Connection, id: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT content FROM originals WHERE request_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

const EVENT: &str = "SELECT id, tenant, listener_id, request_id, event_type, provider_event_id,
    coalesce(data, (SELECT body FROM requests WHERE requests.id = request_id)), created_at,
    hops, place FROM events";

fn event_of(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    let data = row.get::<_, Option<Unpacked>>(6)?.map(|data| data.0);
    Ok(EventRecord { data, ..event_without_data(row)? })
}

fn event_without_data(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    Ok(EventRecord {
        id: row.get(0)?,
        tenant: row.get(1)?,
        listener_id: row.get(2)?,
        request_id: row.get(3)?,
        event_type: row.get(4)?,
        provider_event_id: row.get(5)?,
        data: None,
        created_at: row.get(7)?,
        hops: row.get(8)?,
        place: row.get(9)?,
    })
}

pub(super) fn events(
    connection: &Connection,
    filter: &EventFilter,
) -> rusqlite::Result<Vec<EventRecord>> {
    let sql = format!(
        "{EVENT} WHERE {}
         AND (?2 IS NULL OR listener_id COLLATE NOCASE IN (SELECT value FROM json_each(?2))) AND {}
         AND created_at >= ?4 AND created_at < ?5 AND place > ?6
         AND (?7 IS NULL OR event_type IN (SELECT value FROM json_each(?7)))
         ORDER BY place LIMIT ?8",
        // In this form SQLite can use the index.
        if filter.tenant.is_some() { "tenant = ?1" } else { "?1 IS NULL" },
        match filter.request_id {
            // The request log has the event id, so events need no index for it.
            Some(_) => "id = (SELECT event_id FROM requests WHERE requests.id = ?3)",
            None => "?3 IS NULL",
        },
    );
    let after = match (filter.after, filter.since) {
        (Some(after), _) => after,
        (None, Some(since)) => place_before(connection, since)?,
        (None, None) => 0,
    };
    let params = params![
        filter.tenant,
        json_list(&filter.listeners),
        filter.request_id,
        filter.since.unwrap_or(i64::MIN),
        filter.until.unwrap_or(i64::MAX),
        after,
        json_list(&filter.types),
        most(filter.limit),
    ];
    let size = |event: &EventRecord| event.data.as_ref().map_or(0, String::len);
    bounded(connection, &sql, params, filter.bytes.unwrap_or(usize::MAX), event_of, size)
}

/// Returns a sequence number before all events since a time. Allows for events that were stored
/// slightly out of order.
fn place_before(connection: &Connection, since: i64) -> rusqlite::Result<i64> {
    let first = connection
        .prepare_cached("SELECT place FROM events WHERE id >= ?1 ORDER BY id LIMIT 1")?
        .query_row([first_id(since.saturating_sub(SLACK))], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(first.map_or(i64::MAX, |place| place - 1))
}

/// Tolerance in microseconds: the time in an id may be this much before the stored time. It may be
/// later by any amount, because ids keep growing when the clock is set back.
const SLACK: i64 = 60_000_000;

/// Returns the lowest id of a request or event at a time. Ids begin with the time.
pub(super) fn first_id(micros: i64) -> String {
    let millis = u64::try_from(micros / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}

pub(super) fn event(connection: &Connection, id: &str) -> rusqlite::Result<Option<EventRecord>> {
    let sql = format!("{EVENT} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], event_of).optional()
}

/// Returns an event with the size of its data, in bytes. Data of more than `limit` bytes is not
/// read.
pub(super) fn event_within(
    connection: &Connection,
    id: &str,
    limit: usize,
) -> rusqlite::Result<Option<(EventRecord, usize)>> {
    let sql = format!("{EVENT} WHERE id = ?1");
    let read = |row: &Row<'_>| {
        let UnpackedSize(bytes) = row.get(6)?;
        let event = if bytes > limit { event_without_data(row)? } else { event_of(row)? };
        Ok((event, bytes))
    };
    connection.prepare_cached(&sql)?.query_row([id], read).optional()
}

pub(super) fn challenges(
    connection: &Connection,
    listener: &str,
    limit: usize,
) -> rusqlite::Result<Vec<ChallengeRecord>> {
    collected(
        connection,
        "SELECT at, request_id FROM challenges WHERE listener_id = ?1 ORDER BY at DESC LIMIT ?2",
        params![listener, most(limit)],
        |row| Ok(ChallengeRecord { at: row.get(0)?, request_id: row.get(1)? }),
    )
}

pub(super) fn tenants(connection: &Connection) -> rusqlite::Result<Vec<Tenant>> {
    collected(connection, "SELECT id, name, created_at FROM tenants ORDER BY id", [], |row| {
        Ok(Tenant { id: row.get(0)?, name: row.get(1)?, created_at: row.get(2)? })
    })
}

const KEY: &str = "SELECT id, tenant, kind, hash, scopes, listeners, label, created_at,
    expires_at, revoked_at, last_used_at FROM keys";

fn key_of(row: &Row<'_>) -> rusqlite::Result<Key> {
    // An unreadable key is an error: an empty list of listeners would mean all listeners.
    let list = |at| {
        let text: String = row.get(at)?;
        serde_json::from_str::<Vec<String>>(&text).map_err(|error| damaged(at, error))
    };
    Ok(Key {
        id: row.get(0)?,
        tenant: row.get(1)?,
        kind: found(row, 2, KeyKind::find)?,
        hash: row.get(3)?,
        scopes: list(4)?,
        listeners: list(5)?,
        label: row.get(6)?,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
        revoked_at: row.get(9)?,
        last_used_at: row.get(10)?,
    })
}

/// Reads a name in a column. A name that is not known is an error, and no default.
pub(super) fn found<T>(
    row: &Row<'_>,
    column: usize,
    find: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let name: String = row.get(column)?;
    find(&name).ok_or_else(|| damaged(column, format!("`{name}` is not known")))
}

/// Returns the error of a column that cannot be decoded.
pub(super) fn damaged(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}

pub(super) fn key(connection: &Connection, id: &str) -> rusqlite::Result<Option<Key>> {
    let sql = format!("{KEY} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], key_of).optional()
}

pub(super) fn keys(connection: &Connection, tenant: Option<&str>) -> rusqlite::Result<Vec<Key>> {
    let sql = format!("{KEY} WHERE ?1 IS NULL OR tenant = ?1 ORDER BY created_at, id");
    collected(connection, &sql, [tenant], key_of)
}

pub(super) fn secrets(
    connection: &Connection,
    listener: &str,
) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    collected(
        connection,
        "SELECT name, sealed FROM captured_secrets WHERE listener_id = ?1 ORDER BY name",
        [listener],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

pub(super) fn audits(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<AuditRecord>> {
    collected(
        connection,
        "SELECT at, actor, action, target, detail FROM audit ORDER BY place DESC LIMIT ?1",
        [most(limit)],
        |row| {
            Ok(AuditRecord {
                at: row.get(0)?,
                actor: row.get(1)?,
                action: row.get(2)?,
                target: row.get(3)?,
                detail: row.get(4)?,
            })
        },
    )
}
