//! A backup that was made while deliveries were leased, restored as the store.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::receiver::{ReceivedRequest, Receiver};
use crate::gateway::subscribed::Subscribed;

const EVENTS: usize = 30;

/// Returns the number of deliveries of each event, with the id of each.
fn deliveries_by_event(got: &[ReceivedRequest]) -> BTreeMap<String, Vec<String>> {
    let mut delivered: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in got {
        let event = one.json()["data"]["id"].as_str().unwrap().to_owned();
        delivered.entry(event).or_default().push(one.header("webhook-id").unwrap().to_owned());
    }
    delivered
}

#[test]
fn deliveries_leased_during_a_backup_are_sent_after_the_restore() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let (hanging, hangs) = Receiver::hanging();
    let healthy = Receiver::healthy();
    let handling = json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
    for receiver in [&hanging, &healthy] {
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    for id in 0..EVENTS {
        gateway.post_event("thing.made", &id.to_string());
    }
    healthy.wait_for(EVENTS);
    hanging.wait_for(1);
    let count = |state: &str| {
        let list = ["deliveries", "list", "--state", state, "--limit", "1000", "--format", "json"];
        let list: Value = serde_json::from_str(&subscribed.folder.stdout_of(&list)).unwrap();
        list.as_array().unwrap().len()
    };
    super::wait_until("a delivery is not settled", || count("delivered") == EVENTS);
    let backup = subscribed.folder.path().join("backup.db");
    subscribed.folder.stdout_of(&["backup", backup.to_str().unwrap()]);
    // Events after the backup are lost with the store, and have no other effect.
    gateway.post_event("thing.made", "later");
    gateway.kill();
    let store = subscribed.folder.path().join("hookgate.db");
    for beside in ["hookgate.db-wal", "hookgate.db-shm"] {
        std::fs::remove_file(subscribed.folder.path().join(beside)).ok();
    }
    std::fs::rename(&backup, &store).unwrap();
    let before = hanging.received().len();
    hangs.store(false, Ordering::SeqCst);
    let gateway = subscribed.serve();
    super::wait_until("some waiting deliveries are missing", || {
        deliveries_by_event(&hanging.received()[before..]).len() == EVENTS && count("waiting") == 0
    });
    // A longer wait, for deliveries that must not come.
    std::thread::sleep(Duration::from_millis(1500));
    for (event, ids) in deliveries_by_event(&hanging.received()[before..]) {
        assert_eq!(ids.len(), 1, "event {event} was delivered twice");
    }
    for (event, ids) in deliveries_by_event(&hanging.received()) {
        assert!(
            ids.iter().all(|id| *id == ids[0]),
            "event {event} was delivered with two ids: {ids:?}"
        );
    }
    for (event, ids) in deliveries_by_event(&healthy.received()) {
        assert_eq!(ids.len(), 1, "event {event} was delivered before the backup");
    }
    assert!(gateway.stop().success());
}
