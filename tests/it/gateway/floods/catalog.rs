//! The floods from many addresses, and the floods of a tenant.

use super::beside::Flood;
use super::client::crowd;
use super::http2;
use super::stage::Stage;
use super::strangers;
use super::tenants;

/// A flood with its name.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Additional keys of the listener that accepts any request.
    pub(super) listener: &'static str,
    /// Creates the input of the flood before the sender starts.
    pub(super) prepare: fn(&Stage, &Flood),
    pub(super) flood: fn(&Stage, &Flood),
    /// True if requests of the flood may be answered with 200.
    pub(super) taken: bool,
}

const fn stranger(name: &'static str, flood: fn(&Stage, &Flood)) -> Kind {
    Kind { name, listener: "", prepare: |_, _| {}, flood, taken: false }
}

const fn tenant(
    name: &'static str,
    prepare: fn(&Stage, &Flood),
    flood: fn(&Stage, &Flood),
) -> Kind {
    Kind { name, listener: "", prepare, flood, taken: true }
}

/// Paths for HTTP/2 request heads: a listener, the token endpoint, an unknown listener, an unknown
/// path.
fn path(client: usize) -> String {
    match client / 2 % 4 {
        0 => super::github(),
        1 => "/oauth/v1/token".to_owned(),
        2 => "/webhooks/v1/listeners/00000000-0000-4000-8000-000000000000/notify".to_owned(),
        _ => "/nothing".to_owned(),
    }
}

/// Unauthenticated clients, from many addresses.
pub(super) const STRANGERS: &[Kind] = &[
    stranger("silent connections and prefaces, 10,000 from 10,000 addresses", |stage, flood| {
        crowd(flood, flood.size(10_000, 200), |client| {
            strangers::silence(flood, stage.way(client), client)
        });
    }),
    stranger("silent connections, 12,000 from one address", |stage, flood| {
        crowd(flood, flood.size(12_000, 200), |client| {
            strangers::silence(flood, stage.way(0), client)
        });
    }),
    stranger("HTTP/2 heads of 32 KiB, 100 streams, 300 connections", |stage, flood| {
        crowd(flood, flood.size(300, 30), |client| heads(stage, flood, client));
    }),
    stranger("HTTP/2 peers that only answer PING, 1,000", |stage, flood| {
        crowd(flood, flood.size(1000, 50), |client| {
            http2::pings(flood, stage.way(client).from, stage.senders)
        });
    }),
    stranger("HTTP/2 control frames of seven kinds, 16 connections", |stage, flood| {
        crowd(flood, 16, |client| {
            http2::control(flood, stage.way(client).from, stage.senders, client)
        });
    }),
    stranger("unread HTTP/2 responses, 200 connections", |stage, flood| {
        crowd(flood, flood.size(200, 20), |client| {
            http2::unread(flood, stage.way(client).from, stage.senders)
        });
    }),
    stranger("unread HTTP/1.1 responses, 200 connections", |stage, flood| {
        crowd(flood, flood.size(200, 20), |client| strangers::unread(flood, stage.way(client)));
    }),
    stranger("128 forged signatures × 1 MB, 16 at a time, one address", |stage, flood| {
        crowd(flood, flood.size(16, 4), |_| strangers::forged(flood, stage.way(0)));
    }),
    stranger("128 forged signatures × 1 MB, 16 at a time, 1,000 addresses", |stage, flood| {
        crowd(flood, flood.size(16, 4), |_| {
            strangers::forged(flood, stage.way(flood.next() % 1000))
        });
    }),
    // Some are answered with 200.
    Kind {
        taken: true,
        ..stranger("unsigned challenges, 16 at a time, 1,000 addresses", |stage, flood| {
            crowd(flood, flood.size(16, 4), |_| {
                let number = flood.next();
                strangers::challenges(flood, stage.way(number % 1000), number)
            });
        })
    },
    stranger("guesses at the token endpoint, 16 at a time, 1,000 addresses", |stage, flood| {
        crowd(flood, flood.size(16, 4), |_| {
            let number = flood.next();
            strangers::guesses(flood, stage.way(number % 1000), number)
        });
    }),
    Kind {
        taken: true,
        ..stranger("/readyz and /metrics, 16 at a time", |stage, flood| {
            crowd(flood, flood.size(16, 4), |client| {
                strangers::readiness(flood, stage.way(client))
            });
        })
    },
    stranger("12,000 hostile connections of all kinds, from 12,000 addresses", |stage, flood| {
        crowd(flood, flood.size(12_000, 120), |client| worst(stage, flood, client));
    }),
    stranger("12,000 connections with HTTP/2 heads, from 12,000 addresses", |stage, flood| {
        crowd(flood, flood.size(12_000, 100), |client| heads(stage, flood, client));
    }),
];

/// Tenants with an API key or their own listener files.
pub(super) const TENANTS: &[Kind] = &[
    tenant("lists by 8 clients and 50 unread streams", tenants::prepare_lists, tenants::lists),
    tenant("fan-out to 10,000 subscriptions", tenants::prepare_fan_out, tenants::fan_out),
    tenant("1,500 hanging receivers", tenants::prepare_hanging, tenants::hanging),
    tenant("filters of 1,500 patterns, 3 at a time", |_, _| {}, tenants::filters),
    tenant("recursive schemas saved beside it", |_, _| {}, tenants::schemas),
];

async fn heads(stage: &Stage, flood: &Flood, client: usize) {
    let from = stage.way(client).from;
    http2::heads(flood, from, stage.senders, &path(client), client).await;
}

/// A connection that uses as much as it can: unfinished heads and bodies, unread responses.
async fn worst(stage: &Stage, flood: &Flood, client: usize) {
    let way = stage.way(client);
    match client % 6 {
        0 => heads(stage, flood, client / 6).await,
        1 => strangers::slow_head(flood, way).await,
        2 => strangers::stalled_body(flood, way).await,
        3 => http2::unread(flood, way.from, way.senders).await,
        4 => strangers::unread(flood, way).await,
        _ => strangers::silence(flood, way, client / 6).await,
    }
}
