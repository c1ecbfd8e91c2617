//! Values as compact JSON (RFC 8259): whole floats without `.0`, times as RFC 3339 strings, bytes
//! as lower-case hex. Does not know who reads it.

use std::fmt::{self, Write};

use crate::value::{Fault, Heap, TextBuilder, Value};

/// The replacement of a secret in all output.
const HIDDEN: &str = "\"<secret>\"";

/// Writes the value as compact JSON. A secret is written as `"<secret>"`, and so is a list or
/// object that contains one, because its other parts may reveal the secret.
///
/// # Errors
/// Returns the error of the writer.
pub fn write_json(out: &mut impl Write, value: Value<'_>) -> fmt::Result {
    if value.holds_secret() {
        return out.write_str(HIDDEN);
    }
    write(&mut ForPeople(out), value)
}

/// Writes the value as compact JSON to a string on the heap, including the content of secrets. The
/// caller must then mark the string as a secret.
///
/// # Errors
/// Returns an error if a limit is exceeded.
pub fn write_json_text(
    heap: &Heap,
    out: &mut TextBuilder<'_>,
    value: Value<'_>,
) -> Result<(), Fault> {
    write(&mut HeapText { heap, out }, value)
}

/// A destination for JSON.
trait Sink {
    type Error;

    /// Starts a list or object with this number of elements.
    fn begin(&mut self, elements: usize) -> Result<(), Self::Error>;
    fn mark(&mut self, mark: &str) -> Result<(), Self::Error>;
    fn text(&mut self, text: &str) -> Result<(), Self::Error>;
    /// Writes a value other than a list, an object or a string.
    fn scalar(&mut self, value: Value<'_>) -> Result<(), Self::Error>;
}

fn write<S: Sink>(out: &mut S, value: Value<'_>) -> Result<(), S::Error> {
    match value {
        Value::List(list) => {
            out.begin(list.len())?;
            out.mark("[")?;
            for (at, item) in list.iter().enumerate() {
                if at > 0 {
                    out.mark(",")?;
                }
                write(out, item)?;
            }
            out.mark("]")
        }
        Value::Object(object) => {
            out.begin(object.len())?;
            out.mark("{")?;
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.mark(",")?;
                }
                out.text(key)?;
                out.mark(":")?;
                write(out, value)?;
            }
            out.mark("}")
        }
        Value::Text(text) | Value::Encoded(text) => out.text(text),
        scalar => out.scalar(scalar),
    }
}

/// Writes a value for people: secrets are hidden, and no work is charged.
struct ForPeople<'w, W>(&'w mut W);

impl<W: Write> Sink for ForPeople<'_, W> {
    type Error = fmt::Error;

    fn begin(&mut self, _: usize) -> fmt::Result {
        Ok(())
    }

    fn mark(&mut self, mark: &str) -> fmt::Result {
        self.0.write_str(mark)
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        write_text(self.0, text)
    }

    fn scalar(&mut self, value: Value<'_>) -> fmt::Result {
        match value {
            Value::Bool(value) => write!(self.0, "{value}"),
            Value::Number(number) => write!(self.0, "{number}"),
            Value::BigNumber(number) => self.0.write_str(number.as_str()),
            Value::Opaque(text) => self.0.write_str(text),
            Value::Time(time) => write!(self.0, "\"{time}\""),
            Value::Bytes(bytes) => write_hex(self.0, bytes),
            Value::SecretText(_) | Value::SecretBytes(_) => self.0.write_str(HIDDEN),
            _ => self.0.write_str("null"),
        }
    }
}

/// Writes to a string on the heap, and charges each part once.
struct HeapText<'t, 'a> {
    heap: &'t Heap,
    out: &'t mut TextBuilder<'a>,
}

impl Sink for HeapText<'_, '_> {
    type Error = Fault;

    fn begin(&mut self, elements: usize) -> Result<(), Fault> {
        self.heap.work(elements)
    }

    fn mark(&mut self, mark: &str) -> Result<(), Fault> {
        self.out.push(mark)
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.out.push_display(Quoted(text))
    }

    fn scalar(&mut self, value: Value<'_>) -> Result<(), Fault> {
        match value {
            Value::SecretText(text) => self.text(text),
            Value::SecretBytes(bytes) => self.out.push_display(Value::Bytes(bytes)),
            other => self.out.push_display(other),
        }
    }
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
    let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    while let Some(at) = rest.bytes().position(escaped) {
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
