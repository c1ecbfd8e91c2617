//! Fan-out: each subscription gets each event once, through every interruption between accepting
//! and sending, and the subscriptions of one tenant do not slow down the others.

use std::collections::BTreeSet;
use std::path::Path;

use hookgate::gateway::store::{
    BacklogLimits, DeliveryFilter, DeliveryState, DeliveryStore, DivertedFilter, DivertedRecord,
    EventFilter, FanOutStore, FanOutTurn, Kept, MaintenanceStore, Mode, PageRequest, RequestStore,
    Retention, SqliteOptions, SqliteStore, SubscriptionStore,
};
use hookgate::gateway::{EventId, TenantId, UnixMicros};

use super::store::{WIDE, entry, fan_out, open, run, settled, step, subscription};

const SECOND: i64 = 1_000_000;

/// Stores an event of a type, at a time.
async fn keep(store: &SqliteStore, tenant: &str, id: &str, kind: &str, at: i64) {
    let mut entry = entry(id, None, at);
    let event = entry.event.as_mut().unwrap();
    (event.event_type, event.tenant) = (kind.to_owned(), tenant.into());
    assert_eq!(store.keep(entry, UnixMicros::new(at)).await, Ok(Kept::New));
}

fn rows(folder: &Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.join("store.db")).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Ends a store like a kill: nothing is closed, and a copy of the files is opened.
fn killed(store: SqliteStore, from: &Path, to: &Path) -> SqliteStore {
    std::mem::forget(store);
    for name in ["store.db", "store.db-wal"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    open(to)
}

#[test]
fn fan_out_resumes_after_kills_and_writes_each_delivery_once() {
    let folders: Vec<_> = (0..60).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut store = open(folders[0].path());
    run(async {
        for number in 0..40 {
            let kinds: &[&str] = if number % 4 == 0 { &["a", "*"] } else { &["a"] };
            store.create_subscription(subscription(&format!("s{number}"), kinds)).await.unwrap();
        }
        for id in 0..5 {
            keep(&store, "acme", &id.to_string(), "a", id).await;
        }
    });
    let mut steps = 0;
    let mut last = folders[0].path();
    for folder in folders.iter().skip(1) {
        store = killed(store, last, folder.path());
        last = folder.path();
        assert_eq!(run(store.pending_tenants()).unwrap(), ["acme"]);
        // Seven of forty: no step ends at the end of an event.
        let fanned = run(step(&store, FanOutTurn::without_filters("acme"), 7));
        assert!(fanned.subscriptions.len() <= 7, "{fanned:?}");
        steps += 1;
        if !fanned.more {
            break;
        }
    }
    assert!(steps > 28, "{steps}");
    assert_eq!(run(store.pending_tenants()).unwrap(), Vec::<TenantId>::new());
    assert_eq!(rows(last, "SELECT count(*) FROM deliveries"), 200);
    let distinct =
        "SELECT count(*) FROM (SELECT DISTINCT subscription_id, event_id FROM deliveries)";
    assert_eq!(rows(last, distinct), 200);
}

#[test]
fn fan_out_steps_are_fair_between_tenants_and_keep_event_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for number in 0..300 {
            store.create_subscription(subscription(&format!("s{number}"), &["a"])).await.unwrap();
        }
        let mut one = subscription("other", &["a"]);
        one.what.tenant = "globex".into();
        store.create_subscription(one).await.unwrap();
        for id in 0..10 {
            keep(&store, "acme", &format!("a{id}"), "a", id).await;
        }
        keep(&store, "globex", "g", "a", 11).await;
        let turns = ["acme", "globex"].map(FanOutTurn::without_filters).to_vec();
        let fanned = store.fan_out(turns, WIDE, 64, UnixMicros::new(0)).await.unwrap();
        // Fewer than half if the step took too long.
        assert!((16..=32).contains(&fanned[0].subscriptions.len()), "{fanned:?}");
        assert!(fanned[0].more);
        assert_eq!((fanned[1].subscriptions.len(), fanned[1].more), (1, false));
        let filter = DeliveryFilter { limit: 1000, ..DeliveryFilter::default() };
        fan_out(&store, "acme").await;
        let mut all = store.deliveries(&filter).await.unwrap();
        all.retain(|one| one.tenant == "acme" && one.subscription_id == "s7");
        let mut order: Vec<EventId> = all.iter().map(|one| one.event_id.clone()).collect();
        order.reverse();
        assert!(order.is_sorted(), "{order:?}");
    });
}

#[test]
fn fan_out_uses_older_subscriptions_in_their_current_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for id in ["stays", "goes", "changes", "is disabled"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        keep(&store, "acme", "1", "a", 1).await;
        store.create_subscription(subscription("comes", &["a"])).await.unwrap();
        let audit = subscription("", &[]).audit;
        let change = |what| hookgate::gateway::store::Change { what, audit: audit.clone() };
        let mut record = store.subscription(&"changes".into()).await.unwrap().unwrap();
        record.events = vec!["b".to_owned()];
        assert!(store.update_subscription(change(record)).await.unwrap());
        let mut record = store.subscription(&"is disabled".into()).await.unwrap().unwrap();
        record.enabled = false;
        assert!(store.update_subscription(change(record)).await.unwrap());
        let gone = hookgate::gateway::store::Change { what: "goes".into(), audit };
        assert!(store.delete_subscription(gone).await.unwrap());
        assert_eq!(fan_out(&store, "acme").await, ["stays"]);
        keep(&store, "acme", "2", "a", 2).await;
        assert_eq!(fan_out(&store, "acme").await, ["comes", "stays"]);
    });
}

#[test]
fn an_event_is_never_pruned_before_its_fan_out_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (short, now) = (10 * SECOND, 1000 * SECOND);
    let retention = Retention {
        requests_us: short,
        events_us: short,
        deliveries_us: short,
        diverted_us: short,
        refused_us: short,
        challenges_us: short,
        audit_us: short,
        max_bytes: Some(1),
    };
    run(async {
        for id in ["one", "two"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        for id in ["1", "2", "3"] {
            keep(&store, "acme", id, "a", 1).await;
        }
        // A table is examined once in a round, and a round starts later than the end of the
        // previous one.
        let store = &store;
        let left = |round: i64| async move {
            let now = now + round * SECOND;
            while store.prune(&retention, UnixMicros::new(now), 10).await.unwrap().rows > 0 {}
            let filter = EventFilter { limit: 10, ..EventFilter::default() };
            store.events(&filter).await.unwrap().len()
        };
        assert_eq!(left(1).await, 3);
        // Half of the first event.
        step(store, FanOutTurn::without_filters("acme"), 1).await;
        settled(store, "one", 1).await;
        assert_eq!(left(2).await, 3);
        fan_out(store, "acme").await;
        settled(store, "one", 2).await;
        settled(store, "two", 3).await;
        // The last event stays, so that its sequence number is not used again.
        assert_eq!(left(3).await, 1);
    });
}

#[test]
fn accepting_an_event_costs_the_same_with_two_thousand_subscriptions() {
    let cost = |subscriptions: usize| {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        run(async {
            for number in 0..subscriptions {
                let created = subscription(&format!("s{number}"), &["a"]);
                store.create_subscription(created).await.unwrap();
            }
            let log = folder.path().join("store.db-wal");
            let length = || std::fs::metadata(&log).unwrap().len();
            let mut cost = Vec::new();
            for id in 0..20 {
                let before = length();
                keep(&store, "acme", &id.to_string(), "a", id).await;
                // A checkpoint in between makes the log shorter.
                cost.extend(length().checked_sub(before));
            }
            assert_eq!(store.waiting_rows().await, Ok(0));
            cost.sort_unstable();
            cost[cost.len() / 2]
        })
    };
    let (few, many) = (cost(1), cost(2000));
    assert!(many <= few + 4200, "{few} bytes of log with one subscription, {many} with 2000");
}

/// A limit, and a way to reach it.
fn limited(change: impl FnOnce(&mut BacklogLimits)) -> BacklogLimits {
    let mut limits = WIDE;
    change(&mut limits);
    limits
}

/// Returns the number of dead letters of a subscription.
async fn dead_letters(store: &SqliteStore, subscription: &str) -> Vec<DivertedRecord> {
    let filter = DivertedFilter {
        subscription_id: subscription.into(),
        event_id: None,
        listeners: Vec::new(),
    };
    let page = PageRequest { after: None, offset: 0, limit: 1000, bytes: 1 << 30 };
    let page = store.diverted_page(&filter, page).await.unwrap();
    page.into_iter().map(|(_, record)| record).collect()
}

/// Returns the events that are dead letters of a subscription, with the reasons.
async fn diverted(store: &SqliteStore, subscription: &str) -> Vec<(String, String)> {
    let all = dead_letters(store, subscription).await;
    all.into_iter()
        .map(|one| (one.request_id.to_string(), format!("{}: {}", one.cause.name(), one.message)))
        .collect()
}

#[test]
fn the_oldest_deliveries_of_a_full_backlog_become_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        store.create_subscription(subscription("two", &["b"])).await.unwrap();
        let limits = limited(|limits| limits.rows = 5);
        for id in 0..12 {
            keep(&store, "acme", &id.to_string(), "a", id).await;
            let turns = vec![FanOutTurn::without_filters("acme")];
            let fanned =
                store.fan_out(turns, limits, 100, UnixMicros::new(20)).await.unwrap().remove(0);
            assert_eq!(fanned.diverted.len(), usize::from(id >= 5));
        }
        let backlog = store.backlog(&"one".into()).await.unwrap();
        assert_eq!((backlog.rows, backlog.tenant_rows), (5, 5));
        let dead = diverted(&store, "one").await;
        let ids: Vec<&str> = dead.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6"]);
        assert!(dead[0].1.starts_with("backlog: ") && dead[0].1.contains("delivery.waiting_rows"));
        let accepted = store
            .lease(&"one".into(), UnixMicros::new(20), UnixMicros::new(100), 10)
            .await
            .unwrap();
        assert_eq!(accepted[0].event.as_ref().unwrap().request_id, "7", "the newest still wait");

        // Leased deliveries are not dead-lettered.
        let limits = limited(|limits| limits.rows = 1);
        assert_eq!(store.trim(limits, 100, UnixMicros::new(20)).await.unwrap().diverted, []);
        let trimmed = store.trim(limits, 100, UnixMicros::new(100)).await.unwrap();
        assert_eq!(trimmed.diverted, [("one".into(), 4)]);
        assert_eq!(store.backlog(&"two".into()).await.unwrap().rows, 0);
    });
}

#[test]
fn backlogs_are_bounded_by_bytes_and_age_for_tenants_and_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("large", &["a", "b"])).await.unwrap();
        store.create_subscription(subscription("small", &["b"])).await.unwrap();
        for id in 0..8 {
            let kind = if id < 6 { "a" } else { "b" };
            keep(&store, "acme", &id.to_string(), kind, id * SECOND).await;
        }
        fan_out(&store, "acme").await;
        let bytes = store.backlog(&"large".into()).await.unwrap().bytes;
        assert!(bytes > 8 * 20, "{bytes}");
        let trim = |limits: BacklogLimits, now: i64| {
            let store = &store;
            async move { while store.trim(limits, 100, UnixMicros::new(now)).await.unwrap().more {} }
        };
        let rows = || async {
            let (large, small) =
                (store.backlog(&"large".into()).await, store.backlog(&"small".into()).await);
            (large.unwrap().rows, small.unwrap().rows)
        };
        trim(limited(|limits| limits.bytes = bytes - 1), 9 * SECOND).await;
        assert_eq!(rows().await, (7, 2));
        trim(limited(|limits| limits.age_us = 6 * SECOND), 9 * SECOND).await;
        assert_eq!(rows().await, (5, 2), "older than six seconds");
        trim(limited(|limits| limits.tenant_rows = 6), 9 * SECOND).await;
        let (large, small) = rows().await;
        assert_eq!(large + small, 6);
        trim(limited(|limits| limits.total_rows = 1), 9 * SECOND).await;
        let (large, small) = rows().await;
        assert_eq!(large + small, 1);
        let reasons: BTreeSet<String> =
            diverted(&store, "large").await.into_iter().map(|(_, reason)| reason).collect();
        for env_number in
            ["waiting_bytes", "waiting_age", "waiting_rows_per_tenant", "waiting_rows_total"]
        {
            assert!(
                reasons.iter().any(|one| one.contains(env_number)),
                "{env_number}: {reasons:?}"
            );
        }
        // Even the smallest limit keeps the newest delivery, so that one is sent.
        trim(limited(|limits| limits.bytes = 1), 9 * SECOND).await;
        assert_eq!(rows().await.0 + rows().await.1, 1);
    });
}

#[test]
fn dead_letters_are_bounded_in_number_and_events_are_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for id in ["one", "two"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        for id in 0..10 {
            keep(&store, "acme", &id.to_string(), "a", id).await;
        }
        fan_out(&store, "acme").await;
        let all = limited(|limits| limits.age_us = 0);
        while store.trim(all, 100, UnixMicros::new(SECOND)).await.unwrap().more {}
        assert_eq!(diverted(&store, "one").await.len(), 10);
        let few = limited(|limits| limits.dead_letter_rows = 3);
        let trimmed = store.trim(few, 100, UnixMicros::new(SECOND)).await.unwrap();
        assert_eq!(trimmed.deleted, 14);
        let left: Vec<String> =
            diverted(&store, "one").await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(left, ["7", "8", "9"]);
        let few = limited(|limits| limits.dead_letter_rows_per_tenant = 2);
        while store.trim(few, 100, UnixMicros::new(SECOND)).await.unwrap().deleted > 0 {}
        let left = diverted(&store, "one").await.len() + diverted(&store, "two").await.len();
        assert!(left <= 2, "{left}");
    });
}

#[test]
fn backlog_counters_stay_exact_through_all_delivery_states() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for id in ["one", "two", "three"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        for id in 0..30 {
            keep(&store, "acme", &id.to_string(), "a", id).await;
        }
        fan_out(&store, "acme").await;
        settled(&store, "one", 4).await;
        let limits = limited(|limits| limits.rows = 20);
        while store.trim(limits, 7, UnixMicros::new(40)).await.unwrap().more {}
        let dead = dead_letters(&store, "two").await.remove(0);
        let audit = subscription("", &[]).audit;
        for _ in 0..2 {
            let what = ("two".into(), dead.event_id.clone());
            let change = hookgate::gateway::store::Change { what, audit: audit.clone() };
            store.resend(change, UnixMicros::new(50)).await.unwrap().unwrap();
            settled(&store, "two", 30).await;
        }
        let gone = hookgate::gateway::store::Change { what: "three".into(), audit };
        store.delete_subscription(gone).await.unwrap();
        store.close().await.unwrap();
    });
    let wrong =
        "SELECT count(*) FROM backlogs WHERE waiting_rows <> (SELECT count(*) FROM deliveries
        WHERE deliveries.subscription_id = backlogs.subscription_id AND state = 'waiting')
        OR waiting_bytes <> (SELECT coalesce(sum(bytes + coalesce(octet_length(body), 0)), 0)
        FROM deliveries WHERE deliveries.subscription_id = backlogs.subscription_id
        AND state = 'waiting')
        OR dead_letter_rows <> (SELECT count(*) FROM diverted
        WHERE diverted.subscription_id = backlogs.subscription_id)";
    assert_eq!(rows(folder.path(), wrong), 0);
    assert_eq!(rows(folder.path(), "SELECT count(*) FROM backlogs"), 2);
    let tenants = "SELECT count(*) FROM tenant_backlogs WHERE subscriptions = 2 AND waiting_rows =
        (SELECT sum(waiting_rows) FROM backlogs) AND dead_letter_rows =
        (SELECT sum(dead_letter_rows) FROM backlogs)
        AND body_bytes = (SELECT sum(octet_length(body)) FROM deliveries)";
    assert_eq!(rows(folder.path(), tenants), 1);
}

#[test]
fn a_store_without_fan_out_is_migrated_and_repeats_no_fan_out() {
    let folder = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    old.execute_batch(include_str!("../../cases/store/version_3.sql")).unwrap();
    drop(old);
    let store = open(folder.path());
    run(async {
        assert_eq!(store.pending_tenants().await.unwrap(), Vec::<TenantId>::new());
        assert_eq!(fan_out(&store, "acme").await, Vec::<String>::new());
        let backlog = store.backlog(&"one".into()).await.unwrap();
        assert_eq!((backlog.rows, backlog.bytes), (2, 7 + 9 + 2));
        let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
        let resent = store.deliveries(&filter).await.unwrap();
        let of = |id: i64| resent.iter().find(|one| one.id == id).unwrap();
        assert_eq!([1, 2, 3, 4].map(|id| of(id).resent), [false, true, true, false]);
        assert_eq!((of(4).notice, of(4).state), (true, DeliveryState::Waiting));
        // New events are fanned out.
        keep(&store, "acme", "later", "a", 9).await;
        assert_eq!(fan_out(&store, "acme").await, ["one"]);
        store.close().await.unwrap();
    });
    drop(store);
    let beside = SqliteOptions::new(folder.path().join("store.db"), Mode::Command);
    SqliteStore::open(beside).unwrap();
}
