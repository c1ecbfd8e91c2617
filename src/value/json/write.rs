//! Values as compact JSON (RFC 8259): whole decimals without `.0`, a time as RFC 3339 text,
//! bytes as lower-case hex.

use std::fmt::{self, Write};

use crate::value::{Fault, Heap, TextBuilder, Value};

/// What stands in the place of a secret, wherever a value is shown.
const HIDDEN: &str = "\"<secret>\"";

/// Writes the value as compact JSON. A secret shows as `"<secret>"`, and so does a list or object
/// with one in it: what else is there may tell of it.
///
/// # Errors
/// What the writer answers.
pub fn write_json(out: &mut impl Write, value: Value<'_>) -> fmt::Result {
    if value.holds_secret() {
        return out.write_str(HIDDEN);
    }
    write(&mut Shown(out), value)
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
    write(&mut Counted { heap, out }, value)
}

/// Where JSON is written to.
trait Sink {
    type Error;

    /// Begins a list or object of so many elements.
    fn begin(&mut self, elements: usize) -> Result<(), Self::Error>;
    fn mark(&mut self, mark: &str) -> Result<(), Self::Error>;
    fn text(&mut self, text: &str) -> Result<(), Self::Error>;
    /// A value that is no list, object or text.
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

/// Shows a value to people: a secret is hidden, and nothing is counted.
struct Shown<'w, W>(&'w mut W);

impl<W: Write> Sink for Shown<'_, W> {
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
            Value::Time(time) => write!(self.0, "\"{time}\""),
            Value::Bytes(bytes) => write_hex(self.0, bytes),
            Value::SecretText(_) | Value::SecretBytes(_) => self.0.write_str(HIDDEN),
            _ => self.0.write_str("null"),
        }
    }
}

/// Builds a text: every part is counted once, where it is written.
struct Counted<'t, 'a> {
    heap: &'t Heap,
    out: &'t mut TextBuilder<'a>,
}

impl Sink for Counted<'_, '_> {
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
