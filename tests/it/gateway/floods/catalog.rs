//! The floods from many addresses, and the floods of a tenant.

use super::client::run_clients;
use super::http2;
use super::sender::Flood;
use super::target::Target;
use super::tenants;
use super::unauthenticated;

/// A flood with its name.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Additional keys of the listener that accepts any request.
    pub(super) listener: &'static str,
    /// Creates the input of the flood before the sender starts.
    pub(super) prepare: fn(&Target, &Flood),
    pub(super) flood: fn(&Target, &Flood),
    /// True if requests of the flood may be answered with 200.
    pub(super) accepted: bool,
}

const fn unauthenticated(name: &'static str, flood: fn(&Target, &Flood)) -> Kind {
    Kind { name, listener: "", prepare: |_, _| {}, flood, accepted: false }
}

const fn tenant(
    name: &'static str,
    prepare: fn(&Target, &Flood),
    flood: fn(&Target, &Flood),
) -> Kind {
    Kind { name, listener: "", prepare, flood, accepted: true }
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
pub(super) const UNAUTHENTICATED: &[Kind] = &[
    unauthenticated(
        "silent connections and prefaces, 10,000 from 10,000 addresses",
        |target, flood| {
            run_clients(flood, flood.size(10_000, 200), |client| {
                unauthenticated::silence(flood, target.route(client), client)
            });
        },
    ),
    unauthenticated("silent connections, 12,000 from one address", |target, flood| {
        run_clients(flood, flood.size(12_000, 200), |client| {
            unauthenticated::silence(flood, target.route(0), client)
        });
    }),
    unauthenticated("HTTP/2 heads of 32 KiB, 100 streams, 300 connections", |target, flood| {
        run_clients(flood, flood.size(300, 30), |client| heads(target, flood, client));
    }),
    unauthenticated("HTTP/2 peers that only answer PING, 1,000", |target, flood| {
        run_clients(flood, flood.size(1000, 50), |client| {
            http2::pings(flood, target.route(client).from, target.senders)
        });
    }),
    unauthenticated("HTTP/2 control frames of seven kinds, 16 connections", |target, flood| {
        run_clients(flood, 16, |client| {
            http2::control(flood, target.route(client).from, target.senders, client)
        });
    }),
    unauthenticated("unread HTTP/2 responses, 200 connections", |target, flood| {
        run_clients(flood, flood.size(200, 20), |client| {
            http2::unread(flood, target.route(client).from, target.senders)
        });
    }),
    unauthenticated("unread HTTP/1.1 responses, 200 connections", |target, flood| {
        run_clients(flood, flood.size(200, 20), |client| {
            unauthenticated::unread(flood, target.route(client))
        });
    }),
    unauthenticated("128 forged signatures × 1 MB, 16 at a time, one address", |target, flood| {
        run_clients(flood, flood.size(16, 4), |_| unauthenticated::forged(flood, target.route(0)));
    }),
    unauthenticated(
        "128 forged signatures × 1 MB, 16 at a time, 1,000 addresses",
        |target, flood| {
            run_clients(flood, flood.size(16, 4), |_| {
                unauthenticated::forged(flood, target.route(flood.next() % 1000))
            });
        },
    ),
    // Some are answered with 200.
    Kind {
        accepted: true,
        ..unauthenticated("unsigned challenges, 16 at a time, 1,000 addresses", |target, flood| {
            run_clients(flood, flood.size(16, 4), |_| {
                let number = flood.next();
                unauthenticated::challenges(flood, target.route(number % 1000), number)
            });
        })
    },
    unauthenticated(
        "guesses at the token endpoint, 16 at a time, 1,000 addresses",
        |target, flood| {
            run_clients(flood, flood.size(16, 4), |_| {
                let number = flood.next();
                unauthenticated::guesses(flood, target.route(number % 1000), number)
            });
        },
    ),
    Kind {
        accepted: true,
        ..unauthenticated("/readyz and /metrics, 16 at a time", |target, flood| {
            run_clients(flood, flood.size(16, 4), |client| {
                unauthenticated::readiness(flood, target.route(client))
            });
        })
    },
    unauthenticated(
        "12,000 hostile connections of all kinds, from 12,000 addresses",
        |target, flood| {
            run_clients(flood, flood.size(12_000, 120), |client| {
                hostile_connection(target, flood, client)
            });
        },
    ),
    unauthenticated(
        "12,000 connections with HTTP/2 heads, from 12,000 addresses",
        |target, flood| {
            run_clients(flood, flood.size(12_000, 100), |client| heads(target, flood, client));
        },
    ),
];

/// Tenants with an API key or their own listener files.
pub(super) const TENANTS: &[Kind] = &[
    tenant("lists by 8 clients and 50 unread streams", tenants::prepare_lists, tenants::lists),
    tenant("fan-out to 10,000 subscriptions", tenants::prepare_fan_out, tenants::fan_out),
    tenant("1,500 hanging receivers", tenants::prepare_hanging, tenants::hanging),
    tenant("filters of 1,500 patterns, 3 at a time", |_, _| {}, tenants::filters),
    tenant("recursive schemas saved beside it", |_, _| {}, tenants::schemas),
];

async fn heads(target: &Target, flood: &Flood, client: usize) {
    let from = target.route(client).from;
    http2::heads(flood, from, target.senders, &path(client), client).await;
}

/// A connection that uses as much as it can: unfinished heads and bodies, unread responses.
async fn hostile_connection(target: &Target, flood: &Flood, client: usize) {
    let route = target.route(client);
    match client % 6 {
        0 => heads(target, flood, client / 6).await,
        1 => unauthenticated::slow_head(flood, route).await,
        2 => unauthenticated::stalled_body(flood, route).await,
        3 => http2::unread(flood, route.from, route.senders).await,
        4 => unauthenticated::unread(flood, route).await,
        _ => unauthenticated::silence(flood, route, client / 6).await,
    }
}
