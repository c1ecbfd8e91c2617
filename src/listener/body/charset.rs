//! Text in the charset that its content type declares. JSON is always UTF-8.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

/// The decoder of text that is not UTF-8.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charset(&'static Encoding);

impl Charset {
    /// Returns the charset with a label of the Encoding Standard (<https://encoding.spec.whatwg.org/>).
    /// An unknown one, and one in which ASCII bytes do not stand for ASCII, counts as UTF-8: bytes
    /// that a filter reads as one text must not be another text in another charset.
    pub(super) fn of(label: Option<&str>) -> Self {
        let found = label.and_then(|label| Encoding::for_label_no_replacement(label.as_bytes()));
        Self(found.filter(|found| found.is_ascii_compatible()).unwrap_or(UTF_8))
    }

    /// Decodes bytes. Bytes that are UTF-8 are read as UTF-8, so that a charset in an unsigned header
    /// does not change them.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => self.0.decode_without_bom_handling(bytes).0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Charset;

    #[test]
    fn bytes_are_utf8_or_in_the_declared_charset() {
        let decode = |label, bytes: &'static [u8]| Charset::of(label).decode(bytes).into_owned();
        assert_eq!(decode(Some("iso-8859-1"), b"caf\xe9"), "café");
        assert_eq!(decode(Some("windows-1251"), b"\xcf\xf0"), "Пр");
        assert_eq!(decode(Some("iso-8859-1"), "café".as_bytes()), "café");
        for label in [None, Some("utf-7"), Some("utf-16"), Some("iso-2022-kr"), Some("x")] {
            assert_eq!(decode(label, b"caf\xe9"), "caf\u{fffd}", "{label:?}");
        }
    }
}
