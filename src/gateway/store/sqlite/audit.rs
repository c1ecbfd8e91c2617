//! The audit log: the insert of an entry, which other writes call in their transactions, and the
//! list.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::decode::{RowName, decoded};
use super::query::{collected, most};
use super::{SqliteStore, fault};
use crate::gateway::store::{AuditRecord, AuditStore, StoreError};

pub(super) fn audits(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<AuditRecord>> {
    collected(
        connection,
        "SELECT at, actor, action, target, detail, place FROM audit ORDER BY place DESC LIMIT ?1",
        [most(limit)],
        |row| {
            decoded(RowName { table: "audit", column: 5 }, row, |row| {
                Ok(AuditRecord {
                    at: row.get(0)?,
                    actor: row.get(1)?,
                    action: row.get(2)?,
                    target: row.get(3)?,
                    detail: row.get(4)?,
                })
            })
        },
    )
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

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.writer.run(move |connection| audit(connection, &record)).await
    }

    async fn audits(&self, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(move |connection| audits(connection, limit)).await
    }
}
