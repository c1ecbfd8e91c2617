//! The text of a configuration file without the secrets that stand in it by mistake: messages show
//! lines of the file, and their readers must not see a secret.
//!
//! Knows the names of the keys around secrets, and no messages.

use crate::document::{Content, Entry, Node};
use crate::source::{Source, Span};

/// The table whose keys name secrets. Its values are sources of secrets, or secrets by mistake.
pub(super) const TABLE: &str = "secrets";

/// The keys that name a secret, outside of that table.
const NAMING: &[&str] = &["secret"];

/// The keys of a secret whose values are no secrets if they look like names.
const NAMES: &[&str] = &["env", "encoding"];

/// The key of a secret whose value is a path.
const PATH: &str = "file";

/// Length of the longest name that messages show, in bytes.
const MAX_NAME: usize = 40;

/// Returns true if a text can be shown where a name is expected: a secret that was typed in its
/// place would have other characters, or lower case mixed with digits.
pub(crate) fn looks_like_name(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase);
    super::is_id(text) && text.len() <= MAX_NAME && !mixed
}

/// Returns a source of the same length in which asterisks replace the secrets of a document.
pub(super) fn masked(source: Source, root: &Node) -> Source {
    let mut spans = Vec::new();
    find(root, &mut spans);
    mask(source, &spans)
}

/// Collects the spans of the secrets in a document.
fn find(node: &Node, spans: &mut Vec<Span>) {
    node.items().iter().for_each(|item| find(item, spans));
    for Entry { key, value } in node.entries() {
        let named = NAMING.contains(&&*key.text);
        match key.text.as_str() {
            TABLE => secrets(value, spans),
            _ if named && value.as_str().is_some_and(|name| !looks_like_name(name)) => {
                spans.push(value.span);
            }
            _ => find(value, spans),
        }
    }
}

/// Collects the spans in the table of secrets. The names of the secrets are shown.
fn secrets(table: &Node, spans: &mut Vec<Span>) {
    match &table.content {
        Content::Object(entries) => entries.iter().for_each(|entry| secret(&entry.value, spans)),
        _ => secret(table, spans),
    }
}

fn secret(node: &Node, spans: &mut Vec<Span>) {
    match &node.content {
        Content::Text(_) | Content::Number(_) => spans.push(node.span),
        Content::List(items) => items.iter().for_each(|item| secret(item, spans)),
        Content::Object(entries) => entries.iter().for_each(|entry| part(entry, spans)),
        _ => {}
    }
}

/// Collects the spans in an entry of one secret: `env = "NAME"`.
fn part(entry: &Entry, spans: &mut Vec<Span>) {
    let Entry { key, value } = entry;
    if !looks_like_name(&key.text) {
        spans.push(key.span);
    }
    let is_name = || value.as_str().is_some_and(looks_like_name);
    let is_shown = key.text == PATH || (NAMES.contains(&&*key.text) && is_name());
    if !is_shown {
        secret(value, spans);
    }
}

/// Returns a source of the same length in which asterisks replace what may be a secret, for a file
/// that does not parse. From the first key that names secrets to the next table, it keeps keys and
/// punctuation only.
pub(super) fn masked_text(source: Source) -> Source {
    let mut spans = Vec::new();
    let (mut begin, mut inside) = (0, false);
    for line in source.text().split_inclusive('\n') {
        let header = header(line);
        match header {
            Some(path) => inside = names_secrets(path),
            None => {
                let (key, value) = line.split_once('=').unwrap_or(("", line));
                inside = inside || names_secrets(key);
                if inside {
                    let start = begin + line.len() - value.len();
                    values(value, start, &mut spans);
                }
            }
        }
        begin += line.len();
    }
    mask(source, &spans)
}

/// Returns the path of a table from its header, without quotes: `[a.b]`, `[[a.b]]`. A line in quotes
/// could be an item of a list.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or(line).trim();
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let path = inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    (!path.is_empty() && path.chars().all(is_plain)).then_some(path)
}

/// Returns true if a dotted key has a part that names secrets.
fn names_secrets(path: &str) -> bool {
    let parts = path.split('.').map(|part| part.trim().trim_matches(['"', '\'']));
    parts.into_iter().any(|part| part == TABLE || NAMING.contains(&part))
}

/// Collects the spans of words that are no keys.
fn values(text: &str, start: usize, spans: &mut Vec<Span>) {
    let is_punctuation = |c: char| matches!(c, '"' | '\'' | '{' | '}' | '[' | ']' | ',' | '=');
    let mut rest = text;
    while let Some(from) = rest.find(|c: char| !is_punctuation(c) && !c.is_whitespace()) {
        let word = rest.get(from..).unwrap_or("");
        let length = word.find(is_punctuation).unwrap_or(word.len());
        let (word, after) = word.split_at_checked(length).unwrap_or((word, ""));
        let begin = start + text.len() - after.len() - word.len();
        let is_key = after.starts_with('=') && looks_like_name(word.trim());
        if !is_key {
            spans.push(Span::new(begin, begin + word.trim_end().len()));
        }
        rest = after;
    }
}

/// Returns a source of the same length in which asterisks replace spans. Quotes and line breaks stay.
pub(crate) fn mask(source: Source, spans: &[Span]) -> Source {
    if spans.is_empty() {
        return source;
    }
    let mut text = source.text().to_owned();
    for span in spans {
        let range = span.range();
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

#[cfg(test)]
mod tests {
    use super::{looks_like_name, masked, masked_text};
    use crate::document::{Format, read};
    use crate::source::Source;

    #[test]
    fn a_secret_in_the_place_of_a_name_is_recognised() {
        for name in ["GITHUB", "KEY_2", "webhook", "STRIPE-TEST"] {
            assert!(looks_like_name(name), "{name}");
        }
        let random = "A".repeat(64);
        for secret in ["s3cr3t", "It's a Secret", "whsec_8f2a=", "", &random] {
            assert!(!looks_like_name(secret), "{secret}");
        }
    }

    #[test]
    fn secrets_of_a_document_are_masked_at_any_depth() {
        let text = "secrets = \"s3cr3t\"\n[[test]]\nsecrets = { A = \"s3cr3t\", B = [7] }\n\
                    [verify]\nsecret = \"s3cr3t\"\nother = 1\n";
        let root = read(text, Format::Toml, 8).unwrap();
        let shown = masked(Source::new("a", text), &root);
        assert_eq!(shown.text().len(), text.len());
        assert!(!shown.text().contains("s3cr3t"), "{}", shown.text());
        assert!(shown.text().contains("A = \"******\", B = [*]"), "{}", shown.text());
        assert!(shown.text().contains("other = 1"), "{}", shown.text());
    }

    #[test]
    fn secrets_of_a_text_that_does_not_parse_are_masked() {
        let files = [
            ("[secrets]\nA = \"s3cr3t", "[secrets]\nA = \"******"),
            ("[secrets.A]\nvalue = s3cr3t\n", "[secrets.A]\nvalue = ******\n"),
            ("secrets.A = \"s3cr3t\nn = 1", "secrets.A = \"******\nn = *"),
            ("secrets = { A = s3cr3t }", "secrets = { A = ****** }"),
            (
                "[secrets]\nA = [\n  \"s3cr3t\n]\n[verify]\nn = \"x",
                "[secrets]\nA = [\n  \"******\n]\n[verify]\nn = \"x",
            ),
            ("[secrets]\n\"s3cr3t\"\n", "[secrets]\n\"******\"\n"),
            ("[secrets]\nA = { value = \"s3cr3t }", "[secrets]\nA = { value = \"****** }"),
            ("[secrets]\nA = \"s3 cr=3t\"", "[secrets]\nA = \"*****=**\""),
            ("[secrets]\nA = \"\"\"\n[\"s3cr3t\"]\n", "[secrets]\nA = \"\"\"\n[\"******\"]\n"),
            ("name = \"x", "name = \"x"),
        ];
        for (text, shown) in files {
            assert_eq!(masked_text(Source::new("a", text)).text(), shown);
        }
    }
}
