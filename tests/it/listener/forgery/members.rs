//! Changes to members of a body of which only some are signed.

use hookgate::listener::Sample;
use serde_json::Value;

use super::changes::{Change, differs_at, of_bytes};
use super::documents::{self, Format};
use super::facts::Facts;

/// The position of a value in a document: a JSON pointer.
type Place = String;

/// Returns every change to one member, at each position where it occurs.
pub(super) fn of_member(facts: &Facts, sample: &Sample, path: &[String]) -> Vec<Change> {
    let body = sample.body.as_deref().unwrap_or_default();
    let Some((document, format)) = documents::read(body) else {
        return Vec::new();
    };
    // A field that is missing leaves nothing to sign.
    let unreadable = if format == Format::Json { [].as_slice() } else { &["no_payload"] };
    let mut places = Vec::new();
    find(&document, path, String::new(), &mut places);
    let read = format!("parsed_body.{}", path.join("."));
    let mut all = Vec::new();
    for place in places {
        let value = document.pointer(&place).unwrap();
        for (what, changed) in changed(value) {
            let mut forged = document.clone();
            *forged.pointer_mut(&place).unwrap() = changed;
            all.push(Change {
                kind: "a signed member",
                what: format!("{place}: {what}"),
                sample: Sample { body: Some(format.write(&forged)), ..sample.clone() },
                wanted: [&*differs_at(facts, &read), unreadable].concat(),
            });
        }
    }
    all
}

/// Finds the scalars at and below a path, which may start at any depth.
fn find(value: &Value, path: &[String], at: Place, found: &mut Vec<Place>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, one)| (at.to_string(), one)).collect()
        }
        _ => Vec::new(),
    };
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let pointer = format!("/{}", names.join("/"));
    if let Some(member) = value.pointer(&pointer) {
        scalars(member, format!("{at}{pointer}"), found);
        return;
    }
    for (key, value) in inner {
        find(value, path, format!("{at}/{key}"), found);
    }
}

fn scalars(value: &Value, at: Place, found: &mut Vec<Place>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| scalars(value, format!("{at}/{key}"), found));
        }
        _ => found.push(at),
    }
}

fn changed(value: &Value) -> Vec<(&'static str, Value)> {
    let Some(text) = value.as_str() else {
        let number = value.as_i64().unwrap();
        return vec![
            ("one more", (number + 1).into()),
            ("ten times", (number * 10).into()),
            ("negative", (-number).into()),
            ("null", Value::Null),
            ("a list", vec![value.clone()].into()),
        ];
    };
    let bytes = of_bytes(text.as_bytes()).into_iter();
    let texts = bytes.filter_map(|(what, bytes)| Some((what, String::from_utf8(bytes).ok()?)));
    let mut all: Vec<(&str, Value)> =
        texts.filter(|(_, one)| one != text).map(|(what, one)| (what, one.into())).collect();
    // An empty string is signed like a missing one.
    if !text.is_empty() {
        all.push(("null", Value::Null));
    }
    all.push(("a list", vec![value.clone()].into()));
    all
}
