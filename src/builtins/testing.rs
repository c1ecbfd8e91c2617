//! Calls of functions in tests that a row's examples cannot express.

use super::{Env, PatternCache, find, invoke};
use crate::value::{Budget, Fault, Heap, Value};

/// A heap with the limits that the language has by default.
pub(super) fn heap() -> Heap {
    Heap::new(Budget { bytes: 16 << 20, steps: 1_000_000 })
}

/// The answer of a call.
pub(super) fn invoked<'a>(
    heap: &'a Heap,
    name: &str,
    args: &[Value<'a>],
) -> Result<Value<'a>, Fault> {
    // Answers may borrow from the environment; a test's may stay for good.
    let patterns = Box::leak(Box::new(PatternCache::new(1 << 20)));
    let env = Env { heap, literals: &[], patterns };
    invoke(&env, find(name).unwrap(), args)
}

/// The answer of a call as JSON, or the kind of its fault.
pub(super) fn call(name: &str, args: &[Value<'_>]) -> String {
    match invoked(&heap(), name, args) {
        Ok(value) => value.to_string(),
        Err(fault) => format!("{:?}", fault.kind()),
    }
}

/// The answer of a call as JSON, or the kind of its fault with its message.
pub(super) fn told(name: &str, args: &[Value<'_>]) -> String {
    match invoked(&heap(), name, args) {
        Ok(value) => value.to_string(),
        Err(fault) => format!("{fault:?}"),
    }
}
