//! Hookgate: a rule language for webhooks, compiled to bytecode, and the gateway that runs it.

#![forbid(unsafe_code)]

pub mod builtins;
pub mod check;
#[cfg(feature = "cli")]
#[allow(
    clippy::disallowed_methods,
    reason = "the command line reads files, the environment and the clock for the pure half"
)]
pub mod cli;
pub mod compile;
pub mod config;
pub mod delivery;
pub mod diagnostic;
pub mod document;
pub mod engine;
pub mod explain;
pub mod filterby;
pub mod format;
#[cfg(feature = "gateway")]
#[allow(
    clippy::disallowed_methods,
    reason = "the gateway reads files, the environment and the clock for the pure half"
)]
pub mod gateway;
pub mod listener;
pub mod mapper;
pub mod printable;
pub mod program;
#[cfg(feature = "reference")]
pub mod reference;
pub mod source;
pub mod syntax;
pub mod value;
pub mod vm;

// The Rust blocks of the page run as tests of the crate.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
