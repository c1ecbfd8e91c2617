//! Validation of request bodies by the schemas of `/openapi.json`, with an error for each wrong
//! member. Knows no operation in particular.
//!
//! The description and the server cannot differ in types, required and unknown members, since both
//! use the same schema. Patterns are left to the code that reads the member: it explains more.

use std::collections::HashSet;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::fault::{Fault, MAX_MEMBERS};
use crate::config::quoted_list;
use crate::diagnostic::did_you_mean;
use crate::value::{Projection, RepeatedKeys, read_json_part};

/// Largest body whose errors are listed as it is. Each error takes some hundred bytes, and a body
/// can have one for each few bytes: a larger body is shortened first.
const LISTED_BYTES: usize = 16 << 10;

/// Items of all arrays, and members of one object, of a shortened body.
const LISTED_VALUES: usize = 2000;

/// Maximum length of the name of a member, in bytes.
const NAME_BYTES: usize = 256;

/// Longest string that an error repeats.
const QUOTED_BYTES: usize = 64;

/// A function that returns a JSON Schema.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of a body, and its validator.
pub(super) struct Form {
    schema: Value,
    validator: Option<Validator>,
}

impl Form {
    pub(super) fn of(request: SchemaOf) -> Self {
        let mut generator = SchemaGenerator::default();
        let mut schema = request(&mut generator).to_value();
        if let Some(members) = schema.as_object_mut() {
            members.insert("$defs".to_owned(), generator.take_definitions(true).into());
        }
        remove_patterns(&mut schema);
        // A test calls every operation with a wrong body, so a schema that does not compile shows.
        let validator = jsonschema::options().offline().build(&schema).ok();
        Self { schema, validator }
    }

    /// Parses a body.
    ///
    /// # Errors
    /// Returns a fault if the body is no JSON, repeats a key, or does not match the schema.
    pub(super) fn parse(&self, body: &[u8]) -> Result<Value, Fault> {
        if body.is_empty() {
            return Err(Fault::Model("the body is empty, and has to be a JSON object".to_owned()));
        }
        let no_json = |error: &dyn std::fmt::Display| {
            Fault::Model(format!("the body has to be a JSON object: {error}"))
        };
        // Two readers of a repeated key would see two values.
        read_json_part(body, &Projection::default(), RepeatedKeys::Refuse)
            .map_err(|error| no_json(&error))?;
        let value: Value = serde_json::from_slice(body).map_err(|error| no_json(&error))?;
        if has_long_name(&value) {
            let message = format!("the name of a member has more than {NAME_BYTES} bytes");
            return Err(Fault::Model(message));
        }
        let wrong = self.errors(&value, body);
        match wrong.iter().find(|(path, _)| path.is_empty()) {
            Some((_, wrong)) => Err(Fault::Model(format!("the body {wrong}"))),
            None if wrong.is_empty() => Ok(value),
            None => Err(Fault::Members(wrong)),
        }
    }

    /// Returns the errors of a body, each with the path of its member.
    fn errors(&self, value: &Value, body: &[u8]) -> Vec<(String, String)> {
        let Some(validator) = &self.validator else {
            return Vec::new();
        };
        if validator.is_valid(value) {
            return Vec::new();
        }
        let is_large = body.len() > LISTED_BYTES;
        let short = is_large.then(|| shortened(value, &mut { LISTED_VALUES }));
        let mut wrong = Vec::new();
        for error in validator.iter_errors(short.as_ref().unwrap_or(value)) {
            self.explain(&error, &mut wrong);
        }
        // A value of a wrong type is none of the choices either: the first error says enough.
        let mut paths = HashSet::new();
        wrong.retain(|(path, _)| paths.insert(path.clone()));
        wrong.truncate(MAX_MEMBERS);
        wrong
    }

    /// Adds an error with its path. An unknown or a missing member has a path of its own.
    fn explain(&self, error: &ValidationError<'_>, wrong: &mut Vec<(String, String)>) {
        let path = path_of(error);
        match error.kind() {
            ValidationErrorKind::AnyOf { context } => {
                // One branch is null, for members that may be left out.
                let branch = context.iter().find(|errors| !is_about_null(errors));
                for error in branch.into_iter().flatten() {
                    self.explain(error, wrong);
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                wrong.push((member(&path, name), "is required".to_owned()));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.beside(error, "properties");
                let known: Vec<&str> = known
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.as_str())
                    .collect();
                for name in unexpected.iter().take(MAX_MEMBERS) {
                    wrong.push((member(&path, name), unknown_member(name, &known)));
                }
            }
            kind => wrong.push((path, self.message(error, kind))),
        }
    }

    fn message(&self, error: &ValidationError<'_>, kind: &ValidationErrorKind) -> String {
        use ValidationErrorKind as Kind;
        match kind {
            Kind::Type { kind } => {
                format!("has to be {}, not {}", types(kind), type_of(error.instance()))
            }
            Kind::MinLength { limit: 1 } => "should not be empty".to_owned(),
            Kind::MinLength { .. } | Kind::MaxLength { .. } => {
                format!("has to have {} characters", self.range(error, "minLength", "maxLength"))
            }
            Kind::MaxItems { limit } => format!("has to have at most {limit} items"),
            Kind::MaxProperties { limit } => format!("has to have at most {limit} members"),
            Kind::Minimum { .. } | Kind::Maximum { .. } => {
                format!("has to be {}", self.range(error, "minimum", "maximum"))
            }
            Kind::Enum { options } => {
                let options = options.as_array().into_iter().flatten();
                let options: Vec<&str> = options.filter_map(Value::as_str).collect();
                let given = error.instance().as_str().filter(|text| text.len() <= QUOTED_BYTES);
                let not = given.map(|text| format!(", not `{text}`")).unwrap_or_default();
                format!("has to be {}{not}", quoted_list(&options))
            }
            _ => error.masked().to_string(),
        }
    }

    /// Returns the range that two keywords give.
    fn range(&self, error: &ValidationError<'_>, least: &str, most: &str) -> String {
        let bound = |name| self.beside(error, name).map(Value::to_string);
        match (bound(least), bound(most)) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, most) => format!("at most {}", most.unwrap_or_default()),
        }
    }

    /// Returns a keyword beside the keyword of an error.
    fn beside(&self, error: &ValidationError<'_>, keyword: &str) -> Option<&Value> {
        let (schema, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(schema)?.get(keyword)
    }
}

/// Returns true if a member has a longer name than any form has. Each error below a member has its
/// name in its path.
fn has_long_name(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_long_name),
        Value::Object(members) => {
            members.iter().any(|(name, member)| name.len() > NAME_BYTES || has_long_name(member))
        }
        _ => false,
    }
}

/// Returns a body with fewer items and members. An array may have fewer items in every form, so this
/// adds no error.
fn shortened(value: &Value, items: &mut usize) -> Value {
    match value {
        Value::Array(all) => {
            let kept = all.len().min(*items);
            *items -= kept;
            all.iter().take(kept).map(|item| shortened(item, items)).collect()
        }
        Value::Object(all) => {
            let kept = all.iter().take(LISTED_VALUES);
            kept.map(|(name, value)| (name.clone(), shortened(value, items))).collect()
        }
        other => other.clone(),
    }
}

fn unknown_member(name: &str, known: &[&str]) -> String {
    let near = did_you_mean(name, known.iter().copied());
    let near = near.map(|near| format!("{near} ")).unwrap_or_default();
    format!("is no member of this form; {near}there are {}", quoted_list(known))
}

/// Returns true if the errors of a branch only say that a value is not null.
fn is_about_null(errors: &[ValidationError<'_>]) -> bool {
    let is_null = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => kind.to_string() == "null",
        _ => false,
    };
    matches!(errors, [one] if is_null(one))
}

/// Returns the path of a member: `endpoint.headers.X-Team[0]`.
fn path_of(error: &ValidationError<'_>) -> String {
    let pointer = error.instance_path().as_str();
    pointer.split('/').skip(1).fold(String::new(), |path, part| {
        match part.bytes().all(|byte| byte.is_ascii_digit()) && !path.is_empty() {
            true => format!("{path}[{part}]"),
            false => member(&path, &part.replace("~1", "/").replace("~0", "~")),
        }
    })
}

fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn types(kind: &TypeKind) -> String {
    let names: Vec<String> = match kind {
        TypeKind::Single(kind) => vec![with_article(&kind.to_string()).to_owned()],
        TypeKind::Multiple(kinds) => {
            let kinds = kinds.iter().map(|kind| kind.to_string());
            kinds.filter(|kind| kind != "null").map(|kind| with_article(&kind).to_owned()).collect()
        }
    };
    names.join(" or ")
}

/// Returns the name of a type in a sentence.
fn with_article(kind: &str) -> &str {
    match kind {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Removes the patterns of a schema.
fn remove_patterns(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("pattern").is_some_and(Value::is_string) {
                members.remove("pattern");
            }
            members.values_mut().for_each(remove_patterns);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_patterns),
        _ => {}
    }
}
