//! Rows that another program damaged: each is an error that names it, nothing is delivered for it,
//! and it stops no other row.

use std::path::Path;

use hookgate::gateway::UnixMicros;
use hookgate::gateway::store::{
    AuditStore, DeliveryFilter, DeliveryState, DeliveryStore, DivertedFilter, EventFilter,
    FanOutStore, FanOutTurn, Kept, KeyStore, PageRequest, RequestFilter, RequestStore, SqliteStore,
    StoreError, SubscriptionStore,
};
use serde_json::json;

use super::receiver::Receiver;
use super::store::{WIDE, entry, fan_out, open, run, subscription};
use super::subscribed::Subscribed;

/// Changes rows as another program can.
fn damage(folder: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(folder.join("store.db")).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
}

/// Stores an event of the type `a`. Returns its id.
async fn keep(store: &SqliteStore, tenant: &str, id: &str, at: i64) -> String {
    let mut entry = entry(id, None, at);
    let event = entry.event.as_mut().unwrap();
    (event.event_type, event.tenant) = ("a".to_owned(), tenant.into());
    let event = event.id.to_string();
    assert_eq!(store.keep(entry, UnixMicros::new(at)).await, Ok(Kept::New));
    event
}

/// The events that a subscription has deliveries of, oldest first.
async fn delivered(store: &SqliteStore, subscription: &str) -> Vec<String> {
    let subscription_id = Some(subscription.into());
    let filter = DeliveryFilter { subscription_id, limit: 100, ..DeliveryFilter::default() };
    let found = store.deliveries(&filter).await.unwrap();
    found.into_iter().rev().map(|one| one.event_id.to_string()).collect()
}

fn bad_row<T>(found: Result<T, StoreError>) -> String {
    match found.err() {
        Some(error @ StoreError::BadRow { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_delivery_is_not_leased_out_and_the_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        let mut events = Vec::new();
        for id in 1..=4 {
            events.push(keep(&store, "acme", &id.to_string(), id).await);
        }
        fan_out(&store, "acme").await;
        damage(folder.path(), "UPDATE deliveries SET attempts = 'nonsense' WHERE id = 1");
        damage(folder.path(), "UPDATE deliveries SET body = x'ff' WHERE id = 2");
        // The content of an event is read with the lease.
        let content = format!("UPDATE events SET data = x'05000000' WHERE id = '{}'", events[2]);
        damage(folder.path(), &content);
        let leased = store
            .lease(&"one".into(), UnixMicros::new(10), UnixMicros::new(100), 10)
            .await
            .unwrap();
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].delivery.event_id, *events[3]);
        assert!(
            store
                .lease(&"one".into(), UnixMicros::new(20), UnixMicros::new(100), 10)
                .await
                .unwrap()
                .is_empty(),
            "not at once"
        );
        // The number of the lease cannot be used up by damaged deliveries.
        assert!(
            store
                .lease(&"one".into(), UnixMicros::new(200), UnixMicros::new(300), 1)
                .await
                .unwrap()
                .is_empty()
        );
        damage(folder.path(), "UPDATE deliveries SET attempts = 0 WHERE id = 1");
        let ids: Vec<i64> = store
            .lease(&"one".into(), UnixMicros::new(400), UnixMicros::new(500), 10)
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.delivery.id)
            .collect();
        assert_eq!(ids, [1, 4], "a mended row is delivered");
        let content = store.delivery_content(2).await;
        let expected = "the store is damaged: the row 2 of the table `deliveries` cannot be \
            decoded, because `body` is a blob of 1 bytes";
        assert_eq!(bad_row(content), expected);
    });
}

#[test]
fn a_damaged_time_does_not_hide_the_due_deliveries_of_other_subscriptions() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for id in ["one", "two"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        keep(&store, "acme", "1", 1).await;
        fan_out(&store, "acme").await;
        damage(folder.path(), "UPDATE deliveries SET next_at = 'x' WHERE subscription_id = 'one'");
        let upcoming = store.upcoming(UnixMicros::new(10)).await.unwrap();
        assert_eq!(upcoming.len(), 1);
        assert_eq!(upcoming[0].subscription_id, *"two");
    });
}

#[test]
fn damaged_events_subscriptions_and_tenants_do_not_stop_the_fan_out_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for id in ["bad", "good"] {
            store.create_subscription(subscription(id, &["a"])).await.unwrap();
        }
        let mut other = subscription("other", &["a"]);
        other.what.tenant = "globex".into();
        store.create_subscription(other).await.unwrap();
        let first = keep(&store, "acme", "1", 1).await;
        let second = keep(&store, "acme", "2", 2).await;
        damage(
            folder.path(),
            &format!("UPDATE events SET event_type = 7 || x'ff' WHERE id = '{first}'"),
        );
        damage(folder.path(), "UPDATE subscriptions SET version = 'x' WHERE id = 'bad'");
        damage(
            folder.path(),
            "UPDATE tenant_backlogs SET waiting_rows = 'x' WHERE tenant = 'globex'",
        );
        assert_eq!(fan_out(&store, "acme").await, ["good"]);
        assert_eq!(delivered(&store, "good").await, [second]);
        assert!(delivered(&store, "bad").await.is_empty(), "nothing goes to the wrong place");
        assert!(bad_row(store.subscription(&"bad".into()).await).contains("`version` is `x`"));
        // The progress of a tenant.
        keep(&store, "acme", "3", 3).await;
        let event = keep(&store, "globex", "4", 4).await;
        damage(
            folder.path(),
            "UPDATE tenant_backlogs SET waiting_rows = 0 WHERE tenant = 'globex'",
        );
        damage(folder.path(), "UPDATE fanouts SET place = 'x' WHERE tenant = 'acme'");
        let turns = ["acme", "globex"].map(FanOutTurn::without_filters);
        let fanned = store.fan_out(turns.into(), WIDE, 100, UnixMicros::new(5)).await.unwrap();
        assert!(fanned[0].subscriptions.is_empty());
        assert_eq!(fanned[1].subscriptions, ["other"]);
        assert_eq!(delivered(&store, "other").await, [event]);
    });
}

#[test]
fn a_list_of_events_leaves_out_a_damaged_one_and_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        let mut events = Vec::new();
        for id in 1..=3 {
            events.push(keep(&store, "acme", &id.to_string(), id).await);
        }
        let hops = format!("UPDATE events SET hops = -1 WHERE id = '{}'", events[0]);
        damage(folder.path(), &hops);
        let filter = EventFilter { limit: 1, ..EventFilter::default() };
        let found = store.events(&filter).await.unwrap();
        assert_eq!((found.len(), found[0].id.to_string()), (1, events[1].clone()));
        let error = bad_row(store.event(&events[0].as_str().into()).await);
        let expected = format!("the row `{}` of the table `events`", events[0]);
        assert!(error.contains(&expected) && error.ends_with("`hops` is -1"), "{error}");
    });
}

#[test]
fn names_and_times_that_cannot_be_decoded_are_errors_and_no_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        store.create_subscription(subscription("one", &["a"])).await.unwrap();
        keep(&store, "acme", "1", 1).await;
        fan_out(&store, "acme").await;
        for sql in [
            "UPDATE requests SET outcome = 'wonderful'",
            "UPDATE deliveries SET state = 'wonderful'",
            "UPDATE audit SET action = 'wonderful'",
            "INSERT INTO diverted (subscription_id, event_id, request_id, at, failed, message)
             VALUES ('one', 'e', 'r', 1, '999', '')",
            "INSERT INTO tenants VALUES ('acme', 'Acme', 1)",
            "INSERT INTO keys VALUES ('k', 'acme', 'api', zeroblob(32), '[\"wonderful\"]', '[]', '',
             1, NULL, NULL, NULL)",
        ] {
            damage(folder.path(), sql);
        }
        damage(folder.path(), "UPDATE tenants SET created_at = 9223372036854775807");
        assert!(bad_row(store.tenants().await).ends_with("`created_at` is 9223372036854775807"));
        assert!(bad_row(store.request(&"1".into()).await).ends_with("`outcome` is `wonderful`"));
        assert!(bad_row(store.key("k").await).ends_with("`scopes` is `[\\\"wonderful\\\"]`"));
        assert!(bad_row(store.audits(10).await).ends_with("`action` is `wonderful`"));
        let all = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
        assert!(bad_row(store.deliveries(&all).await).ends_with("`state` is `wonderful`"));
        let filter = DivertedFilter { subscription_id: "one".into(), ..DivertedFilter::default() };
        let page = PageRequest { after: None, offset: 0, limit: 10, bytes: 1000 };
        assert!(store.diverted_page(&filter, page).await.unwrap().is_empty());
        let filter = RequestFilter { limit: 10, ..RequestFilter::default() };
        assert!(store.requests(&filter).await.unwrap().is_empty());
        let waiting = DeliveryFilter { state: Some(DeliveryState::Waiting), ..all };
        assert!(store.deliveries(&waiting).await.unwrap().is_empty());
    });
}

#[test]
fn a_damaged_subscription_gets_nothing_is_logged_and_stops_no_other() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let (bad, good) = (Receiver::healthy(), Receiver::healthy());
    let retries = json!({ "divert": true });
    gateway.subscribe(&subscribed.key, &bad.url(), &retries);
    gateway.subscribe(&subscribed.key, &good.url(), &retries);
    gateway.post_event("thing.made", "1");
    bad.wait_for(1);
    good.wait_for(1);
    gateway.stop();
    let path = subscribed.folder.path().join("hookgate.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    let first = "(SELECT min(place) FROM subscriptions)";
    let damage = format!("UPDATE subscriptions SET failures = 'x' WHERE place = {first}");
    connection.execute(&damage, []).unwrap();
    let gateway = subscribed.serve();
    gateway.post_event("thing.made", "2");
    good.wait_for(2);
    let log = gateway.wait_for_log("nothing is delivered");
    assert!(log.contains("`failures` is `x`"), "{log}");
    assert_eq!(bad.received().len(), 1, "only the event before the damage");
}
