//! The shorthand for schemas: `{ "action": "string" }`. Knows no validation.

use crate::engine::OwnedValue;
use crate::value::OwnedObject;

/// Expands the shorthand `{ "action": "string" }` to a JSON Schema. Every named member is required
/// and must have its type.
pub(super) fn expand(value: &OwnedValue) -> Result<OwnedValue, String> {
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
                entries.push(("items".into(), expand(item)?));
            }
            object(entries)
        }
        OwnedValue::Object(members) => {
            let names = members.iter().map(|(name, _)| text(name)).collect();
            let mut properties = Vec::new();
            for (name, member) in members.iter() {
                properties.push((name.clone(), expand(member)?));
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
