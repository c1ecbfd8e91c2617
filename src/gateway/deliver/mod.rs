//! Delivery: stored events are fanned out to subscriptions, and waiting deliveries are sent. Each
//! subscription has a worker of its own, so no receiver delays another.
//!
//! The meaning of a response and the next step are decided in [`crate::delivery`].

mod attempt;
mod client;
mod content;
mod dispatch;
mod fanout;
mod file;
mod filters;
mod metered;
mod notifier;
mod resolver;
mod shares;
mod shutdown;
mod subscribed;
mod task;
mod worker;

pub(super) use client::Clients;
pub use client::ClientsError;
pub(super) use dispatch::{clients, run};
pub(super) use file::sync_sinks;
pub(super) use filters::Filters;
pub use notifier::DeliveryNotifier;
pub use subscribed::{Subscribed, UnreadableSubscription, sealed, unsealed};
pub(super) use task::with_event;

/// The header that counts the gateways on the way, so that a loop ends.
pub(super) const HOPS: &str = "hookgate-hops";
