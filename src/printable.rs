//! Escapes control characters in text for people. Does not know where the text comes from.
//!
//! Names, bodies and messages come from senders and tenants. Unescaped, they could move the cursor,
//! rename the window, hide earlier text, or forge log lines. All text for people passes through
//! here. The escapes are those of JSON, so a JSON text stays valid and keeps its value.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

/// Returns true for a character with an effect other than a visible glyph: C0 and C1 controls, and
/// Unicode characters that are invisible, end a line, or change the text direction.
fn acts(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Escapes a text for one line: line ends and tabs are escaped too.
///
/// ```
/// use hookgate::printable::escape_line;
///
/// assert_eq!(escape_line("a\u{1b}[2J\nb"), r"a\u001b[2J\u000ab");
/// assert_eq!(escape_line("Grüße"), "Grüße");
/// ```
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, acts)
}

/// Escapes a text of several lines: line ends and tabs are kept.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape(text, |letter| acts(letter) && !matches!(letter, '\n' | '\t'))
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Nearly all texts are printable ASCII.
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain || !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if !hidden(letter) {
            shown.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a string never fails.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    Cow::Owned(shown)
}

/// A writer that escapes its input.
#[derive(Debug)]
pub struct Printable<W> {
    /// The destination.
    pub(crate) inner: W,
    /// True if each write is one line, whose only line end is its last character.
    line: bool,
}

impl<W> Printable<W> {
    /// Returns a writer for texts of several lines.
    pub fn lines(inner: W) -> Self {
        Self { inner, line: false }
    }

    /// Returns a writer for lines. Each write must be one line with its end.
    pub fn line(inner: W) -> Self {
        Self { inner, line: true }
    }
}

impl<W: io::Write> io::Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        if let (true, Some(line)) = (self.line, text.strip_suffix('\n')) {
            let shown = escape_line(line);
            match shown {
                // In one write, so that lines of other writers do not come in between.
                Cow::Borrowed(_) => self.inner.write_all(text.as_bytes())?,
                Cow::Owned(shown) => self.inner.write_all(format!("{shown}\n").as_bytes())?,
            }
        } else {
            self.inner.write_all(escape_lines(&text).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped_and_others_unchanged() {
        let kept = "a Ω 漢字 é\u{301} 😀 \u{1f1e9}\u{1f1ea}";
        assert!(matches!(escape_line(kept), Cow::Borrowed(text) if text == kept));
        let acting = ["\u{1b}", "\u{7f}", "\u{9b}", "\u{85}", "\u{200e}", "\u{202e}", "\u{2066}"];
        for text in acting.iter().chain(&["\u{2028}", "\u{200b}", "\u{feff}", "\u{e0041}", "\r"]) {
            let shown = escape_lines(text).into_owned();
            assert!(shown.starts_with("\\u") && shown.is_ascii(), "{shown}");
            let back: String = serde_json::from_str(&format!("\"{shown}\"")).unwrap();
            assert_eq!(back, **text);
        }
        assert_eq!(escape_lines("a\n\tb"), "a\n\tb");
        assert_eq!(escape_line("a\n\tb"), "a\\u000a\\u0009b");
    }

    #[test]
    fn a_log_line_stays_one_line() {
        let mut out = Printable::line(Vec::new());
        out.write_all(b"one\nforged \x1b[31m\n").unwrap();
        out.write_all("two\n".as_bytes()).unwrap();
        assert_eq!(out.inner, b"one\\u000aforged \\u001b[31m\ntwo\n");
    }
}
