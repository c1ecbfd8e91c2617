//! Integration tests of the public API. One binary, so it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says what it expects by failing, and reads its cases from files"
)]

mod allocation;
mod cases;
mod cli;
mod deep;
mod delivery;
mod diagnostics;
mod docs;
mod engines;
mod explain;
mod format;
mod functions;
mod gateway;
mod host;
mod hostile;
mod listener;
mod mapper;
mod predicate;
mod program;
mod property;
mod resources;
mod step_limits;
mod tidy;
