//! Percent-encoding (RFC 3986). Knows no URL structure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Heap, Kinds, TextBuilder, Value};

pub(super) const URLENCODE: Function = Function {
    name: "URLENCODE",
    family: Family::Encoding,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string percent-encoded for a part of a URL: all but letters, digits and `-._~` become `%XX`, a space too.",
    examples: &[
        example(r#"$URLENCODE("a b&c=d/é")"#, r#""a%20b%26c%3Dd%2F%C3%A9""#),
        example(r#""A-z_0.9~".$URLENCODE()"#, r#""A-z_0.9~""#),
        example("$URLENCODE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(urlencode),
};

pub(super) const URLDECODE: Function = Function {
    name: "URLDECODE",
    family: Family::Encoding,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string percent-decoded: every `%XX` is decoded. A `+` stays, because it means a space only in forms.",
    examples: &[
        example(r#"$URLDECODE("a%20b+c%c3%A9")"#, r#""a b+cé""#),
        example(r#""plain".$URLDECODE()"#, r#""plain""#),
        example(r#"$URLDECODE("100%")"#, "E0309"),
        example(r#"$URLDECODE("%ff")"#, "E0309"),
        example("$URLDECODE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(urldecode),
};

/// All characters except those that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn urlencode<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut encoded = env.heap.text_builder();
    urlencoded(args.text(0)?, &mut encoded)?;
    Ok(Value::Text(encoded.finish()))
}

/// Writes a text percent-encoded.
pub(in crate::builtins) fn urlencoded(
    text: &str,
    encoded: &mut TextBuilder<'_>,
) -> Result<(), Fault> {
    utf8_percent_encode(text, RESERVED).try_for_each(|part| encoded.push(part))
}

fn urldecode<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    decoded(env.heap, args.text(0)?, Plus::Stays).map(Value::Text)
}

/// The meaning of a `+`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    /// A plus, as in a path.
    Stays,
    /// A space, as in a form.
    IsSpace,
}

/// Decodes the escapes of a text. Returns the text itself if it contains no `%` and no `+`.
pub(super) fn decoded<'a>(heap: &'a Heap, text: &'a str, plus: Plus) -> Result<&'a str, Fault> {
    if !text.contains(['%', '+']) {
        return Ok(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (byte, after) = escape(after).ok_or_else(no_escape)?;
                bytes.push(byte);
                rest = after;
            }
            b'+' if plus == Plus::IsSpace => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Fault::new(FaultKind::BadData, "the bytes that the `%XX` here spell are not UTF-8")
    })?;
    heap.text(text)
}

/// Returns the byte for the two digits after a `%`, and the remaining input.
fn escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = after.split_at_checked(2)?;
    let mut byte = [0];
    hex::decode_to_slice(digits, &mut byte).ok()?;
    let [byte] = byte;
    Some((byte, rest))
}

fn no_escape() -> Fault {
    Fault::new(FaultKind::BadData, "a `%` here is not followed by two hex digits")
        .help("a percent sign itself is written `%25`")
}
