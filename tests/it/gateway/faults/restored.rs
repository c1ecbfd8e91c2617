//! A backup that was made while deliveries were leased, restored as the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::receiver::{Does, Got, Receiver};
use crate::gateway::subscribed::Subscribed;

const EVENTS: usize = 30;

/// Returns the number of deliveries of each event, with the id of each.
fn came(got: &[Got]) -> BTreeMap<String, Vec<String>> {
    let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in got {
        let event = one.json()["data"]["id"].as_str().unwrap().to_owned();
        came.entry(event).or_default().push(one.header("webhook-id").unwrap().to_owned());
    }
    came
}

#[test]
fn deliveries_leased_during_a_backup_are_sent_after_the_restore() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let hangs = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&hangs);
    let hanging = Receiver::new(move |_, _| match still.load(Ordering::SeqCst) {
        true => Does::Stalls,
        false => Does::Answers(200, "", ""),
    });
    let healthy = Receiver::good();
    let handling = json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
    for receiver in [&hanging, &healthy] {
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    for id in 0..EVENTS {
        gateway.happen("thing.made", &id.to_string());
    }
    healthy.after(EVENTS);
    hanging.after(1);
    let count = |state: &str| {
        let list = ["deliveries", "list", "--state", state, "--limit", "1000", "--format", "json"];
        let list: Value = serde_json::from_str(&subscribed.folder.answer(&list)).unwrap();
        list.as_array().unwrap().len()
    };
    super::until("a delivery is not settled", || count("delivered") == EVENTS);
    let backup = subscribed.folder.path().join("backup.db");
    subscribed.folder.answer(&["backup", backup.to_str().unwrap()]);
    // Events after the backup are lost with the store, and have no other effect.
    gateway.happen("thing.made", "later");
    gateway.kill();
    let store = subscribed.folder.path().join("hookgate.db");
    for beside in ["hookgate.db-wal", "hookgate.db-shm"] {
        std::fs::remove_file(subscribed.folder.path().join(beside)).ok();
    }
    std::fs::rename(&backup, &store).unwrap();
    let before = hanging.got().len();
    hangs.store(false, Ordering::SeqCst);
    let gateway = subscribed.serve();
    super::until("some waiting deliveries are missing", || {
        came(&hanging.got()[before..]).len() == EVENTS && count("waiting") == 0
    });
    // A longer wait, for deliveries that must not come.
    std::thread::sleep(Duration::from_millis(1500));
    for (event, ids) in came(&hanging.got()[before..]) {
        assert_eq!(ids.len(), 1, "event {event} was delivered twice");
    }
    for (event, ids) in came(&hanging.got()) {
        assert!(
            ids.iter().all(|id| *id == ids[0]),
            "event {event} was delivered with two ids: {ids:?}"
        );
    }
    for (event, ids) in came(&healthy.got()) {
        assert_eq!(ids.len(), 1, "event {event} was delivered before the backup");
    }
    assert!(gateway.stop().success());
}
