//! The stack machine: runs programs against contexts.
//!
//! Knows programs, values and functions, and nothing of source syntax, clocks or the host. A run
//! gets its input from a [`Context`], and its bounds from [`Limits`].

mod context;
mod definition_cache;
mod limits;
mod loops;
mod machine;
mod predicate;
mod secrets;
mod set;
mod shared;
mod simple;
mod trap;

pub use context::Context;
pub use definition_cache::{DefinitionCache, DefinitionUses};
pub use limits::Limits;
pub use machine::{Machine, Mark};
pub use secrets::Secrets;
pub use set::Bound;
pub use trap::Trap;
