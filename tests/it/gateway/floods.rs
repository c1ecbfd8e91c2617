//! Floods: what strangers send to take memory, time or connections from others.
//!
//! What is refused, and how, is tested with little of it; how a well-behaved sender fares beside
//! much of it is measured by hand.

mod beside;
mod frames;
mod kinds;
mod measured;
mod refused;

use super::running::{Folder, Gateway, LISTENER};

/// A listener beside the one for GitHub, which takes what anyone sends.
pub(super) const OTHER: &str = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11";

/// A gateway with the listener for GitHub and another, of which more is said.
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

/// The head of a request to a listener, without the empty line that ends it.
pub(super) fn head(listener: &str, headers: &str) -> String {
    format!("POST /webhooks/v1/listeners/{listener}/notify HTTP/1.1\r\nHost: a\r\n{headers}")
}

/// The head of one to the listener for GitHub.
pub(super) fn head_to_github(headers: &str) -> String {
    head(LISTENER, headers)
}
