//! Functions of the object family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
