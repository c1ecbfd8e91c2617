//! The management API: subscriptions in the APIs that Socotra and awork document, the event stream,
//! and the OpenAPI description. Does not deliver.
//!
//! An operation is a row: its route, its permissions, its schemas, and the function that runs it.
//! The router, the permission check and `/openapi.json` are built from the rows.

mod api;
mod awork;
pub(super) mod budget;
mod call;
mod caller;
mod fault;
mod form;
mod openapi;
mod operation;
mod page;
mod read_only;
mod socotra;
mod stream;
mod subscriptions;

pub(super) use operation::routes;
pub use subscriptions::{COMMAND_LINE, MASK, SubscriptionAdmin, SubscriptionAdminError};

use operation::Operation;

/// Returns all operations.
fn operations() -> impl Iterator<Item = &'static Operation> {
    [socotra::OPERATIONS, awork::OPERATIONS, stream::OPERATIONS, openapi::OPERATIONS]
        .into_iter()
        .flatten()
}
