//! Pruning through the trait of the store: a step examines a bounded number of rows, and no
//! retained row again.

use std::time::{Duration, Instant};

use hookgate::gateway::UnixMicros;
use hookgate::gateway::store::{
    DeliveryFilter, DeliveryState, DeliveryStore, EventFilter, MaintenanceStore, Mode,
    RequestFilter, RequestStore, Retention, SqliteOptions, SqliteStore,
};
use rusqlite::Connection;

use super::store::{open, run};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The current time in these tests.
const NOW: i64 = 1000 * DAY;

/// Old rows that must be retained.
const BLOCKED: usize = 20_000;

const RETENTION: Retention = Retention {
    requests_us: DAY,
    events_us: 30 * DAY,
    deliveries_us: 30 * DAY,
    diverted_us: 30 * DAY,
    refused_us: 30 * DAY,
    challenges_us: 30 * DAY,
    audit_us: 30 * DAY,
    max_bytes: None,
};

/// An id that starts with the time.
fn id(at: i64, number: usize) -> String {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&(number as u64).to_be_bytes());
    let millis = u64::try_from(at / 1000).unwrap();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// Fills a store with requests from a time on, one each second. With events, their bodies are the
/// data of the events.
fn fill(connection: &mut Connection, from: i64, count: usize, with_events: bool) {
    let transaction = connection.transaction().unwrap();
    for number in 0..count {
        let at = from + i64::try_from(number).unwrap() * SECOND;
        let (request, event) = (id(at, number), id(at, number + count));
        transaction
            .prepare_cached(
                "INSERT INTO requests (id, tenant, listener_id, listener_name, received_at, outcome,
                 status, log, body, reasons, event_id, duration_us)
                 VALUES (?1, 'acme', 'listener', 'Listener', ?2, 'accepted', 200, '{}', '{}', '[]',
                 ?3, 1)",
            )
            .unwrap()
            .execute((&request, at, with_events.then_some(&event)))
            .unwrap();
        if with_events {
            transaction
                .prepare_cached(
                    "INSERT INTO events (id, tenant, listener_id, request_id, event_type, created_at)
                     VALUES (?1, 'acme', 'listener', ?2, 'a', ?3)",
                )
                .unwrap()
                .execute((&event, &request, at))
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

/// Returns a store with retained requests, and some prunable ones after them.
fn blocked_store(folder: &std::path::Path, old: usize) -> SqliteStore {
    drop(open(folder));
    let mut connection = Connection::open(folder.join("store.db")).unwrap();
    fill(&mut connection, NOW - 20 * DAY, BLOCKED, true);
    fill(&mut connection, NOW - 3 * DAY, old, false);
    let fanned_out = "INSERT INTO fanouts (tenant, place) SELECT 'acme', max(place) FROM events";
    connection.execute(fanned_out, []).unwrap();
    drop(connection);
    open(folder)
}

async fn requests_without_events(store: &SqliteStore) -> usize {
    let all = RequestFilter { limit: 100_000, ..RequestFilter::default() };
    let requests = store.requests(&all).await.unwrap();
    requests.iter().filter(|request| request.event_id.is_none()).count()
}

#[test]
fn pruning_examines_each_retained_row_once_in_a_round() {
    let folder = tempfile::tempdir().unwrap();
    let store = blocked_store(folder.path(), 1000);
    run(async {
        let first = store.prune(&RETENTION, UnixMicros::new(NOW), BLOCKED).await.unwrap();
        assert_eq!((first.rows, first.examined), (0, BLOCKED), "{first:?}");
        let second = store.prune(&RETENTION, UnixMicros::new(NOW), BLOCKED).await.unwrap();
        assert_eq!((second.rows, second.examined), (1000, 1000), "{second:?}");
        // The next round waits for this number of rows; for fewer it would not wait.
        let third =
            store.prune(&RETENTION, UnixMicros::new(NOW + 10 * SECOND), BLOCKED).await.unwrap();
        assert_eq!(third.examined, 0, "{third:?}");
        let fourth =
            store.prune(&RETENTION, UnixMicros::new(NOW + 30 * SECOND), BLOCKED).await.unwrap();
        assert_eq!(fourth.examined, BLOCKED, "{fourth:?}");
    });
}

#[test]
fn a_pruning_step_examines_at_most_its_limit_of_rows() {
    let folder = tempfile::tempdir().unwrap();
    let store = blocked_store(folder.path(), 1000);
    run(async {
        let mut examined = 0;
        let mut longest = Duration::ZERO;
        loop {
            let began = Instant::now();
            let pruned = store.prune(&RETENTION, UnixMicros::new(NOW), 500).await.unwrap();
            longest = longest.max(began.elapsed());
            assert!(pruned.examined <= 500, "{pruned:?}");
            examined += pruned.examined;
            if !pruned.more {
                break;
            }
        }
        assert_eq!(examined, BLOCKED + 1000);
        assert_eq!(requests_without_events(&store).await, 0);
        assert!(longest < Duration::from_secs(2), "{longest:?}");
    });
}

#[test]
fn a_request_retained_for_its_event_is_deleted_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = blocked_store(folder.path(), 10);
    run(async {
        while store.prune(&RETENTION, UnixMicros::new(NOW), 1000).await.unwrap().more {}
        let later = NOW + 40 * DAY;
        while store.prune(&RETENTION, UnixMicros::new(later), 1000).await.unwrap().more {}
        let all = EventFilter { limit: 100, ..EventFilter::default() };
        assert_eq!(
            store.events(&all).await.unwrap().len(),
            1,
            "the last row keeps its sequence number"
        );
        let connection = Connection::open(folder.path().join("store.db")).unwrap();
        let left = "SELECT count(*) FROM requests";
        let left: i64 = connection.query_row(left, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 1);
    });
}

#[test]
fn pruning_for_space_examines_each_waiting_event_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = blocked_store(folder.path(), 0);
    let connection = Connection::open(folder.path().join("store.db")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO subscriptions (id, tenant, api, enabled, failures, sealed, created_at,
             updated_at, version) VALUES ('one', 'acme', 'socotra', 1, 0, x'', 0, 0, 1);
             INSERT INTO deliveries (tenant, subscription_id, event_id, next_at, created_at)
             SELECT 'acme', 'one', id, 0, 0 FROM events",
        )
        .unwrap();
    drop(connection);
    let small = Retention { requests_us: 900 * DAY, max_bytes: Some(1), ..RETENTION };
    run(async {
        let mut examined = 0;
        for _ in 0..2 * BLOCKED / 1000 {
            let pruned = store.prune(&small, UnixMicros::new(NOW), 1000).await.unwrap();
            assert_eq!(pruned.rows, 0, "{pruned:?}");
            examined += pruned.examined;
        }
        // Events, and the requests with their data.
        assert_eq!(examined, 2 * BLOCKED);
        let waiting = DeliveryFilter { limit: 100_000, ..DeliveryFilter::default() };
        let waiting = store.deliveries(&waiting).await.unwrap();
        assert!(waiting.iter().all(|delivery| delivery.state == DeliveryState::Waiting));
        assert_eq!(waiting.len(), BLOCKED);
    });
}

#[test]
fn pruning_for_space_deletes_unverified_requests_before_events() {
    let folder = tempfile::tempdir().unwrap();
    let store = blocked_store(folder.path(), 0);
    let mut connection = Connection::open(folder.path().join("store.db")).unwrap();
    // Younger than the events, which wait for no delivery.
    let transaction = connection.transaction().unwrap();
    for number in 0..50 {
        transaction
            .execute(
                "INSERT INTO refused (id, tenant, listener_id, listener_name, received_at, outcome,
                 status, log, body, reasons, duration_us)
                 VALUES (?1, 'acme', 'listener', 'Listener', ?2, 'verification_failed', 401, '{}',
                 NULL, '[]', 1)",
                (id(NOW, number), NOW),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let small = Retention { requests_us: 900 * DAY, max_bytes: Some(1), ..RETENTION };
    run(async {
        let events = count("events");
        while count("refused") > 0 {
            let pruned = store.prune(&small, UnixMicros::new(NOW), 20).await.unwrap();
            assert!(pruned.more && pruned.rows > 0, "{pruned:?}");
            assert_eq!(count("events"), events, "an event was deleted first");
        }
        let pruned = store.prune(&small, UnixMicros::new(NOW), 20).await.unwrap();
        assert!(pruned.rows > 0 && count("events") < events, "{pruned:?}");
    });
}

#[test]
fn a_read_past_its_timeout_ends_and_releases_the_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    drop(blocked_store(folder.path(), 0));
    let mut options = SqliteOptions::new(folder.path().join("store.db"), Mode::Serve);
    options.read_time = Duration::from_millis(1);
    let store = SqliteStore::open(options).unwrap();
    run(async {
        let all = RequestFilter { limit: 100_000, ..RequestFilter::default() };
        let ended = store.requests(&all).await.unwrap_err();
        assert!(ended.to_string().contains("the read took too long"), "{ended}");
        let some = RequestFilter { limit: 1, ..all };
        assert_eq!(store.requests(&some).await.unwrap().len(), 1);
    });
}
