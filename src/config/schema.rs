//! JSON Schemas of configuration files, for editors: made from the rows (draft 2020-12).
//!
//! A schema takes what the reader takes, as far as JSON Schema can say it: that an expression
//! compiles is for `hookgate check`.

use serde_json::{Map, Value, json};

use super::{Field, Table, Takes};

/// The JSON Schema of the files that have a table as their root.
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
    }
    schema
}

fn value(takes: &Takes) -> Value {
    match takes {
        Takes::Text | Takes::Expression | Takes::Template => json!({ "type": "string" }),
        Takes::Word(words) => json!({ "enum": words }),
        Takes::Uuid => json!({ "type": "string", "format": "uuid" }),
        Takes::Duration => json!({ "anyOf": [
            { "type": "string", "pattern": "^[0-9]+[smhd]?$" },
            { "type": "integer", "minimum": 0 },
        ]}),
        Takes::Bool => json!({ "type": "boolean" }),
        Takes::Count(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Takes::Number => json!({ "type": "number" }),
        Takes::Any => json!({}),
        Takes::List(item) => json!({ "type": "array", "items": value(item) }),
        Takes::Table(table) => json!({ "$ref": format!("#/$defs/{}", table.anchor()) }),
        Takes::Map(each) => json!({ "type": "object", "additionalProperties": value(each) }),
        Takes::Mapper => json!({ "type": "object" }),
        Takes::OneOf(options) => {
            json!({ "anyOf": options.iter().map(value).collect::<Vec<_>>() })
        }
    }
}
