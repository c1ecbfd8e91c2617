//! Deliveries, attempts and dead letters: one function for each write and each read.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::audit::audit;
use super::compression::{Packed, Unpacked, UnpackedSize};
use super::decode::{RowName, decodable, decoded, skip_bad_row};
use super::events::{event, event_within};
use super::query::{Bounds, bounded, collected, counted, json_list, most};
use super::tables::Tables;
use super::writer::Rank;
use super::{SqliteStore, fault};
use crate::delivery::{MAX_WAIT, SubscriptionHealth};
use crate::gateway::ids::{EventId, SubscriptionId};
use crate::gateway::ops::clock::{UnixMicros, micros_in};
use crate::gateway::store::{
    AttemptFilter, AttemptRecord, Change, DeliveryContent, DeliveryFilter, DeliveryOutcome,
    DeliveryRecord, DeliveryState, DeliveryStore, DeliveryUpdate, DivertCause, DivertedFilter,
    DivertedRecord, LEASED_BYTES, LeasedDelivery, Page, PageRequest, StoreError, Upcoming,
};

/// SQL for the stored bytes of an event. They are in its request if the data is the request body.
pub(super) const EVENT_BYTES: &str = "coalesce(octet_length(events.data),
    (SELECT octet_length(body) FROM requests WHERE requests.id = events.request_id), 0)";

const DELIVERY: &str = "id, tenant, subscription_id, event_id, notice, resent, state, attempts,
    next_at, reason, created_at, ended_at";

const DELIVERY_NAME: RowName = RowName { table: "deliveries", column: 0 };

fn delivery_of(row: &Row<'_>) -> rusqlite::Result<DeliveryRecord> {
    decoded(DELIVERY_NAME, row, |row| {
        let notice: bool = row.get(4)?;
        Ok(DeliveryRecord {
            id: row.get(0)?,
            tenant: row.get(1)?,
            subscription_id: row.get(2)?,
            event_id: row.get(3)?,
            notice,
            // Notices have a number too.
            resent: row.get::<_, i64>(5)? > 0 && !notice,
            state: row.get(6)?,
            attempts: row.get(7)?,
            next_at: row.get(8)?,
            reason: row.get(9)?,
            created_at: row.get(10)?,
            ended_at: row.get(11)?,
        })
    })
}

/// Leases due deliveries. A delivery that cannot be decoded is leased too and not returned, so the
/// others go on, and it is tried again when its lease ends.
fn take(
    connection: &Connection,
    subscription: &SubscriptionId,
    now: UnixMicros,
    lease_until: UnixMicros,
    limit: usize,
) -> rusqlite::Result<Vec<LeasedDelivery>> {
    let sql = format!(
        "UPDATE deliveries SET lease_until = ?3 WHERE id IN
         (SELECT id FROM deliveries WHERE subscription_id = ?1 AND state = 'waiting'
          AND next_at <= ?2 AND lease_until <= ?2 ORDER BY next_at, id LIMIT ?4)
         RETURNING {DELIVERY}, body"
    );
    let params = params![subscription, now, lease_until, most(limit)];
    let mut taken = decodable(connection, &sql, params, with_small_body)?;
    // The rows that an update returns have no order.
    taken.sort_by_key(|(delivery, ..)| (delivery.next_at, delivery.id));
    let mut leased = Vec::with_capacity(taken.len());
    for (delivery, body, of_body) in taken {
        let Some(found) = skip_bad_row(event_within(connection, &delivery.event_id, LEASED_BYTES))?
        else {
            continue;
        };
        let (event, of_event) = found.map_or((None, 0), |(event, bytes)| (Some(event), bytes));
        let mut one = LeasedDelivery { delivery, event, body, unread: 0 };
        let bytes = of_body.saturating_add(of_event);
        if bytes > LEASED_BYTES {
            one.unread = bytes;
            one.unload();
        }
        leased.push(one);
    }
    Ok(leased)
}

/// Returns a delivery with its body and the bytes of the body. A large body is not read.
fn with_small_body(row: &Row<'_>) -> rusqlite::Result<(DeliveryRecord, Option<String>, usize)> {
    decoded(DELIVERY_NAME, row, |row| {
        let UnpackedSize(bytes) = row.get(12)?;
        let is_read = bytes <= LEASED_BYTES;
        let body = if is_read { row.get::<_, Option<Unpacked>>(12)? } else { None };
        Ok((delivery_of(row)?, body.map(|body| body.0), bytes))
    })
}

/// Returns the event and the body of a delivery.
fn content(connection: &Connection, delivery: i64) -> rusqlite::Result<Option<DeliveryContent>> {
    let read = |row: &Row<'_>| {
        decoded(DELIVERY_NAME, row, |row| {
            let body = row.get::<_, Option<Unpacked>>(2)?.map(|body| body.0);
            Ok((row.get(1)?, body))
        })
    };
    let found = connection
        .prepare_cached("SELECT id, event_id, body FROM deliveries WHERE id = ?1")?
        .query_row([delivery], read)
        .optional()?;
    let Some((event_id, body)) = found else {
        return Ok(None);
    };
    Ok(Some(DeliveryContent { event: event(connection, &event_id)?, body }))
}

fn settle(
    connection: &Connection,
    update: &DeliveryUpdate,
    body: Option<&Packed<'_>>,
    now: UnixMicros,
) -> rusqlite::Result<bool> {
    let Some((subscription, event, notice)) = end(connection, update, body, now)? else {
        // The delivery was deleted with its subscription, or became a dead letter of the backlog.
        return Ok(false);
    };
    if body.is_some() {
        limit_bodies(connection, update)?;
    }
    if let Some(attempt) = &update.attempt {
        insert_attempt(connection, &subscription, attempt)?;
    }
    match &update.end {
        _ if notice => {}
        DeliveryOutcome::Delivered => {
            forget_diverted(connection, &subscription, &event).map(drop)?
        }
        DeliveryOutcome::Diverted { cause } => divert(connection, update, *cause, now)?,
        _ => {}
    }
    if let Some(notice) = &update.notice {
        connection
            .prepare_cached(
                "INSERT INTO deliveries (tenant, subscription_id, event_id, notice, resent, next_at,
                 body, created_at) SELECT tenant, subscription_id, event_id, 1,
                 (SELECT coalesce(max(resent), 0) + 1 FROM deliveries AS other
                  WHERE other.event_id = one.event_id
                  AND other.subscription_id = one.subscription_id AND other.notice),
                 ?2, ?3, ?2 FROM deliveries AS one WHERE id = ?1",
            )?
            .execute(params![update.delivery_id, now, Packed::of(notice)])?;
    }
    stand(connection, &subscription, update, now)
}

/// Stores the result of a delivery. Returns its subscription, its event, and true for a notice.
fn end(
    connection: &Connection,
    update: &DeliveryUpdate,
    body: Option<&Packed<'_>>,
    now: UnixMicros,
) -> rusqlite::Result<Option<(SubscriptionId, EventId, bool)>> {
    let (state, next_at) = match &update.end {
        DeliveryOutcome::Again { at } => (DeliveryState::Waiting, Some(*at)),
        DeliveryOutcome::Delivered => (DeliveryState::Delivered, None),
        DeliveryOutcome::Diverted { .. } => (DeliveryState::Diverted, None),
        DeliveryOutcome::Dropped => (DeliveryState::Dropped, None),
        DeliveryOutcome::Filtered => (DeliveryState::Filtered, None),
    };
    let attempt = update.attempt.as_ref();
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, next_at = coalesce(?3, next_at), lease_until = 0,
             attempts = coalesce(?4, attempts), body = coalesce(body, ?5), reason = ?6,
             ended_at = CASE ?2 WHEN 'waiting' THEN NULL ELSE ?7 END
             WHERE id = ?1 AND (state = 'waiting' OR ?2 = 'delivered')
             RETURNING subscription_id, event_id, notice, id",
        )?
        .query_row(
            params![
                update.delivery_id,
                state,
                next_at,
                attempt.map(|attempt| attempt.number),
                body,
                update.reason,
                now,
            ],
            |row| {
                let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                decoded(RowName { table: "deliveries", column: 3 }, row, read)
            },
        )
        .optional()
}

/// Ended deliveries that lose their bodies for one new body.
const BODIES_FOR_ONE: usize = 8;

/// Deletes bodies of a tenant that has too many bytes of them: those of its oldest ended
/// deliveries, then that of the delivery itself.
fn limit_bodies(connection: &Connection, update: &DeliveryUpdate) -> rusqlite::Result<()> {
    let limit = i64::try_from(update.body_bytes_per_tenant).unwrap_or(i64::MAX);
    for _ in 0..BODIES_FOR_ONE {
        if !has_bodies_beyond(connection, update.delivery_id, limit)? {
            return Ok(());
        }
        let deleted = connection
            .prepare_cached(
                "UPDATE deliveries SET body = NULL WHERE id =
                 (SELECT id FROM deliveries INDEXED BY deliveries_with_body
                  WHERE tenant = (SELECT tenant FROM deliveries WHERE id = ?1)
                  AND body IS NOT NULL AND state <> 'waiting' ORDER BY id LIMIT 1)",
            )?
            .execute([update.delivery_id])?;
        if deleted == 0 {
            break;
        }
    }
    if has_bodies_beyond(connection, update.delivery_id, limit)? {
        connection
            .prepare_cached("UPDATE deliveries SET body = NULL WHERE id = ?1 AND NOT notice")?
            .execute([update.delivery_id])?;
    }
    Ok(())
}

/// Returns true if the tenant of a delivery has more bytes of bodies than a limit.
fn has_bodies_beyond(connection: &Connection, delivery: i64, limit: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT body_bytes > ?2 FROM tenant_backlogs
             WHERE tenant = (SELECT tenant FROM deliveries WHERE id = ?1)",
        )?
        .query_row([delivery, limit], |row| row.get(0))
        .optional()
        // Without a row, the delivery was deleted.
        .map(|beyond| beyond.unwrap_or(false))
}

fn insert_attempt(
    connection: &Connection,
    subscription: &SubscriptionId,
    attempt: &AttemptRecord,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO attempts (delivery_id, subscription_id, number, at, status, ok, reason,
             duration_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            attempt.delivery_id,
            subscription,
            attempt.number,
            attempt.at,
            attempt.status,
            attempt.ok,
            attempt.reason,
            i64::try_from(attempt.duration_us).unwrap_or(i64::MAX),
        ])
        .map(drop)
}

fn divert(
    connection: &Connection,
    update: &DeliveryUpdate,
    cause: DivertCause,
    now: UnixMicros,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            // Not `OR REPLACE`: it deletes rows without running the triggers.
            "INSERT INTO diverted (subscription_id, event_id, request_id, at, failed, message)
             SELECT subscription_id, event_id,
             coalesce((SELECT request_id FROM events WHERE events.id = event_id), ''), ?2, ?3, ?4
             FROM deliveries WHERE id = ?1
             ON CONFLICT (subscription_id, event_id) DO UPDATE SET at = excluded.at,
             failed = excluded.failed, message = excluded.message",
        )?
        .execute(params![update.delivery_id, now, cause, update.reason.as_deref().unwrap_or(""),])
        .map(drop)
}

fn forget_diverted(
    connection: &Connection,
    subscription: &SubscriptionId,
    event: &EventId,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM diverted WHERE subscription_id = ?1 AND event_id = ?2")?
        .execute(params![subscription, event])
}

/// Updates the health of a subscription after an attempt. Returns true if the attempt suspended it.
fn stand(
    connection: &Connection,
    subscription: &SubscriptionId,
    update: &DeliveryUpdate,
    now: UnixMicros,
) -> rusqlite::Result<bool> {
    let Some(effect) = update.effect else {
        return Ok(false);
    };
    let before = connection
        .prepare_cached("SELECT failures, suspended_at, id FROM subscriptions WHERE id = ?1")?
        .query_row([subscription], |row| {
            decoded(RowName { table: "subscriptions", column: 2 }, row, |row| {
                Ok(SubscriptionHealth { failures: row.get(0)?, suspended_at: row.get(1)? })
            })
        })?;
    let after = before.after(effect, now.get());
    let suspended = after.suspended_at != before.suspended_at;
    if after != before || !effect.taken {
        // A suspension needs a new version: running workers keep the version that they read.
        connection
            .prepare_cached(
                "UPDATE subscriptions SET failures = ?2, suspended_at = ?3, version = version + ?4,
                 last_failure = coalesce(?5, last_failure) WHERE id = ?1",
            )?
            .execute(params![
                subscription,
                after.failures,
                after.suspended_at,
                suspended,
                update.reason,
            ])?;
    }
    Ok(suspended)
}

fn resend(
    connection: &Connection,
    change: &Change<(SubscriptionId, EventId)>,
    now: UnixMicros,
) -> Result<Option<i64>, StoreError> {
    let (subscription, event) = &change.what;
    // The number is unique among the deliveries of the event to the subscription.
    let number = "(SELECT coalesce(max(resent), 0) + 1 FROM deliveries
        WHERE subscription_id = ?1 AND event_id = ?2 AND notice = 0)";
    let forward = format!(
        "UPDATE deliveries SET next_at = ?3, resent = iif(resent > 0, resent, {number}) WHERE id =
         (SELECT id FROM deliveries WHERE subscription_id = ?1 AND event_id = ?2
          AND state = 'waiting' AND notice = 0 AND lease_until <= ?3 LIMIT 1) RETURNING id"
    );
    let fresh = format!(
        "INSERT INTO deliveries (tenant, subscription_id, event_id, resent, next_at, created_at,
         bytes) SELECT subscriptions.tenant, subscriptions.id, events.id, {number}, ?3, ?3,
         {EVENT_BYTES} FROM subscriptions JOIN events ON events.tenant = subscriptions.tenant
         WHERE subscriptions.id = ?1 AND events.id = ?2 RETURNING id"
    );
    let run = |sql: &str| -> rusqlite::Result<Option<i64>> {
        let params = params![subscription, event, now];
        connection.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
    };
    let id = match run(&forward).map_err(fault)? {
        Some(id) => Some(id),
        None => run(&fresh).map_err(fault)?,
    };
    if id.is_some() {
        audit(connection, &change.audit)?;
    }
    Ok(id)
}

const ATTEMPT: &str =
    "SELECT delivery_id, number, at, status, ok, reason, duration_us, place FROM attempts";

fn attempt_of(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    decoded(RowName { table: "attempts", column: 7 }, row, |row| {
        Ok(AttemptRecord {
            delivery_id: row.get(0)?,
            number: row.get(1)?,
            at: row.get(2)?,
            status: row.get(3)?,
            ok: row.get(4)?,
            reason: row.get(5)?,
            duration_us: row.get(6)?,
        })
    })
}

const DIVERTED: &str =
    "SELECT subscription_id, event_id, request_id, at, failed, message, place FROM diverted";

fn diverted_of(row: &Row<'_>) -> rusqlite::Result<DivertedRecord> {
    decoded(RowName { table: "diverted", column: 6 }, row, |row| {
        Ok(DivertedRecord {
            subscription_id: row.get(0)?,
            event_id: row.get(1)?,
            request_id: row.get(2)?,
            at: row.get(3)?,
            cause: row.get(4)?,
            message: row.get(5)?,
        })
    })
}

/// SQL for the attempts that a filter selects, with parameters 1 and 2. The listener is that of the
/// event. Once the event is deleted, its listener is unknown and the attempt is not selected.
const SELECTED_ATTEMPTS: &str = "attempts.subscription_id = ?1
    AND (?2 IS NULL OR EXISTS (SELECT 1 FROM deliveries JOIN events ON events.id = event_id
         WHERE deliveries.id = delivery_id
         AND listener_id COLLATE NOCASE IN (SELECT value FROM json_each(?2))))";

/// SQL for the diverted events that a filter selects, with an event as parameter 3.
const SELECTED_DIVERTED: &str = "subscription_id = ?1
    AND (?2 IS NULL OR EXISTS (SELECT 1 FROM events WHERE events.id = event_id
         AND listener_id COLLATE NOCASE IN (SELECT value FROM json_each(?2))))
    AND (?3 IS NULL OR event_id = ?3)";

const NEXT: &str = "SELECT next_at FROM deliveries
    WHERE deliveries.subscription_id = backlogs.subscription_id
    AND state = 'waiting' AND lease_until <= ?1 ORDER BY next_at LIMIT 1";

#[async_trait::async_trait]
impl DeliveryStore for SqliteStore {
    async fn lease(
        &self,
        subscription_id: &SubscriptionId,
        now: UnixMicros,
        lease_until: UnixMicros,
        limit: usize,
    ) -> Result<Vec<LeasedDelivery>, StoreError> {
        let id = subscription_id.clone();
        let take = move |tables: &Tables| take(tables, &id, now, lease_until, limit).map_err(fault);
        self.writer.run_background(Rank::Last, take).await
    }

    async fn delivery_content(
        &self,
        delivery_id: i64,
    ) -> Result<Option<DeliveryContent>, StoreError> {
        self.read(move |connection| content(connection, delivery_id)).await
    }

    async fn settle(
        &self,
        mut update: DeliveryUpdate,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        // Compressed here: the thread that writes does nothing else meanwhile.
        let body = update.body.take().map(Packed::of);
        let settle =
            move |tables: &Tables| settle(tables, &update, body.as_ref(), now).map_err(fault);
        self.writer.run_background(Rank::Last, settle).await
    }

    async fn upcoming(&self, now: UnixMicros) -> Result<Vec<Upcoming>, StoreError> {
        let sql = format!(
            "SELECT id, tenant, next FROM (SELECT subscription_id AS id, tenant, ({NEXT}) AS next
             FROM backlogs WHERE waiting_rows > 0) WHERE next IS NOT NULL"
        );
        let read = move |connection: &Connection| {
            // One damaged row must not hide the due deliveries of all other subscriptions.
            decodable(connection, &sql, [now], |row| {
                decoded(RowName { table: "backlogs", column: 0 }, row, |row| {
                    let (subscription_id, tenant) = (row.get(0)?, row.get(1)?);
                    Ok(Upcoming { subscription_id, tenant, at: row.get(2)? })
                })
            })
        };
        self.read(read).await
    }

    async fn next_due(
        &self,
        subscription_id: &SubscriptionId,
        now: UnixMicros,
    ) -> Result<Option<UnixMicros>, StoreError> {
        let id = subscription_id.clone();
        let sql = format!("SELECT ({NEXT}) FROM backlogs WHERE subscription_id = ?2");
        let read = move |connection: &Connection| {
            let params = params![now, id];
            let next = connection.prepare_cached(&sql)?.query_row(params, |row| row.get(0));
            next.optional().map(Option::flatten)
        };
        self.read(read).await
    }

    async fn end_leases(&self, now: UnixMicros) -> Result<(), StoreError> {
        let end = "UPDATE deliveries SET lease_until = 0, next_at = iif(next_at > ?2, ?1, next_at)
             WHERE state = 'waiting' AND (lease_until > 0 OR next_at > ?2)";
        let latest = now.saturating_add(micros_in(MAX_WAIT));
        self.writer
            .run(move |connection| connection.execute(end, [now, latest]).map(drop).map_err(fault))
            .await
    }

    async fn set_back(&self, by: i64, now: UnixMicros) -> Result<(), StoreError> {
        let earlier = "UPDATE deliveries SET next_at = max(next_at - ?1, 0)
             WHERE state = 'waiting' AND next_at > ?2";
        self.writer
            .run(move |connection| {
                connection.execute(earlier, params![by, now]).map(drop).map_err(fault)
            })
            .await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>, StoreError> {
        let filter = filter.clone();
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries WHERE (?1 IS NULL OR tenant = ?1)
             AND (?2 IS NULL OR subscription_id = ?2) AND (?3 IS NULL OR event_id = ?3)
             AND (?4 IS NULL OR state = ?4) AND {} AND id < ?7 ORDER BY id DESC LIMIT ?6",
            // In this form SQLite looks the number up in the index.
            if filter.id.is_some() { "id = ?5" } else { "?5 IS NULL" },
        );
        let read = move |connection: &Connection| {
            let params = params![
                filter.tenant,
                filter.subscription_id,
                filter.event_id,
                filter.state,
                filter.id,
                most(filter.limit),
                filter.before.unwrap_or(i64::MAX),
            ];
            collected(connection, &sql, params, delivery_of)
        };
        self.read(read).await
    }

    async fn attempts(&self, delivery_id: i64) -> Result<Vec<AttemptRecord>, StoreError> {
        let sql = format!("{ATTEMPT} WHERE delivery_id = ?1 ORDER BY place");
        self.read(move |connection| collected(connection, &sql, [delivery_id], attempt_of)).await
    }

    async fn attempt_page(
        &self,
        filter: &AttemptFilter,
        page: PageRequest,
    ) -> Result<Page<AttemptRecord>, StoreError> {
        let filter = filter.clone();
        let sql = format!(
            "{ATTEMPT} WHERE {SELECTED_ATTEMPTS} AND place < ?3 ORDER BY place DESC
             LIMIT -1 OFFSET ?4"
        );
        let read = move |connection: &Connection| {
            let (id, listeners) = (&filter.subscription_id, json_list(&filter.listeners));
            let before = page.after.unwrap_or(i64::MAX);
            let params = params![id, listeners, before, most(page.offset)];
            let read = |row: &Row<'_>| Ok((row.get(7)?, attempt_of(row)?));
            let size = |(_, attempt): &(i64, AttemptRecord)| {
                size_of::<AttemptRecord>() + attempt.reason.as_ref().map_or(0, String::len)
            };
            let bounds = Bounds { rows: page.limit, bytes: page.bytes };
            bounded(connection, &sql, params, bounds, read, size)
        };
        self.read(read).await
    }

    async fn count_attempts(&self, filter: &AttemptFilter) -> Result<usize, StoreError> {
        let filter = filter.clone();
        let sql = format!("SELECT count(*) FROM attempts WHERE {SELECTED_ATTEMPTS}");
        let read = move |connection: &Connection| {
            let params = params![filter.subscription_id, json_list(&filter.listeners)];
            counted(connection, &sql, params)
        };
        self.read(read).await
    }

    async fn body(&self, delivery_id: i64) -> Result<Option<String>, StoreError> {
        let read = move |connection: &Connection| {
            let body = connection
                .prepare_cached("SELECT body FROM deliveries WHERE id = ?1")?
                .query_row([delivery_id], |row| row.get::<_, Option<Unpacked>>(0))
                .optional()?;
            Ok(body.flatten().map(|body| body.0))
        };
        self.read(read).await
    }

    async fn diverted_page(
        &self,
        filter: &DivertedFilter,
        page: PageRequest,
    ) -> Result<Page<DivertedRecord>, StoreError> {
        let filter = filter.clone();
        let sql = format!(
            "{DIVERTED} WHERE {SELECTED_DIVERTED} AND place > ?4 ORDER BY place LIMIT ?5 OFFSET ?6"
        );
        let read = move |connection: &Connection| {
            let (id, event) = (&filter.subscription_id, &filter.event_id);
            let listeners = json_list(&filter.listeners);
            let after = page.after.unwrap_or(0);
            let params = params![id, listeners, event, after, most(page.limit), most(page.offset)];
            let read = |row: &Row<'_>| Ok((row.get(6)?, diverted_of(row)?));
            let size = |(_, diverted): &(i64, DivertedRecord)| {
                size_of::<DivertedRecord>() + diverted.message.len()
            };
            let bounds = Bounds { rows: page.limit, bytes: page.bytes };
            bounded(connection, &sql, params, bounds, read, size)
        };
        self.read(read).await
    }

    async fn delete_diverted(
        &self,
        change: Change<(SubscriptionId, EventId)>,
    ) -> Result<bool, StoreError> {
        let delete = move |tables: &Tables| {
            let (subscription, event) = &change.what;
            let rows = forget_diverted(tables, subscription, event).map_err(fault)?;
            if rows > 0 {
                audit(tables, &change.audit)?;
            }
            Ok(rows > 0)
        };
        self.writer.run(delete).await
    }

    async fn resend(
        &self,
        change: Change<(SubscriptionId, EventId)>,
        now: UnixMicros,
    ) -> Result<Option<i64>, StoreError> {
        self.writer.run(move |connection| resend(connection, &change, now)).await
    }
}
