//! Dotted keys: `a.b` is the key `b` in an object under `a`. `\.` is a literal dot.
//!
//! Each call splits one level. The rest of the key becomes a key of the nested object and is split
//! when that object is processed. Knows neither operators nor expressions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Content, Entry, Key, Node};
use crate::source::Span;
use crate::value::shortened;

/// Returns the entries of an object, grouped by the first part of each key.
pub(super) fn nested<'e>(
    entries: &'e [Entry],
    diagnostics: &mut Vec<Diagnostic>,
) -> Cow<'e, [Entry]> {
    // The reader rejects duplicate keys, but grouping dotted keys can create new ones.
    let mut seen = HashSet::new();
    let plain = |key: &str| !key.contains('.') && !key.contains("${");
    if entries.iter().all(|Entry { key, .. }| plain(&key.text) && seen.insert(&key.text)) {
        return Cow::Borrowed(entries);
    }
    let mut level = Level::default();
    for entry in entries {
        match below(entry) {
            Ok(entry) => level.add(entry, diagnostics),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    Cow::Owned(level.entries)
}

#[derive(Default)]
struct Level {
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

impl Level {
    /// Adds an entry. Two objects under the same key are merged.
    fn add(&mut self, entry: Entry, diagnostics: &mut Vec<Diagnostic>) {
        let place = self.places.get(&entry.key.text);
        let Some(known) = place.and_then(|place| self.entries.get_mut(*place)) else {
            self.places.insert(entry.key.text.clone(), self.entries.len());
            self.entries.push(entry);
            return;
        };
        match (&mut known.value.content, entry.value.content) {
            (Content::Object(before), Content::Object(more)) => before.extend(more),
            _ => diagnostics.push(clash(known.key.span, entry.key.span)),
        }
    }
}

/// Returns the entry with the first part of its key; the rest of the key becomes a nested object.
fn below(entry: &Entry) -> Result<Entry, Diagnostic> {
    let Entry { key, value } = entry;
    if key.text.contains("${") {
        return Err(computed(key));
    }
    let (first, rest) = match first_dot(&key.text).and_then(|dot| key.text.split_at_checked(dot)) {
        Some((first, rest)) => (first, rest.strip_prefix('.')),
        None => (key.text.as_str(), None),
    };
    if rest.is_some_and(|rest| first.is_empty() || rest.is_empty() || rest.starts_with('.')) {
        return Err(empty_part(key));
    }
    let part = |text: &str| Key { text: text.to_owned(), span: key.span };
    let value = match rest {
        None => value.clone(),
        Some(rest) => {
            let inner = Entry { key: part(rest), value: value.clone() };
            Node { content: Content::Object(vec![inner]), span: value.span }
        }
    };
    Ok(Entry { key: part(&first.replace("\\.", ".")), value })
}

/// Returns the offset of the first dot that has no backslash before it.
fn first_dot(key: &str) -> Option<usize> {
    let mut dots = key.match_indices('.').map(|(at, _)| at);
    dots.find(|at| !key.get(..*at).is_some_and(|before| before.ends_with('\\')))
}

fn clash(first: Span, second: Span) -> Diagnostic {
    Diagnostic::new(Code::E0505, second, "two keys say different things of one place")
        .also(first, "the value of the place is given here")
        .help("dots nest: for a dot in a key, write `\\.`")
}

/// Returns the diagnostic for `${ }` in a key. Its dots would nest.
fn computed(key: &Key) -> Diagnostic {
    let text = shortened(&key.text);
    Diagnostic::new(Code::E0505, key.span, format!("the key `{text}` is text, and is not computed"))
        .help("an expression computes keys: `\"{ parsed_body.action: 1 }\"`")
}

fn empty_part(key: &Key) -> Diagnostic {
    let text = shortened(&key.text);
    let message = format!("the key `{text}` has nothing before, between or after its dots");
    Diagnostic::new(Code::E0505, key.span, message)
        .help("dots nest: for a dot in a key, write `\\.`")
}
