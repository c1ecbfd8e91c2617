//! Encoding of bytes as text and decoding: hex and base64. Knows no key formats.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose};

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Value};

/// Accepts base64 with its whole padding or without any. Unused bits must be zero, so that a text
/// has one meaning and a meaning one text.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ALPHABET: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_ALPHABET: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const CONTENT: Kinds = Kinds::TEXT.or(Kinds::BYTES);

pub(super) const HEX: Function = Function {
    name: "HEX",
    family: Family::Encoding,
    params: &[Param::new("value", CONTENT)],
    result: Kinds::TEXT,
    doc: "Bytes, or the UTF-8 of a string, in lower-case hex. Not of null: an absent digest must equal nothing.",
    examples: &[
        example(r#"$HEX($UNHEX("00FF"))"#, r#""00ff""#),
        example(r#""é".$HEX()"#, r#""c3a9""#),
        example("$HEX(missing)", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: false,
    role: Role::Encoder,
    code: Code::Native(hex),
};

pub(super) const UNHEX: Function = Function {
    name: "UNHEX",
    family: Family::Encoding,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::BYTES,
    doc: "The bytes decoded from hex digits, in lowercase or uppercase.",
    examples: &[
        example(r#"$UNHEX("C3a9").$TEXT()"#, r#""é""#),
        example(r#"$UNHEX("")"#, r#""""#),
        example(r#"$UNHEX("abc")"#, "E0309"),
        example(r#"$UNHEX("0x")"#, "E0309"),
        example("$UNHEX(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(unhex),
};

pub(super) const BASE64: Function = Function {
    name: "BASE64",
    family: Family::Encoding,
    params: &[Param::new("value", CONTENT)],
    result: Kinds::TEXT,
    doc: "Bytes, or the UTF-8 of a string, in base64 with its padding. Not of null: an absent digest must equal nothing.",
    examples: &[
        example(r#"$BASE64("user:pässword")"#, r#""dXNlcjpww6Rzc3dvcmQ=""#),
        example(r#"$UNHEX("fbff").$BASE64()"#, r#""+/8=""#),
        example("$BASE64(missing)", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: false,
    role: Role::Encoder,
    code: Code::Native(base64),
};

pub(super) const BASE64URL: Function = Function {
    name: "BASE64URL",
    family: Family::Encoding,
    params: &[Param::new("value", CONTENT)],
    result: Kinds::TEXT,
    doc: "Bytes, or the UTF-8 of a string, in the base64 of URLs and JWTs: `-` and `_`, no padding. Not of null.",
    examples: &[
        example(r#"$UNHEX("fbff").$BASE64URL()"#, r#""-_8""#),
        example(r#"$BASE64URL("é")"#, r#""w6k""#),
        example("$BASE64URL(missing)", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: false,
    role: Role::Encoder,
    code: Code::Native(base64url),
};

pub(super) const UNBASE64: Function = Function {
    name: "UNBASE64",
    family: Family::Encoding,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::BYTES,
    doc: "The bytes decoded from base64, of either alphabet, with or without padding.",
    examples: &[
        example(r#"$UNBASE64("w6k=").$TEXT()"#, r#""é""#),
        example(r#"$UNBASE64("-_8").$HEX()"#, r#""fbff""#),
        example(r#"$UNBASE64("w6k!")"#, "E0309"),
        example(r#"$UNBASE64("w 6k")"#, "E0309"),
        example(r#"$UNBASE64("S3=")"#, "E0309"),
        example(r#"$UNBASE64("Sx")"#, "E0309"),
        example("$UNBASE64(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::DecodeBase64,
    code: Code::Native(unbase64),
};

pub(super) const BYTES: Function = Function {
    name: "BYTES",
    family: Family::Encoding,
    params: &[Param::new("value", CONTENT)],
    result: Kinds::BYTES,
    doc: "The bytes of a string in UTF-8. Bytes are returned unchanged.",
    examples: &[
        example(r#"$BYTES("hé")"#, r#""68c3a9""#),
        example(r#"$BYTES($UNHEX("00")).$LENGTH()"#, "1"),
        example("$BYTES(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(bytes),
};

fn hex<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    spelled(env, args, hex_of)
}

fn base64<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    spelled(env, args, |content| STANDARD.encode(content))
}

fn base64url<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    spelled(env, args, |content| URL_SAFE_NO_PAD.encode(content))
}

/// Encodes hex into one buffer. The function of the crate that returns a string works character by
/// character.
fn hex_of(content: &[u8]) -> String {
    let mut digits = vec![0; content.len().saturating_mul(2)];
    // The buffer has exactly the required size.
    let _ = ::hex::encode_to_slice(content, &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}

/// Encodes the argument as text. Bytes are probably a digest, so the resulting text is compared in
/// constant time from here on.
fn spelled<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    spell: fn(&[u8]) -> String,
) -> Result<Value<'a>, Fault> {
    let text = env.heap.text(&spell(args.content(0)?))?;
    Ok(match args.value(0) {
        Value::Bytes(_) => Value::Encoded(text),
        _ => Value::Text(text),
    })
}

fn unhex<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let bytes = ::hex::decode(text).map_err(|error| match error {
        ::hex::FromHexError::InvalidHexCharacter { index, .. } => misspelt("hex", text, index),
        _ => Fault::new(FaultKind::BadData, "this is not hex: it has an odd number of digits"),
    })?;
    env.heap.bytes(&bytes).map(Value::Bytes)
}

fn unbase64<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let bytes = alphabet_of(text).decode(text).map_err(|error| match error {
        base64::DecodeError::InvalidByte(at, _) => misspelt("base64", text, at),
        _ => bad_end(),
    })?;
    // The decoder accepts any number of `=`.
    if text.ends_with('=') && !text.len().is_multiple_of(4) {
        return Err(bad_end());
    }
    env.heap.bytes(&bytes).map(Value::Bytes)
}

/// Returns the fault for base64 with a wrong last group.
fn bad_end() -> Fault {
    Fault::new(
        FaultKind::BadData,
        "this is not base64: its end is cut off, wrongly padded, or has unused bits that are not zero",
    )
}

fn alphabet_of(text: &str) -> &'static GeneralPurpose {
    if text.contains(['-', '_']) { &URL_ALPHABET } else { &STANDARD_ALPHABET }
}

/// Returns the fault for a character that the encoding does not contain.
fn misspelt(spelling: &str, text: &str, at: usize) -> Fault {
    let found = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
    let found = found.escape_debug();
    Fault::new(
        FaultKind::BadData,
        format!("this is not {spelling}: `{found}` at byte {at} does not belong there"),
    )
}

fn bytes<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    args.content(0).map(Value::Bytes)
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::{heap, invoked};
    use crate::value::Value;

    #[test]
    fn encoded_digests_are_marked_and_encoded_strings_are_not() {
        let heap = heap();
        for name in ["HEX", "BASE64", "BASE64URL"] {
            let digest = invoked(&heap, name, &[Value::Bytes(b"d")]).unwrap();
            assert!(matches!(digest, Value::Encoded(_)), "{name}");
            assert!(
                matches!(invoked(&heap, name, &[digest]).unwrap(), Value::Encoded(_)),
                "{name}"
            );
            let plain = invoked(&heap, name, &[Value::Text("d")]).unwrap();
            assert!(matches!(plain, Value::Text(_)), "{name}");
        }
    }

    #[test]
    fn encodings_of_a_secret_are_secret() {
        let heap = heap();
        for name in ["HEX", "BASE64", "BASE64URL", "BYTES"] {
            let spelled = invoked(&heap, name, &[Value::SecretBytes(b"key")]).unwrap();
            assert!(spelled.holds_secret(), "{name}");
        }
        let fault = invoked(&heap, "UNHEX", &[Value::SecretText("no hex")]).unwrap_err();
        assert!(!fault.message().contains("hex:"), "{fault}");
    }
}
