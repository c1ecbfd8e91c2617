//! Reads the tokens of JSON (RFC 8259) from a text, and skips whole values. Builds nothing.

use std::borrow::Cow;

use super::error::{JsonError, repeated};
use super::keys::KeyStack;
use super::locate::path_at;

/// The meaning of a key that is repeated in an object. JSON readers disagree on it
/// ([RFC 8259, section 4](https://www.rfc-editor.org/rfc/rfc8259#section-4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedKeys {
    /// The text is rejected.
    Refuse,
    /// The last value counts, as most readers decide.
    LastCounts,
}

/// A reader at a position of a text.
#[derive(Debug)]
pub(super) struct JsonScanner<'j> {
    text: &'j str,
    at: usize,
    /// The keys of the objects around the position, if a repeated one is an error.
    keys: KeyStack<'j>,
    repeated: RepeatedKeys,
}

/// The start of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Null,
    True,
    False,
    /// A number follows.
    Number,
    /// The opening quote was read.
    String,
    /// The opening bracket was read.
    List,
    /// The opening brace was read.
    Object,
}

/// A string between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawString<'j> {
    raw: &'j str,
    escaped: bool,
}

type Scanned<T> = Result<T, JsonError>;

impl<'j> JsonScanner<'j> {
    /// Begins to read a text. A byte order mark at its start is passed over.
    pub(super) fn new(json: &'j [u8], repeated: RepeatedKeys) -> Scanned<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let text = std::str::from_utf8(json).map_err(|error| JsonError::not_utf8(json, error))?;
        Ok(Self { text, at: 0, keys: KeyStack::default(), repeated })
    }

    /// Returns the keys of the objects around the position.
    pub(super) fn keys(&mut self) -> &mut KeyStack<'j> {
        &mut self.keys
    }

    /// Returns true if a repeated key is an error.
    pub(super) fn refuses_repeats(&self) -> bool {
        self.repeated == RepeatedKeys::Refuse
    }

    /// Sets whether a repeated key is an error, and returns the setting before.
    pub(super) fn refuse_repeats(&mut self, refuse: bool) -> bool {
        let before = self.refuses_repeats();
        self.repeated = if refuse { RepeatedKeys::Refuse } else { RepeatedKeys::LastCounts };
        before
    }

    /// Returns the offset of the next byte.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Returns the text from an offset to the position.
    pub(super) fn since(&self, start: usize) -> &'j str {
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Returns a string with its quotes, from the offset of the first quote.
    pub(super) fn text_of(&self, quote: usize, string: RawString<'j>) -> &'j str {
        self.text.get(quote..quote + string.raw.len() + 2).unwrap_or("")
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the next byte that is not white space, without reading it.
    #[inline]
    pub(super) fn next_mark(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Reads the start of a value: a literal as a whole, or the first mark.
    #[inline]
    pub(super) fn start(&mut self) -> Scanned<Start> {
        let start = match self.next_mark() {
            Some(b'"') => Start::String,
            Some(b'{') => Start::Object,
            Some(b'[') => Start::List,
            Some(b'-' | b'0'..=b'9') => return Ok(Start::Number),
            Some(b't') => return self.literal("true", Start::True),
            Some(b'f') => return self.literal("false", Start::False),
            Some(b'n') => return self.literal("null", Start::Null),
            Some(_) => return Err(self.syntax("a value is expected")),
            None => return Err(self.syntax("the text ends where a value is expected")),
        };
        self.at += 1;
        Ok(start)
    }

    fn literal(&mut self, word: &str, start: Start) -> Scanned<Start> {
        let rest = self.text.get(self.at..).unwrap_or("");
        if !rest.starts_with(word) {
            return Err(self.syntax("expected `true`, `false` or `null`"));
        }
        self.at += word.len();
        Ok(start)
    }

    /// Reads the end of a list, or what is before its next element. Returns true at the end.
    #[inline]
    pub(super) fn list_ends(&mut self, first: bool) -> Scanned<bool> {
        self.ends(b']', first, "the text ends inside a list", "expected `,` or `]`")
    }

    /// Reads the end of an object, or what is before its next key. Returns true at the end.
    #[inline]
    pub(super) fn object_ends(&mut self, first: bool) -> Scanned<bool> {
        self.ends(b'}', first, "the text ends inside an object", "expected `,` or `}`")
    }

    #[inline]
    fn ends(&mut self, close: u8, first: bool, open: &str, expected: &str) -> Scanned<bool> {
        match self.next_mark() {
            Some(mark) if mark == close => {
                self.at += 1;
                Ok(true)
            }
            None => Err(self.syntax(open)),
            Some(_) if first => Ok(false),
            Some(b',') => {
                self.at += 1;
                match self.next_mark() {
                    Some(mark) if mark == close => {
                        Err(self.syntax("a comma ends the list of values"))
                    }
                    _ => Ok(false),
                }
            }
            Some(_) => Err(self.syntax(expected)),
        }
    }

    /// Reads a key and the colon behind it.
    #[inline]
    pub(super) fn key(&mut self) -> Scanned<RawString<'j>> {
        match self.next_mark() {
            Some(b'"') => self.at += 1,
            None => return Err(self.syntax("the text ends inside an object")),
            Some(_) => return Err(self.syntax("a key is text in quotes")),
        }
        let key = self.string()?;
        match self.next_mark() {
            Some(b':') => self.at += 1,
            None => return Err(self.syntax("the text ends inside an object")),
            Some(_) => return Err(self.syntax("expected `:`")),
        }
        Ok(key)
    }

    /// Reads a string behind its opening quote, up to and with its closing quote.
    #[inline]
    pub(super) fn string(&mut self) -> Scanned<RawString<'j>> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = end_of_plain(self.text.as_bytes(), self.at);
            match self.peek() {
                Some(b'"') => {
                    let raw = self.since(start);
                    self.at += 1;
                    return Ok(RawString { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => {
                    return Err(self.syntax("a control character in a string needs an escape"));
                }
                None => return Err(self.syntax("the text ends inside a string")),
            }
        }
    }

    /// Tests an escape, and passes it over.
    fn escape(&mut self) -> Scanned<()> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.syntax("`\\u` needs four hex digits"));
                }
                self.at += 6;
            }
            Some(_) => return Err(self.syntax("no such escape")),
            None => return Err(self.syntax("the text ends inside a string")),
        }
        Ok(())
    }

    /// Reads a number, and returns its text.
    #[inline]
    pub(super) fn number(&mut self) -> Scanned<&'j str> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.peek() {
            Some(b'0'..=b'9') => Err(self.syntax("a number has no leading zeros")),
            _ => Ok(self.since(start)),
        }
    }

    #[inline]
    fn digits(&mut self) -> Scanned<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax("a digit is expected")) } else { Ok(()) }
    }

    /// Tests that only white space follows.
    pub(super) fn end(&mut self) -> Scanned<()> {
        match self.next_mark() {
            None => Ok(()),
            Some(_) => Err(self.syntax("there is more after the value")),
        }
    }

    /// Returns the error at the position.
    #[cold]
    #[inline(never)]
    pub(super) fn syntax(&self, message: &str) -> JsonError {
        JsonError::at(self.text.as_bytes(), self.at, message.to_owned())
    }

    /// Returns the error for a key that is repeated in the object that ends at the position.
    #[cold]
    #[inline(never)]
    pub(super) fn repeat(&self, key: &str) -> JsonError {
        let end = self.at.saturating_sub(1);
        let message = repeated(key, &path_at(self.text, end));
        let error = JsonError::at(self.text.as_bytes(), end, message);
        JsonError { repeated_key: true, ..error }
    }
}

impl<'j> RawString<'j> {
    /// Returns the string with its escapes resolved. Half a surrogate pair becomes U+FFFD.
    #[inline]
    pub(super) fn unescaped(self) -> Cow<'j, str> {
        if self.escaped { unescape(self.raw).into() } else { self.raw.into() }
    }
}

/// Returns the offset of the next quote, backslash or control character.
#[inline]
fn end_of_plain(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special_bytes(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at)
        && !matches!(byte, b'"' | b'\\' | 0..0x20)
    {
        at += 1;
    }
    at
}

/// Sets the highest bit of each byte that is a quote, a backslash or a control character. Bits above
/// the lowest one that is set may be wrong.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = is_zero(word ^ (ONES * b'"' as u64));
    let backslash = is_zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

/// Resolves the escapes of a string that the scanner has tested.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(plain);
        let (character, length) = resolved(escape);
        text.push(character);
        rest = escape.get(length..).unwrap_or("");
    }
    text.push_str(rest);
    text
}

/// Returns the character of an escape, and the length of the escape in bytes.
fn resolved(escape: &str) -> (char, usize) {
    let character = match escape.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return resolved_unit(escape),
        Some(other) => char::from(*other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, 2)
}

/// Resolves `\uXXXX`, or two of them that are a surrogate pair (RFC 8259, section 7).
fn resolved_unit(escape: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let units = unit(0).into_iter().chain(unit(6));
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => (character, character.len_utf16() * 6),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::{end_of_plain, unescape};

    #[test]
    fn plain_bytes_end_at_the_first_quote_backslash_or_control_character() {
        for length in 0..20 {
            for mark in ["\"", "\\", "\u{0}", "\u{1f}"] {
                let text = format!(
                    "{}{mark}\"more",
                    "é x~".repeat(5).chars().take(length).collect::<String>()
                );
                let wanted = text.find(['"', '\\', '\u{0}', '\u{1f}']).unwrap();
                assert_eq!(end_of_plain(text.as_bytes(), 0), wanted, "{text:?}");
            }
        }
        assert_eq!(end_of_plain("plain é \u{7f}".as_bytes(), 2), "plain é \u{7f}".len());
    }

    #[test]
    fn surrogate_pairs_are_one_character_and_half_a_pair_is_the_replacement() {
        assert_eq!(unescape(r"\ud83d\ude00!"), "😀!");
        assert_eq!(unescape(r"a\ud83dx"), "a\u{fffd}x");
        assert_eq!(unescape(r"\ud83d\u0041"), "\u{fffd}A");
        assert_eq!(unescape(r"\ude00\ud83d"), "\u{fffd}\u{fffd}");
        assert_eq!(unescape(r#"\"\\\/\b\f\n\r\t\u00e9"#), "\"\\/\u{8}\u{c}\n\r\té");
    }
}
