//! Connections and HTTP: from the socket to a request with a bounded head and a bounded body.
//!
//! Every stage of a connection has a timeout ([`STAGES`]). All memory that a connection or a
//! request holds is bounded ([`memory`], [`connections`]). Requests that RFC 9112 and RFC 9113
//! forbid are refused before a route sees them ([`head`]). This module knows no listener and no
//! route.

mod activity;
mod answer;
pub(super) mod body;
pub(super) mod client_address;
mod collected;
mod connection;
mod connections;
pub(super) mod file_limit;
mod frames;
mod guard;
mod head;
mod hpack;
pub(super) mod memory;
pub(super) mod readiness;
pub(super) mod server;
mod service;
mod stages;
pub(super) mod tls;
mod tls_reason;
mod unread;

pub(crate) use collected::collected;
pub(super) use head::{copy_size, value_text};
pub(super) use memory::{BodyReservation, Memory};
pub use stages::{STAGES, StageRow};
pub(crate) use tls_reason::handshake_reason;
pub(super) use tls_reason::tls_reason;
