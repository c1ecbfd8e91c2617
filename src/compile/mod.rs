//! The compiler: from a checked tree to bytecode.
//!
//! Constants are folded by the operations themselves, and only where they answer: folding never
//! raises a fault that running would not, and never hides one. Knows nothing of the machine that
//! runs what comes out.

mod assembler;
mod fold;
mod lower;

pub use lower::{Compiled, Options, compile};
