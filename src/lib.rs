//! Hookgate: a rule language for webhooks, compiled to bytecode, and the gateway that runs it.
//!
//! The crate has three doors:
//!
//! - [`engine`] compiles and runs rules. It is the API for programs that embed the language.
//! - [`listener`] decides on a request: it verifies the sender, filters, deduplicates and maps. It
//!   uses no network, no files and no clock.
//! - [`gateway`] is the server around listeners, with its store and its delivery of events.
//!
//! ```
//! use hookgate::engine::{Context, Engine, Machine, Source};
//!
//! // Compile once. An error names the place in the rule and the way to mend it.
//! let engine = Engine::for_requests();
//! let source = r#"parsed_body.issue.priority IN ["High", "Highest"]"#;
//! let rule = engine.compile(source)?;
//!
//! // Run often. The context borrows the request.
//! let request = serde_json::json!({
//!     "parsed_body": { "issue": { "priority": "High" } },
//! });
//! let mut machine = Machine::default();
//! assert!(machine.test(&rule, &Context::of(&request))?);
//!
//! // Explain: the value of each part of the rule, and the parts that decided.
//! let checked = engine.check(Source::new("rule", source))?;
//! let explanation = engine.explain(&checked, &Context::of(&request), &mut machine)?;
//! assert!(explanation.to_string().contains("High"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | has |
//! |---|---|
//! | `cli` (default) | the command line, with the gateway |
//! | `gateway` | the module [`gateway`]: everything that uses sockets, files or the clock; includes `listener` |
//! | `listener` | the module [`listener`]: the decision on a request, without network, files and clock |
//! | `reference` | the reference evaluator, which tests compare the machine with |
//! | `internals` | all modules are public, for tests, benches and fuzzing; there is no promise about them |
//!
//! Without features the crate is the language alone: the module [`engine`].

#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "internals"),
    allow(
        dead_code,
        unused_imports,
        unreachable_pub,
        reason = "tests, benches and fuzzing use the rest"
    )
)]

// Each module stands here twice, because `rustfmt` does not find modules that a macro declares.
#[cfg(not(feature = "internals"))]
mod builtins;
#[cfg(feature = "internals")]
pub mod builtins;
#[cfg(not(feature = "internals"))]
mod check;
#[cfg(feature = "internals")]
pub mod check;
#[cfg(feature = "cli")]
#[doc(hidden)]
#[allow(
    clippy::disallowed_methods,
    reason = "the command line reads files, the environment and the clock for the pure half"
)]
pub mod cli;
#[cfg(not(feature = "internals"))]
mod compile;
#[cfg(feature = "internals")]
pub mod compile;
#[cfg(all(feature = "listener", not(feature = "internals")))]
mod config;
#[cfg(all(feature = "listener", feature = "internals"))]
pub mod config;
#[cfg(all(feature = "listener", not(feature = "internals")))]
mod delivery;
#[cfg(all(feature = "listener", feature = "internals"))]
pub mod delivery;
#[cfg(not(feature = "internals"))]
mod diagnostic;
#[cfg(feature = "internals")]
pub mod diagnostic;
#[cfg(not(feature = "internals"))]
mod document;
#[cfg(feature = "internals")]
pub mod document;
pub mod engine;
#[cfg(not(feature = "internals"))]
mod explain;
#[cfg(feature = "internals")]
pub mod explain;
#[cfg(all(feature = "listener", not(feature = "internals")))]
mod filterby;
#[cfg(all(feature = "listener", feature = "internals"))]
pub mod filterby;
#[cfg(not(feature = "internals"))]
mod format;
#[cfg(feature = "internals")]
pub mod format;
#[cfg(feature = "gateway")]
#[allow(
    clippy::disallowed_methods,
    reason = "the gateway reads files, the environment and the clock for the pure half"
)]
pub mod gateway;
#[cfg(feature = "listener")]
pub mod listener;
#[cfg(not(feature = "internals"))]
mod mapper;
#[cfg(feature = "internals")]
pub mod mapper;
#[cfg(not(feature = "internals"))]
mod printable;
#[cfg(feature = "internals")]
pub mod printable;
#[cfg(not(feature = "internals"))]
mod program;
#[cfg(feature = "internals")]
pub mod program;
#[cfg(feature = "reference")]
pub mod reference;
#[cfg(not(feature = "internals"))]
mod source;
#[cfg(feature = "internals")]
pub mod source;
#[cfg(not(feature = "internals"))]
mod syntax;
#[cfg(feature = "internals")]
pub mod syntax;
#[cfg(not(feature = "internals"))]
mod value;
#[cfg(feature = "internals")]
pub mod value;
#[cfg(not(feature = "internals"))]
mod vm;
#[cfg(feature = "internals")]
pub mod vm;

// The Rust blocks of these pages run as tests of the crate.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
#[cfg(all(doctest, feature = "listener"))]
#[doc = include_str!("../docs/embedding.md")]
mod embedding {}
