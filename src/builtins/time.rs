//! Functions of the time family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
