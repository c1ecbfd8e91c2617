//! Reads TOML documents. Dotted keys of TOML nest; dates are not supported. Knows no mappers and no
//! configuration.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};

use super::text::{Style, Text};
use super::{Content, Depth, Entry, Key, Node, decimal, integer, object, unreadable};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

pub(super) fn read(source: &str, depth: Depth) -> Result<Node, Diagnostic> {
    let table = DeTable::parse(source).map_err(|error| fault(source, &error))?;
    let content = Reader { source }.table(table.get_ref(), depth)?;
    Ok(Node { content, span: Span::new(0, source.len()) })
}

struct Reader<'s> {
    source: &'s str,
}

impl Reader<'_> {
    fn node(&self, value: &Spanned<DeValue<'_>>, depth: Depth) -> Result<Node, Diagnostic> {
        let span = Span::new(value.span().start, value.span().end);
        let content = match value.get_ref() {
            DeValue::String(text) => Content::Text(self.text(text, span)),
            DeValue::Integer(digits) => {
                let value = i128::from_str_radix(digits.as_str(), digits.radix()).ok();
                integer(value, span, digits.as_str())?
            }
            DeValue::Float(digits) => decimal(digits.as_str().parse().ok(), span, digits.as_str())?,
            DeValue::Boolean(value) => Content::Bool(*value),
            DeValue::Datetime(_) => return Err(date(span, self.source)),
            DeValue::Array(items) => {
                let depth = depth.deeper(span)?;
                let nodes = items.iter().map(|item| self.node(item, depth));
                Content::List(nodes.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table, depth.deeper(span)?)?,
        };
        Ok(Node { content, span })
    }

    fn table(&self, table: &DeTable<'_>, depth: Depth) -> Result<Content, Diagnostic> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let span = Span::new(key.span().start, key.span().end);
            let key = Key { text: key.get_ref().to_string(), span };
            entries.push(Entry { key, value: self.node(value, depth)? });
        }
        // The parser sorts by name. This restores the order of the source.
        entries.sort_by_key(|entry| entry.key.span.start);
        object(entries)
    }

    fn text(&self, text: &str, span: Span) -> Text {
        let raw = self.source.get(span.range()).unwrap_or("");
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| raw.starts_with(quote));
        let length = quote.map_or(0, str::len);
        let inner = span.range().start + length..span.range().end.saturating_sub(length);
        let style = if raw.starts_with('"') { Style::Escaped } else { Style::Plain };
        Text::new(text.to_owned(), span, self.source, inner, style)
    }
}

fn date(span: Span, source: &str) -> Diagnostic {
    let written = source.get(span.range()).unwrap_or("");
    unreadable(span, "a date of TOML means nothing in a mapper")
        .help(format!("write it as a string, which is quoted twice: `\"'{written}'\"`"))
}

fn fault(source: &str, error: &Error) -> Diagnostic {
    let range = error.span().unwrap_or(source.len()..source.len());
    let span = Span::new(range.start, range.end);
    if error.message() == "duplicate key" {
        let key = source.get(range).unwrap_or("");
        return Diagnostic::new(Code::E0505, span, format!("the key `{key}` comes twice"));
    }
    unreadable(span, format!("this is not TOML: {}", error.message()))
}
