//! Redaction of logs.
//!
//! Hides the headers and paths that a listener names, all credentials and cookies, and any text
//! that contains a known secret: plain, encoded or escaped. Stored logs are redacted again when
//! they are shown, because a secret may have been configured later. Knows no log files and no
//! store.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::escapes::SecretBytes;
use super::multi_search::MultiSearch;
use super::spellings::Spellings;
use crate::config::quoted_list;
use crate::engine::{Secrets, Value};
use crate::value::{is_json, write_json};

/// The placeholder for redacted values.
pub(super) const HIDDEN: &str = "<redacted>";

/// The replacement of lists and objects that are nested too deeply to be searched for secrets.
pub(super) const NOT_SHOWN: &str = "<nested too deeply to be shown>";

/// Headers with credentials. They are redacted for every listener.
const HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-webhook-token",
];

/// The logged parts of a request in which paths can be redacted.
const ROOTS: &[&str] = &["parsed_body", "headers", "query_params"];

/// The redaction rules of a listener.
#[derive(Default)]
pub struct Redaction {
    headers: Vec<String>,
    paths: Vec<Vec<PathStep>>,
    /// The known secrets in all their encodings.
    secrets: MultiSearch,
    /// The bytes of the secrets: escapes of these bytes must be decoded.
    bytes: SecretBytes,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    Key(String),
    Index(usize),
    All,
}

impl PathStep {
    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Key(key) if key == name)
    }
}

/// Omits the secrets.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { headers, paths, .. } = self;
        f.debug_struct("Redaction").field("headers", headers).field("paths", paths).finish()
    }
}

impl Redaction {
    /// Redacts a header.
    pub(super) fn add_header(&mut self, name: &str) {
        self.headers.push(name.to_ascii_lowercase());
    }

    /// Redacts the values at a path such as `parsed_body.users[*].email`.
    ///
    /// # Errors
    /// Returns the message, and the help if there is one.
    pub(super) fn add_path(&mut self, path: &str) -> Result<(), (String, Option<String>)> {
        let steps = steps(path).ok_or_else(|| {
            let forms = "write it as `parsed_body.users[*].email` or `query_params[\"a b\"]`";
            (format!("`{path}` is no path"), Some(forms.to_owned()))
        })?;
        match steps.as_slice() {
            // Header names are case-insensitive.
            [PathStep::Key(root), PathStep::Key(name)] if root == "headers" => {
                self.add_header(name)
            }
            [PathStep::Key(root), ..] if ROOTS.contains(&&**root) => self.paths.push(steps),
            _ => {
                let message = format!("`{path}` begins with none of {}", quoted_list(ROOTS));
                return Err((message, Some(format!("did you mean `parsed_body.{path}`?"))));
            }
        }
        Ok(())
    }

    /// Redacts every text that contains one of these secrets, also encoded or escaped.
    pub(super) fn know(&mut self, secrets: &Secrets) {
        let spellings = Spellings::of(secrets);
        self.bytes = spellings.bytes;
        self.secrets = MultiSearch::new(spellings.into_needles());
    }

    /// Returns true if a header is redacted.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        let named = |list: &str| list.eq_ignore_ascii_case(name);
        HEADERS.iter().any(|header| named(header))
            || self.headers.iter().any(|header| named(header))
    }

    /// Returns a text without known secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.is_in(text) {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len());
        let mut end = 0;
        for range in self.ranges(text) {
            shown.push_str(text.get(end..range.start).unwrap_or(""));
            shown.push_str(HIDDEN);
            end = range.end;
        }
        shown.push_str(text.get(end..).unwrap_or(""));
        Cow::Owned(shown)
    }

    /// Redacts known secrets in the strings of a JSON text. The result is still JSON.
    pub fn json(&self, json: String) -> String {
        if !self.is_in(&json) {
            return json;
        }
        match serde_json::from_str::<serde_json::Value>(&json) {
            Ok(mut value) => {
                self.stored_texts(&mut value);
                value.to_string()
            }
            Err(_) => self.text(&json).into_owned(),
        }
    }

    /// Returns the ranges of known secrets in a text, in order and without overlaps.
    fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let levels = self.bytes.levels(text);
        let mut found: Vec<Range<usize>> = levels
            .iter()
            .flat_map(|level| {
                self.secrets.find(&level.bytes).into_iter().map(|at| level.source(&at))
            })
            .collect();
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for range in found {
            match ranges.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range),
            }
        }
        ranges
    }

    /// Returns true if a path below a variable is redacted.
    pub(super) fn hides_below(&self, root: &str) -> bool {
        self.paths.iter().any(|path| path.first() == Some(&PathStep::Key(root.to_owned())))
    }

    /// Returns true if no redaction path below a variable fits the type of the value at its top.
    /// The value may then contain the redacted data at another position.
    pub(super) fn misses(&self, root: &str, value: Value<'_>) -> bool {
        let below = self.paths.iter().filter(|path| path.first().is_some_and(|step| step.is(root)));
        let fits = |path: &Vec<PathStep>| match (path.get(1), value) {
            (Some(PathStep::Key(_)), Value::Object(_))
            | (Some(PathStep::Index(_)), Value::List(_)) => true,
            (Some(PathStep::All), value) => matches!(value, Value::Object(_) | Value::List(_)),
            _ => false,
        };
        below.clone().next().is_some() && !below.into_iter().any(fits)
    }

    /// Returns true if a text contains a known secret in any encoding. If a JSON text contains
    /// none, then none of its strings does.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.secrets.are_in(text)
            || (!self.secrets.is_empty()
                && self.bytes.any_level(text, |decoded| self.secrets.are_in(decoded)))
    }

    /// Redacts a stored log with the rules of the current configuration.
    pub fn stored_log(&self, log: &mut serde_json::Value) {
        let Some(entries) = log.as_object_mut() else {
            return;
        };
        let read_as_json = entries
            .get("raw_body")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|raw| is_json(raw.as_bytes()));
        let hidden =
            entries.get_mut("parsed_body").is_some_and(|body| self.stored("parsed_body", body));
        if let Some(query) = entries.get_mut("query_params") {
            self.stored("query_params", query);
        }
        if let Some(headers) = entries.get_mut("headers").and_then(|headers| headers.get_mut("map"))
        {
            self.stored("headers", headers);
        }
        if hidden || (self.hides_below("parsed_body") && !read_as_json) {
            entries.insert("raw_body".to_owned(), HIDDEN.into());
        }
        self.stored_texts(log);
    }

    /// Redacts the paths and headers below a variable. Returns true if a path matched.
    fn stored(&self, root: &str, value: &mut serde_json::Value) -> bool {
        if let (Some(headers), "headers") = (value.as_object_mut(), root) {
            let hidden = headers.iter_mut().filter(|(name, _)| self.hides_header(name));
            hidden.for_each(|(_, value)| *value = HIDDEN.into());
        }
        let paths = self.paths.iter().filter(|path| path.first().is_some_and(|step| step.is(root)));
        // Applies all paths, even if an earlier one matched.
        let hidden = paths.filter(|path| hide_at(value, path.get(1..).unwrap_or_default()));
        hidden.count() > 0
    }

    /// Redacts known secrets in all strings of a value and in the keys of its objects.
    pub fn stored_texts(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(shown) = self.text(text) {
                    *text = shown;
                }
            }
            serde_json::Value::Array(items) => {
                items.iter_mut().for_each(|item| self.stored_texts(item));
            }
            serde_json::Value::Object(entries) => {
                let taken = std::mem::take(entries);
                entries.extend(taken.into_iter().map(|(key, mut value)| {
                    self.stored_texts(&mut value);
                    (self.text(&key).into_owned(), value)
                }));
            }
            _ => {}
        }
    }

    /// Writes a value below a variable as JSON, with its paths redacted and, depending on
    /// `secrets`, without known secrets. Returns true if a path matched.
    pub(super) fn write(
        &self,
        out: &mut String,
        root: &str,
        value: Value<'_>,
        secrets: Secret,
    ) -> bool {
        let here = |path: &&Vec<PathStep>| path.first() == Some(&PathStep::Key(root.to_owned()));
        let paths: Vec<&[PathStep]> =
            self.paths.iter().filter(here).map(|path| path.get(1..).unwrap_or_default()).collect();
        let mut walk = Walk { redaction: self, out, secrets, hidden: false };
        walk.value(value, &paths, root == "headers");
        walk.hidden
    }
}

/// The treatment of known secrets in texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// Redacted while writing.
    LeftOut,
    /// Not redacted: the caller searches the result afterwards.
    LookedForLater,
}

/// The state of writing a value as JSON.
struct Walk<'w> {
    redaction: &'w Redaction,
    out: &'w mut String,
    secrets: Secret,
    hidden: bool,
}

impl Walk<'_> {
    fn text(&mut self, text: &str) {
        let shown = match self.secrets {
            Secret::LeftOut => self.redaction.text(text),
            Secret::LookedForLater => Cow::Borrowed(text),
        };
        write_text(self.out, &shown);
    }

    fn value(&mut self, value: Value<'_>, paths: &[&[PathStep]], headers: bool) {
        if paths.iter().any(|path| path.is_empty()) {
            self.hidden = true;
            return write_text(self.out, HIDDEN);
        }
        match value {
            Value::Object(object) => {
                self.out.push('{');
                for (at, (key, value)) in object.iter().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    self.text(key);
                    self.out.push(':');
                    if headers && self.redaction.hides_header(key) {
                        write_text(self.out, HIDDEN);
                        continue;
                    }
                    let below = below(paths, |step| match step {
                        PathStep::Key(name) => name == key,
                        PathStep::All => true,
                        PathStep::Index(_) => false,
                    });
                    self.value(value, &below, false);
                }
                self.out.push('}');
            }
            Value::List(list) => {
                self.out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    let below =
                        below(paths, |step| *step == PathStep::Index(at) || *step == PathStep::All);
                    self.value(value, &below, false);
                }
                self.out.push(']');
            }
            other => match other.as_text() {
                Some(text) => self.text(text),
                None if matches!(other, Value::Opaque(_)) => write_text(self.out, NOT_SHOWN),
                // Writing to a string does not fail.
                None => drop(write_json(self.out, other)),
            },
        }
    }
}

/// Redacts the values at a path of a stored value. Returns true if the path matched.
fn hide_at(value: &mut serde_json::Value, path: &[PathStep]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        *value = HIDDEN.into();
        return true;
    };
    match (value, step) {
        (serde_json::Value::Object(entries), PathStep::Key(key)) => {
            entries.get_mut(key).is_some_and(|value| hide_at(value, rest))
        }
        (serde_json::Value::Object(entries), PathStep::All) => {
            entries.values_mut().map(|value| hide_at(value, rest)).filter(|hidden| *hidden).count()
                > 0
        }
        (serde_json::Value::Array(items), PathStep::Index(at)) => {
            items.get_mut(*at).is_some_and(|value| hide_at(value, rest))
        }
        (serde_json::Value::Array(items), PathStep::All) => {
            items.iter_mut().map(|value| hide_at(value, rest)).filter(|hidden| *hidden).count() > 0
        }
        _ => false,
    }
}

/// Returns the rest of the paths after a matching step.
fn below<'p>(paths: &[&'p [PathStep]], wanted: impl Fn(&PathStep) -> bool) -> Vec<&'p [PathStep]> {
    let matching = paths.iter().filter_map(|path| path.split_first());
    matching.filter(|(first, _)| wanted(first)).map(|(_, rest)| rest).collect()
}

/// Writes a string as JSON.
pub(super) fn write_text(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = write_json(out, Value::Text(text));
}

/// Parses a path: names after dots, keys and indices in brackets, `[*]` for all elements.
fn steps(path: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = bracket(inside)?;
            steps.push(step);
            rest = after;
            continue;
        }
        let bare = match steps.is_empty() {
            true => rest,
            false => rest.strip_prefix('.')?,
        };
        let end = bare.find(['.', '[']).unwrap_or(bare.len());
        let (name, after) = bare.split_at_checked(end)?;
        steps.push(if name == "*" { PathStep::All } else { PathStep::Key(name.to_owned()) });
        if name.is_empty() {
            return None;
        }
        rest = after;
    }
    (steps.len() > 1).then_some(steps)
}

fn bracket(inside: &str) -> Option<(PathStep, &str)> {
    for quote in ['"', '\''] {
        if let Some(text) = inside.strip_prefix(quote) {
            let (key, after) = text.split_once(quote)?;
            return Some((PathStep::Key(key.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (key, after) = inside.split_once(']')?;
    let step = if key == "*" { PathStep::All } else { PathStep::Index(key.parse().ok()?) };
    Some((step, after))
}
