//! Fan-out: writes the deliveries of stored events in bounded steps. Filters are evaluated
//! elsewhere.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::backlog::{self, divert_oldest};
use super::decode::{RowName, decoded, skip_bad_row};
use super::deliveries::EVENT_BYTES;
use super::events::events;
use super::query::{collected, most};
use super::tables::Tables;
use super::writer::{BACKGROUND_TIME_ALONE, BACKGROUND_TIME_BESIDE_SENDERS, Rank};
use super::{SqliteStore, fault};
use crate::delivery::UNWANTED;
use crate::gateway::ids::{EventId, SubscriptionId, TenantId};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{
    Backlog, BacklogLimits, DeliveryState, EventFilter, EventRecord, FanOutStore, FanOutTurn,
    FannedOut, SUSPENDED, StoreError, Trimmed,
};

/// Maximum events and deliveries of a step while senders wait for the writer thread.
const ROWS_BESIDE_SENDERS: usize = 64;

/// Minimum events and deliveries that a step writes for a tenant, however long they take.
const MIN_ROWS: usize = 16;

/// The fan-out progress of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Progress {
    /// Sequence number of the last event that is done.
    place: i64,
    /// The last subscription that is done for the event after `place`.
    subscription: SubscriptionId,
}

/// An event whose deliveries have to be written.
struct Pending {
    place: i64,
    id: EventId,
    kind: String,
    created_at: UnixMicros,
    bytes: i64,
}

/// Runs one step for several tenants. Each gets a fair share of the rows and the time.
fn fan_out(
    tables: &Tables,
    turns: &[FanOutTurn],
    limits: &BacklogLimits,
    rows: usize,
    now: UnixMicros,
) -> rusqlite::Result<Vec<FannedOut>> {
    let (rows, time) = match tables.is_crowded() {
        true => (rows.min(ROWS_BESIDE_SENDERS), BACKGROUND_TIME_BESIDE_SENDERS),
        false => (rows, BACKGROUND_TIME_ALONE),
    };
    let end = Instant::now() + time;
    // Damaged sums and tenants must not stop the fan-out of the other tenants.
    let total = skip_bad_row(backlog::total(tables))?;
    let over = total.is_some_and(|total| total > limits.total_rows);
    let mut left = rows;
    let mut all = Vec::with_capacity(turns.len());
    for (number, turn) in turns.iter().enumerate() {
        let turns_left = turns.len().saturating_sub(number).max(1);
        let share = left.div_ceil(turns_left);
        let began = Instant::now();
        let part = end.saturating_duration_since(began).div_f64(turns_left as f64);
        let until = began + part;
        let mut step = FanOutStep { tables, turn, limits, now, until, written: 0, left: share };
        let fanned = skip_bad_row(step.run())?;
        let nothing = || FannedOut { tenant: turn.tenant.clone(), ..FannedOut::default() };
        let mut fanned = fanned.unwrap_or_else(nothing);
        left = left.saturating_sub(step.written);
        fanned.over |= over;
        all.push(fanned);
    }
    Ok(all)
}

/// A step for one tenant.
struct FanOutStep<'s> {
    tables: &'s Connection,
    turn: &'s FanOutTurn,
    limits: &'s BacklogLimits,
    now: UnixMicros,
    /// End of the time of the step, even if more has to be written.
    until: Instant,
    /// Events and deliveries written so far.
    written: usize,
    /// Events and deliveries that may still be written.
    left: usize,
}

impl FanOutStep<'_> {
    fn run(&mut self) -> rusqlite::Result<FannedOut> {
        let tenant = &self.turn.tenant;
        let mut fanned = FannedOut { tenant: tenant.clone(), ..FannedOut::default() };
        let before = progress(self.tables, tenant)?;
        let mut after = before.clone();
        let last = last_place(self.tables, tenant)?;
        fanned.subscribed = is_subscribed(self.tables, tenant)?;
        if fanned.subscribed {
            self.events(&mut after, &mut fanned)?;
        } else {
            // A later subscription begins after the events that exist now.
            after = Progress { place: last, ..Progress::default() };
        }
        if after != before {
            store_progress(self.tables, tenant, &after)?;
        }
        fanned.more = after.place < last;
        fanned.over = backlog::is_tenant_over(self.tables, tenant, self.limits)?;
        Ok(fanned)
    }

    fn events(&mut self, progress: &mut Progress, fanned: &mut FannedOut) -> rusqlite::Result<()> {
        let upto = self.turn.upto.unwrap_or(i64::MAX);
        let pending = pending(self.tables, &self.turn.tenant, progress.place, upto, self.left)?;
        for (place, event) in pending {
            // An event that cannot be decoded has no deliveries: it is unknown who gets it.
            if let Some(event) = event
                && !self.event(&event, progress, fanned)?
            {
                return Ok(());
            }
            *progress = Progress { place, ..Progress::default() };
            self.count();
            if self.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn count(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.written += 1;
    }

    /// Returns true if the step has used up its rows or its time.
    fn is_over(&self) -> bool {
        self.left == 0 || (self.written >= MIN_ROWS && Instant::now() > self.until)
    }

    /// Writes deliveries of an event. Returns true if all are written.
    fn event(
        &mut self,
        event: &Pending,
        progress: &mut Progress,
        fanned: &mut FannedOut,
    ) -> rusqlite::Result<bool> {
        let after = progress.subscription.clone();
        let wanting = wanting(self.tables, &self.turn.tenant, event, &after, self.left)?;
        let whole = wanting.len() < self.left;
        let unwanted: HashSet<(&str, i64)> = self
            .turn
            .unwanted
            .iter()
            .filter(|(place, _)| *place == event.place)
            .map(|(_, one)| (one.subscription.as_str(), one.version))
            .collect();
        for (id, subscription) in wanting {
            if self.is_over() {
                return Ok(false);
            }
            self.count();
            progress.subscription = id;
            let Some(subscription) = subscription.filter(|one| one.takes(event)) else {
                continue;
            };
            // A filter result is valid only for the version that it was computed for.
            let version = subscription.version;
            let filtered = unwanted.contains(&(subscription.id.as_str(), version));
            let written = self.insert(event, &subscription, filtered)?;
            match (written, filtered) {
                (false, _) => {}
                (true, true) => fanned.filtered += 1,
                (true, false) => {
                    self.make_room(&subscription.id, fanned)?;
                    fanned.subscriptions.push(subscription.id);
                }
            }
        }
        Ok(whole)
    }

    /// Writes a delivery. Returns true if it did not exist yet.
    fn insert(
        &self,
        event: &Pending,
        subscription: &Wanting,
        filtered: bool,
    ) -> rusqlite::Result<bool> {
        let state = if filtered { DeliveryState::Filtered } else { DeliveryState::Waiting };
        let reason = match subscription.suspended {
            _ if filtered => Some(UNWANTED),
            true => Some(SUSPENDED),
            false => None,
        };
        let rows = self
            .tables
            .prepare_cached(
                "INSERT INTO deliveries (tenant, subscription_id, event_id, next_at, created_at,
                 state, reason, ended_at, bytes) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (event_id, subscription_id, notice, resent) DO NOTHING",
            )?
            .execute(params![
                self.turn.tenant,
                subscription.id,
                event.id,
                event.created_at,
                state,
                reason,
                filtered.then_some(event.created_at),
                event.bytes,
            ])?;
        Ok(rows > 0)
    }

    /// Turns the oldest deliveries of a backlog above its limit into dead letters: two for each new
    /// delivery, so that a lowered limit is reached soon.
    fn make_room(
        &self,
        subscription: &SubscriptionId,
        fanned: &mut FannedOut,
    ) -> rusqlite::Result<()> {
        let over = skip_bad_row(backlog::over(self.tables, subscription, self.limits))?;
        let Some(over) = over.flatten() else {
            return Ok(());
        };
        let diverted = divert_oldest(self.tables, subscription, &over, 2, self.now)?;
        if diverted > 0 {
            fanned.diverted.push((subscription.to_owned(), diverted));
        }
        Ok(())
    }
}

/// A subscription to the type of an event.
struct Wanting {
    id: SubscriptionId,
    version: i64,
    enabled: bool,
    since: i64,
    suspended: bool,
}

impl Wanting {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (id, version, enabled) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Self { id, version, enabled, since: row.get(3)?, suspended: row.get(4)? })
    }

    /// Returns true if the subscription is enabled and older than the event.
    fn takes(&self, event: &Pending) -> bool {
        self.enabled && self.since < event.place
    }
}

fn progress(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<Progress> {
    let found = connection
        .prepare_cached("SELECT place, subscription_id, tenant FROM fanouts WHERE tenant = ?1")?
        .query_row([tenant], |row| {
            decoded(RowName { table: "fanouts", column: 2 }, row, |row| {
                Ok(Progress { place: row.get(0)?, subscription: row.get(1)? })
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn store_progress(
    connection: &Connection,
    tenant: &TenantId,
    progress: &Progress,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO fanouts (tenant, place, subscription_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant) DO UPDATE SET place = excluded.place,
             subscription_id = excluded.subscription_id",
        )?
        .execute(params![tenant, progress.place, progress.subscription])
        .map(drop)
}

fn last_place(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(place), 0) FROM events WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))
}

fn is_subscribed(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM wanted_types WHERE tenant = ?1)")?
        .query_row([tenant], |row| row.get(0))
}

/// Returns the next events of a tenant, each with its sequence number. An event that cannot be
/// decoded is `None`.
fn pending(
    connection: &Connection,
    tenant: &TenantId,
    after: i64,
    upto: i64,
    limit: usize,
) -> rusqlite::Result<Vec<(i64, Option<Pending>)>> {
    let sql = format!(
        "SELECT place, id, event_type, created_at, {EVENT_BYTES} FROM events
         WHERE tenant = ?1 AND place > ?2 AND place <= ?3 ORDER BY place LIMIT ?4"
    );
    let read = |row: &Row<'_>| {
        let place = row.get(0)?;
        let event = decoded(RowName { table: "events", column: 0 }, row, |row| {
            let (id, kind, created_at) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Pending { place, id, kind, created_at, bytes: row.get(4)? })
        });
        Ok((place, skip_bad_row(event)?))
    };
    collected(connection, &sql, params![tenant, after, upto, most(limit)], read)
}

/// Returns the subscriptions to the type of an event, in the order of their ids, after the id
/// `after`. A subscription that cannot be decoded is `None`. Merges two ranges of the index, so that a few matches among many subscriptions are
/// found without a full scan.
fn wanting(
    connection: &Connection,
    tenant: &TenantId,
    event: &Pending,
    after: &SubscriptionId,
    limit: usize,
) -> rusqlite::Result<Vec<(SubscriptionId, Option<Wanting>)>> {
    let mut find = connection.prepare_cached(
        "SELECT id, version, enabled, since, suspended_at IS NOT NULL FROM
         (SELECT subscription_id FROM wanted_types
          WHERE tenant = ?1 AND event_type = ?2 AND subscription_id > ?3
          UNION SELECT subscription_id FROM wanted_types
          WHERE tenant = ?1 AND event_type = '*' AND subscription_id > ?3
          ORDER BY subscription_id LIMIT ?4)
         JOIN subscriptions ON id = subscription_id ORDER BY subscription_id",
    )?;
    let rows = find.query_map(params![tenant, event.kind, after, most(limit)], |row| {
        let wanting = decoded(RowName { table: "subscriptions", column: 0 }, row, Wanting::of);
        Ok((row.get(0)?, skip_bad_row(wanting)?))
    })?;
    rows.collect()
}

/// SQL for the tenants whose last event is after their progress. Does not scan all events.
const PENDING_TENANTS: &str = "
    WITH RECURSIVE tenants (tenant) AS (
        SELECT min(tenant) FROM events
        UNION ALL
        SELECT (SELECT min(tenant) FROM events WHERE events.tenant > tenants.tenant)
        FROM tenants WHERE tenants.tenant IS NOT NULL)
    SELECT tenant FROM tenants WHERE tenant IS NOT NULL
    AND (SELECT max(place) FROM events WHERE events.tenant = tenants.tenant)
        > coalesce((SELECT place FROM fanouts WHERE fanouts.tenant = tenants.tenant), 0)";

/// Data of pending events that one read returns, in bytes. The first event may have more.
const PENDING_BYTES: usize = 1 << 20;

#[async_trait::async_trait]
impl FanOutStore for SqliteStore {
    async fn pending_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        self.read(|connection| collected(connection, PENDING_TENANTS, [], |row| row.get(0))).await
    }

    async fn fan_out_lag(
        &self,
        tenant: &TenantId,
        upto: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        let tenant = tenant.clone();
        let read = move |connection: &Connection| {
            let upto = match upto {
                Some(upto) => upto,
                None => last_place(connection, &tenant)?,
            };
            Ok((progress(connection, &tenant)?.place < upto).then_some(upto))
        };
        self.read(read).await
    }

    async fn pending_events(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let tenant = tenant.clone();
        let read = move |connection: &Connection| {
            let after = Some(progress(connection, &tenant)?.place);
            let tenant = Some(tenant);
            let bytes = Some(PENDING_BYTES);
            events(
                connection,
                &EventFilter { tenant, after, limit, bytes, ..EventFilter::default() },
            )
        };
        self.read(read).await
    }

    async fn fan_out(
        &self,
        turns: Vec<FanOutTurn>,
        limits: BacklogLimits,
        rows: usize,
        now: UnixMicros,
    ) -> Result<Vec<FannedOut>, StoreError> {
        let run = move |tables: &Tables| fan_out(tables, &turns, &limits, rows, now).map_err(fault);
        self.writer.run_background(Rank::First, run).await
    }

    async fn trim(
        &self,
        limits: BacklogLimits,
        rows: usize,
        now: UnixMicros,
    ) -> Result<Trimmed, StoreError> {
        let find = move |connection: &Connection| backlog::all_over(connection, &limits, now);
        let mut trimmed = Trimmed::default();
        for over in self.read(find).await? {
            let run = move |tables: &Tables| backlog::trim(tables, &over, rows, now).map_err(fault);
            let part = self.writer.run_background(Rank::First, run).await?;
            trimmed.diverted.extend(part.diverted);
            trimmed.deleted += part.deleted;
            trimmed.more |= part.more;
        }
        Ok(trimmed)
    }

    async fn backlog(&self, subscription_id: &SubscriptionId) -> Result<Backlog, StoreError> {
        let id = subscription_id.clone();
        self.read(move |connection| backlog::of(connection, &id)).await
    }

    async fn waiting_rows(&self) -> Result<usize, StoreError> {
        self.read(backlog::total).await
    }
}
