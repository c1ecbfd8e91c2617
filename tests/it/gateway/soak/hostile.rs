//! The hostile traffic of the soak test: sessions of every kind, each from another address.

use std::time::Duration;

use serde_json::Value;

use crate::gateway::floods::beside::Flood;
use crate::gateway::floods::client::crowd;
use crate::gateway::floods::stage::Stage;
use crate::gateway::floods::{github, http2, strangers, tenants};

/// The number of concurrent clients.
const CLIENTS: usize = 96;

pub(super) fn run(stage: &Stage, flood: &Flood) {
    let list = tenants::managed(stage, "GET", "/event/evil/events/list?count=1000", &Value::Null);
    let stream = tenants::managed(stage, "GET", "/events/stream", &Value::Null);
    crowd(flood, CLIENTS, |client| {
        let (list, stream) = (&list, &stream);
        async move {
            session(stage, flood, client, list, stream).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

async fn session(stage: &Stage, flood: &Flood, client: usize, list: &[u8], stream: &[u8]) {
    let number = flood.next();
    let way = stage.way(number % 5000);
    match client % 24 {
        0..4 => strangers::silence(flood, way, number).await,
        4..6 => strangers::slow_head(flood, way).await,
        6 => strangers::stalled_body(flood, way).await,
        7..9 => http2::heads(flood, way.from, way.senders, &github(), number).await,
        9 => http2::pings(flood, way.from, way.senders).await,
        10 => http2::control(flood, way.from, way.senders, number).await,
        11 => http2::unread(flood, way.from, way.senders).await,
        12 => strangers::unread(flood, way).await,
        13 => strangers::forged(flood, way).await,
        14 => strangers::bombs(flood, way).await,
        15 => strangers::large_bodies(flood, way).await,
        16..18 => strangers::challenges(flood, way, number).await,
        18 => strangers::guesses(flood, way, number).await,
        19 => strangers::readiness(flood, way).await,
        20 => tenants::listed(flood, way, list).await,
        21..23 => tenants::follow_unread(flood, way, stream).await,
        // For hanging receivers.
        _ => tenants::send_events(flood, way, &tenants::event(number, 10)).await,
    }
}
