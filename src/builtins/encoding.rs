//! Functions of the encoding family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
