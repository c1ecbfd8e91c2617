//! Reads YAML 1.2 documents with the core schema: `yes`, `no`, `on`, `off` and dates are strings.
//! Anchors, aliases and tags are rejected, so that a document means exactly the text that it shows.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks, StrInput};

use super::text::{Style, Text};
use super::{Content, Depth, Entry, Key, Node, decimal, integer, object, unreadable};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn read(source: &str, depth: Depth) -> Result<Node, Diagnostic> {
    let mut reader = Reader::new(source);
    reader.next()?;
    if let (Event::StreamEnd, _) = reader.next()? {
        return Err(super::empty());
    }
    let (event, span) = reader.next()?;
    let node = reader.node(event, span, depth)?;
    reader.next()?;
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(node),
        (_, span) => Err(unreadable(span, "a mapper is one document, and here begins another")
            .help("remove the line `---`, or put the rest into a mapper of its own")),
    }
}

struct Reader<'s> {
    source: &'s str,
    events: Parser<'s, StrInput<'s>>,
    /// The byte offset of each character. Empty if the source is ASCII: the offset is then the
    /// character index.
    starts: Vec<usize>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s str) -> Self {
        let starts = match source.is_ascii() {
            true => Vec::new(),
            false => source.char_indices().map(|(at, _)| at).collect(),
        };
        Self { source, events: Parser::new_from_str(source), starts }
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Diagnostic> {
        match self.events.next_event() {
            Some(Ok((event, marks))) => Ok((event, self.span(marks))),
            Some(Err(error)) => Err(self.fault(&error)),
            None => Ok((Event::StreamEnd, Span::new(self.source.len(), self.source.len()))),
        }
    }

    fn span(&self, marks: Marks) -> Span {
        Span::new(self.offset(marks.start.index()), self.offset(marks.end.index()))
    }

    /// Returns the byte offset of a character.
    fn offset(&self, character: usize) -> usize {
        match self.starts.is_empty() {
            true => character.min(self.source.len()),
            false => self.starts.get(character).copied().unwrap_or(self.source.len()),
        }
    }

    fn fault(&self, error: &ScanError) -> Diagnostic {
        let at = self.offset(error.marker().index());
        if self.source.get(at..).is_some_and(|rest| rest.starts_with('*')) {
            return anchored(Span::new(at, at + 1));
        }
        unreadable(Span::new(at, at), format!("this is not YAML: {}", error.info())).help(
            "a string with `: `, `#`, `{`, `[` or quotes in it goes into quotes as a whole: `'…'`",
        )
    }

    fn node(&mut self, event: Event<'s>, span: Span, depth: Depth) -> Result<Node, Diagnostic> {
        self.refuse(&event, span)?;
        match event {
            Event::Scalar(value, style, ..) => {
                let span = self.trimmed(span);
                let content = match style {
                    ScalarStyle::Plain => self.plain(&value, span)?,
                    _ => Content::Text(self.text(&value, style, span)),
                };
                Ok(Node { content, span })
            }
            Event::SequenceStart(..) => self.list(span, depth.deeper(span)?),
            Event::MappingStart(..) => self.object(span, depth.deeper(span)?),
            _ => Err(unreadable(span, "this is not YAML: a value is missing here")),
        }
    }

    /// Rejects anchors, aliases and tags.
    fn refuse(&self, event: &Event<'s>, span: Span) -> Result<(), Diagnostic> {
        let (anchor, tag) = match event {
            Event::Alias(_) => (true, false),
            Event::Scalar(.., anchor, tag) => (*anchor > 0, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor > 0, tag.is_some())
            }
            _ => (false, false),
        };
        if anchor {
            return Err(anchored(span));
        }
        if tag {
            return Err(unreadable(span, "a mapper has no tags: `!a`, `!!str`")
                .help("a string is an expression; quote literal text twice: `\"'12'\"`"));
        }
        Ok(())
    }

    fn list(&mut self, mut span: Span, depth: Depth) -> Result<Node, Diagnostic> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                span = self.trimmed(span.join(at));
                return Ok(Node { content: Content::List(items), span });
            }
            items.push(self.node(event, at, depth)?);
        }
    }

    fn object(&mut self, mut span: Span, depth: Depth) -> Result<Node, Diagnostic> {
        let mut entries = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                span = self.trimmed(span.join(at));
                return Ok(Node { content: object(entries)?, span });
            }
            let key = self.key(event, at)?;
            let (event, at) = self.next()?;
            entries.push(Entry { key, value: self.node(event, at, depth)? });
        }
    }

    /// Returns the text of a key, even if it would be another type as a value: `1`, `true`.
    fn key(&self, event: Event<'s>, span: Span) -> Result<Key, Diagnostic> {
        self.refuse(&event, span)?;
        match event {
            Event::Scalar(text, ..) => {
                Ok(Key { text: text.into_owned(), span: self.trimmed(span) })
            }
            _ => Err(unreadable(span, "a key is a string, not a list or an object")),
        }
    }

    fn text(&self, value: &str, style: ScalarStyle, span: Span) -> Text {
        let range = span.range();
        let quoted = range.start + 1..range.end.saturating_sub(1);
        let (inner, style) = match style {
            ScalarStyle::SingleQuoted => (quoted, Style::Single),
            ScalarStyle::DoubleQuoted => (quoted, Style::Escaped),
            _ => (range, Style::Plain),
        };
        Text::new(value.to_owned(), span, self.source, inner, style)
    }

    /// Returns a span without trailing white space: the span of a block value includes it.
    fn trimmed(&self, span: Span) -> Span {
        let written = self.source.get(span.range()).unwrap_or("").trim_end();
        Span::new(span.start as usize, span.start as usize + written.len())
    }

    /// Reads a scalar without quotes.
    fn plain(&self, value: &str, span: Span) -> Result<Content, Diagnostic> {
        match value {
            "" | "~" | "null" | "Null" | "NULL" => return Ok(Content::Null),
            "true" | "True" | "TRUE" => return Ok(Content::Bool(true)),
            "false" | "False" | "FALSE" => return Ok(Content::Bool(false)),
            _ => {}
        }
        match PlainScalar::of(value) {
            PlainScalar::Integer(digits, radix) => {
                integer(i128::from_str_radix(digits, radix).ok(), span, value)
            }
            PlainScalar::Decimal => decimal(value.parse().ok(), span, value),
            PlainScalar::Infinite => decimal(None, span, value),
            PlainScalar::Text => Ok(Content::Text(self.text(value, ScalarStyle::Plain, span))),
        }
    }
}

fn anchored(span: Span) -> Diagnostic {
    unreadable(span, "a mapper has no anchors and aliases: `&a`, `*a`")
        .help("write the value out, or name it once: `EVAL()` has `args` for that")
}

/// The type of a scalar without quotes.
enum PlainScalar<'s> {
    Integer(&'s str, u32),
    Decimal,
    Infinite,
    Text,
}

impl<'s> PlainScalar<'s> {
    fn of(value: &'s str) -> Self {
        let all = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
        for (prefix, radix) in [("0o", 8), ("0x", 16)] {
            if let Some(digits) = value.strip_prefix(prefix).filter(|digits| all(digits, radix)) {
                return Self::Integer(digits, radix);
            }
        }
        let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
        match unsigned {
            _ if all(unsigned, 10) => Self::Integer(value, 10),
            ".inf" | ".Inf" | ".INF" => Self::Infinite,
            ".nan" | ".NaN" | ".NAN" if unsigned == value => Self::Infinite,
            _ if is_decimal(unsigned) => Self::Decimal,
            _ => Self::Text,
        }
    }
}

/// Returns true for a float: `.5`, `1.`, `1.5e-3`, `1e3`.
fn is_decimal(unsigned: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|text| !text.is_empty() && digits(text))
}
