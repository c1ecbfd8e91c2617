//! Checks of `hookgate.toml` that its schema cannot express: addresses that collide, spans of time
//! without a unit, and the files of the server. Does not read the settings themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::keys::RETAINED;
use crate::config::FieldType;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::document::{Entry, Node};
use crate::gateway::http::tls::TlsConfig;
use crate::listener::Listener;

/// Retention below this span that has no unit is a mistake: most people mean days.
const SHORT_RETENTION: Duration = Duration::from_secs(3600);

/// Checks the settings of a file.
pub(super) fn check(root: &Node, listen: SocketAddr, management: SocketAddr) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(same_address(root, listen, management));
    found.extend(short_retention(root));
    found
}

/// Reports two listening addresses that cannot both be open. Port 0 stands for any free port.
fn same_address(root: &Node, listen: SocketAddr, management: SocketAddr) -> Option<Diagnostic> {
    let is_any = |address: SocketAddr| address.ip().is_unspecified();
    let same_ip = listen.ip() == management.ip() || is_any(listen) || is_any(management);
    if !same_ip || listen.port() != management.port() || listen.port() == 0 {
        return None;
    }
    let server = root.get("server")?;
    let node = server.get("management").or_else(|| server.get("listen"))?;
    let message = format!(
        "`server.listen` is `{listen}` and `server.management` is `{management}`: both have port {}",
        listen.port()
    );
    let help = "write another port for one of them; the defaults are 8080 and 8081";
    Some(Diagnostic::new(Code::E0605, node.span, message).help(help))
}

/// Warns about short retention that is written as a number without a unit.
fn short_retention(root: &Node) -> Vec<Diagnostic> {
    let entries = root.get("retention").map(Node::entries).unwrap_or_default();
    let is_span = |entry: &&Entry| {
        let field = RETAINED.field(&entry.key.text);
        field.is_some_and(|field| matches!(field.takes, FieldType::Duration))
    };
    let without_unit = |Entry { key, value }: &Entry| {
        let written = value.as_str().and_then(|text| text.parse().ok());
        let number: u64 = value.as_count().or(written)?;
        let is_short = (1..SHORT_RETENTION.as_secs()).contains(&number);
        let message = format!("`{}` has no unit, so it is {number} seconds", key.text);
        let help = format!("write `\"{number}d\"` for days, or `\"{number}s\"` for seconds");
        is_short.then(|| Diagnostic::new(Code::W0609, value.span, message).help(help))
    };
    entries.iter().filter(is_span).filter_map(without_unit).collect()
}

/// Warns about sinks of tenants that no listener belongs to: they never receive an event. Without
/// any listener, the configuration is not complete yet.
pub(super) fn sinks(
    root: Option<&Node>,
    listeners: &BTreeMap<Box<str>, Arc<Listener>>,
) -> Vec<Diagnostic> {
    let tenants: Vec<&str> = listeners.values().map(|listener| &*listener.tenant).collect();
    let sinks = root.and_then(|root| root.get("sink")).map(Node::items).unwrap_or_default();
    let unknown = |sink: &Node| {
        let node = sink.get("tenant")?;
        let tenant = node.as_str().filter(|tenant| !tenants.contains(tenant))?;
        let message =
            format!("no listener belongs to the tenant `{tenant}`, so this sink stays empty");
        let help = did_you_mean(tenant, tenants.iter().copied());
        Some(Diagnostic::new(Code::W0614, node.span, message).maybe_help(help))
    };
    if tenants.is_empty() { Vec::new() } else { sinks.iter().filter_map(unknown).collect() }
}

/// Checks the files that the server and deliveries need: certificates and the private key.
pub(super) fn files(root: &Node, folder: &Path) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(tls) = root.get("server").and_then(|server| server.get("tls")) {
        found.extend(tls_files(tls, folder));
    }
    if let Some(node) = root.get("delivery").and_then(|delivery| delivery.get("ca_file")) {
        found.extend(certificates(node, folder));
    }
    found
}

fn tls_files(tls: &Node, folder: &Path) -> Vec<Diagnostic> {
    let (Some(certificate), Some(key)) = (tls.get("certificate"), tls.get("key")) else {
        return Vec::new();
    };
    let found: Vec<Diagnostic> =
        certificates(certificate, folder).into_iter().chain(private_key(key, folder)).collect();
    if !found.is_empty() {
        return found;
    }
    let path = |node: &Node| folder.join(node.as_str().unwrap_or(""));
    let read = TlsConfig::read(&path(certificate), &path(key));
    read.err().map(|error| refused(certificate, error.to_string())).into_iter().collect()
}

/// Checks a file that has to hold at least one certificate.
fn certificates(node: &Node, folder: &Path) -> Option<Diagnostic> {
    let name = node.as_str()?;
    let content = match content(node, folder, name) {
        Ok(content) => content,
        Err(refused) => return Some(refused),
    };
    let mut all = CertificateDer::pem_slice_iter(&content).peekable();
    if all.peek().is_none() {
        return Some(lacks(node, name, "certificate", "CERTIFICATE"));
    }
    let damaged = all.find_map(Result::err)?;
    Some(refused(node, format!("`{name}` is no PEM file: {damaged}")))
}

/// Checks a file that has to hold a private key. No message has its content.
fn private_key(node: &Node, folder: &Path) -> Option<Diagnostic> {
    let name = node.as_str()?;
    let content = match content(node, folder, name) {
        Ok(content) => content,
        Err(refused) => return Some(refused),
    };
    match PrivateKeyDer::from_pem_slice(&content).err()? {
        PemError::NoItemsFound => Some(lacks(node, name, "private key", "PRIVATE KEY")),
        _ => Some(refused(node, format!("the private key in `{name}` is damaged"))),
    }
}

fn content(node: &Node, folder: &Path, name: &str) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(folder.join(name))
        .map_err(|error| refused(node, format!("cannot read `{name}`: {error}")))
}

fn lacks(node: &Node, name: &str, what: &str, label: &str) -> Diagnostic {
    let help = format!("a PEM file has it after `-----BEGIN {label}-----`");
    refused(node, format!("`{name}` has no {what}")).help(help)
}

fn refused(node: &Node, message: String) -> Diagnostic {
    Diagnostic::new(Code::E0607, node.span, message)
}
