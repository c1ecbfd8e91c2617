//! The limits of one evaluation. Does not enforce them.

use crate::value::Budget;

/// The limits of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum steps of work. A step is an element, or 64 bytes of string, hash or pattern
    /// input.
    pub steps: u64,
    /// The maximum size of the values built, in bytes.
    pub memory: usize,
    /// The maximum size of the compiled form of one regular expression, in bytes.
    pub pattern: usize,
    /// The maximum size of the compiled literal regular expressions of a program together, in
    /// bytes.
    pub patterns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, memory: 16 << 20, pattern: 1 << 20, patterns: 8 << 20 }
    }
}

impl Limits {
    /// Returns the budget of the heap.
    pub(super) fn budget(self) -> Budget {
        Budget { bytes: self.memory, steps: self.steps }
    }
}
