//! Reads JSON documents. serde_json borrows each part from the source, so the position of a part is
//! the difference of two addresses. Knows no mappers and no configuration.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::text::{Style, Text};
use super::{Content, Depth, Entry, Key, Node, number, object, unreadable};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn read(source: &str, depth: Depth) -> Result<Node, Diagnostic> {
    let reader = Reader { source };
    let whole = reader.parse(source)?;
    reader.node(whole, depth)
}

struct Reader<'s> {
    source: &'s str,
}

impl<'s> Reader<'s> {
    fn node(&self, raw: &'s RawValue, depth: Depth) -> Result<Node, Diagnostic> {
        let span = self.span(raw.get());
        let content = match raw.get().as_bytes().first() {
            Some(b'{') => self.object(raw, depth.deeper(span)?)?,
            Some(b'[') => self.list(raw, depth.deeper(span)?)?,
            Some(b'"') => Content::Text(self.text(raw)?),
            Some(b't') => Content::Bool(true),
            Some(b'f') => Content::Bool(false),
            Some(b'n') => Content::Null,
            _ => number(raw.get(), span)?,
        };
        Ok(Node { content, span })
    }

    fn list(&self, raw: &'s RawValue, depth: Depth) -> Result<Content, Diagnostic> {
        let items: Vec<&RawValue> = self.parse(raw.get())?;
        let nodes = items.into_iter().map(|item| self.node(item, depth));
        nodes.collect::<Result<_, _>>().map(Content::List)
    }

    fn object(&self, raw: &'s RawValue, depth: Depth) -> Result<Content, Diagnostic> {
        let Entries(pairs) = self.parse(raw.get())?;
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = Key { text: self.parse(key.get())?, span: self.span(key.get()) };
            entries.push(Entry { key, value: self.node(value, depth)? });
        }
        object(entries)
    }

    fn text(&self, raw: &'s RawValue) -> Result<Text, Diagnostic> {
        let span = self.span(raw.get());
        let range = span.range();
        let inner = range.start + 1..range.end.saturating_sub(1);
        Ok(Text::new(self.parse(raw.get())?, span, self.source, inner, Style::Escaped))
    }

    fn parse<T: Deserialize<'s>>(&self, part: &'s str) -> Result<T, Diagnostic> {
        serde_json::from_str(part).map_err(|error| self.fault(part, &error))
    }

    fn span(&self, part: &str) -> Span {
        let start = (part.as_ptr() as usize).saturating_sub(self.source.as_ptr() as usize);
        Span::new(start, start + part.len())
    }

    fn fault(&self, part: &str, error: &serde_json::Error) -> Diagnostic {
        let (line, column) = (error.line(), error.column());
        let shown = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = shown.strip_suffix(&place).unwrap_or(&shown);
        let message = message.replace("EOF while parsing", "it ends inside");
        let before: usize =
            part.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let at = self.span(part).start as usize + before + column.saturating_sub(1);
        let at = (0..=at).rev().find(|at| self.source.is_char_boundary(*at)).unwrap_or(0);
        unreadable(Span::new(at, at), format!("this is not JSON: {message}"))
    }
}

/// The entries of an object as raw text, in source order.
struct Entries<'s>(Vec<(&'s RawValue, &'s RawValue)>);

impl<'s> Deserialize<'s> for Entries<'s> {
    fn deserialize<D: Deserializer<'s>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'s> Visitor<'s> for Pairs {
    type Value = Entries<'s>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'s>>(self, mut entries: A) -> Result<Entries<'s>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Entries(pairs))
    }
}
