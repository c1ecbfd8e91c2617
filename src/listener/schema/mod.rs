//! JSON Schemas for bodies.
//!
//! Rule authors write schemas and any sender writes bodies, but the crate for validation has no
//! limits of its own. So a schema is analysed before it is compiled ([`complexity`]), and a body is
//! read through a meter that stops a validation at its limit ([`instance`]). Knows no requests.

mod bounds;
mod complexity;
mod instance;
mod shorthand;
#[cfg(test)]
mod tests;

use jsonschema::{PatternOptions, Validator};

use self::complexity::{Complexity, PATTERN_BYTES};
use self::instance::{Allowance, Exhausted, Metered, longest_path, metered};
use crate::engine::{OwnedValue, Type};
use crate::value::read_json;

/// A compiled schema for bodies.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator<Metered>,
    complexity: Complexity,
    /// The type of the body for the type checker.
    pub(super) value_type: Type,
}

/// Maximum number of violations reported for one body.
const MAX_VIOLATIONS: usize = 20;

/// Maximum number of steps for checking a body: some hundred milliseconds.
const VALIDATION_STEPS: u64 = 2_000_000;

/// Maximum number of steps for listing the violations of a body. Each step may keep an error in
/// memory.
const VIOLATION_STEPS: u64 = 20_000;

/// Maximum total size of the instance paths in the errors of one body, in bytes.
const PATH_BYTES: u64 = 8 << 20;

/// Maximum size of a schema, in bytes.
const SCHEMA_BYTES: usize = 1 << 20;

/// Stack for compiling a schema, in bytes. The compiler recurses through nested schemas and
/// references.
const COMPILER_STACK: usize = 32 << 20;

impl Schema {
    /// Reads a JSON Schema or its shorthand.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        let value = read_json(json).map_err(|error| format!("this is not JSON: {error}"))?;
        Self::of(&value)
    }

    /// Builds a schema from a parsed document.
    pub(super) fn of(value: &OwnedValue) -> Result<Self, String> {
        let full = if Type::is_schema(value) { value.clone() } else { shorthand::expand(value)? };
        if holds_big_number(&full) {
            return Err("the schema has an integer beyond 64 bits; limits and constants reach from -9223372036854775808 to 18446744073709551615, or are decimals".to_owned());
        }
        let text = full.to_string();
        if text.len() > SCHEMA_BYTES {
            return Err(format!("the schema has more than {SCHEMA_BYTES} bytes"));
        }
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let complexity = Complexity::of(&json)?;
        let validator = compiled(&json)?;
        Ok(Self { validator, complexity, value_type: Type::of_schema(value).not_null() })
    }

    /// Returns the violations of a body, each with its path. Messages do not repeat values of the
    /// sender.
    pub(super) fn violations(&self, body: &OwnedValue) -> Vec<String> {
        match metered(self.allowance(VALIDATION_STEPS), || self.validator.is_valid(body)) {
            Ok(true) => Vec::new(),
            Ok(false) => self.differences(body),
            Err(Exhausted) => vec![format!(
                "the body takes more than {VALIDATION_STEPS} steps to validate against the schema"
            )],
        }
    }

    /// Returns the first violations. If listing takes too many steps, returns a single general
    /// message.
    fn differences(&self, body: &OwnedValue) -> Vec<String> {
        // The crate collects all errors, each with its path, before it returns the first one.
        let path = longest_path(body).max(64) as u64;
        let steps = VIOLATION_STEPS.min(PATH_BYTES / path);
        let listed = metered(self.allowance(steps), || {
            let errors = self.validator.iter_errors(body).take(MAX_VIOLATIONS);
            errors.map(|error| violation(&error)).collect::<Vec<_>>()
        });
        listed.unwrap_or_else(|Exhausted| {
            vec!["the body does not match the schema, in more places than are listed".to_owned()]
        })
    }

    fn allowance(&self, steps: u64) -> Allowance {
        Allowance {
            steps,
            per_access: self.complexity.step_cost(),
            per_text: self.complexity.text_weight,
            per_name: self.complexity.name_weight,
        }
    }
}

/// Returns true if a value contains a number that the crate for validation would round.
fn holds_big_number(value: &OwnedValue) -> bool {
    match value {
        OwnedValue::BigNumber(_) => true,
        OwnedValue::List(items) => items.iter().any(holds_big_number),
        OwnedValue::Object(members) => members.iter().any(|(_, member)| holds_big_number(member)),
        _ => false,
    }
}

/// Compiles an analysed schema. References are never fetched, and regular expressions run in linear
/// time.
fn compiled(json: &serde_json::Value) -> Result<Validator<Metered>, String> {
    let compile = || {
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        bounds::with_exact_numbers(jsonschema::options_for::<Metered>().offline())
            .with_pattern_options(patterns)
            .build(json)
            .map_err(|error| format!("it is no JSON Schema: {error}"))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(COMPILER_STACK);
        let running = thread
            .spawn_scoped(scope, compile)
            .map_err(|error| format!("the schema cannot be compiled: {error}"))?;
        running.join().unwrap_or_else(|_| Err("the schema cannot be compiled".to_owned()))
    })
}

fn violation(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().to_string();
    let place = if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") };
    format!("{place}: {}", error.masked())
}
