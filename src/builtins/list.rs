//! Functions of the list family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
