//! Text in the charset that its content type or its XML declaration names. JSON is always UTF-8.

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

    /// Returns the charset that an XML document declares in its first line
    /// (<https://www.w3.org/TR/xml/#charencoding>): `<?xml version="1.0" encoding="iso-8859-1"?>`.
    pub(super) fn of_xml(bytes: &[u8]) -> Option<Self> {
        let declaration = bytes.strip_prefix(b"<?xml")?;
        let end = declaration.iter().take(DECLARATION_BYTES).position(|byte| *byte == b'>')?;
        let declaration = std::str::from_utf8(declaration.get(..end)?).ok()?;
        let (_, value) = declaration.split_once("encoding")?;
        let value = value.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let (label, _) = value.get(1..)?.split_once(quote)?;
        Some(Self::of(Some(label)))
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

/// Maximum length of an XML declaration in bytes. The longest useful one has about 80.
const DECLARATION_BYTES: usize = 200;

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

    #[test]
    fn an_xml_declaration_names_the_charset() {
        for (declaration, text) in [
            (r#"<?xml version="1.0" encoding="iso-8859-1"?>"#, Some("é")),
            (r#"<?xml version='1.0' encoding = 'windows-1251' standalone="yes"?>"#, Some("й")),
            (r#"<?xml version="1.0"?><a encoding="iso-8859-1">"#, None),
            (r#"<?xml encoding=iso-8859-1?>"#, None),
            ("<a>", None),
        ] {
            let charset = Charset::of_xml(declaration.as_bytes());
            assert_eq!(
                charset.map(|found| found.decode(b"\xe9")).as_deref(),
                text,
                "{declaration}"
            );
        }
    }
}
