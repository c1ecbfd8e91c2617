//! The compiler: from a checked tree to bytecode, and beside it to a predicate tree.
//!
//! Constant folding uses the run-time operations, and keeps only results: it never causes a fault
//! that a run would not have, and never hides one. Does not know the virtual machine.

mod assembler;
mod fold;
mod folded;
mod lower;
mod operand;
mod predicate;

pub use lower::{Compiled, Options, compile};
