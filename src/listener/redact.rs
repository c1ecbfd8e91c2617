//! Redaction: what must not be written to any log.
//!
//! Headers and paths that a listener names, credentials and cookies always, and any text that
//! holds a known secret, as it is and as it is usually written otherwise: encoded, and escaped.
//! What was stored is redacted again when it is shown: a secret may have been configured later.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::escapes::SecretBytes;
use super::needles::Needles;
use super::spellings::Spellings;
use crate::config::quoted_list;
use crate::engine::{Secrets, Value};
use crate::value::write_json;

/// What stands in place of what is not shown.
pub(super) const HIDDEN: &str = "<redacted>";

/// Headers that carry credentials, whatever a listener says.
const HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-webhook-token",
];

/// What of a request is logged, and can be left out by a path.
const ROOTS: &[&str] = &["parsed_body", "headers", "query_params"];

/// What a listener's logs leave out.
#[derive(Default)]
pub struct Redaction {
    headers: Vec<String>,
    paths: Vec<Vec<Step>>,
    /// The known secrets, in the ways they are written.
    secrets: Needles,
    /// What they are made of, so that escapes of it are decoded.
    bytes: SecretBytes,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    All,
}

impl Step {
    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Key(key) if key == name)
    }
}

/// Without the secrets.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { headers, paths, .. } = self;
        f.debug_struct("Redaction").field("headers", headers).field("paths", paths).finish()
    }
}

impl Redaction {
    /// Leaves a header out.
    pub(super) fn add_header(&mut self, name: &str) {
        self.headers.push(name.to_ascii_lowercase());
    }

    /// Leaves out what is at a path, `parsed_body.users[*].email`.
    pub(super) fn add_path(&mut self, path: &str) -> Result<(), String> {
        let steps = steps(path).ok_or_else(|| {
            format!("`{path}` is no path: `parsed_body.users[*].email`, `query_params[\"a b\"]`")
        })?;
        match steps.as_slice() {
            // Headers have one name in any case.
            [Step::Key(root), Step::Key(name)] if root == "headers" => self.add_header(name),
            [Step::Key(root), ..] if ROOTS.contains(&&**root) => self.paths.push(steps),
            _ => return Err(format!("`{path}` begins with none of {}", quoted_list(ROOTS))),
        }
        Ok(())
    }

    /// Leaves out every text that holds one of these secrets, encoded or escaped too.
    pub(super) fn know(&mut self, secrets: &Secrets) {
        let spellings = Spellings::of(secrets);
        self.bytes = spellings.bytes;
        self.secrets = Needles::new(spellings.into_needles());
    }

    /// Whether a header is left out.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        let named = |list: &str| list.eq_ignore_ascii_case(name);
        HEADERS.iter().any(|header| named(header))
            || self.headers.iter().any(|header| named(header))
    }

    /// A text without known secrets.
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

    /// A text in JSON without known secrets in its texts; it stays JSON.
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

    /// Where known secrets are in a text, in order, none of them twice.
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

    /// Whether something below a root is left out.
    pub(super) fn hides_below(&self, root: &str) -> bool {
        self.paths.iter().any(|path| path.first() == Some(&Step::Key(root.to_owned())))
    }

    /// Whether a body that was not read as JSON, or is no object or list at its top, may hold what
    /// a path leaves out at a place where nobody looks.
    pub(super) fn misses(&self, root: &str, value: Value<'_>) -> bool {
        let below = self.paths.iter().filter(|path| path.first().is_some_and(|step| step.is(root)));
        let fits = |path: &Vec<Step>| match (path.get(1), value) {
            (Some(Step::Key(_)), Value::Object(_)) | (Some(Step::Index(_)), Value::List(_)) => true,
            (Some(Step::All), value) => matches!(value, Value::Object(_) | Value::List(_)),
            _ => false,
        };
        below.clone().next().is_some() && !below.into_iter().any(fits)
    }

    /// Whether a text holds a known secret, in any way that it is written: where a text in JSON does
    /// not, none of the texts in it does.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.secrets.are_in(text)
            || (!self.secrets.is_empty()
                && self.bytes.any_level(text, |decoded| self.secrets.are_in(decoded)))
    }

    /// Leaves out of a stored log what the configuration hides by now.
    pub fn stored_log(&self, log: &mut serde_json::Value) {
        let Some(entries) = log.as_object_mut() else {
            return;
        };
        let read_as_json = entries
            .get("raw_body")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|raw| serde_json::from_str::<serde::de::IgnoredAny>(raw).is_ok());
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

    /// Leaves out what paths and headers hide below a root; answers whether a path did.
    fn stored(&self, root: &str, value: &mut serde_json::Value) -> bool {
        if let (Some(headers), "headers") = (value.as_object_mut(), root) {
            let hidden = headers.iter_mut().filter(|(name, _)| self.hides_header(name));
            hidden.for_each(|(_, value)| *value = HIDDEN.into());
        }
        let paths = self.paths.iter().filter(|path| path.first().is_some_and(|step| step.is(root)));
        // All of them, whatever the first ones hid.
        let hidden = paths.filter(|path| hide_at(value, path.get(1..).unwrap_or_default()));
        hidden.count() > 0
    }

    /// Leaves known secrets out of all texts of a value, and the keys of its objects.
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

    /// Writes a value under a root as JSON, without what is left out of it by its path, and without
    /// known secrets where they are looked for; answers whether anything at a path was left out.
    pub(super) fn write(
        &self,
        out: &mut String,
        root: &str,
        value: Value<'_>,
        secrets: Secret,
    ) -> bool {
        let here = |path: &&Vec<Step>| path.first() == Some(&Step::Key(root.to_owned()));
        let paths: Vec<&[Step]> =
            self.paths.iter().filter(here).map(|path| path.get(1..).unwrap_or_default()).collect();
        let mut walk = Walk { redaction: self, out, secrets, hidden: false };
        walk.value(value, &paths, root == "headers");
        walk.hidden
    }
}

/// What is done about known secrets in texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// They are left out.
    LeftOut,
    /// Nothing: whoever writes looks afterwards whether there are any.
    LookedForLater,
}

/// A value on its way into JSON.
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

    fn value(&mut self, value: Value<'_>, paths: &[&[Step]], headers: bool) {
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
                        Step::Key(name) => name == key,
                        Step::All => true,
                        Step::Index(_) => false,
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
                    let below = below(paths, |step| *step == Step::Index(at) || *step == Step::All);
                    self.value(value, &below, false);
                }
                self.out.push(']');
            }
            other => match other.as_text() {
                Some(text) => self.text(text),
                // Writing to a text does not fail.
                None => drop(write_json(self.out, other)),
            },
        }
    }
}

/// Leaves out what is at a path of a stored value; answers whether anything was there.
fn hide_at(value: &mut serde_json::Value, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        *value = HIDDEN.into();
        return true;
    };
    match (value, step) {
        (serde_json::Value::Object(entries), Step::Key(key)) => {
            entries.get_mut(key).is_some_and(|value| hide_at(value, rest))
        }
        (serde_json::Value::Object(entries), Step::All) => {
            entries.values_mut().map(|value| hide_at(value, rest)).filter(|hidden| *hidden).count()
                > 0
        }
        (serde_json::Value::Array(items), Step::Index(at)) => {
            items.get_mut(*at).is_some_and(|value| hide_at(value, rest))
        }
        (serde_json::Value::Array(items), Step::All) => {
            items.iter_mut().map(|value| hide_at(value, rest)).filter(|hidden| *hidden).count() > 0
        }
        _ => false,
    }
}

/// What is left of the paths behind a step.
fn below<'p>(paths: &[&'p [Step]], wanted: impl Fn(&Step) -> bool) -> Vec<&'p [Step]> {
    let matching = paths.iter().filter_map(|path| path.split_first());
    matching.filter(|(first, _)| wanted(first)).map(|(_, rest)| rest).collect()
}

/// Writes a text as JSON.
pub(super) fn write_text(out: &mut String, text: &str) {
    // Writing to a text does not fail.
    let _ = write_json(out, Value::Text(text));
}

/// A text as it is in JSON, between the quotes.
pub(super) fn inside(text: &str) -> String {
    let mut json = String::new();
    write_text(&mut json, text);
    json.get(1..json.len() - 1).unwrap_or_default().to_owned()
}

/// The steps of a path: names behind dots, keys and places in brackets, `[*]` for all.
fn steps(path: &str) -> Option<Vec<Step>> {
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
        steps.push(if name == "*" { Step::All } else { Step::Key(name.to_owned()) });
        if name.is_empty() {
            return None;
        }
        rest = after;
    }
    (steps.len() > 1).then_some(steps)
}

fn bracket(inside: &str) -> Option<(Step, &str)> {
    for quote in ['"', '\''] {
        if let Some(text) = inside.strip_prefix(quote) {
            let (key, after) = text.split_once(quote)?;
            return Some((Step::Key(key.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (key, after) = inside.split_once(']')?;
    let step = if key == "*" { Step::All } else { Step::Index(key.parse().ok()?) };
    Some((step, after))
}
