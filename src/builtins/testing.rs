//! Calls of functions by name, for the tests of their families.

use super::{Env, PatternCache, find, invoke};
use crate::value::{Budget, Heap, Value};

/// The answer as JSON, or the fault as its kind and its message. A secret shows as such.
pub(super) fn call(name: &str, args: &[Value<'_>]) -> String {
    let heap = Heap::new(Budget { bytes: 1 << 24, steps: 1_000_000 });
    let patterns = PatternCache::new(1 << 20);
    let env = Env { heap: &heap, literals: &[], patterns: &patterns };
    match invoke(&env, find(name).expect("a function"), args) {
        Ok(answer) => answer.to_string(),
        Err(fault) => format!("{fault:?}"),
    }
}
