//! The guarantees of every store.

use std::path::Path;
use std::sync::Arc;

use hookgate::delivery::{Api, AttemptEffect, SubscriptionHealth, Trigger};
use hookgate::gateway::UnixMicros;
use hookgate::gateway::store::{
    AttemptFilter, AttemptRecord, AuditAction, AuditRecord, AuditStore, BacklogLimits, Change,
    DedupClaim, DeliveryFilter, DeliveryOutcome, DeliveryState, DeliveryStore, DeliveryUpdate,
    DivertCause, DivertedFilter, Entry, EventFilter, EventRecord, FanOutStore, FanOutTurn,
    FannedOut, Kept, Key, KeyKind, KeyStore, LeasedDelivery, MaintenanceStore, Mode, PageRequest,
    RejectedLogPolicy, Repeat, RequestFilter, RequestRecord, RequestStore, Retention, Scope,
    SqliteOptions, SqliteStore, StoreError, SubscriptionFilter, SubscriptionRecord,
    SubscriptionStore, Tenant, Unwanted,
};
use hookgate::listener::Outcome;

const SECOND: i64 = 1_000_000;

/// Backlog limits that no test reaches.
pub(super) const WIDE: BacklogLimits = BacklogLimits {
    rows: 1 << 40,
    bytes: 1 << 50,
    age_us: 1 << 60,
    tenant_rows: 1 << 40,
    total_rows: 1 << 40,
    dead_letter_rows: 1 << 40,
    dead_letter_rows_per_tenant: 1 << 40,
};

/// Runs one step of fan-out for a tenant, with a limit of rows.
pub(super) async fn step(store: &SqliteStore, turn: FanOutTurn, rows: usize) -> FannedOut {
    store.fan_out(vec![turn], WIDE, rows, UnixMicros::new(0)).await.unwrap().remove(0)
}

/// Runs fan-out to its end. Returns the subscriptions with new deliveries.
pub(super) async fn fan_out(store: &SqliteStore, tenant: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let fanned = step(store, FanOutTurn::without_filters(tenant), 100).await;
        all.extend(fanned.subscriptions.into_iter().map(String::from));
        if !fanned.more {
            return all;
        }
    }
}

/// An id as the gateway creates them: it starts with the time.
fn event_id(id: &str, at: i64) -> String {
    let mut random = [0; 10];
    for (place, byte) in id.bytes().enumerate() {
        random[place % 10] ^= byte;
    }
    let millis = u64::try_from(at / 1000).unwrap();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

pub(super) fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(SqliteOptions::new(folder.join("store.db"), Mode::Serve)).unwrap()
}

pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

fn request(id: &str, at: i64) -> RequestRecord {
    RequestRecord {
        id: id.into(),
        tenant: "acme".into(),
        listener_id: "listener".into(),
        listener_name: "Listener".to_owned(),
        received_at: UnixMicros::new(at),
        outcome: Outcome::Accepted,
        status: 200,
        log: "{}".to_owned(),
        reasons: "[]".to_owned(),
        event_id: Some(event_id(id, at).into()),
        body: None,
        duration_us: 0,
    }
}

fn event(id: &str, at: i64) -> EventRecord {
    EventRecord {
        id: event_id(id, at).into(),
        tenant: "acme".into(),
        listener_id: "listener".into(),
        request_id: id.into(),
        data: Some(format!("{{\"id\":\"{id}\",\"text\":\"{}\"}}", "long ".repeat(500))),
        created_at: UnixMicros::new(at),
        ..EventRecord::default()
    }
}

pub(super) fn entry(id: &str, key: Option<u8>, at: i64) -> Entry {
    let dedup = key.map(|key| DedupClaim {
        keys: vec![[key; 32]],
        former: None,
        window_us: 10 * SECOND,
        duplicate: Repeat { outcome: Outcome::Duplicate, reason: "{\"again\":true}".to_owned() },
    });
    Entry {
        request: request(id, at),
        event: Some(event(id, at)),
        dedup,
        raw: None,
        challenge: false,
    }
}

fn all() -> RequestFilter {
    RequestFilter { limit: 100_000, ..RequestFilter::default() }
}

fn events() -> EventFilter {
    EventFilter { limit: 100_000, ..EventFilter::default() }
}

#[test]
fn stored_events_are_read_after_reopening_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    run(async {
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for at in 0..10 {
                        let id = format!("{task}-{at}");
                        assert_eq!(
                            store.keep(entry(&id, None, at), UnixMicros::new(at)).await,
                            Ok(Kept::New)
                        );
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    // Like a killed process: nothing is closed.
    std::mem::forget(store);
    let copy = folder.path().join("copy.db");
    std::fs::copy(folder.path().join("store.db"), &copy).unwrap();
    std::fs::copy(folder.path().join("store.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    let again = SqliteStore::open(SqliteOptions::new(copy, Mode::Serve)).unwrap();
    run(async {
        assert_eq!(again.requests(&all()).await.unwrap().len(), 640);
        let stored = again.events(&events()).await.unwrap();
        assert_eq!(stored.len(), 640);
        assert!(stored[0].data.as_ref().unwrap().contains("long long"));
    });
}

#[test]
fn deduplication_accepts_exactly_one_of_a_hundred_concurrent_requests() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    run(async {
        let tasks: Vec<_> = (0..100)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    store
                        .keep(entry(&task.to_string(), Some(7), 0), UnixMicros::new(0))
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            new += usize::from(task.await.unwrap() == Kept::New);
        }
        assert_eq!(new, 1);
        assert_eq!(store.events(&events()).await.unwrap().len(), 1);
        let duplicates = RequestFilter { outcome: Some(Outcome::Duplicate), ..all() };
        let repeats = store.requests(&duplicates).await.unwrap();
        assert_eq!(repeats.len(), 99);
        assert!(repeats.iter().all(|one| one.reasons == "[{\"again\":true}]"), "{repeats:?}");
        assert!(repeats.iter().all(|one| one.event_id.is_none()), "{repeats:?}");
    });
}

#[test]
fn group_commit_rolls_back_only_the_failed_write_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    run(async {
        assert_eq!(store.keep(entry("first", None, 1), UnixMicros::new(1)).await, Ok(Kept::New));
        let tasks: Vec<_> = (0..64_u8)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let mut one = entry(&task.to_string(), Some(task), 2);
                    let fails = task % 4 == 0;
                    if fails {
                        // The event exists already, which is detected after its key and its log
                        // were written.
                        one.event = Some(event("first", 1));
                    }
                    let stored = store.keep(one, UnixMicros::new(2)).await;
                    assert_eq!(stored.is_err(), fails, "{task}: {stored:?}");
                    let tenant = Tenant {
                        id: "acme".into(),
                        name: "Acme".to_owned(),
                        created_at: UnixMicros::new(1),
                    };
                    store.create_tenant(tenant).await.is_ok()
                })
            })
            .collect();
        let mut created = 0;
        for task in tasks {
            created += usize::from(task.await.unwrap());
        }
        assert_eq!(created, 1, "exactly one task created the tenant");
        assert_eq!(store.requests(&all()).await.unwrap().len(), 1 + 48);
        assert_eq!(store.events(&events()).await.unwrap().len(), 1 + 48);
        // The key of a failed request is not stored; that of a stored one is.
        assert_eq!(
            store.keep(entry("again 4", Some(4), 3), UnixMicros::new(3)).await,
            Ok(Kept::New)
        );
        let known = store.keep(entry("again 5", Some(5), 3), UnixMicros::new(3)).await;
        assert!(matches!(known, Ok(Kept::Duplicate { .. })), "{known:?}");
    });
}

#[test]
fn the_deduplication_window_starts_at_the_first_request_and_repeats_do_not_extend_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        let keep =
            |id: &'static str, at: i64| store.keep(entry(id, Some(1), at), UnixMicros::new(at));
        assert_eq!(keep("a", 0).await, Ok(Kept::New));
        let known = Kept::Duplicate { first_request: "a".into(), first_at: UnixMicros::new(0) };
        assert_eq!(keep("b", 5 * SECOND).await, Ok(known.clone()));
        assert_eq!(keep("c", 10 * SECOND - 1).await, Ok(known));
        assert_eq!(keep("d", 10 * SECOND).await, Ok(Kept::New));
    });
}

#[test]
fn any_of_several_deduplication_keys_identifies_a_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        let with = |id: &str, keys: Vec<[u8; 32]>| {
            let mut entry = entry(id, Some(0), 0);
            entry.dedup.as_mut().unwrap().keys = keys;
            entry
        };
        assert_eq!(
            store.keep(with("a", vec![[1; 32], [2; 32]]), UnixMicros::new(0)).await,
            Ok(Kept::New)
        );
        assert!(matches!(
            store.keep(with("b", vec![[3; 32], [2; 32]]), UnixMicros::new(0)).await,
            Ok(Kept::Duplicate { .. })
        ));
        assert_eq!(store.keep(with("c", vec![[3; 32]]), UnixMicros::new(0)).await, Ok(Kept::New));
    });
}

/// A gateway of an older version stored keys in another form.
#[test]
fn a_former_deduplication_key_is_found_and_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        let with = |id: &str, key: u8, former: Option<u8>| {
            let mut entry = entry(id, Some(key), 0);
            entry.dedup.as_mut().unwrap().former = former.map(|former| [former; 32]);
            entry
        };
        let at = UnixMicros::new(0);
        assert_eq!(store.keep(with("old", 1, None), at).await, Ok(Kept::New));
        let again = store.keep(with("again", 2, Some(1)), at).await;
        assert!(matches!(again, Ok(Kept::Duplicate { .. })), "{again:?}");
        assert_eq!(store.keep(with("new", 2, Some(3)), at).await, Ok(Kept::New));
        assert_eq!(store.keep(with("other", 3, None), at).await, Ok(Kept::New));
    });
}

#[test]
fn a_full_store_returns_an_error_and_recovers_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = SqliteOptions { max_pages: Some(100), ..SqliteOptions::new(&path, Mode::Serve) };
    let store = SqliteStore::open(options).unwrap();
    let accepted = run(async {
        let mut accepted = 0;
        for at in 0..10_000 {
            let mut large = entry(&at.to_string(), None, at);
            large.raw = Some(vec![7; 4000]);
            match store.keep(large, UnixMicros::new(at)).await {
                Ok(_) => accepted += 1,
                Err(error) => {
                    assert!(matches!(error, StoreError::Full(_)), "{error}");
                    assert!(error.passes());
                    break;
                }
            }
        }
        accepted
    });
    assert!(accepted > 5, "{accepted}");
    drop(store);
    let store = SqliteStore::open(SqliteOptions::new(&path, Mode::Serve)).unwrap();
    run(async {
        assert_eq!(store.events(&events()).await.unwrap().len(), accepted);
        assert_eq!(store.keep(entry("more", None, 0), UnixMicros::new(0)).await, Ok(Kept::New));
    });
}

#[test]
fn stores_of_a_newer_version_and_other_files_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let path = folder.path().join("store.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = SqliteStore::open(SqliteOptions::new(&path, Mode::Serve)).err().unwrap();
    assert!(refused.to_string().contains("version 99"), "{refused}");
    let other = folder.path().join("other.db");
    std::fs::write(&other, "this is no database at all, and long enough to look at".repeat(100))
        .unwrap();
    let refused = SqliteStore::open(SqliteOptions::new(&other, Mode::Serve)).err().unwrap();
    assert!(matches!(refused, StoreError::Damaged(_)), "{refused}");
}

#[test]
fn the_store_lock_refuses_a_second_gateway_but_not_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let path = folder.path().join("store.db");
    let second = SqliteStore::open(SqliteOptions::new(&path, Mode::Serve)).err().unwrap();
    assert!(matches!(second, StoreError::Locked(_)), "{second}");
    let beside = SqliteStore::open(SqliteOptions::new(&path, Mode::Command)).unwrap();
    run(async {
        beside
            .create_tenant(Tenant {
                id: "acme".into(),
                name: String::new(),
                created_at: UnixMicros::new(0),
            })
            .await
            .unwrap();
        assert_eq!(store.tenants().await.unwrap().len(), 1);
    });
}

#[test]
fn a_backup_is_consistent_during_concurrent_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let copy = folder.path().join("backup.db");
    run(async {
        for at in 0..200 {
            store.keep(entry(&at.to_string(), None, at), UnixMicros::new(at)).await.unwrap();
        }
        let writing = {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for at in 200..400 {
                    store
                        .keep(entry(&at.to_string(), None, at), UnixMicros::new(at))
                        .await
                        .unwrap();
                }
            })
        };
        store.backup(&copy).await.unwrap();
        writing.await.unwrap();
        assert!(matches!(store.backup(&copy).await, Err(StoreError::Exists(_))));
    });
    let restored = SqliteStore::open(SqliteOptions::new(&copy, Mode::Serve)).unwrap();
    run(async {
        let requests = restored.requests(&all()).await.unwrap().len();
        assert!((200..=400).contains(&requests), "{requests}");
        assert_eq!(restored.events(&events()).await.unwrap().len(), requests);
    });
}

#[test]
fn pruning_deletes_in_small_steps_and_keeps_the_body_of_a_stored_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let retention = Retention {
        requests_us: 10 * SECOND,
        events_us: 100 * SECOND,
        deliveries_us: 10 * SECOND,
        diverted_us: 100 * SECOND,
        refused_us: 10 * SECOND,
        challenges_us: 10 * SECOND,
        audit_us: 10 * SECOND,
        max_bytes: None,
    };
    run(async {
        for at in 0..30 {
            let id = event_id(&at.to_string(), at);
            let mut entry = entry(&id, Some(u8::try_from(at).unwrap()), at);
            if at == 3 {
                entry.event.as_mut().unwrap().data = None;
                entry.request.body = Some("{\"kept\":true}".to_owned());
            }
            store.keep(entry, UnixMicros::new(at)).await.unwrap();
        }
        let first = store.prune(&retention, UnixMicros::new(50 * SECOND), 10).await.unwrap();
        assert!(first.more && first.rows >= 19, "{first:?}");
        while store.prune(&retention, UnixMicros::new(50 * SECOND), 10).await.unwrap().rows > 0 {}
        let left = store.requests(&all()).await.unwrap();
        let third = event_id("3", 3);
        assert_eq!(left.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [&third]);
        let events = store.events(&events()).await.unwrap();
        assert_eq!(events.len(), 30);
        let own = events.iter().find(|one| one.request_id == *third).unwrap();
        assert_eq!(own.data.as_deref(), Some("{\"kept\":true}"));
    });
}

#[test]
fn requests_are_found_by_time_after_the_clock_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        let hour = 3600 * SECOND;
        for (id_at, at) in [(9 * hour, 9 * hour), (9 * hour, 2 * hour), (9 * hour, 3 * hour)] {
            let id = event_id(&at.to_string(), id_at);
            store.keep(entry(&id, None, at), UnixMicros::new(at)).await.unwrap();
        }
        for (since, until, wanted) in [
            (None, Some(3 * hour), vec![2]),
            (Some(3 * hour), Some(9 * hour), vec![3]),
            (Some(3 * hour), None, vec![3, 9]),
        ] {
            let within = RequestFilter {
                since: since.map(UnixMicros::new),
                until: until.map(UnixMicros::new),
                ..all()
            };
            let found = store.requests(&within).await.unwrap();
            let mut hours: Vec<i64> =
                found.iter().map(|one| one.received_at.get() / hour).collect();
            hours.sort_unstable();
            assert_eq!(hours, wanted, "{since:?} {until:?}");
        }
    });
}

pub(super) fn subscription(id: &str, events: &[&str]) -> Change<SubscriptionRecord> {
    let what = SubscriptionRecord {
        id: id.into(),
        tenant: "acme".into(),
        api: Api::Socotra,
        enabled: true,
        health: SubscriptionHealth::default(),
        last_failure: None,
        events: events.iter().map(ToString::to_string).collect(),
        sealed: vec![1, 2, 3],
        created_at: UnixMicros::new(0),
        updated_at: UnixMicros::new(0),
        version: 1,
    };
    Change { what, audit: audit(AuditAction::SubscriptionsCreate) }
}

fn audit(action: AuditAction) -> AuditRecord {
    let text = str::to_owned;
    AuditRecord {
        at: UnixMicros::new(0),
        actor: text("a"),
        action,
        target: text("t"),
        detail: text("{}"),
    }
}

fn update(work: &LeasedDelivery, ok: bool, end: DeliveryOutcome) -> DeliveryUpdate {
    let attempt = AttemptRecord {
        delivery_id: work.delivery.id,
        number: work.delivery.attempts + 1,
        at: UnixMicros::new(0),
        status: if ok { 200 } else { 500 },
        ok,
        reason: (!ok).then(|| "no".to_owned()),
        duration_us: 1,
    };
    DeliveryUpdate {
        delivery_id: work.delivery.id,
        attempt: Some(attempt),
        body: Some("{}".to_owned()),
        body_bytes_per_tenant: 1 << 20,
        end,
        reason: (!ok).then(|| "no".to_owned()),
        notice: None,
        effect: Some(AttemptEffect { taken: ok, suspends: false, beyond: Some(2) }),
    }
}

#[test]
fn audit_records_are_limited_by_key_and_pruned_before_events() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let connection = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    let rows = |actor: &str| -> i64 {
        let count = "SELECT count(*) FROM audit WHERE actor = ?1";
        connection.query_row(count, [actor], |row| row.get(0)).unwrap()
    };
    run(async {
        store.keep(entry("1", None, 1), UnixMicros::new(1)).await.unwrap();
        let fill = "INSERT INTO audit (at, actor, action, target, detail)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
             SELECT i, ?1, 'update', 'a', '' FROM n";
        connection.execute(fill, ("busy", 100_700)).unwrap();
        connection.execute(fill, ("other", 500)).unwrap();
        let day = 86_400 * SECOND;
        let stored = 365 * day;
        let mut retention = Retention {
            events_us: stored,
            requests_us: stored,
            refused_us: stored,
            deliveries_us: stored,
            challenges_us: stored,
            diverted_us: stored,
            audit_us: stored,
            max_bytes: None,
        };
        while store.prune(&retention, UnixMicros::new(day), 500).await.unwrap().more {}
        assert_eq!((rows("busy"), rows("other")), (100_000, 500));
        // A store above its size limit prunes a flood of audit records before an event.
        retention.max_bytes = Some(4 << 20);
        store.prune(&retention, UnixMicros::new(2 * day), 500).await.unwrap();
        store.prune(&retention, UnixMicros::new(2 * day), 500).await.unwrap();
        assert_eq!((rows("busy"), rows("other")), (99_000, 500));
        let events = store.events(&EventFilter { limit: 10, ..EventFilter::default() }).await;
        assert_eq!(events.unwrap().len(), 1);
        store.close().await.unwrap();
    });
}

#[test]
fn stored_bodies_of_a_tenant_are_limited_and_delivered_ones_pruned_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        for id in 0..6 {
            let mut entry = entry(&id.to_string(), None, 1);
            entry.event.as_mut().unwrap().event_type = "a".to_owned();
            store.keep(entry, UnixMicros::new(1)).await.unwrap();
        }
        fan_out(&store, "acme").await;
        let work =
            store.lease(&"one".into(), UnixMicros::new(5), UnixMicros::new(100), 10).await.unwrap();
        assert_eq!(work.len(), 6);
        // Room for two of these bodies; they are too short to be compressed.
        let settle = async |place: usize, end: DeliveryOutcome| {
            let work: &LeasedDelivery = &work[place];
            let update = DeliveryUpdate {
                body: Some("b".repeat(400)),
                body_bytes_per_tenant: 1000,
                ..update(work, false, end)
            };
            store.settle(update, UnixMicros::new(10)).await.unwrap();
            work.delivery.id
        };
        let again = || DeliveryOutcome::Again { at: UnixMicros::new(10) };
        let mut ids = Vec::new();
        for place in 0..3 {
            ids.push(settle(place, DeliveryOutcome::Delivered).await);
        }
        for place in 3..6 {
            ids.push(settle(place, again()).await);
        }
        let mut stored = Vec::new();
        for id in ids {
            stored.push(store.body(id).await.unwrap().is_some());
        }
        // The ended ones lose theirs first. Then there is no room for the last one that waits.
        assert_eq!(stored, [false, false, false, true, true, false]);
        let again = store
            .lease(&"one".into(), UnixMicros::new(20), UnixMicros::new(200), 10)
            .await
            .unwrap();
        assert_eq!(again.len(), 3, "each is attempted again, with a new body if it has none");
        store.close().await.unwrap();
    });
}

/// Delivers waiting events of a subscription, up to a number.
pub(super) async fn settled(store: &SqliteStore, subscription: &str, number: usize) {
    let now = 2000 * SECOND;
    for work in store
        .lease(&subscription.into(), UnixMicros::new(now), UnixMicros::new(now + SECOND), number)
        .await
        .unwrap()
    {
        store
            .settle(update(&work, true, DeliveryOutcome::Delivered), UnixMicros::new(now))
            .await
            .unwrap();
    }
}

#[test]
fn filtered_out_deliveries_are_recorded_unless_the_filter_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for id in ["wants", "does not", "changed"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        let mut entry = entry("1", None, 7);
        entry.event.as_mut().unwrap().event_type = "a".to_owned();
        let version = subscription("does not", &["a"]).what.version;
        let unwanted = [
            Unwanted { subscription: "does not".into(), version },
            Unwanted { subscription: "changed".into(), version: version - 1 },
            Unwanted { subscription: "of nobody".into(), version },
        ];
        store.keep(entry, UnixMicros::new(7)).await.unwrap();
        let turn = FanOutTurn {
            tenant: "acme".into(),
            upto: Some(1),
            unwanted: unwanted.into_iter().map(|one| (1, one)).collect(),
        };
        let fanned = step(&store, turn, 100).await;
        assert_eq!(fanned.subscriptions, ["changed", "wants"]);
        assert_eq!((fanned.filtered, fanned.more, fanned.subscribed), (1, false, true));
        assert_eq!(
            store
                .lease(&"does not".into(), UnixMicros::new(10), UnixMicros::new(100), 10)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            store
                .lease(&"changed".into(), UnixMicros::new(10), UnixMicros::new(100), 10)
                .await
                .unwrap()
                .len(),
            1
        );
        let filter = DeliveryFilter {
            subscription_id: Some("does not".into()),
            limit: 10,
            ..DeliveryFilter::default()
        };
        let ended = store.deliveries(&filter).await.unwrap().remove(0);
        assert_eq!(
            (ended.state, ended.ended_at),
            (DeliveryState::Filtered, Some(UnixMicros::new(7)))
        );
        assert_eq!(ended.reason.as_deref(), Some("the filter does not hold"));
    });
}

#[test]
fn deliveries_of_an_event_are_stored_leased_settled_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("one", &["a", "b"])).await.unwrap();
        store.create_subscription(subscription("two", &["b"])).await.unwrap();
        store.create_subscription(subscription("any", &["*", "a"])).await.unwrap();
        let mut disabled = subscription("disabled", &["a"]);
        disabled.what.enabled = false;
        store.create_subscription(disabled).await.unwrap();
        let mut other = subscription("other", &["a"]);
        other.what.tenant = "globex".into();
        store.create_subscription(other).await.unwrap();

        let mut stored = Vec::new();
        for (id, kind) in [("1", "a"), ("2", "c")] {
            let mut entry = entry(id, None, 1);
            entry.event.as_mut().unwrap().event_type = kind.to_owned();
            assert_eq!(store.keep(entry, UnixMicros::new(1)).await, Ok(Kept::New));
            stored.push(fan_out(&store, "acme").await);
        }
        assert_eq!(stored, [vec!["any", "one"], vec!["any"]]);
        assert_eq!(
            store.lease(&"one".into(), UnixMicros::new(0), UnixMicros::new(100), 10).await.unwrap(),
            []
        );
        let work =
            store.lease(&"one".into(), UnixMicros::new(5), UnixMicros::new(100), 10).await.unwrap();
        assert_eq!(work.len(), 1);
        assert_eq!(work[0].event.as_ref().unwrap().event_type, "a");
        assert_eq!(
            store
                .lease(&"one".into(), UnixMicros::new(50), UnixMicros::new(100), 10)
                .await
                .unwrap(),
            [],
            "it is leased"
        );
        assert_eq!(store.next_due(&"one".into(), UnixMicros::new(50)).await.unwrap(), None);
        assert_eq!(
            store
                .lease(&"one".into(), UnixMicros::new(100), UnixMicros::new(200), 10)
                .await
                .unwrap()
                .len(),
            1,
            "the lease ended"
        );
        store.end_leases(UnixMicros::new(100)).await.unwrap();
        assert_eq!(
            store.next_due(&"one".into(), UnixMicros::new(100)).await.unwrap(),
            Some(UnixMicros::new(1))
        );
        assert_eq!(store.upcoming(UnixMicros::new(100)).await.unwrap().len(), 2);

        for expected in [false, false, true] {
            let work = store
                .lease(&"one".into(), UnixMicros::new(1000), UnixMicros::new(2000), 10)
                .await
                .unwrap()
                .remove(0);
            let again = update(&work, false, DeliveryOutcome::Again { at: UnixMicros::new(1000) });
            assert_eq!(store.settle(again, UnixMicros::new(1000)).await.unwrap(), expected);
        }
        let record = store.subscription(&"one".into()).await.unwrap().unwrap();
        assert_eq!(record.health, SubscriptionHealth { failures: 3, suspended_at: Some(1000) });
        assert_eq!(record.last_failure.as_deref(), Some("no"));
        let work = store
            .lease(&"one".into(), UnixMicros::new(1000), UnixMicros::new(2000), 10)
            .await
            .unwrap()
            .remove(0);
        assert_eq!((work.delivery.attempts, work.body.as_deref()), (3, Some("{}")));
        let diverted = update(
            &work,
            false,
            DeliveryOutcome::Diverted { cause: DivertCause::Trigger(Trigger::Class(5)) },
        );
        store.settle(diverted, UnixMicros::new(3000)).await.unwrap();
        let event = work.delivery.event_id.clone();
        let stored = DivertedFilter {
            subscription_id: "one".into(),
            event_id: Some(event.clone()),
            listeners: Vec::new(),
        };
        let all = PageRequest { after: None, offset: 0, limit: 10, bytes: 1 << 20 };
        let found = store.diverted_page(&stored, all).await.unwrap().remove(0).1;
        assert_eq!((found.request_id.as_str(), found.cause.name().as_str()), ("1", "5xx"));

        let what = ("one".into(), event.clone());
        let resend = || Change { what: what.clone(), audit: audit(AuditAction::DivertedResend) };
        let first = store.resend(resend(), UnixMicros::new(4000)).await.unwrap().unwrap();
        assert_eq!(
            store.resend(resend(), UnixMicros::new(4000)).await.unwrap(),
            Some(first),
            "it waits already"
        );
        let work = store
            .lease(&"one".into(), UnixMicros::new(4000), UnixMicros::new(5000), 10)
            .await
            .unwrap()
            .remove(0);
        assert!(work.delivery.resent);
        store
            .settle(update(&work, true, DeliveryOutcome::Delivered), UnixMicros::new(4000))
            .await
            .unwrap();
        assert_eq!(store.diverted_page(&stored, all).await.unwrap(), []);
        assert_eq!(store.subscription(&"one".into()).await.unwrap().unwrap().health.failures, 0);
        let filter = AttemptFilter { subscription_id: "one".into(), listeners: Vec::new() };
        let page = PageRequest { after: None, offset: 4, limit: 2, bytes: 1 << 20 };
        assert_eq!(store.count_attempts(&filter).await.unwrap(), 5);
        assert_eq!(store.attempt_page(&filter, page).await.unwrap().len(), 1);
        let missing = Change {
            what: ("two".into(), "none".into()),
            audit: audit(AuditAction::DivertedResend),
        };
        assert_eq!(store.resend(missing, UnixMicros::new(0)).await.unwrap(), None);
    });
}

#[test]
fn retries_scheduled_beyond_any_policy_are_due_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let day = 86_400 * SECOND;
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        let waits = |at: i64| {
            let store = &store;
            async move {
                let mut entry = entry(&at.to_string(), None, at);
                entry.event.as_mut().unwrap().event_type = "a".to_owned();
                store.keep(entry, UnixMicros::new(at)).await.unwrap();
                fan_out(store, "acme").await;
            }
        };
        // By a clock that was a year ahead, and by a correct one.
        waits(365 * day).await;
        waits(2 * SECOND).await;
        assert_eq!(
            store.next_due(&"one".into(), UnixMicros::new(0)).await.unwrap(),
            Some(UnixMicros::new(2 * SECOND))
        );
        store.end_leases(UnixMicros::new(SECOND)).await.unwrap();
        assert_eq!(
            store.next_due(&"one".into(), UnixMicros::new(SECOND)).await.unwrap(),
            Some(UnixMicros::new(SECOND))
        );
        assert_eq!(
            store
                .lease(&"one".into(), UnixMicros::new(SECOND), UnixMicros::new(day), 10)
                .await
                .unwrap()
                .len(),
            1
        );
        // Set back by an hour, what is to come comes an hour earlier, and not what is due.
        store.set_back(3600 * SECOND, UnixMicros::new(SECOND)).await.unwrap();
        assert_eq!(
            store
                .lease(&"one".into(), UnixMicros::new(SECOND), UnixMicros::new(day), 10)
                .await
                .unwrap()
                .len(),
            1
        );
    });
}

#[test]
fn an_update_of_an_outdated_subscription_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        let first = store.subscription(&"one".into()).await.unwrap().unwrap();
        let change = |record: &SubscriptionRecord, sealed: u8| Change {
            what: SubscriptionRecord { sealed: vec![sealed], ..record.clone() },
            audit: audit(AuditAction::SubscriptionsUpdate),
        };
        assert!(store.update_subscription(change(&first, 4)).await.unwrap());
        assert!(!store.update_subscription(change(&first, 5)).await.unwrap());
        assert_eq!(store.subscription(&"one".into()).await.unwrap().unwrap().sealed, [4]);
        let actions: Vec<AuditAction> =
            store.audits(10).await.unwrap().into_iter().map(|one| one.action).collect();
        assert_eq!(actions, [AuditAction::SubscriptionsUpdate, AuditAction::SubscriptionsCreate]);
        let delete =
            || Change { what: "one".into(), audit: audit(AuditAction::SubscriptionsDelete) };
        assert!(store.delete_subscription(delete()).await.unwrap());
        assert!(!store.delete_subscription(delete()).await.unwrap());
        assert_eq!(store.subscriptions(&SubscriptionFilter::default()).await.unwrap(), []);
    });
}

#[test]
fn retention_keeps_events_with_open_deliveries_or_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let short = 10 * SECOND;
    let retention = Retention {
        requests_us: short,
        events_us: short,
        deliveries_us: short,
        diverted_us: 1000 * SECOND,
        refused_us: short,
        challenges_us: short,
        audit_us: short,
        max_bytes: None,
    };
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        for id in ["waiting", "diverted", "delivered", "last"] {
            let mut entry = entry(id, None, 1);
            let kind = if id == "last" { "b" } else { "a" };
            entry.event.as_mut().unwrap().event_type = kind.to_owned();
            store.keep(entry, UnixMicros::new(1)).await.unwrap();
        }
        fan_out(&store, "acme").await;
        for work in
            store.lease(&"one".into(), UnixMicros::new(1), UnixMicros::new(2), 10).await.unwrap()
        {
            let end = match work.event.as_ref().unwrap().request_id.as_str() {
                "waiting" => DeliveryOutcome::Again { at: UnixMicros::new(2000 * SECOND) },
                "diverted" => {
                    DeliveryOutcome::Diverted { cause: DivertCause::Trigger(Trigger::Class(5)) }
                }
                _ => DeliveryOutcome::Delivered,
            };
            let ok = end == DeliveryOutcome::Delivered;
            store.settle(update(&work, ok, end), UnixMicros::new(1)).await.unwrap();
        }
        let pruned = |now: i64| {
            let store = &store;
            async move {
                while store.prune(&retention, UnixMicros::new(now * SECOND), 10).await.unwrap().rows
                    > 0
                {}
                let events = store.events(&events()).await.unwrap();
                events.into_iter().map(|one| one.request_id).collect::<Vec<_>>()
            }
        };
        // The last one stays, so that its sequence number is not used again.
        assert_eq!(pruned(500).await, ["waiting", "diverted", "last"]);
        let left =
            store.deliveries(&DeliveryFilter { limit: 10, ..DeliveryFilter::default() }).await;
        assert_eq!(left.unwrap().len(), 1);
        assert_eq!(pruned(1500).await, ["waiting", "last"]);
        let full = Retention { max_bytes: Some(1), ..retention };
        store.prune(&full, UnixMicros::new(1500 * SECOND), 10).await.unwrap();
        assert_eq!(pruned(1500).await, ["waiting", "last"], "nor for want of room");
    });
}

#[test]
fn the_rejected_request_log_is_sampled_truncated_and_capped() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = SqliteOptions::new(folder.path().join("store.db"), Mode::Serve);
    options.rejected_log = RejectedLogPolicy { per_second: 10, bytes: 100_000, cut: 1000 };
    let store = SqliteStore::open(options).unwrap();
    run(async {
        for at in 0..1000 {
            let mut refused = request(&at.to_string(), 5);
            refused.outcome = Outcome::VerificationFailed;
            refused.body = Some("é".repeat(4000));
            store.record_rejected(refused);
        }
        store.flush().await.unwrap();
        let stored = store.requests(&all()).await.unwrap();
        assert_eq!(stored.len(), 20, "the first ten, and each hundredth");
        assert!(stored.iter().all(|one| one.body.as_ref().unwrap().len() <= 1000));
        assert_eq!(store.rejected_stats().dropped, 980);
        for second in 0..200 {
            let mut refused = request(&format!("later {second}"), second * SECOND);
            refused.outcome = Outcome::VerificationFailed;
            store.record_rejected(refused);
        }
        store.flush().await.unwrap();
        assert!(store.requests(&all()).await.unwrap().len() <= 50);
    });
}

#[test]
fn api_keys_belong_to_tenants_are_revoked_once_and_hide_their_hash() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let key = |id: &str, tenant: &str| Key {
        id: id.to_owned(),
        tenant: tenant.into(),
        kind: KeyKind::Api,
        hash: [0xab; 32],
        scopes: vec![Scope::Send],
        listeners: vec!["one".into()],
        label: "label".to_owned(),
        created_at: UnixMicros::new(1),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    run(async {
        let nobody = store.create_key(key("k", "nobody")).await;
        assert_eq!(nobody, Err(StoreError::Missing("tenant `nobody`".to_owned())));
        let tenant =
            Tenant { id: "acme".into(), name: "Acme".to_owned(), created_at: UnixMicros::new(0) };
        store.create_tenant(tenant.clone()).await.unwrap();
        assert!(matches!(store.create_tenant(tenant).await, Err(StoreError::Exists(_))));
        store.create_key(key("k", "acme")).await.unwrap();
        assert_eq!(store.key("k").await.unwrap(), Some(key("k", "acme")));
        store.touch_key("k", UnixMicros::new(9));
        store.flush().await.unwrap();
        assert_eq!(store.key("k").await.unwrap().unwrap().last_used_at, Some(UnixMicros::new(9)));
        assert_eq!(store.revoke_key("k", UnixMicros::new(5)).await, Ok(true));
        assert_eq!(store.revoke_key("k", UnixMicros::new(6)).await, Ok(false));
        assert_eq!(
            store.keys(Some(&"acme".into())).await.unwrap()[0].revoked_at,
            Some(UnixMicros::new(5))
        );
        let shown = format!("{:?}", key("k", "acme"));
        assert!(!shown.contains("171") && !shown.contains("ab, "), "{shown}");
    });
}
