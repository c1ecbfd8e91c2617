//! A receiver that hangs.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::gateway::receiver::Receiver;
use crate::gateway::subscribed::Subscribed;

#[test]
fn a_hanging_receiver_delays_no_other_and_gets_every_event_after_recovery() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let (hanging, hangs) = Receiver::hanging();
    let healthy = Receiver::healthy();
    let handling = json!({ "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 } });
    for receiver in [&hanging, &healthy] {
        gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    }
    for id in 0..100 {
        gateway.post_event("thing.made", &id.to_string());
    }
    healthy.wait_for(100);
    let list = ["deliveries", "list", "--state", "waiting", "--limit", "1000"];
    super::wait_until("no log line", || {
        subscribed.folder.stdout_of(&list).contains("no answer within 1 s")
    });
    hangs.store(false, Ordering::SeqCst);
    super::wait_until("some deliveries are missing", || {
        let got = hanging.received();
        let ids: std::collections::BTreeSet<String> =
            got.iter().map(|one| one.json()["data"]["id"].as_str().unwrap().to_owned()).collect();
        ids.len() == 100
    });
    super::wait_until("some deliveries wait", || {
        !subscribed.folder.stdout_of(&list).contains("waiting")
    });
}
