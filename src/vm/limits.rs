//! How much one evaluation may do.

use crate::value::Budget;

/// The limits of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps of work: an element, or 64 bytes of text, hash or pattern input.
    pub steps: u64,
    /// Bytes of values built.
    pub memory: usize,
    /// Bytes of a regular expression's compiled form.
    pub pattern: usize,
    /// Bytes of the compiled forms of all regular expressions that a program has as literals.
    pub patterns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, memory: 16 << 20, pattern: 1 << 20, patterns: 8 << 20 }
    }
}

impl Limits {
    /// What a heap may be used for.
    pub(super) fn budget(self) -> Budget {
        Budget { bytes: self.memory, steps: self.steps }
    }
}
