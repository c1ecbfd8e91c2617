//! The deduplication index: finds events that were accepted before.
//!
//! A key is a hash. In a tree ordered by key, each new key is on a page of its own, and each
//! request would write one page. So recent keys are appended to a table in the order of arrival,
//! and an index in memory finds them. The index is rebuilt after a start. When there are
//! enough keys, all of them move to the tree, one partition of the key space at a time, so that
//! many keys share a page. The index does not know how keys are computed.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::decode::{RowName, decoded, skip_bad_row};
use crate::gateway::ids::{ListenerId, RequestId};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::DedupClaim;

/// Default capacity of the in-memory index, in keys: about 13 MiB. Under full load, half as many
/// more keys arrive while the keys move to the tree.
pub(super) const DEFAULT_CAPACITY: usize = 200_000;

/// Moved rows that are deleted in one transaction.
const CLEARED: i64 = 4096;

/// Number of partitions of the key space, by the first byte of the key.
const PARTITIONS: u16 = 256;

/// Granularity of expiry in the tree, in microseconds. Expiry times are rounded up to it. They have
/// a tree of their own, and within one minute that tree is in the order of the keys too.
const MINUTE: i64 = 60_000_000;

/// The in-memory number of a listener, and a hash.
type DedupKey = (u32, [u8; 32]);

/// The index of recent keys. A rollback of the transaction also undoes its changes here.
pub(super) struct DedupIndex {
    most: usize,
    loaded: bool,
    places: HashMap<DedupKey, i64>,
    listeners: HashMap<ListenerId, u32>,
    /// The row number of the next key.
    next: i64,
    moving: Option<Moving>,
    /// True if the tree has any key.
    settled: bool,
    undo: Undo,
}

/// The progress of moving keys to the tree.
#[derive(Debug, Clone, Copy)]
struct Moving {
    /// The last row number to move.
    upto: i64,
    /// The next partition. After the last one, the moved rows are deleted.
    slice: u16,
}

/// The state before the transaction.
#[derive(Default)]
struct Undo {
    places: Vec<(DedupKey, Option<i64>)>,
    moving: Option<Moving>,
}

/// A savepoint within a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Savepoint(usize);

impl DedupIndex {
    /// Returns an empty index with a capacity in keys.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            loaded: false,
            places: HashMap::new(),
            listeners: HashMap::new(),
            next: 1,
            moving: None,
            settled: false,
            undo: Undo::default(),
        }
    }

    /// Loads the stored keys on first use. Most commands beside a gateway never need them.
    pub(super) fn load(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.loaded {
            return Ok(());
        }
        let any = "SELECT EXISTS (SELECT 1 FROM dedup)";
        self.settled = connection.query_row(any, [], |row| row.get(0))?;
        let mut all = connection
            .prepare("SELECT place, listener_id, key FROM dedup_recent ORDER BY place")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let place: i64 = row.get(0)?;
            self.next = place.saturating_add(1);
            // No request can match a key that cannot be decoded.
            if let Some((listener, key)) = skip_bad_row(decoded(RECENT_NAME, row, key_of))? {
                let listener = self.number(&listener);
                self.places.insert((listener, key), place);
            }
        }
        self.loaded = true;
        Ok(())
    }

    /// Returns a savepoint of the current transaction.
    pub(super) fn mark(&self) -> Savepoint {
        Savepoint(self.undo.places.len())
    }

    /// Rolls back to a savepoint of this transaction.
    pub(super) fn back_to(&mut self, mark: Savepoint) {
        while self.undo.places.len() > mark.0
            && let Some((key, before)) = self.undo.places.pop()
        {
            match before {
                Some(place) => self.places.insert(key, place),
                None => self.places.remove(&key),
            };
        }
    }

    /// Rolls back the whole transaction.
    pub(super) fn undo(&mut self) {
        self.back_to(Savepoint(0));
        self.moving = self.undo.moving;
    }

    /// Makes the changes permanent: the transaction is on disk.
    pub(super) fn committed(&mut self) {
        self.undo.places.clear();
        self.undo.moving = self.moving;
    }

    /// Returns the request that had one of the keys first, within the window, and its time.
    pub(super) fn lookup(
        &mut self,
        connection: &Connection,
        listener: &ListenerId,
        claim: &DedupClaim,
        now: UnixMicros,
    ) -> rusqlite::Result<Option<(RequestId, UnixMicros)>> {
        self.load(connection)?;
        let number = self.number(listener);
        for key in claim.keys.iter().chain(&claim.former) {
            let found = match self.places.get(&(number, *key)) {
                Some(place) => at_place(connection, *place)?,
                None if self.settled => in_tree(connection, listener, key)?,
                None => None,
            };
            // In both directions: a key from a time when the clock was ahead must not hide events
            // until that time comes.
            let within = |at: UnixMicros| at.since(now).saturating_abs() < claim.window_us;
            if let Some(found) = found.filter(|(_, at)| within(*at)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Adds the keys of a request.
    pub(super) fn insert(
        &mut self,
        connection: &Connection,
        listener: &ListenerId,
        request: &RequestId,
        claim: &DedupClaim,
        now: UnixMicros,
    ) -> rusqlite::Result<()> {
        self.load(connection)?;
        let number = self.number(listener);
        let end = now.saturating_add(claim.window_us);
        let mut insert = connection.prepare_cached(
            "INSERT INTO dedup_recent (place, listener_id, key, first_at, expires_at, request_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for key in &claim.keys {
            let place = self.next;
            self.next = place.saturating_add(1);
            insert.execute(params![place, listener, key, now, end, request])?;
            self.set((number, *key), Some(place));
        }
        Ok(())
    }

    /// Moves one partition to the tree if the index is above its capacity.
    pub(super) fn compact(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.moving.is_none() && self.places.len() > self.most {
            self.moving = Some(Moving { upto: self.next.saturating_sub(1), slice: 0 });
        }
        let Some(moving) = self.moving else {
            return Ok(());
        };
        if moving.slice == PARTITIONS {
            return self.clear(connection, moving.upto);
        }
        // With few keys, most partitions are empty.
        for slice in moving.slice..PARTITIONS {
            self.moving = Some(Moving { slice: slice + 1, ..moving });
            if self.move_partition(connection, slice, moving.upto)? > 0 {
                break;
            }
        }
        Ok(())
    }

    fn move_partition(
        &mut self,
        connection: &Connection,
        slice: u16,
        upto: i64,
    ) -> rusqlite::Result<usize> {
        let within = |(key, place): &(&DedupKey, &i64)| {
            **place <= upto && key.1.first().is_some_and(|first| u16::from(*first) == slice)
        };
        let mut slice: Vec<(DedupKey, i64)> =
            self.places.iter().filter(within).map(|(key, place)| (*key, *place)).collect();
        slice.sort_unstable();
        let mut copy = connection.prepare_cached(
            "INSERT INTO dedup (listener_id, key, first_at, expires_at, request_id)
             SELECT listener_id, key, first_at, (expires_at / ?2 + 1) * ?2, request_id
             FROM dedup_recent WHERE place = ?1
             ON CONFLICT (listener_id, key) DO UPDATE SET first_at = excluded.first_at,
             expires_at = excluded.expires_at, request_id = excluded.request_id",
        )?;
        for (key, place) in &slice {
            copy.execute([*place, MINUTE])?;
            self.set(*key, None);
        }
        self.settled |= !slice.is_empty();
        Ok(slice.len())
    }

    /// Deletes moved rows, oldest first.
    fn clear(&mut self, connection: &Connection, upto: i64) -> rusqlite::Result<()> {
        let cleared = connection
            .prepare_cached(
                "DELETE FROM dedup_recent
                 WHERE place <= ?1 AND place < (SELECT min(place) FROM dedup_recent) + ?2",
            )?
            .execute([upto, CLEARED])?;
        if cleared == 0 {
            self.moving = None;
        }
        Ok(())
    }

    /// Deletes expired keys among the oldest `limit` keys. Returns their number.
    pub(super) fn expire(
        &mut self,
        connection: &Connection,
        now: UnixMicros,
        limit: i64,
    ) -> rusqlite::Result<usize> {
        self.load(connection)?;
        let mut oldest = connection.prepare_cached(
            "SELECT place, listener_id, key FROM
             (SELECT * FROM dedup_recent ORDER BY place LIMIT ?1) WHERE expires_at <= ?2",
        )?;
        let mut delete = connection.prepare_cached("DELETE FROM dedup_recent WHERE place = ?1")?;
        let over = oldest.query_map(params![limit, now], |row| {
            Ok((row.get(0)?, skip_bad_row(decoded(RECENT_NAME, row, key_of))?))
        })?;
        let over: Vec<(i64, Option<StoredKey>)> = over.collect::<rusqlite::Result<_>>()?;
        for (place, key) in &over {
            delete.execute([place])?;
            let Some((listener, key)) = key else {
                continue;
            };
            let key = (self.number(listener), *key);
            // A later request may have added the key again.
            if self.places.get(&key) == Some(place) {
                self.set(key, None);
            }
        }
        Ok(over.len())
    }

    fn number(&mut self, listener: &ListenerId) -> u32 {
        if let Some(number) = self.listeners.get(listener) {
            return *number;
        }
        let number = u32::try_from(self.listeners.len()).unwrap_or(u32::MAX);
        self.listeners.insert(listener.clone(), number);
        number
    }

    fn set(&mut self, key: DedupKey, place: Option<i64>) {
        let before = match place {
            Some(place) => self.places.insert(key, place),
            None => self.places.remove(&key),
        };
        self.undo.places.push((key, before));
    }
}

/// The listener of a stored key, and the key.
type StoredKey = (ListenerId, [u8; 32]);

const RECENT_NAME: RowName = RowName { table: "dedup_recent", column: 0 };

/// Reads the key in columns 1 and 2.
fn key_of(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok((row.get(1)?, row.get(2)?))
}

type First = Option<(RequestId, UnixMicros)>;

fn at_place(connection: &Connection, place: i64) -> rusqlite::Result<First> {
    connection
        .prepare_cached("SELECT request_id, first_at, place FROM dedup_recent WHERE place = ?1")?
        .query_row([place], |row| {
            let name = RowName { table: "dedup_recent", column: 2 };
            decoded(name, row, |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .optional()
}

fn in_tree(
    connection: &Connection,
    listener: &ListenerId,
    key: &[u8; 32],
) -> rusqlite::Result<First> {
    connection
        .prepare_cached(
            "SELECT request_id, first_at, hex(key) FROM dedup WHERE listener_id = ?1 AND key = ?2",
        )?
        .query_row(params![listener, key], |row| {
            let name = RowName { table: "dedup", column: 2 };
            decoded(name, row, |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .optional()
}
