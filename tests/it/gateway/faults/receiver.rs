//! A receiver that hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::gateway::receiver::{Does, Receiver};
use crate::gateway::subscribed::Subscribed;

#[test]
fn a_hanging_receiver_delays_no_other_and_gets_every_event_after_recovery() {
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
    for id in 0..100 {
        gateway.happen("thing.made", &id.to_string());
    }
    healthy.after(100);
    let list = ["deliveries", "list", "--state", "waiting", "--limit", "1000"];
    super::until("no log line", || {
        subscribed.folder.answer(&list).contains("no answer within 1 s")
    });
    hangs.store(false, Ordering::SeqCst);
    super::until("some deliveries are missing", || {
        let got = hanging.got();
        let ids: std::collections::BTreeSet<String> =
            got.iter().map(|one| one.json()["data"]["id"].as_str().unwrap().to_owned()).collect();
        ids.len() == 100
    });
    super::until("some deliveries wait", || !subscribed.folder.answer(&list).contains("waiting"));
}
