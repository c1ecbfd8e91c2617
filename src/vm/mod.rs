//! The stack machine: runs programs against contexts.
//!
//! Knows programs, values and functions; no source syntax, no clock, no host. What a run needs
//! from outside is in its [`Context`]; how much it may do is in its [`Limits`].

mod context;
mod direct;
mod limits;
mod loops;
mod machine;
mod secrets;
mod set;
mod simple;
mod trap;

pub use context::Context;
pub use limits::Limits;
pub use machine::{Machine, Mark};
pub use secrets::Secrets;
pub use set::Bound;
pub use trap::Trap;
