//! Tenants and keys: one function for each write and each read.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::decode::{JsonList, RowName, decoded};
use super::query::collected;
use super::{SqliteStore, fault};
use crate::gateway::ids::TenantId;
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{Key, KeyStore, StoreError, Tenant};

pub(super) fn tenants(connection: &Connection) -> rusqlite::Result<Vec<Tenant>> {
    collected(connection, "SELECT id, name, created_at FROM tenants ORDER BY id", [], |row| {
        decoded(RowName { table: "tenants", column: 0 }, row, |row| {
            Ok(Tenant { id: row.get(0)?, name: row.get(1)?, created_at: row.get(2)? })
        })
    })
}

const KEY: &str = "SELECT id, tenant, kind, hash, scopes, listeners, label, created_at,
    expires_at, revoked_at, last_used_at FROM keys";

fn key_of(row: &Row<'_>) -> rusqlite::Result<Key> {
    // A list that cannot be decoded is an error: no listeners would mean all listeners.
    decoded(RowName { table: "keys", column: 0 }, row, |row| {
        Ok(Key {
            id: row.get(0)?,
            tenant: row.get(1)?,
            kind: row.get(2)?,
            hash: row.get(3)?,
            scopes: row.get::<_, JsonList<_>>(4)?.0,
            listeners: row.get::<_, JsonList<_>>(5)?.0,
            label: row.get(6)?,
            created_at: row.get(7)?,
            expires_at: row.get(8)?,
            revoked_at: row.get(9)?,
            last_used_at: row.get(10)?,
        })
    })
}

pub(super) fn key(connection: &Connection, id: &str) -> rusqlite::Result<Option<Key>> {
    let sql = format!("{KEY} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], key_of).optional()
}

pub(super) fn keys(
    connection: &Connection,
    tenant: Option<&TenantId>,
) -> rusqlite::Result<Vec<Key>> {
    let sql = format!("{KEY} WHERE ?1 IS NULL OR tenant = ?1 ORDER BY created_at, id");
    collected(connection, &sql, [tenant], key_of)
}

pub(super) fn create_tenant(connection: &Connection, tenant: &Tenant) -> Result<(), StoreError> {
    let inserted = connection.execute(
        "INSERT INTO tenants (id, name, created_at) VALUES (?1, ?2, ?3)",
        params![tenant.id, tenant.name, tenant.created_at],
    );
    new(inserted, format!("the tenant `{}`", tenant.id), "")
}

pub(super) fn create_key(connection: &Connection, key: &Key) -> Result<(), StoreError> {
    let inserted = connection.execute(
        "INSERT INTO keys (id, tenant, kind, hash, scopes, listeners, label, created_at,
         expires_at, revoked_at, last_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            key.id,
            key.tenant,
            key.kind,
            key.hash,
            JsonList(key.scopes.clone()),
            JsonList(key.listeners.clone()),
            key.label,
            key.created_at,
            key.expires_at,
            key.revoked_at,
            key.last_used_at,
        ],
    );
    new(inserted, format!("the key `{}`", key.id), &format!("tenant `{}`", key.tenant))
}

/// Converts the result of an insert: a duplicate key or a missing foreign row becomes an error of
/// its own.
fn new(result: rusqlite::Result<usize>, what: String, missing: &str) -> Result<(), StoreError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.sqlite_error().map(|one| one.extended_code) {
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => StoreError::Exists(what),
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
                StoreError::Missing(missing.to_owned())
            }
            _ => fault(error),
        }),
    }
}

pub(super) fn revoke_key(
    connection: &Connection,
    id: &str,
    now: UnixMicros,
) -> Result<bool, StoreError> {
    let revoked = connection.execute(
        "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id, now],
    );
    revoked.map(|rows| rows > 0).map_err(fault)
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn create_tenant(&self, tenant: Tenant) -> Result<(), StoreError> {
        self.writer.run(move |connection| create_tenant(connection, &tenant)).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.read(tenants).await
    }

    async fn create_key(&self, key: Key) -> Result<(), StoreError> {
        self.writer.run(move |connection| create_key(connection, &key)).await
    }

    async fn key(&self, id: &str) -> Result<Option<Key>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| key(connection, &id)).await
    }

    async fn keys(&self, tenant: Option<&TenantId>) -> Result<Vec<Key>, StoreError> {
        let tenant = tenant.cloned();
        self.read(move |connection| keys(connection, tenant.as_ref())).await
    }

    async fn revoke_key(&self, id: &str, now: UnixMicros) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer.run(move |connection| revoke_key(connection, &id, now)).await
    }

    fn touch_key(&self, id: &str, now: UnixMicros) {
        self.rejected_log.touch(id, now);
    }
}
