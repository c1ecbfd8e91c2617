//! Decoding of keys and signatures: hex, or base64 in any form. Knows no key formats.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;

use crate::value::Value;

/// Returns the bytes of a value: its own bytes, or the bytes that its text encodes.
pub(super) fn bytes_of(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => Some(Cow::Borrowed(bytes)),
        _ => decode(text_of(value)?).map(Cow::Owned),
    }
}

/// Returns the text of a string or of a secret.
pub(super) fn text_of(value: Value<'_>) -> Option<&str> {
    match value {
        Value::SecretText(text) => Some(text),
        other => other.as_text(),
    }
}

/// Decodes hex if the whole text is pairs of hex digits. Otherwise decodes base64 in the standard
/// or the URL-safe alphabet, with or without padding.
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
