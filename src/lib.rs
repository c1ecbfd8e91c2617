//! Hookgate: a rule language for webhooks, compiled to bytecode, and the gateway that runs on it.

pub mod builtins;
pub mod source;
pub mod value;
