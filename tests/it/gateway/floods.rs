//! Floods of hostile clients that try to take memory, time or connections from others.
//!
//! Refusals are tested with small floods in the suite. The latency of a well-behaved sender beside
//! large ones is measured by hand.

mod catalog;
pub(crate) mod client;
pub(super) mod frames;
pub(crate) mod http2;
mod measured;
mod payloads;
mod refused;
pub(crate) mod sender;
mod small;
mod streams;
pub(crate) mod target;
pub(crate) mod tenants;
pub(crate) mod unauthenticated;

use super::running::{Folder, Gateway, LISTENER};

/// A listener beside the one for GitHub, which accepts any request.
pub(crate) const OTHER: &str = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11";

/// A listener with several signatures in a request, and one that answers challenges.
pub(crate) const SIGNED: &str = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a12";
pub(crate) const ZOOM: &str = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a13";

/// Starts a gateway with the listener for GitHub and another one with additional keys.
pub(super) fn with_other(settings: &str, more: &str) -> (Folder, Gateway) {
    let folder = Folder::with_listener("[rate_limit]\nrequests = 1000000\nburst = 1000000\n");
    folder.settings(settings);
    folder.write(
        "listeners/other.toml",
        &format!(
            "id = \"{OTHER}\"\nname = \"Other\"\ntenant = \"acme\"\n\n[rate_limit]\n\
             requests = 1000000\nburst = 1000000\n{more}"
        ),
    );
    let gateway = folder.serve();
    (folder, gateway)
}

/// Returns the head of a request to a listener, without the empty line at its end.
pub(super) fn head(listener: &str, headers: &str) -> String {
    format!("POST /webhooks/v1/listeners/{listener}/notify HTTP/1.1\r\nHost: a\r\n{headers}")
}

/// Returns the head of a request to the listener for GitHub.
pub(super) fn head_to_github(headers: &str) -> String {
    head(LISTENER, headers)
}

/// Returns the path of the listener for GitHub.
pub(super) fn github() -> String {
    format!("/webhooks/v1/listeners/{LISTENER}/notify")
}
