//! The hostile traffic of the soak test: sessions of every kind, each from another address.

use std::time::Duration;

use serde_json::Value;

use crate::gateway::floods::client::run_clients;
use crate::gateway::floods::sender::Flood;
use crate::gateway::floods::target::Target;
use crate::gateway::floods::{github, http2, tenants, unauthenticated};

/// The number of concurrent clients.
const CLIENTS: usize = 96;

pub(super) fn run(target: &Target, flood: &Flood) {
    let list = tenants::managed(target, "GET", "/event/evil/events/list?count=1000", &Value::Null);
    let stream = tenants::managed(target, "GET", "/events/stream", &Value::Null);
    run_clients(flood, CLIENTS, |client| {
        let (list, stream) = (&list, &stream);
        async move {
            session(target, flood, client, list, stream).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

async fn session(target: &Target, flood: &Flood, client: usize, list: &[u8], stream: &[u8]) {
    let number = flood.next();
    let route = target.route(number % 5000);
    match client % 24 {
        0..4 => unauthenticated::silence(flood, route, number).await,
        4..6 => unauthenticated::slow_head(flood, route).await,
        6 => unauthenticated::stalled_body(flood, route).await,
        7..9 => http2::heads(flood, route.from, route.senders, &github(), number).await,
        9 => http2::pings(flood, route.from, route.senders).await,
        10 => http2::control(flood, route.from, route.senders, number).await,
        11 => http2::unread(flood, route.from, route.senders).await,
        12 => unauthenticated::unread(flood, route).await,
        13 => unauthenticated::forged(flood, route).await,
        14 => unauthenticated::bombs(flood, route).await,
        15 => unauthenticated::large_bodies(flood, route).await,
        16..18 => unauthenticated::challenges(flood, route, number).await,
        18 => unauthenticated::guesses(flood, route, number).await,
        19 => unauthenticated::readiness(flood, route).await,
        20 => tenants::listed(flood, route, list).await,
        21..23 => tenants::follow_unread(flood, route, stream).await,
        // For hanging receivers.
        _ => tenants::send_events(flood, route, &tenants::event(number, 10)).await,
    }
}
