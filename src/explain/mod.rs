//! Explanations: which parts of a source had which values, and which of them decided.
