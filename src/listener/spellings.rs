//! The ways a secret is written: what has to be looked for so that it is found.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::escapes::SecretBytes;
use super::needles::Needle;
use super::redact::inside;
use crate::engine::Secrets;

/// What a URL holds as it is (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A shorter secret stands in too many texts by chance: hiding those would hide everything.
const SHORTEST: usize = 4;

/// A shorter secret is not looked for in the middle of base64: too few letters are its own.
const SHORTEST_IN_BASE64: usize = 8;

/// The spellings of all secrets.
#[derive(Default)]
pub(super) struct Spellings {
    needles: Vec<Needle>,
    /// The bytes that escapes have to be decoded for.
    pub(super) bytes: SecretBytes,
}

impl Spellings {
    /// The spellings of secrets.
    pub(super) fn of(secrets: &Secrets) -> Self {
        let mut spellings = Self::default();
        for secret in secrets.contents() {
            let bytes = secret.content().unwrap_or_default();
            if bytes.len() >= SHORTEST {
                spellings.add(bytes);
            }
        }
        spellings
    }

    /// The longest first: where one secret begins with another, the rest of it would be left.
    pub(super) fn into_needles(mut self) -> Vec<Needle> {
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.text.len()));
        self.needles
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
        if secret.len() >= SHORTEST_IN_BASE64 {
            self.add_in_base64(secret);
        }
        if let Ok(text) = std::str::from_utf8(secret) {
            self.add_text(text);
        }
    }

    fn add_text(&mut self, text: &str) {
        self.push(inside(text), false);
        // As forms write spaces, beside other escapes.
        self.push(text.replace(' ', "+"), false);
        // As headers in Latin-1 are read.
        self.push(text.replace(|c: char| !c.is_ascii(), "\u{fffd}"), false);
        self.push(text.to_owned(), false);
    }

    /// The letters that are the secret's own in the base64 of something longer: they depend on how
    /// many bytes are before it.
    fn add_in_base64(&mut self, secret: &[u8]) {
        for before in 0..3_usize {
            let shifted = Zeroizing::new([&vec![0; before], secret].concat());
            // A letter that has bits of what is before or after is not the secret's own.
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
        let known = self.needles.iter().any(|known| known.text == text);
        if !known && !text.is_empty() {
            self.needles.push(Needle { text, within_base64 });
        }
    }
}

/// The same with `%2f` in place of `%2F`.
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
