//! Functions of the number family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
