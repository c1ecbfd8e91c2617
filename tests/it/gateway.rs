//! The gateway over real sockets and a real database.

mod examples;
mod running;
mod server;
mod store;
