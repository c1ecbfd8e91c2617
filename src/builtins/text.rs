//! Functions of the text family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
