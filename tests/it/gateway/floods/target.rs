//! The target of a flood: a gateway with two tenants, one of them well-behaved.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::client::address;
use super::unauthenticated::Route;
use super::{OTHER, SIGNED, ZOOM};
use crate::gateway::endpoint::{Endpoint, Mode};
use crate::gateway::running::{Answer, Folder, Gateway, LISTENER, SIGNATURE, exchange};

/// A listener of the flooding tenant.
pub(super) const EVIL: &str = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a14";

/// Limits of the listeners, so that a flood reaches the other limits first.
const MANY: &str = "\n[rate_limit]\nrequests = 1000000\nburst = 1000000\n";

/// The folder of a gateway, with a well-behaved tenant, `acme`, and a hostile one, `evil`.
pub(crate) struct Target {
    pub(crate) folder: Folder,
    pub(crate) senders: SocketAddr,
    pub(crate) management: SocketAddr,
    /// Receives the events of `acme`.
    pub(crate) receiver: Endpoint,
    /// Receive the events of `evil`.
    pub(crate) answering: Endpoint,
    pub(crate) hanging: Endpoint,
    pub(crate) evil: String,
    pub(crate) acme: String,
}

impl Target {
    /// All limits are the default ones; `other` has additional keys of the listener that accepts
    /// any request.
    pub(crate) fn new(other: &str) -> (Self, Gateway) {
        let folder = Folder::with_listener("");
        configure(&folder, other);
        folder.settings(&format!("{DRAIN}{DELIVERY}"));
        Self::serve(folder)
    }

    /// Starts a gateway in a configured folder, with the tenants and the first webhook.
    pub(crate) fn serve(folder: Folder) -> (Self, Gateway) {
        let key = |tenant: &str| {
            folder.stdout_of(&["tenants", "create", tenant]);
            let key = folder.stdout_of(&["keys", "create", "--tenant", tenant, "--scope", "admin"]);
            key.trim().to_owned()
        };
        let (acme, evil) = (key("acme"), key("evil"));
        let gateway = folder.serve();
        let target = Self {
            folder,
            senders: gateway.senders,
            management: gateway.management,
            receiver: Endpoint::new(Mode::Keeps),
            answering: Endpoint::new(Mode::Counts),
            hanging: Endpoint::new(Mode::Hangs),
            evil,
            acme,
        };
        target.subscribe_acme("good", &target.receiver.url());
        (target, gateway)
    }

    pub(crate) fn route(&self, client: usize) -> Route {
        Route { from: address(client), senders: self.senders, management: self.management }
    }

    /// Calls the management API with the key of `evil`.
    pub(super) fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call_as(&self.evil, method, path, body)
    }

    fn call_as(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let key = format!("Bearer {key}");
        let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        exchange(self.management, method, path, &headers, body.as_bytes())
    }

    /// Creates a webhook for the events of GitHub.
    pub(crate) fn subscribe_acme(&self, name: &str, url: &str) {
        let form = webhook(name, url, "issues");
        let answer = self.call_as(&self.acme, "POST", "/event/acme/webhooks", &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Creates webhooks of `evil` up to a number or to the quota. Returns their number.
    pub(crate) fn subscribe(&self, number: usize, url: &str) -> usize {
        let created = (0..number).map(|at| {
            let form = webhook(&format!("w{at}"), &format!("{url}/{at}"), "t");
            self.call("POST", "/event/evil/webhooks", &form).status
        });
        created.take_while(|status| *status == 200).count()
    }
}

/// Shutdown does not wait long for hanging receivers.
pub(crate) const DRAIN: &str = "drain_timeout = \"3s\"\n";

/// Deliveries to this machine are allowed.
pub(crate) const DELIVERY: &str = "\n[delivery]\nallow = [\"127.0.0.0/8\"]\n";

/// A Socotra webhook for one event type.
pub(super) fn webhook(name: &str, url: &str, kind: &str) -> Value {
    json!({
        "name": name, "enabled": true, "eventTypes": [kind], "endpoint": { "url": url },
        "failureHandling": {
            "triggers": ["timeout", "5xx"],
            "retryStrategy": { "type": "linear", "interval": 1, "attempts": 10 },
        },
    })
}

/// Writes the listeners.
pub(crate) fn configure(folder: &Folder, other: &str) {
    let listener = |file: &str, id: &str, tenant: &str, more: &str| {
        let text = format!("id = \"{id}\"\nname = \"{file}\"\ntenant = \"{tenant}\"\n{more}");
        folder.write(&format!("listeners/{file}.toml"), &text);
    };
    folder.write("secrets/zoom", "a secret of Zoom's");
    listener("github", LISTENER, "acme", &format!("{GITHUB}{MANY}"));
    listener("other", OTHER, "acme", &format!("{MANY}{other}"));
    listener("signed", SIGNED, "acme", &format!("{MANY}{SIGNATURE}{CANDIDATES}"));
    let zoom = "provider = \"zoom\"\n[secrets]\nZOOM = { file = \"secrets/zoom\" }\n";
    listener("zoom", ZOOM, "acme", zoom);
    let types = "\n[event]\ntype = 'parsed_body.type'\ntypes = [\"t\"]\n";
    listener("evil", EVIL, "evil", &format!("{MANY}{types}"));
}

/// GitHub deliveries, with a type that subscriptions can select.
const GITHUB: &str = "provider = \"github\"\n[secrets]\nGITHUB = { file = \"secrets/github\" }\n\
    [event]\ntype = 'headers[\"x-github-event\"]'\nid = 'headers[\"x-github-delivery\"]'\n\
    types = [\"issues\"]\n";

/// The keys after [`SIGNATURE`] that accept one of several signatures.
const CANDIDATES: &str = "payload = 'raw_body'\nseparator = \",\"\nprefix = \"sha256=\"\n";

/// The address of the well-behaved sender: no flood comes from there.
pub(crate) const SENDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The management address by IP: host names may be refused.
pub(super) fn host(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        IpAddr::V6(ip) => format!("[{ip}]:{}", address.port()),
    }
}
