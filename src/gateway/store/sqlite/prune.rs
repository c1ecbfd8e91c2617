//! Pruning: deletes rows that are past their retention, in small steps.
//!
//! A step examines a bounded number of rows. Some old rows have to stay: an event with a waiting
//! delivery, or the request whose body is the data of an event. So a round stores its position, and
//! the next step does not examine the same rows again. At the end of a round the table
//! pauses, longer if more rows had to stay, and then a new round begins. The caller passes the time.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, ToSql};

use super::decode::{RowName, decoded, skip_bad_row};
use super::fault;
use super::query::first_id;
use super::tables::Tables;
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{Pruned, Retention, StoreError};

/// The rounds of all tables that can have old rows which must stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Rounds {
    events: Round,
    requests: Round,
    originals: Round,
    challenges: Round,
    audit: Round,
    /// Rounds of deletion for space, regardless of age.
    large_events: Round,
    large_requests: Round,
}

/// The position of a round in a table.
#[derive(Debug, Clone, Default)]
struct Round {
    /// The key of the last examined row.
    after: Option<Value>,
    /// Number of rows that had to stay.
    kept: i64,
    /// The end of the round, and the earliest start of the next one.
    ended: Option<(i64, i64)>,
}

/// Maximum audit records of one key, and of one key in a store that is above its size limit.
const AUDIT_ROWS: i64 = 100_000;
const AUDIT_ROWS_IN_LARGE_STORE: i64 = 1000;

/// Pause of a table for each thousand rows that had to stay, in microseconds.
const REST: i64 = 1_000_000;

impl Round {
    /// Starts a new round if the last one ended before `now` and the pause is over. A clock that was
    /// set back ends the pause.
    fn begin(&mut self, now: i64) {
        if let Some((ended, rested)) = self.ended
            && (now > rested || now < ended)
        {
            *self = Self::default();
        }
    }

    fn end(&mut self, now: i64) {
        let rest = (self.kept / 1000).saturating_mul(REST);
        self.ended = Some((now, now.saturating_add(rest)));
    }
}

/// SQL condition: an event may be deleted when its fan-out is done and it has neither a waiting
/// delivery nor a dead letter. The last event stays, so that no sequence number is used twice.
macro_rules! event_may_go {
    () => {
        "place < (SELECT max(place) FROM events)
         AND place <=
         coalesce((SELECT place FROM fanouts WHERE fanouts.tenant = events.tenant), 0)
         AND NOT EXISTS
         (SELECT 1 FROM deliveries WHERE event_id = events.id AND state = 'waiting')
         AND NOT EXISTS (SELECT 1 FROM diverted WHERE event_id = events.id)"
    };
}

/// SQL condition: a request whose body is the data of an event stays as long as the event.
macro_rules! request_may_go {
    () => {
        "NOT EXISTS (SELECT 1 FROM events WHERE id = requests.event_id AND data IS NULL)"
    };
}

/// SQL for the next rows of a table: the key, the row id, whether it may be deleted, and the
/// request that is deleted with it. Ids begin with the time, so older rows have lower ids.
const EVENTS: &str = concat!(
    "SELECT id, rowid, created_at < ?4 AND ",
    event_may_go!(),
    ", CASE WHEN data IS NULL THEN request_id END
     FROM events WHERE id > ?1 AND id < ?3 ORDER BY id LIMIT ?2"
);
const REQUESTS: &str = concat!(
    "SELECT id, rowid, received_at < ?4 AND ",
    request_may_go!(),
    ", id FROM requests WHERE id > ?1 AND id < ?3 ORDER BY id LIMIT ?2"
);
/// SQL for captured requests without a request, which remain from an older version. Others are
/// deleted with their request.
const ORIGINALS: &str = "SELECT request_id, rowid,
     NOT EXISTS (SELECT 1 FROM requests WHERE id = request_id), NULL
     FROM originals WHERE request_id > ?1 AND request_id < ?3 ORDER BY request_id LIMIT ?2";
const CHALLENGES: &str = "SELECT place, rowid, at < ?3, NULL
     FROM challenges WHERE place > ?1 ORDER BY place LIMIT ?2";
const AUDIT: &str = "SELECT place, rowid, at < ?3, NULL
     FROM audit WHERE place > ?1 ORDER BY place LIMIT ?2";
/// SQL for the oldest events, regardless of age. Waiting deliveries are never deleted for space.
const LARGE_EVENTS: &str = concat!(
    "SELECT place, rowid, ",
    event_may_go!(),
    ", CASE WHEN data IS NULL THEN request_id END
     FROM events WHERE place > ?1 ORDER BY place LIMIT ?2"
);
const LARGE_REQUESTS: &str = concat!(
    "SELECT place, rowid, ",
    request_may_go!(),
    ", id FROM requests WHERE place > ?1 ORDER BY place LIMIT ?2"
);

/// Deletes a few rows of each kind that are past their retention. `log` is the size of the
/// write-ahead log in bytes.
pub(super) fn prune(
    tables: &Tables,
    rounds: &mut Rounds,
    retention: &Retention,
    log: u64,
    now: UnixMicros,
    step: usize,
) -> Result<Pruned, StoreError> {
    // Limits may be later than any time.
    let now = now.get();
    let mut pruning = Pruning { connection: tables, now, step, pruned: Pruned::default() };
    pruning.old(tables, rounds, retention).map_err(fault)?;
    if let Some(most) = retention.max_bytes {
        pruning.large(rounds, most, log).map_err(fault)?;
    }
    Ok(pruning.pruned)
}

/// One pruning step.
struct Pruning<'c> {
    connection: &'c Connection,
    now: i64,
    step: usize,
    pruned: Pruned,
}

impl Pruning<'_> {
    /// Deletes rows that are past their retention. The order matters: deliveries keep events, and
    /// events keep requests.
    fn old(
        &mut self,
        tables: &Tables,
        rounds: &mut Rounds,
        retention: &Retention,
    ) -> rusqlite::Result<()> {
        let now = self.now;
        let before = |kept: i64| now.saturating_sub(kept);
        let (events, requests) = (before(retention.events_us), before(retention.requests_us));
        let (challenges, audit) = (before(retention.challenges_us), before(retention.audit_us));
        self.expired("refused", "place", "received_at", before(retention.refused_us))?;
        self.expired("diverted", "place", "at", before(retention.diverted_us))?;
        self.expired("deliveries", "id", "ended_at", before(retention.deliveries_us))?;
        let (first_event, first_request) =
            (first_id(UnixMicros::new(events)), first_id(UnixMicros::new(requests)));
        let go_with = move |connection: &Connection, request: &str| {
            delete_request(connection, request, requests)
        };
        self.walk(&mut rounds.events, ("events", EVENTS), &[&first_event, &events], go_with)?;
        let limits: [&dyn ToSql; 2] = [&first_request, &requests];
        self.walk(&mut rounds.requests, ("requests", REQUESTS), &limits, delete_original)?;
        let limits: [&dyn ToSql; 1] = [&first_request];
        self.walk(&mut rounds.originals, ("originals", ORIGINALS), &limits, alone)?;
        self.walk(&mut rounds.challenges, ("challenges", CHALLENGES), &[&challenges], alone)?;
        self.walk(&mut rounds.audit, ("audit", AUDIT), &[&audit], alone)?;
        self.audit_excess(AUDIT_ROWS)?;
        self.keys(tables)
    }

    /// Deletes the oldest audit records of the key with the most records, above `limit`. One key
    /// must not fill the store.
    fn audit_excess(&mut self, limit: i64) -> rusqlite::Result<()> {
        let deleted = self
            .connection
            .prepare_cached(
                "WITH busiest AS (SELECT actor, records FROM audit_actors
                 WHERE records > ?2 ORDER BY records DESC LIMIT 1)
                 DELETE FROM audit WHERE place IN
                 (SELECT place FROM audit WHERE actor = (SELECT actor FROM busiest)
                  ORDER BY place
                  LIMIT coalesce((SELECT min(?1, records - ?2) FROM busiest), 0))",
            )?
            .execute((self.limit(), limit))?;
        self.pruned.rows += deleted;
        self.count(deleted);
        Ok(())
    }

    /// Examines the next rows of a table, and deletes those that may go.
    fn walk(
        &mut self,
        round: &mut Round,
        (table, select): (&'static str, &str),
        limits: &[&dyn ToSql],
        go_with: impl Fn(&Connection, &str) -> rusqlite::Result<usize>,
    ) -> rusqlite::Result<()> {
        round.begin(self.now);
        let from = round.after.clone().unwrap_or_else(|| first_key(select));
        let limit = self.limit();
        let mut given: Vec<&dyn ToSql> = vec![&from, &limit];
        given.extend(limits);
        let examined: Vec<Examined> = self
            .connection
            .prepare_cached(select)?
            .query_map(given.as_slice(), |row| Examined::of(table, row))?
            .collect::<rusqlite::Result<_>>()?;
        let mut delete =
            self.connection.prepare_cached(&format!("DELETE FROM {table} WHERE rowid = ?1"))?;
        for row in examined.iter().filter(|row| row.may_go) {
            self.pruned.rows += delete.execute([row.place])?;
            if let Some(request) = &row.request {
                self.pruned.rows += go_with(self.connection, request)?;
            }
        }
        let kept = examined.iter().filter(|row| !row.may_go).count();
        round.kept = round.kept.saturating_add(i64::try_from(kept).unwrap_or(i64::MAX));
        self.count(examined.len());
        if examined.len() < self.step && round.ended.is_none() {
            round.end(self.now);
        }
        if let Some(last) = examined.into_iter().next_back() {
            round.after = Some(last.key);
        }
        Ok(())
    }

    /// Deletes the oldest rows by a time index. Examines only rows that are deleted.
    fn expired(&mut self, table: &str, key: &str, time: &str, before: i64) -> rusqlite::Result<()> {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN
             (SELECT {key} FROM {table} WHERE {time} < ?2 ORDER BY {time} LIMIT ?1)"
        );
        self.execute(&sql, &[&before])
    }

    /// Deletes expired deduplication keys.
    fn keys(&mut self, tables: &Tables) -> rusqlite::Result<()> {
        let expired = "DELETE FROM dedup WHERE (listener_id, key) IN (SELECT listener_id, key
             FROM dedup WHERE expires_at <= ?2 ORDER BY expires_at LIMIT ?1)";
        self.execute(expired, &[&self.now.clone()])?;
        let rows = tables.dedup_index().expire(
            self.connection,
            UnixMicros::new(self.now),
            self.limit(),
        )?;
        self.pruned.rows += rows;
        self.count(rows);
        Ok(())
    }

    /// Returns the maximum rows of one kind that a step examines.
    fn limit(&self) -> i64 {
        i64::try_from(self.step).unwrap_or(i64::MAX)
    }

    /// Deletes rows. The first SQL parameter is the maximum number.
    fn execute(&mut self, sql: &str, others: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let limit = self.limit();
        let mut given: Vec<&dyn ToSql> = vec![&limit];
        given.extend(others);
        let rows = self.connection.prepare_cached(sql)?.execute(given.as_slice())?;
        self.pruned.rows += rows;
        self.count(rows);
        Ok(())
    }

    fn count(&mut self, examined: usize) {
        self.pruned.examined += examined;
        self.pruned.more |= examined >= self.step && self.step > 0;
    }

    /// Deletes the oldest rows if the store with its log is above its size limit. Free pages do not
    /// count, because SQLite reuses them.
    fn large(&mut self, rounds: &mut Rounds, most: u64, log: u64) -> rusqlite::Result<()> {
        let number =
            |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let used = (number("page_count")? - number("freelist_count")?) * number("page_size")?;
        // A log that readers keep long must not cost events: it counts for at most half of the
        // limit.
        let used = u64::try_from(used).unwrap_or(0).saturating_add(log.min(most / 2));
        if used <= most {
            return Ok(());
        }
        let rows = self.pruned.rows;
        self.execute(
            "DELETE FROM refused WHERE place IN
             (SELECT place FROM refused ORDER BY place LIMIT ?1)",
            &[],
        )?;
        self.audit_excess(AUDIT_ROWS_IN_LARGE_STORE)?;
        // Rejected requests and a flood of changes never cost an event: while there are some, only
        // they are deleted.
        if self.pruned.rows > rows {
            self.pruned.more = true;
            return Ok(());
        }
        self.execute(
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
             WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT ?1)",
            &[],
        )?;
        let go_with =
            |connection: &Connection, request: &str| delete_request(connection, request, i64::MAX);
        self.walk(&mut rounds.large_events, ("events", LARGE_EVENTS), &[], go_with)?;
        let requests = ("requests", LARGE_REQUESTS);
        self.walk(&mut rounds.large_requests, requests, &[], delete_original)?;
        self.pruned.more |= self.pruned.rows > rows;
        Ok(())
    }
}

/// Returns a key before all others.
fn first_key(select: &str) -> Value {
    if select.starts_with("SELECT place") {
        Value::Integer(i64::MIN)
    } else {
        Value::Text(String::new())
    }
}

fn alone(_: &Connection, _: &str) -> rusqlite::Result<usize> {
    Ok(0)
}

/// Deletes a request older than a time, with its captured request.
fn delete_request(connection: &Connection, request: &str, before: i64) -> rusqlite::Result<usize> {
    let rows = connection
        .prepare_cached("DELETE FROM requests WHERE id = ?1 AND received_at < ?2")?
        .execute((request, before))?;
    if rows > 0 {
        delete_original(connection, request)?;
    }
    Ok(rows)
}

fn delete_original(connection: &Connection, request: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached("DELETE FROM originals WHERE request_id = ?1")?.execute([request])
}

/// A row that was examined.
struct Examined {
    key: Value,
    place: i64,
    may_go: bool,
    request: Option<String>,
}

impl Examined {
    /// Reads a row. One that cannot be decoded stays, and the rows after it are examined.
    fn of(table: &'static str, row: &Row<'_>) -> rusqlite::Result<Self> {
        let (key, place) = (row.get(0)?, row.get(1)?);
        let name = RowName { table, column: 0 };
        let rest = decoded(name, row, |row| Ok((row.get(2)?, row.get(3)?)));
        let (may_go, request) = skip_bad_row(rest)?.unwrap_or((false, None));
        Ok(Self { key, place, may_go, request })
    }
}
