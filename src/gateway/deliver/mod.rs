//! Delivery: stored events are fanned out to subscriptions, and waiting deliveries are sent. Each
//! subscription has a worker of its own, so no receiver delays another.
//!
//! The meaning of a response and the next step are decided in [`crate::delivery`].

mod attempt;
mod client;
mod content;
mod dispatcher;
mod fanout;
mod fetch;
mod file_sink;
mod metered;
mod resolver;
mod shared;
mod shutdown;
mod task;
mod throttle;
mod worker;

pub(super) use client::Clients;
pub use client::ClientsError;
#[cfg(feature = "cli")]
pub(crate) use client::trusted_roots;
pub(super) use dispatcher::{clients, run};
pub(super) use fetch::fetch;
pub(super) use file_sink::sync_sinks;
pub(super) use task::with_event;

/// The header that counts the gateways on the way, so that a loop ends.
pub(super) const HOPS: &str = "hookgate-hops";
