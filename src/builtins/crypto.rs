//! Functions of the crypto family.

use super::registry::Function;

pub(super) const FUNCTIONS: &[Function] = &[];
