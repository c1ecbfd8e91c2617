//! Schemas: what a body has to look like.

use jsonschema::Validator;

use crate::engine::{OwnedValue, Type};
use crate::value::{OwnedObject, read_json};

/// A schema that bodies are held to.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    /// What it tells the checker.
    pub(super) shape: Type,
}

/// So many violations are told of one body.
const MOST: usize = 20;

impl Schema {
    /// Reads a JSON Schema, or its shorthand.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        let value = read_json(json).map_err(|error| format!("this is not JSON: {error}"))?;
        Self::of(&value)
    }

    /// A schema of what was read.
    pub(super) fn of(value: &OwnedValue) -> Result<Self, String> {
        let full = if Type::is_schema(value) { value.clone() } else { shorthand(value)? };
        let json: serde_json::Value =
            serde_json::from_str(&full.to_string()).map_err(|error| error.to_string())?;
        let validator = jsonschema::validator_for(&json)
            .map_err(|error| format!("it is no JSON Schema: {error}"))?;
        Ok(Self { validator, shape: Type::of_schema(value).not_null() })
    }

    /// Everything in which a body differs: where, and how. A value that is not allowed is not
    /// repeated, since it is a stranger's.
    pub(super) fn violations(&self, body: &OwnedValue) -> Vec<String> {
        // The body came from JSON, and goes back to it.
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&body.to_string()) else {
            return vec!["the body is no JSON".to_owned()];
        };
        if self.validator.is_valid(&json) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(&json).take(MOST);
        errors.map(|error| violation(&error)).collect()
    }
}

fn violation(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().to_string();
    let place = if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") };
    format!("{place}: {}", error.masked())
}

/// The shorthand `{ "action": "string" }` as a JSON Schema: every member it names has to be
/// there and of its kind.
fn shorthand(value: &OwnedValue) -> Result<OwnedValue, String> {
    let text = |text: &str| OwnedValue::Text(text.into());
    let object =
        |entries: Vec<(Box<str>, OwnedValue)>| OwnedValue::Object(OwnedObject::new(entries).0);
    Ok(match value {
        OwnedValue::Text(name) => match &**name {
            "string" | "number" | "integer" | "boolean" | "object" | "array" | "null" => {
                object(vec![("type".into(), text(name))])
            }
            "any" => OwnedValue::Bool(true),
            other => {
                return Err(format!(
                    "`{other}` is no kind of JSON; write `string`, `number`, `integer`, `boolean`, `object`, `array`, `null` or `any`"
                ));
            }
        },
        OwnedValue::List(items) => {
            let mut entries = vec![("type".into(), text("array"))];
            if let [item] = items.as_slice() {
                entries.push(("items".into(), shorthand(item)?));
            }
            object(entries)
        }
        OwnedValue::Object(members) => {
            let names = members.iter().map(|(name, _)| text(name)).collect();
            let mut properties = Vec::new();
            for (name, member) in members.iter() {
                properties.push((name.clone(), shorthand(member)?));
            }
            object(vec![
                ("type".into(), text("object")),
                ("properties".into(), object(properties)),
                ("required".into(), OwnedValue::List(names)),
            ])
        }
        _ => {
            return Err(
                "the shorthand of a schema is made of objects, lists and names of kinds".to_owned()
            );
        }
    })
}
