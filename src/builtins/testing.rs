//! Helpers for tests of functions that the examples of a row cannot express.

use super::{Env, PatternCache, find, invoke};
use crate::value::{Budget, Fault, Heap, Value};

/// Creates a heap with the default limits of the language.
pub(super) fn heap() -> Heap {
    Heap::new(Budget { bytes: 16 << 20, steps: 1_000_000 })
}

/// Calls a function.
pub(super) fn invoked<'a>(
    heap: &'a Heap,
    name: &str,
    args: &[Value<'a>],
) -> Result<Value<'a>, Fault> {
    // The result may borrow from the environment, so the test leaks the environment.
    let patterns = Box::leak(Box::new(PatternCache::new(1 << 20)));
    let env = Env { heap, literals: &[], patterns };
    invoke(&env, find(name).unwrap(), args)
}

/// Returns the result of a call as JSON, or the kind of its fault.
pub(super) fn call(name: &str, args: &[Value<'_>]) -> String {
    match invoked(&heap(), name, args) {
        Ok(value) => value.to_string(),
        Err(fault) => format!("{:?}", fault.kind()),
    }
}

/// Returns the result of a call as JSON, or its fault with the message.
pub(super) fn told(name: &str, args: &[Value<'_>]) -> String {
    match invoked(&heap(), name, args) {
        Ok(value) => value.to_string(),
        Err(fault) => format!("{fault:?}"),
    }
}
