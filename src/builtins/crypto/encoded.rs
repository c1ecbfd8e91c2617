//! Bytes as keys and signatures spell them: hex, or base64 in any of its forms.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;

use crate::value::Value;

/// The bytes that a value is or spells, if it does.
pub(super) fn bytes_of(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => Some(Cow::Borrowed(bytes)),
        _ => decode(text_of(value)?).map(Cow::Owned),
    }
}

/// The text of a text or a secret.
pub(super) fn text_of(value: Value<'_>) -> Option<&str> {
    match value {
        Value::SecretText(text) => Some(text),
        other => other.as_text(),
    }
}

/// Decodes hex where all of it is hex digits in pairs, else base64 in either alphabet, padded
/// or not.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = hex::decode(text) {
        return Some(bytes);
    }
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let text: Vec<u8> = text.bytes().map(standard).collect();
    STANDARD_PAD_INDIFFERENT.decode(text).ok()
}
