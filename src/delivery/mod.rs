//! Delivery decisions: the subscriptions that get an event, the message, the meaning of a response,
//! the retries and the suspension.
//!
//! Pure functions without sockets, store and clock: [`crate::gateway`] sends, stores and waits.

mod attempt;
mod destination;
mod envelope;
mod event;
mod health;
mod message;
mod next;
mod policy;
mod programs;
mod signing;
mod subscription;
mod target;
mod types;

pub use attempt::{AttemptResult, retry_after};
pub use destination::{DestinationUrl, MAX_URL_BYTES, URL_PATTERN, UrlError};
pub use envelope::{Notice, envelope};
pub use event::{Event, locator};
pub use health::{AttemptEffect, SubscriptionHealth};
pub(crate) use message::slack_entity;
pub use message::slack_message;
pub use next::{History, Next, next_attempt};
pub use policy::{MAX_WAIT, Pattern, Policy, Retry, Suspend, Trigger};
pub use programs::{Filters, Programs, STEPS, UNWANTED, Wanted, engine};
pub use signing::{SigningSecret, SigningSecretError};
pub use subscription::{Api, Definition, Endpoint, Previous, Receiver, header_fault, receiver_of};
pub use target::{Refusal, ends_in_number, refusal};
pub use types::{AWORK_SLACK_TYPES, AWORK_TYPES};
