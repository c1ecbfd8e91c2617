//! Decoding of escapes in a text, level by level, with the original position of each byte.
//!
//! A secret may be written with escapes of JSON (`\/`, `\u0053`), of URLs and forms (`%2F`) and of
//! XML (`&#47;`). They may be mixed and nested: JSON in a string of JSON, JSON in a form. Decoding
//! is lenient: text that is not an escape stays unchanged. Knows no secrets, only their bytes.

use std::ops::Range;

use arrayvec::ArrayVec;
use memchr::memchr3;

/// Maximum number of decoded levels. A form with JSON in JSON in JSON has four.
const MAX_LEVELS: usize = 6;

/// The set of bytes that occur in secrets. An escape of any other byte cannot be part of a secret.
#[derive(Clone, Copy, Default)]
pub(super) struct SecretBytes([u64; 4]);

/// The decoded bytes of an escape: at most four, a character in UTF-8.
type Decoded = ArrayVec<u8, 4>;

impl SecretBytes {
    /// Adds the bytes of a secret or of an encoding of it.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word & (1 << (byte & 63)) != 0)
    }

    /// Returns true if an escape can be part of a secret or the start of another escape.
    fn concerns(&self, decoded: &[u8]) -> bool {
        decoded.iter().any(|byte| matches!(byte, b'\\' | b'%' | b'&') || self.has(*byte))
    }

    /// Returns true if a text has an escape that can be part of a secret.
    fn are_escaped_in(&self, text: &[u8]) -> bool {
        let mut rest = text;
        while let Some(at) = memchr3(b'\\', b'%', b'&', rest) {
            let begun = rest.get(at..).unwrap_or_default();
            // Each level halves a run of backslashes. At some level its last backslash starts the
            // escape behind it.
            let run = begun.iter().take_while(|byte| **byte == b'\\').count();
            if run > 1 && self.has(b'\\') {
                return true;
            }
            let last = begun.get(run.saturating_sub(1)..).unwrap_or_default();
            let taken = match escape(last) {
                Some((decoded, _)) if self.concerns(&decoded) => return true,
                Some((_, taken)) => taken,
                None => 1,
            };
            rest = last.get(taken..).unwrap_or_default();
        }
        false
    }

    /// Returns true if the predicate holds for a decoded level of the text. Does not test the text
    /// itself.
    pub(super) fn any_level(&self, text: &[u8], mut holds: impl FnMut(&[u8]) -> bool) -> bool {
        let mut level: Vec<u8> = Vec::new();
        for number in 0..MAX_LEVELS {
            let source = if number == 0 { text } else { level.as_slice() };
            if !self.are_escaped_in(source) {
                return false;
            }
            let mut decoded = Vec::with_capacity(source.len());
            decode(source, |bytes, _| decoded.extend_from_slice(bytes));
            if holds(&decoded) {
                return true;
            }
            level = decoded;
        }
        false
    }

    /// Returns all levels of a text. The first one is the text itself.
    pub(super) fn levels(&self, text: &str) -> Vec<Level> {
        let starts = (0..=text.len()).collect();
        let mut levels = vec![Level { bytes: text.as_bytes().to_vec(), starts }];
        while let Some(last) = levels.last().filter(|last| self.are_escaped_in(&last.bytes)) {
            if levels.len() > MAX_LEVELS {
                break;
            }
            let next = last.decoded();
            levels.push(next);
        }
        levels
    }
}

/// A decoded level of a text, with the position of each byte in the original text.
pub(super) struct Level {
    pub(super) bytes: Vec<u8>,
    /// One entry more than bytes: the last one is the end.
    starts: Vec<usize>,
}

impl Level {
    /// Returns the range of the original text that corresponds to a range of this level.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let place = |at: usize| self.starts.get(at).copied().unwrap_or(0);
        place(range.start)..place(range.end)
    }

    fn decoded(&self) -> Self {
        let mut next = Self { bytes: Vec::new(), starts: Vec::new() };
        let start = |at: usize| self.starts.get(at).copied().unwrap_or(0);
        decode(&self.bytes, |bytes, place| {
            next.bytes.extend_from_slice(bytes);
            match place {
                DecodedFrom::Plain(at) => next.starts.extend((at..at + bytes.len()).map(start)),
                DecodedFrom::Escape(at) => next.starts.extend(bytes.iter().map(|_| start(at))),
            }
        });
        next.starts.push(start(self.bytes.len()));
        next
    }
}

/// The origin of decoded bytes.
#[derive(Debug, Clone, Copy)]
enum DecodedFrom {
    /// Unescaped bytes that start at this offset.
    Plain(usize),
    /// An escape at this offset encodes all of the bytes.
    Escape(usize),
}

/// Decodes one level.
fn decode(text: &[u8], mut push: impl FnMut(&[u8], DecodedFrom)) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr3(b'\\', b'%', b'&', rest).unwrap_or(rest.len());
        let (before, begun) = rest.split_at(plain);
        push(before, DecodedFrom::Plain(at));
        at += plain;
        match (escape(begun), begun.first()) {
            (Some((decoded, taken)), _) => {
                push(&decoded, DecodedFrom::Escape(at));
                at += taken;
            }
            (None, Some(byte)) => {
                push(&[*byte], DecodedFrom::Plain(at));
                at += 1;
            }
            (None, None) => return,
        }
    }
}

/// Decodes the escape at the start of a text. Returns its bytes and its length.
fn escape(text: &[u8]) -> Option<(Decoded, usize)> {
    match text {
        [b'\\', b'u', ..] => unicode(text),
        [b'\\', letter, ..] => {
            let byte = match letter {
                b'"' | b'\\' | b'/' | b'\'' => *letter,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                _ => return None,
            };
            Some((one(byte), 2))
        }
        [b'%', high, low, ..] => Some((one(hex(&[*high, *low]).and_then(to_byte)?), 3)),
        [b'&', ..] => entity(text),
        _ => None,
    }
}

fn one(byte: u8) -> Decoded {
    std::iter::once(byte).collect()
}

fn character(letter: char) -> Decoded {
    letter.encode_utf8(&mut [0; 4]).bytes().collect()
}

/// Parses a hexadecimal number of up to eight digits.
fn hex(digits: &[u8]) -> Option<u32> {
    let fine = !digits.is_empty() && digits.len() <= 8;
    fine.then_some(())?;
    digits.iter().try_fold(0, |number, digit| {
        char::from(*digit).to_digit(16).map(|digit| number << 4 | digit)
    })
}

fn to_byte(number: u32) -> Option<u8> {
    u8::try_from(number).ok()
}

/// Decodes `\u` with four digits, or two of them that form a surrogate pair.
fn unicode(text: &[u8]) -> Option<(Decoded, usize)> {
    let unit = |at: usize| {
        let begun = text.get(at..at + 6)?;
        begun.starts_with(b"\\u").then(|| hex(begun.get(2..)?)).flatten()
    };
    let first = unit(0)?;
    if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, unit(6)) {
        let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return char::from_u32(pair).map(|letter| (character(letter), 12));
    }
    let letter = char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((character(letter), 6))
}

/// Maximum length of an entity, in bytes: `&#x10ffff;`.
const MAX_ENTITY_BYTES: usize = 10;

/// Decodes a character reference of XML and HTML: a number, or one of the five names of XML.
fn entity(text: &[u8]) -> Option<(Decoded, usize)> {
    let end = text.iter().take(MAX_ENTITY_BYTES).position(|byte| *byte == b';')?;
    let name = text.get(1..end)?;
    let letter = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    Some((character(letter), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let mut out = Vec::new();
        decode(text.as_bytes(), |bytes, _| out.extend_from_slice(bytes));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_url_and_xml_escapes_are_decoded_and_other_text_is_unchanged() {
        for (escaped, plain) in [
            (r"a\/b\\c\u0053\n", "a/b\\cS\n"),
            (r"\ud83d\ude00 \ud83d x", "\u{1f600} \u{fffd} x"),
            ("%2F%c3%a4%zz%4", "/\u{e4}%zz%4"),
            ("&amp;&#47;&#x2f;&auml;&;&#xffffffff;", "&//&auml;&;&#xffffffff;"),
            (r"\q\u00", r"\q\u00"),
            ("", ""),
            ("\\", "\\"),
        ] {
            assert_eq!(decoded(escaped), plain, "{escaped}");
        }
    }

    #[test]
    fn a_span_of_decoded_text_maps_back_to_the_escaped_source() {
        let mut secret = SecretBytes::default();
        secret.add(b"S/");
        // JSON in JSON in a form.
        let text = "a=%22\\\\u0053%5C%5C/%22&b=2";
        let levels = secret.levels(text);
        let found = levels.iter().find_map(|level| {
            let at = level.bytes.windows(2).position(|window| window == b"S/")?;
            Some(level.source(&(at..at + 2)))
        });
        assert_eq!(text.get(found.unwrap()), Some("\\\\u0053%5C%5C/"));
    }

    #[test]
    fn text_without_bytes_of_a_secret_is_not_decoded() {
        let mut secret = SecretBytes::default();
        secret.add(b"abc/");
        for text in [r#"{\"x\":\"y\\n\\r\"}"#, "%22%7b%20", "&lt;p&gt;", "a%zz\\q", "a&b=c"] {
            assert!(!secret.are_escaped_in(text.as_bytes()), "{text}");
        }
        for text in [r"\/", r"\\\/", r"\u0061", r"\\u0062", "%2f", "%5C/", "%25", "&#47;", "&amp;"]
        {
            assert!(secret.are_escaped_in(text.as_bytes()), "{text}");
        }
    }
}
