//! The gateway's own settings, from `hookgate.toml`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use uuid::Uuid;

use super::files::FileState;
use super::rows::GATEWAY;
use super::sources::TenantSources;
use crate::config::{Layer, duration};
use crate::delivery::Programs;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Node;
use crate::engine::Source;

/// The settings of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The URL that providers reach the gateway by, without a slash at its end.
    pub public_url: String,
    /// The address for senders.
    pub listen: SocketAddr,
    /// The address for management.
    pub management: SocketAddr,
    /// Networks whose word on the sender's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The files with certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// How long requests may take after the gateway is told to stop.
    pub drain: Duration,
    /// How long new senders are accepted after `/readyz` says that the gateway stops.
    pub shutdown_delay: Duration,
    /// Names that the management address may be called by, besides `localhost`.
    pub management_hosts: Vec<String>,
    /// How large, long and many requests may be.
    pub limits: Limits,
    /// The file of the database.
    pub store: PathBuf,
    /// Bytes of the write-ahead log at which it is restarted.
    pub wal_bytes: u64,
    /// How long what is stored is kept.
    pub retention: Retention,
    /// How events are delivered.
    pub delivery: Delivery,
    /// The sinks on this machine.
    pub sinks: Vec<Sink>,
    /// The sources of secrets by tenant.
    pub tenants: BTreeMap<String, TenantSources>,
    /// Whether the log is JSON.
    pub log_json: bool,
    /// What is logged at least.
    pub log_level: String,
}

/// How large, long and many requests may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// How many headers.
    pub headers: usize,
    /// Bytes of all headers.
    pub header_bytes: usize,
    /// How long headers may take.
    pub header_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long a connection may be idle after a request.
    pub idle_timeout: Duration,
    /// How long a peer may take to read the next part of an answer.
    pub write_timeout: Duration,
    /// How many connections.
    pub connections: usize,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// Connections of one trusted proxy.
    pub connections_per_proxy: usize,
    /// Concurrent requests of one HTTP/2 connection.
    pub streams_per_connection: usize,
    /// Bytes of all requests: heads, copies of heads, bodies.
    pub memory: usize,
    /// Bytes of all answers of the management address.
    pub management_memory: usize,
    /// Streams of events that are open at a time.
    pub streams: usize,
    /// Streams of events of one tenant that are open at a time.
    pub streams_per_tenant: usize,
    /// Failures of an address in a minute.
    pub failures: u64,
    /// Challenges of a listener that are answered in a minute.
    pub challenges: u64,
    /// Challenges of an address in a minute.
    pub challenges_per_address: u64,
}

/// How long what is stored is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Logs of requests that were taken.
    pub requests: Duration,
    /// Events.
    pub events: Duration,
    /// Deliveries that ended, with their attempts.
    pub deliveries: Duration,
    /// Events that are kept to be sent again.
    pub diverted: Duration,
    /// Events that are kept to be sent again to a subscription.
    pub diverted_rows: usize,
    /// Events that are kept to be sent again to the subscriptions of a tenant.
    pub diverted_rows_per_tenant: usize,
    /// Logs of requests that were refused.
    pub refused: Duration,
    /// Bytes of those.
    pub refused_bytes: u64,
    /// The audit log.
    pub audit: Duration,
    /// Bytes of the database.
    pub bytes: Option<u64>,
}

/// How events are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Networks that are sent to though they are private.
    pub allow: Vec<IpNet>,
    /// How long a connection may take to be made.
    pub connect_time: Duration,
    /// How long an attempt may take in all.
    pub time: Duration,
    /// Attempts at a time to one receiver.
    pub concurrency: usize,
    /// Attempts in a second to one receiver.
    pub rate: u32,
    /// Attempts at a time in all.
    pub in_flight: usize,
    /// How often an event may go through gateways.
    pub hops: u32,
    /// The user that events are said to come from.
    pub user: Uuid,
    /// A file with certificates that are trusted besides those of the system.
    pub authorities: Option<PathBuf>,
    /// What that file looked like: settings with another one are others.
    pub authorities_seen: Option<FileState>,
    /// How long a replaced signing secret still signs.
    pub rotation: Duration,
    /// Deliveries that may wait for a subscription.
    pub waiting_rows: usize,
    /// Bytes of the events and bodies that may wait for a subscription, as they are stored.
    pub waiting_bytes: u64,
    /// How long a delivery may wait.
    pub waiting_age: Duration,
    /// Deliveries that may wait for a tenant.
    pub waiting_rows_per_tenant: usize,
    /// Deliveries that may wait for all tenants.
    pub waiting_rows_total: usize,
    /// Name servers, in place of the system's.
    pub name_servers: Vec<SocketAddr>,
    /// How long a name may take to be looked up.
    pub resolve_time: Duration,
    /// Names that are looked up at a time.
    pub lookups: usize,
    /// Subscriptions of a tenant.
    pub subscriptions_per_tenant: usize,
}

impl Delivery {
    /// Files that deliveries may have open: connections that are used, those that are kept for the
    /// next message, and sockets for look-ups.
    pub fn files(&self) -> usize {
        self.in_flight.saturating_mul(2).saturating_add(self.lookups.saturating_mul(2))
    }
}

/// A file that events are written to, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// What it is called.
    pub name: String,
    /// The tenant whose events it takes.
    pub tenant: String,
    /// The file.
    pub path: PathBuf,
    /// The types that it takes; `*` is any.
    pub events: Vec<String>,
    /// An expression that has to hold of an event.
    pub filter: Option<String>,
    /// An expression that makes the line.
    pub transform: Option<String>,
    /// Bytes of a file, before the next one is begun.
    pub bytes: u64,
    /// How many files are kept.
    pub files: u32,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn read(name: &str, text: &str) -> Result<Self, Diagnostics> {
        let layer = Layer::read(Source::new(name, text), &GATEWAY)?;
        let mut reader = Reader { root: &layer.root, found: Vec::new() };
        let settings = reader.settings();
        match reader.found.is_empty() {
            true => Ok(settings),
            false => Err(Diagnostics::new(layer.source.clone(), reader.found)),
        }
    }
}

struct Reader<'r> {
    root: &'r Node,
    found: Vec<Diagnostic>,
}

impl<'r> Reader<'r> {
    fn settings(&mut self) -> Settings {
        Settings {
            public_url: self.public_url(),
            listen: self.address("listen", 8080),
            management: self.address("management", 8081),
            trusted_proxies: self.networks("server", "trusted_proxies"),
            tls: self.tls(),
            drain: self.time("server", "drain", Duration::from_secs(30)),
            shutdown_delay: self.time("server", "shutdown_delay", Duration::ZERO),
            management_hosts: self.management_hosts(),
            limits: self.limits(),
            store: self.text("store", "path").unwrap_or("hookgate.db").into(),
            wal_bytes: self.count("store", "wal_bytes", 64 << 20),
            retention: self.retention(),
            delivery: self.delivery(),
            sinks: self.sinks(),
            tenants: self.tenants(),
            log_json: self.text("log", "format") == Some("json"),
            log_level: self.text("log", "level").unwrap_or("info").to_owned(),
        }
    }

    fn limits(&self) -> Limits {
        let size = |key, usual: u64| {
            usize::try_from(self.count("limits", key, usual)).unwrap_or(usize::MAX)
        };
        let header_time = self.time("limits", "header_time", Duration::from_secs(10));
        Limits {
            body: size("body", 1 << 20),
            headers: size("headers", 100),
            header_bytes: size("header_bytes", 32 << 10),
            header_time,
            body_time: self.time("limits", "body_time", Duration::from_secs(20)),
            idle_timeout: self.time("limits", "idle_timeout", header_time),
            write_timeout: self.time("limits", "write_timeout", Duration::from_secs(10)),
            connections: size("connections", 12_000),
            connections_per_address: size("connections_per_address", 1000),
            connections_per_proxy: size("connections_per_proxy", 8000),
            streams_per_connection: size("streams_per_connection", 32),
            memory: size("memory", 64 << 20),
            management_memory: size("management_memory", 64 << 20),
            streams: size("streams", 200),
            streams_per_tenant: size("streams_per_tenant", 50),
            failures: self.count("limits", "failures", 60),
            challenges: self.count("limits", "challenges", 600),
            challenges_per_address: self.count("limits", "challenges_per_address", 30),
        }
    }

    fn retention(&self) -> Retention {
        let size = |key, usual: u64| {
            usize::try_from(self.count("retention", key, usual)).unwrap_or(usize::MAX)
        };
        Retention {
            requests: self.time("retention", "requests", DAY * 30),
            events: self.time("retention", "events", DAY * 30),
            deliveries: self.time("retention", "deliveries", DAY * 30),
            diverted: self.time("retention", "diverted", DAY * 365),
            diverted_rows: size("diverted_rows", 100_000),
            diverted_rows_per_tenant: size("diverted_rows_per_tenant", 1_000_000),
            refused: self.time("retention", "refused", DAY * 7),
            refused_bytes: self.count("retention", "refused_bytes", 64 << 20),
            audit: self.time("retention", "audit", DAY * 365),
            bytes: self.at("retention", "bytes").and_then(Node::as_count),
        }
    }

    fn at(&self, table: &str, key: &str) -> Option<&'r Node> {
        self.root.get(table)?.get(key)
    }

    fn text(&self, table: &str, key: &str) -> Option<&'r str> {
        self.at(table, key).and_then(Node::as_str)
    }

    fn count(&self, table: &str, key: &str, usual: u64) -> u64 {
        self.at(table, key).and_then(Node::as_count).unwrap_or(usual)
    }

    fn time(&self, table: &str, key: &str, usual: Duration) -> Duration {
        let Some(node) = self.at(table, key) else {
            return usual;
        };
        let seconds = node.as_count().map(Duration::from_secs);
        seconds.or_else(|| node.as_str().and_then(duration::parse)).unwrap_or(usual)
    }

    fn wrong(&mut self, node: &Node, message: impl Into<String>, help: &str) {
        self.found.push(Diagnostic::new(Code::E0605, node.span, message).help(help));
    }

    fn public_url(&mut self) -> String {
        let Some(node) = self.root.get("public_url") else {
            return String::new();
        };
        let url = node.as_str().unwrap_or("").trim_end_matches('/');
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@'])) {
            let message = format!("`{url}` is no public URL");
            self.wrong(node, message, "write scheme and host: `https://hooks.example.com`");
        }
        url.to_owned()
    }

    fn address(&mut self, key: &str, port: u16) -> SocketAddr {
        let usual = SocketAddr::from(([127, 0, 0, 1], port));
        let Some(node) = self.at("server", key) else {
            return usual;
        };
        let text = node.as_str().unwrap_or("");
        text.parse().unwrap_or_else(|_| {
            let message = format!("`{text}` is no address to listen at");
            self.wrong(node, message, "write an IP address and a port: `0.0.0.0:8080`");
            usual
        })
    }

    fn delivery(&mut self) -> Delivery {
        let size =
            |key, usual| usize::try_from(self.count("delivery", key, usual)).unwrap_or(usize::MAX);
        let small =
            |key, usual| u32::try_from(self.count("delivery", key, usual)).unwrap_or(u32::MAX);
        Delivery {
            connect_time: self.time("delivery", "connect_time", Duration::from_secs(10)),
            time: self.time("delivery", "time", Duration::from_secs(30)),
            concurrency: size("concurrency", 8),
            in_flight: size("in_flight", 512),
            rate: small("rate", 200),
            hops: small("hops", 5),
            authorities: self.text("delivery", "authorities").map(PathBuf::from),
            authorities_seen: None,
            rotation: self.time("delivery", "rotation", DAY),
            waiting_rows: size("waiting_rows", 100_000),
            waiting_bytes: self.count("delivery", "waiting_bytes", 256 << 20),
            waiting_age: self.time("delivery", "waiting_age", DAY * 30),
            waiting_rows_per_tenant: size("waiting_rows_per_tenant", 1_000_000),
            waiting_rows_total: size("waiting_rows_total", 4_000_000),
            resolve_time: self.time("delivery", "resolve_time", Duration::from_secs(5)),
            lookups: size("lookups", 256),
            subscriptions_per_tenant: size("subscriptions_per_tenant", 20_000),
            user: self.user(),
            name_servers: self.name_servers(),
            allow: self.networks("delivery", "allow"),
        }
    }

    fn name_servers(&mut self) -> Vec<SocketAddr> {
        let mut servers = Vec::new();
        for node in self.at("delivery", "name_servers").map(Node::items).unwrap_or_default() {
            let text = node.as_str().unwrap_or("");
            let bare = || text.parse::<IpAddr>().map(|ip| SocketAddr::from((ip, 53)));
            match text.parse::<SocketAddr>().or_else(|_| bare()) {
                Ok(server) => servers.push(server),
                Err(_) => {
                    let message = format!("`{text}` is no address of a name server");
                    self.wrong(node, message, "write an IP address, with a port or without");
                }
            }
        }
        servers
    }

    fn user(&mut self) -> Uuid {
        let Some(node) = self.at("delivery", "user") else {
            return Uuid::nil();
        };
        let text = node.as_str().unwrap_or("");
        text.parse().unwrap_or_else(|_| {
            let message = format!("`{text}` is no UUID");
            self.wrong(node, message, "write one like `123e4567-e89b-12d3-a456-426614174000`");
            Uuid::nil()
        })
    }

    fn sinks(&mut self) -> Vec<Sink> {
        let nodes = self.root.get("sink").map(Node::items).unwrap_or_default();
        let mut sinks: Vec<Sink> = Vec::new();
        for node in nodes {
            let sink = sink(node);
            for key in ["filter", "transform"] {
                self.found.extend(node.get(key).map(program_faults).unwrap_or_default());
            }
            if sinks.iter().any(|other| other.name == sink.name) {
                let message = format!("there are two sinks `{}`", sink.name);
                self.wrong(node, message, "each sink has a name of its own");
            }
            sinks.push(sink);
        }
        sinks
    }

    fn tenants(&self) -> BTreeMap<String, TenantSources> {
        let entries = self.root.get("tenants").map(Node::entries).unwrap_or_default();
        let list = |node: &Node, key: &str| {
            let items = node.get(key)?.items().iter();
            Some(items.filter_map(Node::as_str).map(ToOwned::to_owned).collect())
        };
        let sources = |node: &Node| TenantSources {
            secret_env: list(node, "secret_env"),
            secret_files: list(node, "secret_files"),
        };
        entries.iter().map(|entry| (entry.key.text.to_string(), sources(&entry.value))).collect()
    }

    fn networks(&mut self, table: &str, key: &str) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for node in self.at(table, key).map(Node::items).unwrap_or_default() {
            let text = node.as_str().unwrap_or("");
            let bare = || text.parse::<IpAddr>().map(IpNet::from);
            match text.parse::<IpNet>().or_else(|_| bare()) {
                Ok(network) => networks.push(network),
                Err(_) => {
                    let message = format!("`{text}` is no network");
                    self.wrong(node, message, "write `10.0.0.0/8`, `2001:db8::/32` or an address");
                }
            }
        }
        networks
    }

    /// The names in lower case, without a port: a `Host` is compared without its own.
    fn management_hosts(&mut self) -> Vec<String> {
        let mut hosts = Vec::new();
        for node in self.at("server", "management_hosts").map(Node::items).unwrap_or_default() {
            let text = node.as_str().unwrap_or("");
            if text.is_empty() || text.contains(['/', ':', '@', ' ', '*']) {
                let message = format!("`{text}` is no host name");
                self.wrong(node, message, "write the name alone: `hookgate.internal`");
                continue;
            }
            hosts.push(text.to_ascii_lowercase());
        }
        hosts
    }

    fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        let tls = self.at("server", "tls")?;
        let file = |key: &str| tls.get(key).and_then(Node::as_str).map(PathBuf::from);
        Some((file("certificate")?, file("key")?))
    }
}

fn sink(node: &Node) -> Sink {
    let text = |key: &str| node.get(key).and_then(Node::as_str).map(ToOwned::to_owned);
    let count = |key: &str| node.get(key).and_then(Node::as_count);
    let events = node.get("events").map(Node::items).unwrap_or_default();
    let events: Vec<String> =
        events.iter().filter_map(Node::as_str).map(ToOwned::to_owned).collect();
    Sink {
        name: text("name").unwrap_or_default(),
        tenant: text("tenant").unwrap_or_default(),
        path: text("path").unwrap_or_default().into(),
        events: if events.is_empty() { vec!["*".to_owned()] } else { events },
        filter: text("filter"),
        transform: text("transform"),
        bytes: count("bytes").unwrap_or(64 << 20),
        files: count("files").and_then(|files| u32::try_from(files).ok()).unwrap_or(5),
    }
}

/// What is wrong with a program of a sink, at its place in the file.
fn program_faults(node: &Node) -> Vec<Diagnostic> {
    let Some(text) = node.as_text() else {
        return Vec::new();
    };
    let faults = Programs::compile(Some(&text.value), None).err().map(|faults| faults.list);
    faults.unwrap_or_default().into_iter().map(|fault| text.placed(fault)).collect()
}
