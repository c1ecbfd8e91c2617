//! Values as compact JSON (RFC 8259): whole decimals without `.0`, a time as RFC 3339 text,
//! bytes as lower-case hex.

use std::fmt::{self, Write};

use crate::value::{Fault, Heap, TextBuilder, Value};

/// What stands in the place of a secret, wherever a value is shown.
const HIDDEN: &str = "\"<secret>\"";

/// Writes the value as compact JSON. A secret shows as `"<secret>"`.
///
/// # Errors
/// What the writer answers.
pub fn write_json(out: &mut impl Write, value: Value<'_>) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Number(number) => write!(out, "{number}"),
        Value::Text(text) | Value::Encoded(text) => write_text(out, text),
        Value::Time(time) => write!(out, "\"{time}\""),
        Value::Bytes(bytes) => write_hex(out, bytes),
        Value::SecretText(_) | Value::SecretBytes(_) => out.write_str(HIDDEN),
        Value::List(list) => {
            out.write_char('[')?;
            for (at, item) in list.iter().enumerate() {
                if at > 0 {
                    out.write_char(',')?;
                }
                write_json(out, item)?;
            }
            out.write_char(']')
        }
        Value::Object(object) => {
            out.write_char('{')?;
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.write_char(',')?;
                }
                write_text(out, key)?;
                out.write_char(':')?;
                write_json(out, value)?;
            }
            out.write_char('}')
        }
    }
}

/// Writes the value as compact JSON to a text on the heap, a secret's content too: the text is
/// then a secret itself, which is the caller's to say.
///
/// # Errors
/// A fault where a limit is passed.
pub fn write_json_text(
    heap: &Heap,
    out: &mut TextBuilder<'_>,
    value: Value<'_>,
) -> Result<(), Fault> {
    let before = out.len();
    match value {
        Value::List(list) => {
            heap.work(list.len())?;
            out.push("[")?;
            for (at, item) in list.iter().enumerate() {
                if at > 0 {
                    out.push(",")?;
                }
                write_json_text(heap, out, item)?;
            }
            out.push("]")?;
        }
        Value::Object(object) => {
            heap.work(object.len())?;
            out.push("{")?;
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(",")?;
                }
                out.push_display(Quoted(key))?;
                out.push(":")?;
                write_json_text(heap, out, value)?;
            }
            out.push("}")?;
        }
        Value::SecretText(text) => out.push_display(Quoted(text))?,
        Value::SecretBytes(bytes) => out.push_display(Value::Bytes(bytes))?,
        scalar => out.push_display(scalar)?,
    }
    heap.work_on_bytes(out.len().saturating_sub(before))
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text(f, self.0)
    }
}

fn write_hex(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    for byte in bytes {
        write!(out, "{byte:02x}")?;
    }
    out.write_char('"')
}

fn write_text(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.write_str(plain)?;
        let mut characters = escaped.chars();
        if let Some(character) = characters.next() {
            write_escape(out, character)?;
        }
        rest = characters.as_str();
    }
    out.write_str(rest)?;
    out.write_char('"')
}

fn write_escape(out: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\u{8}' => out.write_str("\\b"),
        '\u{c}' => out.write_str("\\f"),
        control => write!(out, "\\u{:04x}", control as u32),
    }
}
