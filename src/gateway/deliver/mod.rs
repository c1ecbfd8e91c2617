//! Delivering: stored events are fanned out to subscriptions, and what waits for those is sent,
//! each receiver in a lane of its own, so that none waits for another.
//!
//! What an answer means and what comes next, [`crate::delivery`] says.

mod arrivals;
mod attempt;
mod client;
mod dispatch;
mod fanout;
mod file;
mod filters;
mod lane;
mod resolver;
mod sending;
mod shares;
mod subscribed;

pub use arrivals::Arrivals;
pub(super) use client::Clients;
pub use client::ClientsError;
pub(super) use dispatch::{clients, run};
pub(super) use file::sync_sinks;
pub(super) use filters::Filters;
pub(super) use sending::with_event;
pub use subscribed::{Subscribed, UnreadableSubscription, sealed, unsealed};

/// The header that counts gateways on the way, so that a loop comes to an end.
pub(super) const HOPS: &str = "hookgate-hops";
