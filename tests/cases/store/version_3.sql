-- A store of version 3, with events that have their deliveries.
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
-- what was taken.
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

PRAGMA user_version = 3;
INSERT INTO requests (id, tenant, listener_id, listener_name, received_at, outcome, status, log, body,
    reasons, event_id, duration_us)
    VALUES ('r2', 'acme', 'listener', 'Listener', 2, 'accepted', 200, '{}', '{"n": 2}1', '[]', 'e2', 1);
INSERT INTO events (place, id, tenant, listener_id, request_id, event_type, data, created_at) VALUES
    (1, 'e1', 'acme', 'listener', 'r1', 'a', '{"n":1}', 1),
    (2, 'e2', 'acme', 'listener', 'r2', 'a', NULL, 2);
INSERT INTO subscriptions (id, tenant, api, enabled, failures, sealed, created_at, updated_at, version)
    VALUES ('one', 'acme', 'socotra', 1, 0, x'00', 0, 0, 1);
INSERT INTO wanted_types (tenant, event_type, subscription_id) VALUES ('acme', 'a', 'one');
INSERT INTO deliveries (id, tenant, subscription_id, event_id, notice, resent, state, next_at, body,
    created_at, ended_at) VALUES
    (1, 'acme', 'one', 'e1', 0, 0, 'delivered', 1, NULL, 1, 5),
    (2, 'acme', 'one', 'e1', 0, 1, 'delivered', 1, NULL, 5, 6),
    (3, 'acme', 'one', 'e1', 0, 1, 'waiting', 9, '{}', 6, NULL),
    (4, 'acme', 'one', 'e2', 1, 0, 'waiting', 2, NULL, 2, NULL);
