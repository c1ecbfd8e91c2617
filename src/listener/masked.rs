//! The text of a listener file without the secrets that stand in it by mistake: messages show lines
//! of the file, and their readers must not see a secret. Knows no messages.

use crate::document::{Content, Node};
use crate::source::{Source, Span};

/// The keys of a secret whose values are no secrets.
const PUBLIC: &[&str] = &["env", "file", "encoding"];

/// Returns a source of the same length in which asterisks replace the secrets of a document.
pub(super) fn masked(source: Source, root: &Node) -> Source {
    let mut spans = Vec::new();
    for entry in root.get("secrets").map(Node::entries).unwrap_or_default() {
        collect(&entry.value, &mut spans);
    }
    if spans.is_empty() {
        return source;
    }
    let mut text = source.text().to_owned();
    for span in spans {
        let range = span.range();
        // The quotes stay.
        let stars: Option<String> = text.get(range.clone()).map(|secret| {
            let kept = |c: char| matches!(c, '"' | '\'' | '\n');
            secret
                .chars()
                .map(|c| if kept(c) { c.to_string() } else { "*".repeat(c.len_utf8()) })
                .collect()
        });
        if let Some(stars) = stars {
            text.replace_range(range, &stars);
        }
    }
    Source::new(source.name(), text)
}

/// Collects the spans of the values that may be secrets.
fn collect(node: &Node, spans: &mut Vec<Span>) {
    match &node.content {
        Content::Text(_) | Content::Number(_) => spans.push(node.span),
        Content::List(items) => items.iter().for_each(|item| collect(item, spans)),
        Content::Object(entries) => entries
            .iter()
            .filter(|entry| !PUBLIC.contains(&&*entry.key.text))
            .for_each(|entry| collect(&entry.value, spans)),
        _ => {}
    }
}
