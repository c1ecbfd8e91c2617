//! The management API: subscriptions as Socotra and awork document them, the stream of events,
//! and the description of all of it.
//!
//! An operation is a row: its route, what it needs, what it answers, and the function that does
//! it. The router, the check of permissions and `/openapi.json` are made from the rows.

mod awork;
mod budget;
mod call;
mod caller;
mod openapi;
mod operation;
mod page;
mod socotra;
mod stream;
mod subscriptions;

pub use budget::Budget;
pub(super) use operation::routes;
pub use subscriptions::{Acting, ActingError, COMMAND_LINE, MASK};

use operation::Operation;

/// Every operation.
fn operations() -> impl Iterator<Item = &'static Operation> {
    [socotra::OPERATIONS, awork::OPERATIONS, stream::OPERATIONS, openapi::OPERATIONS]
        .into_iter()
        .flatten()
}
