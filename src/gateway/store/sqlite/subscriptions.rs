//! Subscriptions: one function for each write and each read. Encrypted definitions are stored as
//! they are.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::audit::audit;
use super::decode::{JsonList, RowName, decoded};
use super::query::{collected, counted, json_list, most};
use super::{SqliteStore, fault};
use crate::delivery::SubscriptionHealth;
use crate::gateway::ids::SubscriptionId;
use crate::gateway::store::{
    Change, Page, PageRequest, StoreError, SubscriptionFilter, SubscriptionRecord,
    SubscriptionStore,
};

const SUBSCRIPTION: &str = "SELECT id, tenant, api, enabled, suspended_at, failures, last_failure,
    (SELECT json_group_array(event_type) FROM wanted_types WHERE subscription_id = id)
    AS event_types, sealed,
    created_at, updated_at, version FROM subscriptions";

fn subscription_of(row: &Row<'_>) -> rusqlite::Result<SubscriptionRecord> {
    decoded(RowName { table: "subscriptions", column: 0 }, row, |row| {
        Ok(SubscriptionRecord {
            id: row.get(0)?,
            tenant: row.get(1)?,
            api: row.get(2)?,
            enabled: row.get(3)?,
            health: SubscriptionHealth { suspended_at: row.get(4)?, failures: row.get(5)? },
            last_failure: row.get(6)?,
            events: row.get::<_, JsonList<_>>(7)?.0,
            sealed: row.get(8)?,
            created_at: row.get(9)?,
            updated_at: row.get(10)?,
            version: row.get(11)?,
        })
    })
}

fn create(connection: &Connection, change: &Change<SubscriptionRecord>) -> Result<(), StoreError> {
    let record = &change.what;
    connection
        .execute(
            "INSERT INTO subscriptions (id, tenant, api, enabled, suspended_at, failures,
             last_failure, sealed, created_at, updated_at, version, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
             (SELECT coalesce(max(place), 0) FROM events))",
            params![
                record.id,
                record.tenant,
                record.api,
                record.enabled,
                record.health.suspended_at,
                record.health.failures,
                record.last_failure,
                record.sealed,
                record.created_at,
                record.updated_at,
                record.version,
            ],
        )
        .and_then(|_| want(connection, record))
        .map_err(fault)?;
    audit(connection, &change.audit)
}

/// Creates a subscription if its tenant has fewer than `limit`.
fn create_within(
    connection: &Connection,
    change: &Change<SubscriptionRecord>,
    limit: usize,
) -> Result<bool, StoreError> {
    let count = "SELECT subscriptions FROM tenant_backlogs WHERE tenant = ?1";
    let there: Option<i64> = connection
        .prepare_cached(count)
        .and_then(|mut count| count.query_row([&change.what.tenant], |row| row.get(0)).optional())
        .map_err(fault)?;
    // A tenant without a row has no subscriptions.
    if there.unwrap_or(0) >= most(limit) {
        return Ok(false);
    }
    create(connection, change).map(|()| true)
}

fn want(connection: &Connection, record: &SubscriptionRecord) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO wanted_types (tenant, event_type, subscription_id)
         VALUES (?1, ?2, ?3)",
    )?;
    for kind in &record.events {
        insert.execute(params![record.tenant, kind, record.id])?;
    }
    Ok(())
}

fn update(
    connection: &Connection,
    change: &Change<SubscriptionRecord>,
) -> Result<bool, StoreError> {
    let record = &change.what;
    let rows = connection
        .execute(
            "UPDATE subscriptions SET enabled = ?2, suspended_at = ?3,
             failures = CASE ?4 WHEN 0 THEN 0 ELSE failures END, sealed = ?5, updated_at = ?6,
             version = version + 1 WHERE id = ?1 AND version = ?7",
            params![
                record.id,
                record.enabled,
                record.health.suspended_at,
                record.health.failures,
                record.sealed,
                record.updated_at,
                record.version,
            ],
        )
        .map_err(fault)?;
    if rows == 0 {
        return Ok(false);
    }
    connection
        .execute("DELETE FROM wanted_types WHERE subscription_id = ?1", [&record.id])
        .and_then(|_| want(connection, record))
        .map_err(fault)?;
    audit(connection, &change.audit)?;
    Ok(true)
}

/// Stops new deliveries to a subscription.
fn silence(connection: &Connection, id: &SubscriptionId) -> Result<(), StoreError> {
    connection
        .execute("DELETE FROM wanted_types WHERE subscription_id = ?1", [id])
        .and_then(|_| {
            let disable =
                "UPDATE subscriptions SET enabled = 0, version = version + 1 WHERE id = ?1";
            connection.execute(disable, [id])
        })
        .map(drop)
        .map_err(fault)
}

/// Deletes up to [`DELETE_BATCH_ROWS`] deliveries of a subscription. Returns their number.
fn delete_some(connection: &Connection, id: &SubscriptionId) -> Result<usize, StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM deliveries WHERE id IN
             (SELECT id FROM deliveries WHERE subscription_id = ?1 ORDER BY id LIMIT ?2)",
        )
        .and_then(|mut delete| delete.execute(params![id, most(DELETE_BATCH_ROWS)]))
        .map_err(fault)
}

/// Rows deleted in one transaction. Other writes wait for the same thread.
const DELETE_BATCH_ROWS: usize = 500;

fn delete(connection: &Connection, change: &Change<SubscriptionId>) -> Result<bool, StoreError> {
    let delete = "DELETE FROM subscriptions WHERE id = ?1";
    let rows = connection.execute(delete, [&change.what]).map_err(fault)?;
    if rows > 0 {
        audit(connection, &change.audit)?;
    }
    Ok(rows > 0)
}

/// Returns SQL for the subscriptions that a filter selects, with parameters 1 to 6.
fn selected_subscriptions(filter: &SubscriptionFilter) -> String {
    // In this form SQLite can use the index.
    let tenant = if filter.tenant.is_some() { "tenant = ?1" } else { "?1 IS NULL" };
    format!(
        "{tenant} AND (?2 IS NULL OR api = ?2) AND (?3 IS NULL OR enabled = ?3)
         AND (?4 IS NULL OR (suspended_at IS NOT NULL) = ?4)
         AND (?5 IS NULL OR (enabled AND suspended_at IS NULL) = ?5)
         AND (?6 IS NULL OR EXISTS (SELECT 1 FROM wanted_types
              WHERE subscription_id = subscriptions.id
              AND event_type IN (SELECT value FROM json_each(?6))))"
    )
}

/// Returns the parameters 1 to 6 of [`selected_subscriptions`]. `event_types` is the filter's list
/// as JSON.
fn selection<'f>(
    filter: &'f SubscriptionFilter,
    event_types: &'f Option<String>,
) -> [&'f dyn ToSql; 6] {
    let SubscriptionFilter { tenant, api, enabled, suspended, active, .. } = filter;
    [tenant, api, enabled, suspended, active, event_types]
}

fn subscription(
    connection: &Connection,
    id: &SubscriptionId,
) -> rusqlite::Result<Option<SubscriptionRecord>> {
    let sql = format!("{SUBSCRIPTION} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], subscription_of).optional()
}

fn subscription_page(
    connection: &Connection,
    filter: &SubscriptionFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<SubscriptionRecord>> {
    let sql = format!(
        "SELECT place, id FROM subscriptions WHERE {} AND place > ?7
         ORDER BY place LIMIT ?8 OFFSET ?9",
        selected_subscriptions(filter),
    );
    let event_types = json_list(&filter.event_types);
    let bounds = params![page.after.unwrap_or(0), most(page.limit), most(page.offset)];
    let params = [selection(filter, &event_types).as_slice(), bounds].concat();
    let ids: Vec<(i64, SubscriptionId)> =
        collected(connection, &sql, params.as_slice(), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut records = Vec::new();
    let mut left = page.bytes;
    for (sequence, id) in ids {
        // Reads the definition of a subscription only while the page has room for it.
        let Some(record) = subscription(connection, &id)? else {
            continue;
        };
        let size = record.sealed.len() + record.events.iter().map(String::len).sum::<usize>();
        let fits = left.checked_sub(size);
        if fits.is_none() && !records.is_empty() {
            break;
        }
        left = fits.unwrap_or(0);
        records.push((sequence, record));
    }
    Ok(records)
}

#[async_trait::async_trait]
impl SubscriptionStore for SqliteStore {
    async fn create_subscription(
        &self,
        change: Change<SubscriptionRecord>,
    ) -> Result<(), StoreError> {
        self.writer.run(move |connection| create(connection, &change)).await
    }

    async fn update_subscription(
        &self,
        change: Change<SubscriptionRecord>,
    ) -> Result<bool, StoreError> {
        self.writer.run(move |connection| update(connection, &change)).await
    }

    async fn delete_subscription(
        &self,
        change: Change<SubscriptionId>,
    ) -> Result<bool, StoreError> {
        let id = change.what.clone();
        self.writer.run(move |connection| silence(connection, &id)).await?;
        loop {
            let id = change.what.clone();
            let gone = self.writer.run(move |connection| delete_some(connection, &id)).await?;
            if gone < DELETE_BATCH_ROWS {
                break;
            }
        }
        self.writer.run(move |connection| delete(connection, &change)).await
    }

    async fn create_subscription_within(
        &self,
        change: Change<SubscriptionRecord>,
        most: usize,
    ) -> Result<bool, StoreError> {
        self.writer.run(move |connection| create_within(connection, &change, most)).await
    }

    async fn subscription(
        &self,
        id: &SubscriptionId,
    ) -> Result<Option<SubscriptionRecord>, StoreError> {
        let id = id.clone();
        self.read(move |connection| subscription(connection, &id)).await
    }

    async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
    ) -> Result<Vec<SubscriptionRecord>, StoreError> {
        let all = PageRequest { after: None, offset: 0, limit: usize::MAX, bytes: usize::MAX };
        let page = self.subscription_page(filter, all).await?;
        Ok(page.into_iter().map(|(_, record)| record).collect())
    }

    async fn subscription_page(
        &self,
        filter: &SubscriptionFilter,
        page: PageRequest,
    ) -> Result<Page<SubscriptionRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| subscription_page(connection, &filter, page)).await
    }

    async fn count_subscriptions(&self, filter: &SubscriptionFilter) -> Result<usize, StoreError> {
        let filter = filter.clone();
        let selected = selected_subscriptions(&filter);
        let sql = format!("SELECT count(*) FROM subscriptions WHERE {selected}");
        let read = move |connection: &Connection| {
            let event_types = json_list(&filter.event_types);
            counted(connection, &sql, selection(&filter, &event_types).as_slice())
        };
        self.read(read).await
    }
}
