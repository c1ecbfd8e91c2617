//! Hookgate: a rule language for webhooks, compiled to bytecode, and the gateway that runs on it.

#![forbid(unsafe_code)]

pub mod builtins;
pub mod check;
pub mod compile;
pub mod diagnostic;
pub mod engine;
pub mod explain;
pub mod format;
pub mod mapper;
pub mod program;
#[cfg(feature = "reference")]
pub mod reference;
pub mod source;
pub mod syntax;
pub mod value;
pub mod vm;
