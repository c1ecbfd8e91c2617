//! JSON Schemas of configuration files for editors, generated from the schema rows (draft 2020-12).
//!
//! A JSON Schema accepts the same files as the reader, as far as JSON Schema can express the rules.
//! For example, only `hookgate check` tests that an expression compiles.

use serde_json::{Map, Value, json};

use super::{Field, FieldType, KeyDefault, Table};

/// Returns the JSON Schema of the files whose root is the given table.
pub fn of(root: &'static Table) -> Value {
    let mut schema = table(root);
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), root.name.into());
    let inner = root.all().into_iter().skip(1);
    let definitions: Map<String, Value> =
        inner.map(|inner| (inner.anchor(), table(inner).into())).collect();
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), definitions.into());
    }
    schema.into()
}

fn table(table: &'static Table) -> Map<String, Value> {
    let properties: Map<String, Value> =
        table.fields.iter().map(|field| (field.name.to_owned(), described(field))).collect();
    let required: Vec<&str> =
        table.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("description".to_owned(), table.doc.into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    if !table.one_of.is_empty() {
        let choices = table.one_of.iter().map(|name| json!({ "required": [name] }));
        schema.insert("oneOf".to_owned(), choices.collect::<Vec<_>>().into());
    }
    schema
}

fn described(field: &Field) -> Value {
    let mut schema = value(&field.takes);
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), field.doc.into());
        if let Some(default) = default_value(field) {
            schema.insert("default".to_owned(), default);
        }
    }
    schema
}

/// Returns the fixed default of a key as a JSON value.
pub fn default_value(field: &Field) -> Option<Value> {
    match field.default {
        KeyDefault::Value(text) => Some(scalar(&field.takes, text)),
        KeyDefault::List(items) => Some(json!(items)),
        KeyDefault::None | KeyDefault::Derived(_) => None,
    }
}

fn scalar(takes: &FieldType, text: &str) -> Value {
    let is_text = matches!(takes, FieldType::Text | FieldType::Word(_) | FieldType::Duration);
    let parsed = serde_json::from_str(text).ok().filter(|_| !is_text);
    parsed.unwrap_or_else(|| text.into())
}

fn value(takes: &FieldType) -> Value {
    match takes {
        FieldType::Text | FieldType::Expression | FieldType::Template => {
            json!({ "type": "string" })
        }
        FieldType::Word(words) => json!({ "enum": words }),
        FieldType::Uuid => json!({ "type": "string", "format": "uuid" }),
        FieldType::Id => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        FieldType::Duration => json!({ "anyOf": [
            { "type": "string", "pattern": "^[0-9]+[smhd]?$" },
            { "type": "integer", "minimum": 0 },
        ]}),
        FieldType::Bool => json!({ "type": "boolean" }),
        FieldType::Count(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        FieldType::Number => json!({ "type": "number" }),
        FieldType::Any => json!({}),
        FieldType::List(item) => json!({ "type": "array", "items": value(item) }),
        FieldType::Table(table) => json!({ "$ref": format!("#/$defs/{}", table.anchor()) }),
        FieldType::Map(each) => json!({ "type": "object", "additionalProperties": value(each) }),
        FieldType::Mapper => json!({ "type": "object" }),
        FieldType::OneOf(options) => {
            json!({ "anyOf": options.iter().map(value).collect::<Vec<_>>() })
        }
    }
}
