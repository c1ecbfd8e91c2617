//! Encrypted values in SQLite: read and replaced one page at a time, so that a gateway can run
//! meanwhile. Holds no key.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::decode::{RowName, decoded};
use super::tables::Tables;
use super::{SqliteStore, fault};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{
    EncryptionState, EncryptionStore, KeyHolder, RegisteredKey, Replacement, SealedColumn,
    SealedValue, StoreError,
};

/// Maximum rows of a page.
const PAGE_ROWS: usize = 256;

/// Bytes of values at which a page ends.
const PAGE_BYTES: usize = 4 << 20;

/// Returns SQL that reads encrypted values with their associated data.
fn select(column: SealedColumn) -> &'static str {
    match column {
        SealedColumn::Subscriptions => {
            "SELECT place, tenant, id, sealed FROM subscriptions WHERE place > ?1 ORDER BY place"
        }
        // A captured request without a request is about to be pruned.
        SealedColumn::Originals => {
            "SELECT originals.rowid, tenant, request_id, content FROM originals
             JOIN requests ON requests.id = request_id
             WHERE originals.rowid > ?1 ORDER BY originals.rowid"
        }
        SealedColumn::CapturedSecrets => {
            "SELECT rowid, '', listener_id || '/' || name, sealed FROM captured_secrets
             WHERE rowid > ?1 ORDER BY rowid"
        }
        SealedColumn::ServerSecrets => {
            "SELECT rowid, '', name, content FROM server_secrets WHERE rowid > ?1 ORDER BY rowid"
        }
    }
}

fn update(column: SealedColumn) -> String {
    let (table, column) = (column.table(), column.column());
    format!("UPDATE {table} SET {column} = ?3 WHERE rowid = ?1 AND {column} = ?2")
}

fn value_of(table: &'static str, row: &Row<'_>) -> rusqlite::Result<SealedValue> {
    decoded(RowName { table, column: 0 }, row, |row| {
        Ok(SealedValue {
            sequence: row.get(0)?,
            tenant: row.get(1)?,
            row: row.get(2)?,
            sealed: row.get(3)?,
        })
    })
}

fn page(
    connection: &Connection,
    column: SealedColumn,
    after: i64,
) -> rusqlite::Result<Vec<SealedValue>> {
    let mut find = connection.prepare_cached(select(column))?;
    let mut rows = find.query([after])?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let value = value_of(column.table(), row)?;
        bytes += value.sealed.len();
        page.push(value);
        if page.len() >= PAGE_ROWS || bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(page)
}

fn state(connection: &Connection) -> rusqlite::Result<EncryptionState> {
    let keys = connection
        .prepare_cached("SELECT id, check_value FROM encryption_keys ORDER BY created_at, id")?
        .query_map([], |row| {
            decoded(RowName { table: "encryption_keys", column: 0 }, row, |row| {
                Ok(RegisteredKey { id: row.get(0)?, check_value: row.get(1)? })
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let holder = connection
        .prepare_cached("SELECT sealing_key, seen_at FROM encryption_holder")?
        .query_row([], |row| {
            decoded(RowName { table: "encryption_holder", column: 0 }, row, |row| {
                Ok(KeyHolder { sealing: row.get(0)?, seen_at: row.get(1)? })
            })
        })
        .optional()?;
    let legacy = connection
        .prepare_cached("SELECT legacy FROM encryption_state")?
        .query_row([], |row| row.get(0))?;
    // Older versions stored the token key in plain text. Only that value needs no key.
    let sealed = "SELECT EXISTS (SELECT 1 FROM subscriptions) OR EXISTS (SELECT 1 FROM originals)
         OR EXISTS (SELECT 1 FROM captured_secrets)
         OR EXISTS (SELECT 1 FROM server_secrets WHERE length(content) <> 32)";
    let has_sealed_values = connection.prepare_cached(sealed)?.query_row([], |row| row.get(0))?;
    Ok(EncryptionState { keys, holder, legacy, has_sealed_values })
}

fn record_holder(connection: &Connection, holder: Option<&KeyHolder>) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM encryption_holder", [])?;
    if let Some(holder) = holder {
        connection.execute(
            "INSERT INTO encryption_holder (id, sealing_key, seen_at) VALUES (1, ?1, ?2)",
            params![holder.sealing, holder.seen_at],
        )?;
    }
    Ok(())
}

fn replace(
    connection: &Connection,
    column: SealedColumn,
    values: &[Replacement],
) -> rusqlite::Result<usize> {
    // Also wipes the bytes of a plain-text secret from the page.
    connection.pragma_update(None, "secure_delete", true)?;
    let mut update = connection.prepare_cached(&update(column))?;
    let mut replaced = 0;
    for Replacement { sequence, old, new } in values {
        replaced += update.execute(params![sequence, old, new])?;
    }
    connection.pragma_update(None, "secure_delete", false)?;
    Ok(replaced)
}

fn retire(connection: &Connection, id: &[u8]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM encryption_keys WHERE id <> ?1", [id])?;
    connection.execute("UPDATE encryption_state SET legacy = 0", []).map(drop)
}

#[async_trait]
impl EncryptionStore for SqliteStore {
    async fn encryption_state(&self) -> Result<EncryptionState, StoreError> {
        self.read(state).await
    }

    async fn register_key(&self, key: RegisteredKey, now: UnixMicros) -> Result<(), StoreError> {
        let register = "INSERT OR IGNORE INTO encryption_keys (id, check_value, created_at)
             VALUES (?1, ?2, ?3)";
        let register = move |tables: &Tables| {
            let params = params![key.id, key.check_value, now];
            tables.execute(register, params).map(drop).map_err(fault)
        };
        self.writer.run(register).await
    }

    async fn record_key_holder(&self, holder: Option<KeyHolder>) -> Result<(), StoreError> {
        let record = move |tables: &Tables| record_holder(tables, holder.as_ref()).map_err(fault);
        self.writer.run(record).await
    }

    async fn sealed_values(
        &self,
        column: SealedColumn,
        after: i64,
    ) -> Result<Vec<SealedValue>, StoreError> {
        self.read(move |connection| page(connection, column, after)).await
    }

    async fn replace_sealed(
        &self,
        column: SealedColumn,
        values: Vec<Replacement>,
    ) -> Result<usize, StoreError> {
        let replace = move |tables: &Tables| replace(tables, column, &values).map_err(fault);
        self.writer.run(replace).await
    }

    async fn retire_keys_except(&self, id: Vec<u8>) -> Result<(), StoreError> {
        self.writer.run(move |tables| retire(tables, &id).map_err(fault)).await
    }
}
