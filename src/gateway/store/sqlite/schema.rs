//! The schema, and its migrations from older versions. Knows nothing of what the rows mean.

use rusqlite::{Connection, TransactionBehavior};

use super::fault;
use crate::gateway::store::StoreError;

/// The SQL of each version. The first creates the tables.
const MIGRATIONS: &[&str] = &["
CREATE TABLE requests (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    listener_id TEXT NOT NULL,
    listener_name TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    log BLOB NOT NULL,
    body BLOB,
    reasons TEXT NOT NULL,
    event_id TEXT,
    duration_us INTEGER NOT NULL
);
CREATE INDEX requests_by_time ON requests (received_at);

-- Requests that were refused have a table of their own: what strangers send must not push out
-- accepted requests.
CREATE TABLE refused (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    listener_id TEXT NOT NULL,
    listener_name TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    log BLOB NOT NULL,
    body BLOB,
    reasons TEXT NOT NULL,
    event_id TEXT,
    duration_us INTEGER NOT NULL
);
CREATE INDEX refused_by_time ON refused (received_at);

CREATE VIEW all_requests AS
    SELECT id, tenant, listener_id, listener_name, received_at, outcome, status, log, body, reasons,
           event_id, duration_us FROM requests
    UNION ALL
    SELECT id, tenant, listener_id, listener_name, received_at, outcome, status, log, body, reasons,
           event_id, duration_us FROM refused;

CREATE TABLE events (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    listener_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    provider_event_id TEXT,
    data BLOB,
    created_at INTEGER NOT NULL
);

CREATE TABLE originals (
    request_id TEXT PRIMARY KEY,
    content BLOB NOT NULL
);

CREATE TABLE dedup (
    listener_id TEXT NOT NULL,
    key BLOB NOT NULL,
    first_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    PRIMARY KEY (listener_id, key)
) WITHOUT ROWID;
CREATE INDEX dedup_by_end ON dedup (expires_at);

CREATE TABLE challenges (
    place INTEGER PRIMARY KEY,
    listener_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX challenges_by_listener ON challenges (listener_id, at);

CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    listeners TEXT NOT NULL,
    label TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
);

CREATE TABLE captured_secrets (
    listener_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    captured_at INTEGER NOT NULL,
    PRIMARY KEY (listener_id, name)
);

CREATE TABLE server_secrets (
    name TEXT PRIMARY KEY,
    content BLOB NOT NULL
);

CREATE TABLE audit (
    place INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
", "
ALTER TABLE events ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_by_tenant ON events (tenant, place);

CREATE TABLE subscriptions (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    api TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    suspended_at INTEGER,
    failures INTEGER NOT NULL,
    last_failure TEXT,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
);
CREATE INDEX subscriptions_by_tenant ON subscriptions (tenant, place);

-- Who wants which events, so that the transaction that stores one finds them by itself.
CREATE TABLE wanted_types (
    tenant TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, event_type, subscription_id)
) WITHOUT ROWID;
CREATE INDEX wanted_types_by_subscription ON wanted_types (subscription_id);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL,
    notice INTEGER NOT NULL DEFAULT 0,
    resent INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL DEFAULT 0,
    body BLOB,
    reason TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE INDEX deliveries_waiting ON deliveries (subscription_id, next_at, id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_subscription ON deliveries (subscription_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE attempts (
    place INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    subscription_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    ok INTEGER NOT NULL,
    reason TEXT,
    duration_us INTEGER NOT NULL
);
CREATE INDEX attempts_by_delivery ON attempts (delivery_id);
CREATE INDEX attempts_by_subscription ON attempts (subscription_id, place);

CREATE TABLE diverted (
    place INTEGER PRIMARY KEY,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    failed TEXT NOT NULL,
    message TEXT NOT NULL,
    UNIQUE (subscription_id, event_id)
);
CREATE INDEX diverted_by_event ON diverted (event_id);
CREATE INDEX diverted_by_time ON diverted (at);
", "
-- Ids begin with the time.
DROP INDEX requests_by_time;

-- What came lately, in the order in which it came; `dedup` has what was before.
CREATE TABLE dedup_recent (
    place INTEGER PRIMARY KEY,
    listener_id TEXT NOT NULL,
    key BLOB NOT NULL,
    first_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    request_id TEXT NOT NULL
);
", "
-- The keys that sealed values may be sealed with, each with a value that only it opens.
CREATE TABLE encryption_keys (
    id BLOB PRIMARY KEY,
    check_value BLOB NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The key that the gateway on this store seals with, as long as it runs.
CREATE TABLE encryption_holder (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealing_key BLOB NOT NULL,
    seen_at INTEGER NOT NULL
);

-- Whether values of the format before version 1 may be left.
CREATE TABLE encryption_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    legacy INTEGER NOT NULL
);
INSERT INTO encryption_state (id, legacy) SELECT 1,
    EXISTS (SELECT 1 FROM subscriptions) OR EXISTS (SELECT 1 FROM originals)
    OR EXISTS (SELECT 1 FROM captured_secrets) OR EXISTS (SELECT 1 FROM server_secrets);
", "
-- How far the events of a tenant have their deliveries: all events up to `place` have them; of the
-- event after it, the subscriptions up to `subscription_id` have theirs.
CREATE TABLE fanouts (
    tenant TEXT PRIMARY KEY,
    place INTEGER NOT NULL,
    subscription_id TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
INSERT INTO fanouts (tenant, place) SELECT tenant, max(place) FROM events GROUP BY tenant;

-- The last event when the subscription was made: it gets those after it.
ALTER TABLE subscriptions ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- The stored bytes of the event that a delivery keeps.
ALTER TABLE deliveries ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET bytes = coalesce((SELECT coalesce(octet_length(data),
    (SELECT octet_length(body) FROM requests WHERE requests.id = request_id))
    FROM events WHERE events.id = event_id), 0) WHERE state = 'waiting';

-- `resent` counts: 0 is the delivery that fan-out writes, the others were asked for.
UPDATE deliveries SET resent = 1 + (SELECT count(*) FROM deliveries AS earlier
    WHERE earlier.event_id = deliveries.event_id
    AND earlier.subscription_id = deliveries.subscription_id
    AND earlier.notice = deliveries.notice AND earlier.id < deliveries.id)
    WHERE resent > 0 OR notice > 0;
DROP INDEX deliveries_by_event;
CREATE UNIQUE INDEX deliveries_once ON deliveries (event_id, subscription_id, notice, resent);
CREATE INDEX deliveries_oldest ON deliveries (subscription_id, id) WHERE state = 'waiting';

-- What waits for a subscription, and what it gave up. Triggers keep the sums, so that they hold
-- for every statement and every process.
CREATE TABLE backlogs (
    subscription_id TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    waiting_rows INTEGER NOT NULL DEFAULT 0,
    waiting_bytes INTEGER NOT NULL DEFAULT 0,
    dead_letter_rows INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX backlogs_by_tenant ON backlogs (tenant);
INSERT INTO backlogs SELECT id, tenant,
    (SELECT count(*) FROM deliveries WHERE subscription_id = subscriptions.id
     AND state = 'waiting'),
    (SELECT coalesce(sum(bytes + coalesce(octet_length(body), 0)), 0) FROM deliveries
     WHERE subscription_id = subscriptions.id AND state = 'waiting'),
    (SELECT count(*) FROM diverted WHERE subscription_id = subscriptions.id)
    FROM subscriptions;
CREATE TABLE tenant_backlogs (
    tenant TEXT PRIMARY KEY,
    subscriptions INTEGER NOT NULL,
    waiting_rows INTEGER NOT NULL,
    dead_letter_rows INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO tenant_backlogs SELECT tenant, count(*), sum(waiting_rows), sum(dead_letter_rows)
    FROM backlogs GROUP BY tenant;

CREATE TRIGGER subscription_is_made AFTER INSERT ON subscriptions BEGIN
    INSERT INTO backlogs (subscription_id, tenant) VALUES (NEW.id, NEW.tenant);
END;
CREATE TRIGGER backlog_begins AFTER INSERT ON backlogs BEGIN
    INSERT INTO tenant_backlogs (tenant, subscriptions, waiting_rows, dead_letter_rows)
    VALUES (NEW.tenant, 1, 0, 0)
    ON CONFLICT (tenant) DO UPDATE SET subscriptions = subscriptions + 1;
END;
CREATE TRIGGER backlog_changes AFTER UPDATE ON backlogs BEGIN
    UPDATE tenant_backlogs SET
    waiting_rows = waiting_rows + NEW.waiting_rows - OLD.waiting_rows,
    dead_letter_rows = dead_letter_rows + NEW.dead_letter_rows - OLD.dead_letter_rows
    WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER backlog_ends AFTER DELETE ON backlogs BEGIN
    UPDATE tenant_backlogs SET subscriptions = subscriptions - 1,
    waiting_rows = waiting_rows - OLD.waiting_rows,
    dead_letter_rows = dead_letter_rows - OLD.dead_letter_rows
    WHERE tenant = OLD.tenant;
END;
CREATE TRIGGER delivery_waits AFTER INSERT ON deliveries WHEN NEW.state = 'waiting' BEGIN
    UPDATE backlogs SET waiting_rows = waiting_rows + 1,
    waiting_bytes = waiting_bytes + NEW.bytes + coalesce(octet_length(NEW.body), 0)
    WHERE subscription_id = NEW.subscription_id;
END;
CREATE TRIGGER delivery_changes AFTER UPDATE OF state, body ON deliveries
WHEN (OLD.state = 'waiting') <> (NEW.state = 'waiting')
    OR (NEW.state = 'waiting' AND octet_length(OLD.body) IS NOT octet_length(NEW.body))
BEGIN
    UPDATE backlogs SET
    waiting_rows = waiting_rows + (NEW.state = 'waiting') - (OLD.state = 'waiting'),
    waiting_bytes = waiting_bytes
    + iif(NEW.state = 'waiting', NEW.bytes + coalesce(octet_length(NEW.body), 0), 0)
    - iif(OLD.state = 'waiting', OLD.bytes + coalesce(octet_length(OLD.body), 0), 0)
    WHERE subscription_id = NEW.subscription_id;
END;
CREATE TRIGGER delivery_goes AFTER DELETE ON deliveries WHEN OLD.state = 'waiting' BEGIN
    UPDATE backlogs SET waiting_rows = waiting_rows - 1,
    waiting_bytes = waiting_bytes - OLD.bytes - coalesce(octet_length(OLD.body), 0)
    WHERE subscription_id = OLD.subscription_id;
END;
CREATE TRIGGER event_is_diverted AFTER INSERT ON diverted BEGIN
    UPDATE backlogs SET dead_letter_rows = dead_letter_rows + 1
    WHERE subscription_id = NEW.subscription_id;
END;
CREATE TRIGGER event_is_forgotten AFTER DELETE ON diverted BEGIN
    UPDATE backlogs SET dead_letter_rows = dead_letter_rows - 1
    WHERE subscription_id = OLD.subscription_id;
END;
", "
-- The stored bytes of the bodies of a tenant's deliveries, ended ones included. Triggers keep the
-- sum.
ALTER TABLE tenant_backlogs ADD COLUMN body_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE tenant_backlogs SET body_bytes = coalesce((SELECT sum(octet_length(body)) FROM deliveries
    WHERE deliveries.tenant = tenant_backlogs.tenant), 0);
CREATE INDEX audit_by_actor ON audit (actor, place);
CREATE INDEX deliveries_with_body ON deliveries (tenant, id)
    WHERE body IS NOT NULL AND state <> 'waiting';
CREATE TRIGGER body_is_inserted AFTER INSERT ON deliveries WHEN NEW.body IS NOT NULL BEGIN
    UPDATE tenant_backlogs SET body_bytes = body_bytes + octet_length(NEW.body)
    WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER body_changes AFTER UPDATE OF body ON deliveries
WHEN octet_length(OLD.body) IS NOT octet_length(NEW.body)
BEGIN
    UPDATE tenant_backlogs SET body_bytes = body_bytes + coalesce(octet_length(NEW.body), 0)
    - coalesce(octet_length(OLD.body), 0) WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER body_is_deleted AFTER DELETE ON deliveries WHEN OLD.body IS NOT NULL BEGIN
    UPDATE tenant_backlogs SET body_bytes = body_bytes - octet_length(OLD.body)
    WHERE tenant = OLD.tenant;
END;
", "
-- The number of audit records of each actor. Triggers keep it, so that no deletion counts rows.
CREATE TABLE audit_actors (
    actor TEXT PRIMARY KEY,
    records INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_actors_by_records ON audit_actors (records);
INSERT INTO audit_actors SELECT actor, count(*) FROM audit GROUP BY actor;
CREATE TRIGGER audit_is_inserted AFTER INSERT ON audit BEGIN
    INSERT INTO audit_actors VALUES (NEW.actor, 1)
    ON CONFLICT (actor) DO UPDATE SET records = records + 1;
END;
CREATE TRIGGER audit_is_deleted AFTER DELETE ON audit BEGIN
    UPDATE audit_actors SET records = records - 1 WHERE actor = OLD.actor;
    DELETE FROM audit_actors WHERE actor = OLD.actor AND records <= 0;
END;
"];

/// Migrates a file to the current version. If two processes start at once, only one migrates. A
/// file of the current version is not written, because its volume may be full.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version(connection)? == known {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let found = version(&transaction)?;
    if found > known {
        return Err(StoreError::NewerVersion { found, known });
    }
    let done = usize::try_from(found)
        .map_err(|_| StoreError::Damaged(format!("the version of its schema is {found}")))?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration).map_err(fault)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(fault)?;
    transaction.commit().map_err(fault)
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)
}

/// Minimum free pages for a store that accepts events.
const MIN_FREE_PAGES: i64 = 16;

/// Returns an error if the store cannot accept writes: the volume is full, or the database may not
/// grow. Writes the schema version again, because a read alone does not show every failure.
pub(super) fn check_room(connection: &Connection) -> Result<(), StoreError> {
    let number = |name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(fault)
    };
    let growth = number("max_page_count")?.saturating_sub(number("page_count")?);
    let left = growth.saturating_add(number("freelist_count")?);
    if left < MIN_FREE_PAGES {
        return Err(StoreError::Full(format!("{left} pages are left of the database")));
    }
    let version = version(connection)?;
    connection.pragma_update(None, "user_version", version).map_err(fault)
}
