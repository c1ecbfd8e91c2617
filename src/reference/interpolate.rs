//! String concatenation. Does not count work.

use crate::value::{Fault, Heap, Value};

/// Joins parts to one string. Null adds nothing; scalars and collections are written as JSON. The
/// result is bytes if a part is bytes, and secret if a part is secret.
pub(super) fn joined<'a>(heap: &'a Heap, parts: &[Value<'a>]) -> Result<Value<'a>, Fault> {
    let secret = parts.iter().any(|part| part.holds_secret());
    let raw = parts.iter().any(|part| matches!(part, Value::Bytes(_) | Value::SecretBytes(_)));
    if raw {
        let bytes =
            heap.bytes(&parts.iter().flat_map(|part| content(*part)).collect::<Vec<u8>>())?;
        return Ok(if secret { Value::SecretBytes(bytes) } else { Value::Bytes(bytes) });
    }
    let text: String = parts.iter().map(|part| text_of(*part)).collect();
    let text = heap.text(&text)?;
    let encoded = parts.iter().any(|part| matches!(part, Value::Encoded(_)));
    Ok(match (secret, encoded) {
        (true, _) => Value::SecretText(text),
        (false, true) => Value::Encoded(text),
        (false, false) => Value::Text(text),
    })
}

fn content(part: Value<'_>) -> Vec<u8> {
    match part {
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => bytes.to_vec(),
        other => text_of(other).into_bytes(),
    }
}

/// Returns a part as text: strings and times unchanged, the rest as JSON.
fn text_of(part: Value<'_>) -> String {
    match part {
        Value::Null => String::new(),
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => text.to_owned(),
        Value::Time(time) => time.to_string(),
        other => json(other),
    }
}

/// Returns a value as compact JSON, including the content of secrets.
fn json(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::BigNumber(number) => number.to_string(),
        Value::Opaque(text) => text.to_owned(),
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => quoted(text),
        Value::Time(time) => quoted(&time.to_string()),
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => quoted(&hex::encode(bytes)),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(object) => {
            let entries =
                object.iter().map(|(key, value)| format!("{}:{}", quoted(key), json(value)));
            format!("{{{}}}", entries.collect::<Vec<String>>().join(","))
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
