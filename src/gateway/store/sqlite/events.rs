//! Events: reads, and the insert of the event of a request. Data stays compressed until it is read.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::compression::{Packed, Unpacked, UnpackedSize};
use super::decode::{RowName, decoded};
use super::query::{Bounds, SLACK, bounded, first_id, json_list};
use crate::gateway::ids::EventId;
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{EventFilter, EventRecord};

const EVENT: &str = "SELECT id, tenant, listener_id, request_id, event_type, provider_event_id,
    coalesce(data, (SELECT body FROM requests WHERE requests.id = request_id)) AS content, created_at,
    hops, place FROM events";

const EVENT_NAME: RowName = RowName { table: "events", column: 0 };

fn event_of(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    decoded(EVENT_NAME, row, |row| {
        let data = row.get::<_, Option<Unpacked>>(6)?.map(|data| data.0);
        Ok(EventRecord { data, ..event_without_data(row)? })
    })
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
         AND created_at >= ?4 AND (?5 IS NULL OR created_at < ?5) AND place > ?6
         AND (?7 IS NULL OR event_type IN (SELECT value FROM json_each(?7)))
         ORDER BY place",
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
        filter.since.unwrap_or(UnixMicros::MIN),
        filter.until,
        after,
        json_list(&filter.types),
    ];
    let size = |event: &EventRecord| event.data.as_ref().map_or(0, String::len);
    let bounds = Bounds { rows: filter.limit, bytes: filter.bytes.unwrap_or(usize::MAX) };
    bounded(connection, &sql, params, bounds, event_of, size)
}

/// Returns a sequence number before all events since a time. Allows for events that were stored
/// slightly out of order.
fn place_before(connection: &Connection, since: UnixMicros) -> rusqlite::Result<i64> {
    let first = connection
        .prepare_cached("SELECT place FROM events WHERE id >= ?1 ORDER BY id LIMIT 1")?
        .query_row([first_id(since.saturating_sub(SLACK))], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(first.map_or(i64::MAX, |place| place - 1))
}

pub(super) fn event(
    connection: &Connection,
    id: &EventId,
) -> rusqlite::Result<Option<EventRecord>> {
    let sql = format!("{EVENT} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], event_of).optional()
}

/// Returns an event with the size of its data, in bytes. Data of more than `limit` bytes is not
/// read.
pub(super) fn event_within(
    connection: &Connection,
    id: &EventId,
    limit: usize,
) -> rusqlite::Result<Option<(EventRecord, usize)>> {
    let sql = format!("{EVENT} WHERE id = ?1");
    let read = |row: &Row<'_>| {
        decoded(EVENT_NAME, row, |row| {
            let UnpackedSize(bytes) = row.get(6)?;
            let event = if bytes > limit { event_without_data(row)? } else { event_of(row)? };
            Ok((event, bytes))
        })
    };
    connection.prepare_cached(&sql)?.query_row([id], read).optional()
}

pub(super) fn insert_event(
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
