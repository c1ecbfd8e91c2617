//! The encodings of secrets that redaction has to search for. Knows no logs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::escapes::SecretBytes;
use super::multi_search::Needle;
use crate::engine::Secrets;
use crate::value::{Value, write_json};

/// All characters except those that a URL contains unescaped (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Minimum length of a secret for redaction, in bytes. A shorter one occurs in many texts by
/// chance.
const MIN_SECRET_BYTES: usize = 4;

/// Minimum length of a secret for the search inside longer base64, in bytes. A shorter one
/// determines too few letters.
const MIN_SECRET_BYTES_IN_BASE64: usize = 8;

/// The encodings of all secrets.
#[derive(Default)]
pub(super) struct Spellings {
    multi_search: Vec<Needle>,
    /// The bytes whose escapes must be decoded.
    pub(super) bytes: SecretBytes,
}

impl Spellings {
    /// Computes the encodings of secrets.
    pub(super) fn of(secrets: &Secrets) -> Self {
        let mut spellings = Self::default();
        for secret in secrets.contents() {
            let bytes = secret.content().unwrap_or_default();
            if bytes.len() >= MIN_SECRET_BYTES {
                spellings.add(bytes);
            }
        }
        spellings
    }

    /// Returns the texts to find, the longest first: if one secret starts with another, a match of
    /// the shorter one would leave the rest.
    pub(super) fn into_needles(mut self) -> Vec<Needle> {
        self.multi_search.sort_by_key(|needle| std::cmp::Reverse(needle.text.len()));
        self.multi_search
    }

    fn add(&mut self, secret: &[u8]) {
        let plain = [
            hex::encode(secret),
            hex::encode_upper(secret),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
        ];
        self.bytes.add(secret);
        for text in plain {
            self.bytes.add(text.as_bytes());
            self.push(text, false);
        }
        for escaped in [
            percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            percent_encode(secret, UNRESERVED).to_string(),
            form_urlencoded::byte_serialize(secret).collect(),
        ] {
            self.push(small_escapes(&escaped), false);
            self.push(escaped, false);
        }
        if secret.len() >= MIN_SECRET_BYTES_IN_BASE64 {
            self.add_in_base64(secret);
        }
        if let Ok(text) = std::str::from_utf8(secret) {
            self.add_text(text);
        }
    }

    fn add_text(&mut self, text: &str) {
        self.push(inside(text), false);
        // Forms encode a space as `+`, among other escapes.
        self.push(text.replace(' ', "+"), false);
        // Headers in Latin-1 are read with replacement characters.
        self.push(text.replace(|c: char| !c.is_ascii(), "\u{fffd}"), false);
        self.push(text.to_owned(), false);
    }

    /// Adds the letters that a secret determines in the base64 of a longer text. They depend on the
    /// number of bytes before it.
    fn add_in_base64(&mut self, secret: &[u8]) {
        for before in 0..3_usize {
            let shifted = Zeroizing::new([&vec![0; before], secret].concat());
            // A letter that also encodes bits of neighbouring bytes is excluded.
            let first = (before * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                let encoded = Zeroizing::new(encoded);
                self.push(encoded.get(first..last).unwrap_or("").to_owned(), true);
            }
        }
    }

    fn push(&mut self, text: String, within_base64: bool) {
        let text = Zeroizing::new(text);
        let known = self.multi_search.iter().any(|known| known.text == text);
        if !known && !text.is_empty() {
            self.multi_search.push(Needle { text, within_base64 });
        }
    }
}

/// Converts escapes to lower case: `%2f` instead of `%2F`.
fn small_escapes(escaped: &str) -> String {
    let mut left = 0;
    let letters = escaped.chars().map(|letter| match (letter, left) {
        ('%', _) => {
            left = 2;
            letter
        }
        (_, 0) => letter,
        _ => {
            left -= 1;
            letter.to_ascii_lowercase()
        }
    });
    letters.collect()
}

/// Returns a string as JSON without the quotes.
fn inside(text: &str) -> String {
    let mut json = String::new();
    // Writing to a string does not fail.
    let _ = write_json(&mut json, Value::Text(text));
    json.get(1..json.len() - 1).unwrap_or_default().to_owned()
}
