//! Pruning: rows that are older than their retention are deleted, in small steps.
//!
//! A step examines a bounded number of rows. Where rows have to stay although they are old (an
//! event that is still to be delivered, the request whose body is its data), a round remembers how
//! far it came, so that the next step does not examine them again. At the end of a round the table
//! rests, for longer the more rows had to stay, and then begins anew.

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use super::fault;
use super::reads::first_id;
use super::writer::Tables;
use crate::gateway::store::{Pruned, Retention, StoreError};

/// The rounds of all tables that have rows which may have to stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Rounds {
    events: Round,
    requests: Round,
    originals: Round,
    challenges: Round,
    audit: Round,
    /// The rounds of deleting for space, whatever the age.
    large_events: Round,
    large_requests: Round,
}

/// How far a round of a table came.
#[derive(Debug, Clone, Default)]
struct Round {
    /// The key of the last row that was examined.
    after: Option<Value>,
    /// How many rows had to stay.
    kept: i64,
    /// When it ended, and when the next one may begin.
    ended: Option<(i64, i64)>,
}

/// How long a table rests for a thousand rows that had to stay, in microseconds.
const REST: i64 = 1_000_000;

impl Round {
    /// Begins anew if the last round ended before now and the table rested. A clock that was set
    /// back ends the rest.
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

/// An event stays until its fan-out is done, and as long as it is to be delivered, or kept to be.
/// The last one stays, so that no place is given twice.
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

/// A request whose body is an event's data stays as long as the event.
macro_rules! request_may_go {
    () => {
        "NOT EXISTS (SELECT 1 FROM events WHERE id = requests.event_id AND data IS NULL)"
    };
}

/// The next rows of a table: the key, the row, whether it may go, and the request that goes with it.
/// Ids begin with the time, so those of old rows are before that of a time.
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
/// Originals go with their requests; these are left by an older version.
const ORIGINALS: &str = "SELECT request_id, rowid,
     NOT EXISTS (SELECT 1 FROM requests WHERE id = request_id), NULL
     FROM originals WHERE request_id > ?1 AND request_id < ?3 ORDER BY request_id LIMIT ?2";
const CHALLENGES: &str = "SELECT place, rowid, at < ?3, NULL
     FROM challenges WHERE place > ?1 ORDER BY place LIMIT ?2";
const AUDIT: &str = "SELECT place, rowid, at < ?3, NULL
     FROM audit WHERE place > ?1 ORDER BY place LIMIT ?2";
/// The oldest, whatever their age: what is still to be delivered is not given up for space.
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

/// Deletes a few rows of each kind that are older than they are kept. The log has so many bytes.
pub(super) fn prune(
    tables: &Tables,
    rounds: &mut Rounds,
    retention: &Retention,
    log: u64,
    now: i64,
    step: usize,
) -> Result<Pruned, StoreError> {
    let mut pruning = Pruning { connection: tables, now, step, pruned: Pruned::default() };
    pruning.old(tables, rounds, retention).map_err(fault)?;
    if let Some(most) = retention.max_bytes {
        pruning.large(rounds, most, log).map_err(fault)?;
    }
    Ok(pruning.pruned)
}

/// A step.
struct Pruning<'c> {
    connection: &'c Connection,
    now: i64,
    step: usize,
    pruned: Pruned,
}

impl Pruning<'_> {
    /// Deletes what is older than it is kept. What keeps events comes before them, and they come
    /// before their requests.
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
        let (first_event, first_request) = (first_id(events), first_id(requests));
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
        self.keys(tables)
    }

    /// Examines the next rows of a table, and deletes those that may go.
    fn walk(
        &mut self,
        round: &mut Round,
        (table, select): (&str, &str),
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
            .query_map(given.as_slice(), Examined::of)?
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

    /// Deletes the first rows in an index by time: only rows that go are examined.
    fn expired(&mut self, table: &str, key: &str, time: &str, before: i64) -> rusqlite::Result<()> {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN
             (SELECT {key} FROM {table} WHERE {time} < ?2 ORDER BY {time} LIMIT ?1)"
        );
        self.execute(&sql, &[&before])
    }

    /// Forgets the keys of repeats whose time is over.
    fn keys(&mut self, tables: &Tables) -> rusqlite::Result<()> {
        let expired = "DELETE FROM dedup WHERE (listener_id, key) IN (SELECT listener_id, key
             FROM dedup WHERE expires_at <= ?2 ORDER BY expires_at LIMIT ?1)";
        self.execute(expired, &[&self.now.clone()])?;
        let rows = tables.recent().forget(self.connection, self.now, self.limit())?;
        self.pruned.rows += rows;
        self.count(rows);
        Ok(())
    }

    /// Rows of one kind that a step may examine.
    fn limit(&self) -> i64 {
        i64::try_from(self.step).unwrap_or(i64::MAX)
    }

    /// Deletes rows; the first parameter is how many at most.
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

    /// Deletes the oldest where the store, with its log, is larger than it may be. Pages that are
    /// free are used again, and so do not count.
    fn large(&mut self, rounds: &mut Rounds, most: u64, log: u64) -> rusqlite::Result<()> {
        let number =
            |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let used = (number("page_count")? - number("freelist_count")?) * number("page_size")?;
        // A log that others keep long must not cost the events: it counts for half at most.
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
        // Requests of strangers never cost an event: while there are some, they go alone.
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

/// The key before all others.
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

/// Deletes a request that came before a time, with its original.
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
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { key: row.get(0)?, place: row.get(1)?, may_go: row.get(2)?, request: row.get(3)? })
    }
}
