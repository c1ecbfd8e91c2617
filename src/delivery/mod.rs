//! Delivery, as far as it can be decided without doing it: who wants an event, what is sent, what
//! an answer means, when to try again and when to stop.
//!
//! Knows no sockets, no store and no clock: [`crate::gateway`] sends, stores and waits.

mod attempt;
mod envelope;
mod message;
mod next;
mod policy;
mod programs;
mod signing;
mod standing;
mod subscription;
mod target;
mod types;

pub use attempt::{Ended, retry_after};
pub use envelope::{Event, Notice, envelope, locator};
pub use message::slack_message;
pub use next::{History, Next, next_attempt};
pub use policy::{LONGEST_WAIT, Pattern, Policy, Retry, Suspend, Trigger};
pub use programs::{Filters, Programs, STEPS, UNWANTED, Wanted, engine};
pub use signing::{SigningSecret, SigningSecretError};
pub use standing::{Standing, Verdict};
pub use subscription::{Api, Definition, Endpoint, Previous, Receiver, header_fault, receiver_of};
pub use target::{Refusal, refusal};
pub use types::{AWORK_SLACK_TYPES, AWORK_TYPES};
