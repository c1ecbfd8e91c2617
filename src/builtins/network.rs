//! Functions of the network family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
