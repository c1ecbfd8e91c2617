//! The settings of the gateway, from `hookgate.toml`. Opens nothing: other modules use the values.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use uuid::Uuid;

use super::files::FileState;
use super::keys::{GATEWAY, SINKS};
use super::settings_checks;
use crate::config::{ID_FORM, Layer, Neighbour, Section, is_id};
use crate::delivery::Programs;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Node;
use crate::engine::Source;
use crate::gateway::ids::TenantId;
use crate::listener::LISTENER;

/// Name of the file with the settings of the gateway, in the folder of a configuration.
pub const SETTINGS_FILE: &str = "hookgate.toml";

/// The sources of a tenant, as `hookgate.toml` lists them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantSources {
    /// Environment variables; `ACME_*` for all that begin with `ACME_`. `None`: no list.
    pub secret_env: Option<Vec<String>>,
    /// Files; `secrets/acme/` for all files below. `None`: no list.
    pub secret_files: Option<Vec<String>>,
}

/// The settings of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// URL at which providers reach the gateway, without a trailing slash.
    pub public_url: String,
    /// Address for senders.
    pub listen: SocketAddr,
    /// Address for management.
    pub management: SocketAddr,
    /// Networks whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Files with the certificate and the key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Longest time for requests in progress after a shutdown was requested.
    pub drain_timeout: Duration,
    /// Time for which new senders are accepted after `/readyz` reports the shutdown.
    pub shutdown_delay: Duration,
    /// Host names of the management address, in addition to `localhost`.
    pub management_hosts: Vec<String>,
    /// Limits on the size, duration and number of requests.
    pub limits: Limits,
    /// File of the database.
    pub store: PathBuf,
    /// Bytes of the write-ahead log at which it is restarted.
    pub wal_bytes: u64,
    /// Retention of stored data.
    pub retention: Retention,
    /// Settings of deliveries.
    pub delivery: Delivery,
    /// Sinks on this machine.
    pub sinks: Vec<Sink>,
    /// Sources of secrets by tenant.
    pub tenants: BTreeMap<String, TenantSources>,
    /// True if the log is JSON.
    pub log_json: bool,
    /// Lowest level that is logged.
    pub log_level: String,
}

/// Limits on the size, duration and number of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, in bytes.
    pub body: usize,
    /// Headers of one request.
    pub headers: usize,
    /// Bytes of all headers of one request.
    pub header_bytes: usize,
    /// Longest time for the headers.
    pub header_timeout: Duration,
    /// Longest time for the body.
    pub body_timeout: Duration,
    /// Longest time that a connection may be idle after a request.
    pub idle_timeout: Duration,
    /// Longest time for a peer to read the next part of an answer.
    pub write_timeout: Duration,
    /// Connections in total.
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
    /// Open event streams.
    pub streams: usize,
    /// Open event streams of one tenant.
    pub streams_per_tenant: usize,
    /// Failures of one address in a minute.
    pub failures_per_minute: u64,
    /// Answered challenges of one listener in a minute.
    pub challenges_per_minute: u64,
    /// Challenges of one address in a minute.
    pub challenges_per_minute_per_address: u64,
}

/// Retention of stored data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Logs of accepted requests.
    pub requests: Duration,
    /// Events.
    pub events: Duration,
    /// Ended deliveries, with their attempts.
    pub deliveries: Duration,
    /// Dead letters.
    pub dead_letters: Duration,
    /// Dead letters of one subscription.
    pub dead_letter_rows: usize,
    /// Dead letters of one tenant.
    pub dead_letter_rows_per_tenant: usize,
    /// Rejected-request log.
    pub rejected: Duration,
    /// Bytes of the rejected-request log.
    pub rejected_bytes: u64,
    /// Audit log.
    pub audit: Duration,
    /// Bytes of the database and its write-ahead log.
    pub bytes: Option<u64>,
}

/// Settings of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Private networks that are permitted as destinations.
    pub allow: Vec<IpNet>,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Concurrent attempts to one receiver.
    pub concurrency: usize,
    /// Attempts a second to one receiver.
    pub rate: u32,
    /// Concurrent attempts in total.
    pub in_flight: usize,
    /// Memory for the content of deliveries, in bytes.
    pub memory: usize,
    /// Gateways that an event may pass through.
    pub hops: u32,
    /// User that events name as their actor.
    pub actor_id: Uuid,
    /// File of certificates that are trusted in addition to those of the system.
    pub ca_file: Option<PathBuf>,
    /// State of that file. A changed file makes the settings differ.
    pub ca_file_seen: Option<FileState>,
    /// Time for which a replaced signing secret still signs.
    pub rotation: Duration,
    /// Deliveries that may wait for one subscription.
    pub waiting_rows: usize,
    /// Stored bytes of events and bodies that may wait for one subscription.
    pub waiting_bytes: u64,
    /// Stored bytes that the bodies of one tenant may take.
    pub body_bytes_per_tenant: u64,
    /// Longest time that a delivery may wait.
    pub waiting_age: Duration,
    /// Deliveries that may wait for one tenant.
    pub waiting_rows_per_tenant: usize,
    /// Deliveries that may wait for all tenants.
    pub waiting_rows_total: usize,
    /// Name servers that replace those of the system.
    pub name_servers: Vec<SocketAddr>,
    /// Longest time to resolve a name.
    pub resolve_timeout: Duration,
    /// Concurrent name lookups.
    pub lookups: usize,
    /// Subscriptions of one tenant.
    pub subscriptions_per_tenant: usize,
}

impl Delivery {
    /// Returns the file descriptors that deliveries may use: connections in use, idle connections,
    /// and sockets for lookups.
    pub fn files(&self) -> usize {
        self.in_flight.saturating_mul(2).saturating_add(self.lookups.saturating_mul(2))
    }
}

/// A file that receives events, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Name of the sink.
    pub name: String,
    /// Tenant whose events are written.
    pub tenant: TenantId,
    /// Path of the file.
    pub path: PathBuf,
    /// Event types that are written; `*` for all.
    pub events: Vec<String>,
    /// Expression over an event. Only events for which it is true are written.
    pub filter: Option<String>,
    /// Expression that builds the line.
    pub transform: Option<String>,
    /// Bytes of a file before the next one is started.
    pub bytes: u64,
    /// Files that are kept.
    pub files: u32,
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// Returns all errors of the file.
    pub fn read(name: &str, text: &str) -> Result<Self, Diagnostics> {
        Self::read_checked(name, text).map(|read| read.settings)
    }

    /// Reads the settings, with the warnings and the positions in the file.
    ///
    /// # Errors
    /// Returns all errors and warnings of the file.
    pub(super) fn read_checked(name: &str, text: &str) -> Result<SettingsFile, Diagnostics> {
        let layer = Layer::read(Source::new(name, text), &GATEWAY, Some(&neighbour()))?;
        let mut reader = SettingsReader { root: &layer.root, found: Vec::new() };
        let settings = reader.settings();
        reader.found.extend(settings_checks::check(
            &layer.root,
            settings.listen,
            settings.management,
        ));
        let warnings = reader.found;
        match warnings.iter().any(Diagnostic::is_error) {
            false => Ok(SettingsFile { settings, layer, warnings }),
            true => Err(Diagnostics::new(layer.source, warnings)),
        }
    }
}

/// The file of the settings, without an error.
pub(super) struct SettingsFile {
    pub(super) settings: Settings,
    /// The file with its positions.
    pub(super) layer: Layer,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Returns the keys of a listener, which do not belong into this file.
fn neighbour() -> Neighbour {
    let keys = LISTENER.fields.iter().map(|field| field.name).collect();
    Neighbour { file: "a listener, `listeners/NAME.toml`", keys }
}

struct SettingsReader<'r> {
    root: &'r Node,
    found: Vec<Diagnostic>,
}

impl<'r> SettingsReader<'r> {
    fn settings(&mut self) -> Settings {
        Settings {
            public_url: self.public_url(),
            listen: self.address("listen"),
            management: self.address("management"),
            trusted_proxies: self.networks("server", "trusted_proxies"),
            tls: self.tls(),
            drain_timeout: self.time("server", "drain_timeout"),
            shutdown_delay: self.time("server", "shutdown_delay"),
            management_hosts: self.management_hosts(),
            limits: self.limits(),
            store: self.text_or_default("store", "path").into(),
            wal_bytes: self.count("store", "wal_bytes"),
            retention: self.retention(),
            delivery: self.delivery(),
            sinks: self.sinks(),
            tenants: self.tenants(),
            log_json: self.text_or_default("log", "format") == "json",
            log_level: self.text_or_default("log", "level").to_owned(),
        }
    }

    fn limits(&self) -> Limits {
        let size = |key| usize::try_from(self.count("limits", key)).unwrap_or(usize::MAX);
        let header_timeout = self.time("limits", "header_timeout");
        let idle_timeout =
            self.at("limits", "idle_timeout").map(|_| self.time("limits", "idle_timeout"));
        Limits {
            body: size("body"),
            headers: size("headers"),
            header_bytes: size("header_bytes"),
            header_timeout,
            body_timeout: self.time("limits", "body_timeout"),
            idle_timeout: idle_timeout.unwrap_or(header_timeout),
            write_timeout: self.time("limits", "write_timeout"),
            connections: size("connections"),
            connections_per_address: size("connections_per_address"),
            connections_per_proxy: size("connections_per_proxy"),
            streams_per_connection: size("streams_per_connection"),
            memory: size("memory"),
            management_memory: size("management_memory"),
            streams: size("streams"),
            streams_per_tenant: size("streams_per_tenant"),
            failures_per_minute: self.count("limits", "failures_per_minute"),
            challenges_per_minute: self.count("limits", "challenges_per_minute"),
            challenges_per_minute_per_address: self
                .count("limits", "challenges_per_minute_per_address"),
        }
    }

    fn retention(&self) -> Retention {
        let size = |key| usize::try_from(self.count("retention", key)).unwrap_or(usize::MAX);
        Retention {
            requests: self.time("retention", "requests"),
            events: self.time("retention", "events"),
            deliveries: self.time("retention", "deliveries"),
            dead_letters: self.time("retention", "dead_letters"),
            dead_letter_rows: size("dead_letter_rows"),
            dead_letter_rows_per_tenant: size("dead_letter_rows_per_tenant"),
            rejected: self.time("retention", "rejected"),
            rejected_bytes: self.count("retention", "rejected_bytes"),
            audit: self.time("retention", "audit"),
            bytes: self.at("retention", "bytes").and_then(Node::as_count),
        }
    }

    fn at(&self, table: &str, key: &str) -> Option<&'r Node> {
        self.root.get(table)?.get(key)
    }

    fn text(&self, table: &str, key: &str) -> Option<&'r str> {
        self.at(table, key).and_then(Node::as_str)
    }

    /// Returns a table of the file, with the defaults of its rows.
    fn section(&self, table: &str) -> Section<'r> {
        Section::new(&GATEWAY, self.root).table(table)
    }

    /// Returns the number of a key, or its default.
    fn count(&self, table: &str, key: &str) -> u64 {
        self.section(table).count(key)
    }

    /// Returns the duration of a key, or its default.
    fn time(&self, table: &str, key: &str) -> Duration {
        self.section(table).duration(key).unwrap_or_default()
    }

    /// Returns the string of a key, or its default.
    fn text_or_default(&self, table: &str, key: &str) -> &'r str {
        self.section(table).text(key)
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

    fn address(&mut self, key: &str) -> SocketAddr {
        let unspecified = SocketAddr::from(([127, 0, 0, 1], 0));
        let text = self.text_or_default("server", key);
        match (text.parse(), self.at("server", key)) {
            (Ok(address), _) => address,
            (Err(_), Some(node)) => {
                let message = format!("`{text}` is not an address to listen at");
                self.wrong(node, message, "write an IP address and a port: `0.0.0.0:8080`");
                unspecified
            }
            (Err(_), None) => unspecified,
        }
    }

    fn delivery(&mut self) -> Delivery {
        let size = |key| usize::try_from(self.count("delivery", key)).unwrap_or(usize::MAX);
        let small = |key| u32::try_from(self.count("delivery", key)).unwrap_or(u32::MAX);
        Delivery {
            connect_timeout: self.time("delivery", "connect_timeout"),
            timeout: self.time("delivery", "timeout"),
            concurrency: size("concurrency"),
            in_flight: size("in_flight"),
            memory: size("memory"),
            rate: small("rate"),
            hops: small("hops"),
            ca_file: self.text("delivery", "ca_file").map(PathBuf::from),
            ca_file_seen: None,
            rotation: self.time("delivery", "rotation"),
            waiting_rows: size("waiting_rows"),
            waiting_bytes: self.count("delivery", "waiting_bytes"),
            body_bytes_per_tenant: self.count("delivery", "body_bytes_per_tenant"),
            waiting_age: self.time("delivery", "waiting_age"),
            waiting_rows_per_tenant: size("waiting_rows_per_tenant"),
            waiting_rows_total: size("waiting_rows_total"),
            resolve_timeout: self.time("delivery", "resolve_timeout"),
            lookups: size("lookups"),
            subscriptions_per_tenant: size("subscriptions_per_tenant"),
            actor_id: self.actor_id(),
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

    fn actor_id(&mut self) -> Uuid {
        let Some(node) = self.at("delivery", "actor_id") else {
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

    fn tenants(&mut self) -> BTreeMap<String, TenantSources> {
        let entries = self.root.get("tenants").map(Node::entries).unwrap_or_default();
        for entry in entries.iter().filter(|entry| !is_id(&entry.key.text)) {
            let message = format!("`{}` is no tenant: a tenant has {ID_FORM}", entry.key.text);
            self.found.push(Diagnostic::new(Code::E0605, entry.key.span, message));
        }
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

    /// Returns the names in lower case, without a port: the port of `Host` is not compared.
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
    let section = Section::new(&SINKS, node);
    let events = node.get("events").map(Node::items).unwrap_or_default();
    let events: Vec<String> =
        events.iter().filter_map(Node::as_str).map(ToOwned::to_owned).collect();
    Sink {
        name: text("name").unwrap_or_default(),
        tenant: text("tenant").unwrap_or_default().into(),
        path: text("path").unwrap_or_default().into(),
        events: if events.is_empty() { vec!["*".to_owned()] } else { events },
        filter: text("filter"),
        transform: text("transform"),
        bytes: section.count("bytes"),
        files: u32::try_from(section.count("files")).unwrap_or(u32::MAX),
    }
}

/// Returns the errors and warnings of a sink's program, at their position in the file.
fn program_faults(node: &Node) -> Vec<Diagnostic> {
    let Some(text) = node.as_text() else {
        return Vec::new();
    };
    let faults = Programs::diagnose("program", &text.value).list;
    faults.into_iter().map(|fault| text.placed(fault)).collect()
}
