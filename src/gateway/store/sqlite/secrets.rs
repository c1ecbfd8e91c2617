//! Secrets of providers and of the gateway: one function for each write and each read. Values stay
//! encrypted.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::decode::{RowName, decoded};
use super::query::collected;
use super::{SqliteStore, fault};
use crate::gateway::ids::ListenerId;
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{SecretStore, StoreError};

pub(super) fn secrets(
    connection: &Connection,
    listener: &ListenerId,
) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    collected(
        connection,
        "SELECT name, sealed FROM captured_secrets WHERE listener_id = ?1 ORDER BY name",
        [listener],
        |row| {
            let name = RowName { table: "captured_secrets", column: 0 };
            decoded(name, row, |row| Ok((row.get(0)?, row.get(1)?)))
        },
    )
}

pub(super) fn put_secret(
    connection: &Connection,
    listener: &ListenerId,
    name: &str,
    sealed: &[u8],
    now: UnixMicros,
) -> Result<bool, StoreError> {
    let inserted = connection.execute(
        "INSERT OR IGNORE INTO captured_secrets (listener_id, name, sealed, captured_at)
         VALUES (?1, ?2, ?3, ?4)",
        params![listener, name, sealed, now],
    );
    inserted.map(|rows| rows > 0).map_err(fault)
}

pub(super) fn server_secret(
    connection: &Connection,
    name: &str,
    fresh: &[u8],
) -> Result<Vec<u8>, StoreError> {
    connection
        .execute(
            "INSERT OR IGNORE INTO server_secrets (name, content) VALUES (?1, ?2)",
            params![name, fresh],
        )
        .and_then(|_| {
            let find = "SELECT content FROM server_secrets WHERE name = ?1";
            connection.query_row(find, [name], |row| row.get(0))
        })
        .map_err(fault)
}

#[async_trait]
impl SecretStore for SqliteStore {
    async fn put_secret(
        &self,
        listener_id: &ListenerId,
        name: &str,
        sealed: Vec<u8>,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let (listener, name) = (listener_id.clone(), name.to_owned());
        self.writer
            .run(move |connection| put_secret(connection, &listener, &name, &sealed, now))
            .await
    }

    async fn secrets(
        &self,
        listener_id: &ListenerId,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let id = listener_id.clone();
        self.read(move |connection| secrets(connection, &id)).await
    }

    async fn server_secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.writer.run(move |connection| server_secret(connection, &name, &fresh)).await
    }
}
