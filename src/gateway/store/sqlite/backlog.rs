//! Backlogs: the waiting deliveries of subscriptions and tenants, and the dead letters above the
//! limits. Knows nothing of receivers.

use rusqlite::{Connection, OptionalExtension, params};

use super::decode::{RowName, decodable, decoded};
use super::query::most;
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{Backlog, BacklogLimits, DivertCause, Trimmed};

/// A backlog above its limit: of a subscription, or the part of a subscription in that of its
/// tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Over {
    subscription: SubscriptionId,
    /// Waiting deliveries above the limit.
    rows: i64,
    /// Time of acceptance before which deliveries are above the age limit.
    before: i64,
    /// Dead letters above the limit.
    diverted: i64,
    reason: String,
}

/// Returns the excess of the backlog of a subscription, in rows or bytes. Does not check the age.
pub(super) fn over(
    connection: &Connection,
    subscription: &SubscriptionId,
    limits: &BacklogLimits,
) -> rusqlite::Result<Option<Over>> {
    let sums = connection
        .prepare_cached(
            "SELECT waiting_rows, waiting_bytes, subscription_id FROM backlogs
             WHERE subscription_id = ?1",
        )?
        .query_row([subscription], |row| {
            let name = RowName { table: "backlogs", column: 2 };
            decoded(name, row, |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .optional()?;
    // A deleted subscription has no backlog.
    let (rows, bytes) = sums.unwrap_or((0, 0));
    Ok(judged(subscription, rows, bytes, limits))
}

/// Returns the number of deliveries above the limit, with the reason. A single delivery that is
/// larger than the byte limit may wait.
fn judged(
    subscription: &SubscriptionId,
    rows: i64,
    bytes: i64,
    limits: &BacklogLimits,
) -> Option<Over> {
    let beyond = rows - most(limits.rows);
    let (rows, reason) = if beyond > 0 {
        (beyond, rows_reason("delivery.waiting_rows", limits.rows))
    } else if rows > 1 && bytes.unsigned_abs() > limits.bytes {
        // The number of rows to remove is known only after each removal.
        let reason = format!(
            "the backlog has more bytes than `delivery.waiting_bytes` allows ({})",
            limits.bytes
        );
        (1, reason)
    } else {
        return None;
    };
    let subscription = subscription.to_owned();
    Some(Over { subscription, rows, before: i64::MAX, diverted: 0, reason })
}

fn rows_reason(setting: &str, limit: usize) -> String {
    format!("the backlog has more deliveries than `{setting}` allows ({limit})")
}

/// Returns true if a tenant has more waiting deliveries than its limit.
pub(super) fn is_tenant_over(
    connection: &Connection,
    tenant: &TenantId,
    limits: &BacklogLimits,
) -> rusqlite::Result<bool> {
    let rows: Option<i64> = connection
        .prepare_cached("SELECT waiting_rows FROM tenant_backlogs WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
        .optional()?;
    // A tenant without a row has no deliveries.
    Ok(rows.unwrap_or(0) > most(limits.tenant_rows))
}

/// Returns the number of waiting deliveries of all tenants.
pub(super) fn total(connection: &Connection) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("SELECT coalesce(sum(waiting_rows), 0) FROM tenant_backlogs")?
        .query_row([], |row| row.get(0))
}

/// Returns the backlog of a subscription.
pub(super) fn of(
    connection: &Connection,
    subscription: &SubscriptionId,
) -> rusqlite::Result<Backlog> {
    let found = connection
        .prepare_cached(
            "SELECT backlogs.waiting_rows, waiting_bytes, tenant_backlogs.waiting_rows,
             subscription_id FROM backlogs JOIN tenant_backlogs ON tenant_backlogs.tenant = backlogs.tenant
             WHERE subscription_id = ?1",
        )?
        .query_row([subscription], |row| {
            decoded(RowName { table: "backlogs", column: 3 }, row, |row| {
                Ok(Backlog { rows: row.get(0)?, bytes: row.get(1)?, tenant_rows: row.get(2)? })
            })
        })
        .optional()?;
    // Without a subscription there is no backlog.
    Ok(found.unwrap_or_default())
}

/// Turns the oldest waiting deliveries of a subscription into dead letters: at most `limit`, and at
/// most the excess. Returns their number. Skips deliveries with a running attempt, and drops
/// waiting notices.
pub(super) fn divert_oldest(
    connection: &Connection,
    subscription: &SubscriptionId,
    over: &Over,
    limit: usize,
    now: UnixMicros,
) -> rusqlite::Result<usize> {
    let mut end = connection.prepare_cached(
        "UPDATE deliveries SET state = iif(notice, 'dropped', 'diverted'), reason = ?4,
         ended_at = ?2, lease_until = 0 WHERE id IN
         (SELECT id FROM (SELECT id, created_at FROM deliveries INDEXED BY deliveries_oldest
          WHERE subscription_id = ?1 AND state = 'waiting' AND lease_until <= ?2
          ORDER BY id LIMIT ?3) WHERE created_at < ?5)
         RETURNING event_id, notice",
    )?;
    let number = over.rows.min(most(limit));
    let params = params![subscription, now, number, over.reason, over.before];
    let ended: Vec<(String, bool)> = end
        .query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut keep = connection.prepare_cached(
        "INSERT INTO diverted (subscription_id, event_id, request_id, at, failed, message)
         VALUES (?1, ?2, coalesce((SELECT request_id FROM events WHERE events.id = ?2), ''),
         ?3, ?4, ?5)
         ON CONFLICT (subscription_id, event_id) DO UPDATE SET at = excluded.at,
         failed = excluded.failed, message = excluded.message",
    )?;
    for (event, _) in ended.iter().filter(|(_, notice)| !notice) {
        let cause = DivertCause::Backlog;
        keep.execute(params![subscription, event, now, cause, over.reason])?;
    }
    Ok(ended.len())
}

/// Trims one backlog by at most `limit` rows.
pub(super) fn trim(
    connection: &Connection,
    over: &Over,
    limit: usize,
    now: UnixMicros,
) -> rusqlite::Result<Trimmed> {
    let mut trimmed = Trimmed::default();
    let diverted = divert_oldest(connection, &over.subscription, over, limit, now)?;
    if diverted > 0 {
        trimmed.diverted.push((over.subscription.clone(), diverted));
    }
    // Event ids begin with the time.
    trimmed.deleted = connection
        .prepare_cached(
            "DELETE FROM diverted WHERE place IN (SELECT place FROM diverted
             WHERE subscription_id = ?1 ORDER BY event_id LIMIT ?2)",
        )?
        .execute(params![over.subscription, over.diverted.min(most(limit))])?;
    trimmed.more = diverted > 0 || trimmed.deleted == limit;
    Ok(trimmed)
}

/// Maximum number of backlogs of each kind in one check.
const MAX_BACKLOGS: i64 = 256;

/// Returns the backlogs above their limits, with the excess of each.
pub(super) fn all_over(
    connection: &Connection,
    limits: &BacklogLimits,
    now: UnixMicros,
) -> rusqlite::Result<Vec<Over>> {
    let mut all = of_subscriptions(connection, limits)?;
    all.extend(too_old(connection, limits, now)?);
    all.extend(of_tenants(connection, limits)?);
    Ok(all)
}

/// Returns the subscriptions with too many rows, bytes or dead letters.
fn of_subscriptions(
    connection: &Connection,
    limits: &BacklogLimits,
) -> rusqlite::Result<Vec<Over>> {
    let sql = "SELECT subscription_id, waiting_rows, waiting_bytes, dead_letter_rows FROM backlogs
         WHERE waiting_rows > ?1 OR (waiting_rows > 1 AND waiting_bytes > ?2)
         OR dead_letter_rows > ?3 LIMIT ?4";
    let bytes = i64::try_from(limits.bytes).unwrap_or(i64::MAX);
    let params = params![most(limits.rows), bytes, most(limits.dead_letter_rows), MAX_BACKLOGS];
    let rows = decodable(connection, sql, params, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?))
    })?;
    let over = rows.into_iter().map(|(subscription, rows, bytes, diverted)| {
        let diverted = (diverted - most(limits.dead_letter_rows)).max(0);
        let judged = judged(&subscription, rows, bytes, limits);
        let none = Over { subscription, rows: 0, before: 0, diverted: 0, reason: String::new() };
        Over { diverted, ..judged.unwrap_or(none) }
    });
    Ok(over.collect())
}

/// Returns the subscriptions whose oldest delivery is above the age limit.
fn too_old(
    connection: &Connection,
    limits: &BacklogLimits,
    now: UnixMicros,
) -> rusqlite::Result<Vec<Over>> {
    let before = now.get().saturating_sub(limits.age_us);
    let sql = "SELECT subscription_id FROM backlogs WHERE waiting_rows > 0
         AND (SELECT created_at FROM deliveries INDEXED BY deliveries_oldest
              WHERE deliveries.subscription_id = backlogs.subscription_id AND state = 'waiting'
              ORDER BY id LIMIT 1) < ?1 LIMIT ?2";
    let found = decodable(connection, sql, [before, MAX_BACKLOGS], |row| row.get(0))?;
    let seconds = limits.age_us / 1_000_000;
    let over = found.into_iter().map(|subscription| Over {
        subscription,
        rows: i64::MAX,
        before,
        diverted: 0,
        reason: format!("it waited for longer than `delivery.waiting_age` allows ({seconds} s)"),
    });
    Ok(over.collect())
}

/// Returns the largest backlogs of the tenants that are above their limits.
fn of_tenants(connection: &Connection, limits: &BacklogLimits) -> rusqlite::Result<Vec<Over>> {
    let sums = "SELECT tenant, waiting_rows, dead_letter_rows FROM tenant_backlogs
         ORDER BY waiting_rows DESC LIMIT ?1";
    let tenants = decodable(connection, sums, [MAX_BACKLOGS], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let mut beyond = most(total(connection)?) - most(limits.total_rows);
    let mut all = Vec::new();
    for (tenant, waiting, diverted) in tenants {
        let own = waiting - most(limits.tenant_rows);
        let reason = match own > 0 {
            true => rows_reason("delivery.waiting_rows_per_tenant", limits.tenant_rows),
            false => rows_reason("delivery.waiting_rows_total", limits.total_rows),
        };
        // If the total is too high, the tenant with the largest backlog gives way.
        let number = own.max(std::mem::take(&mut beyond)).max(0);
        if number > 0 {
            let size = "waiting_rows";
            all.extend(largest(connection, &tenant, size, |rows| (rows.min(number), 0), &reason)?);
        }
        let number = diverted - most(limits.dead_letter_rows_per_tenant);
        if number > 0 {
            let size = "dead_letter_rows";
            all.extend(largest(connection, &tenant, size, |rows| (0, rows.min(number)), "")?);
        }
    }
    Ok(all)
}

/// Maximum number of subscriptions of a tenant that give way, largest first.
const MAX_SUBSCRIPTIONS: i64 = 8;

fn largest(
    connection: &Connection,
    tenant: &TenantId,
    size: &str,
    part: impl Fn(i64) -> (i64, i64),
    reason: &str,
) -> rusqlite::Result<Vec<Over>> {
    let sql = format!(
        "SELECT subscription_id, {size} FROM backlogs WHERE tenant = ?1 AND {size} > 0
         ORDER BY {size} DESC LIMIT ?2"
    );
    let found = decodable(connection, &sql, params![tenant, MAX_SUBSCRIPTIONS], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?))
    })?;
    let number = most(found.len()).max(1);
    let over = found.into_iter().zip(0..).map(|((subscription, rows), place)| {
        let (rows, diverted) = part(rows);
        // The parts add up to the whole.
        let fair = |count: i64| count / number + i64::from(place < count % number);
        let reason = reason.to_owned();
        Over { subscription, rows: fair(rows), before: i64::MAX, diverted: fair(diverted), reason }
    });
    Ok(over.collect())
}
