//! Redaction: what must not be written to any log.
//!
//! Headers and paths that a listener names, credentials and cookies always, and any text that
//! holds a known secret, as it is and as it is usually written otherwise.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::needles::Needles;
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

/// What a URL holds as it is (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A shorter secret stands in too many texts by chance: hiding those would hide everything.
const SHORTEST: usize = 4;

/// What a listener's logs leave out.
#[derive(Default)]
pub struct Redaction {
    headers: Vec<String>,
    paths: Vec<Vec<Step>>,
    /// The known secrets, in the ways they are written.
    secrets: Needles,
    /// The same, as they are within a text in JSON.
    in_json: Needles,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    All,
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

    /// Leaves out every text that holds one of these secrets, in hex, base64, JSON or a URL too.
    pub(super) fn know(&mut self, secrets: &Secrets) {
        let mut all: Vec<Zeroizing<String>> = Vec::new();
        for secret in secrets.contents() {
            let bytes = secret.content().unwrap_or_default();
            if bytes.len() < SHORTEST {
                continue;
            }
            let mut written = vec![
                hex::encode(bytes),
                hex::encode_upper(bytes),
                STANDARD_NO_PAD.encode(bytes),
                URL_SAFE_NO_PAD.encode(bytes),
            ];
            for escaped in [
                percent_encode(bytes, NON_ALPHANUMERIC).to_string(),
                percent_encode(bytes, UNRESERVED).to_string(),
                form_urlencoded::byte_serialize(bytes).collect(),
            ] {
                written.push(small_escapes(&escaped));
                written.push(escaped);
            }
            if let Ok(text) = std::str::from_utf8(bytes) {
                written.push(inside(text));
                written.push(text.to_owned());
            }
            for text in written {
                let text = Zeroizing::new(text);
                if !all.contains(&text) {
                    all.push(text);
                }
            }
        }
        // The longest first: where one secret begins with another, the rest of it would be left.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let in_json = all.iter().map(|text| Zeroizing::new(inside(text)));
        self.in_json = Needles::new(in_json.collect());
        self.secrets = Needles::new(all);
    }

    /// Whether a header is left out.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        let named = |list: &str| list.eq_ignore_ascii_case(name);
        HEADERS.iter().any(|header| named(header))
            || self.headers.iter().any(|header| named(header))
    }

    /// A text without known secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        if !self.secrets.are_in(text) {
            return shown;
        }
        for secret in self.secrets.texts() {
            if shown.contains(secret) {
                shown = Cow::Owned(shown.replace(secret, HIDDEN));
            }
        }
        shown
    }

    /// Whether something below a root is left out.
    pub(super) fn hides_below(&self, root: &str) -> bool {
        self.paths.iter().any(|path| path.first() == Some(&Step::Key(root.to_owned())))
    }

    /// Whether a text in JSON holds a known secret, in any way that it is written: where it does
    /// not, none of the texts in it does.
    pub(super) fn is_in(&self, json: &str) -> bool {
        self.in_json.are_in(json)
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
fn inside(text: &str) -> String {
    let mut json = String::new();
    write_text(&mut json, text);
    json.get(1..json.len() - 1).unwrap_or_default().to_owned()
}

/// The same with `%2f` in place of `%2F`.
fn small_escapes(escaped: &str) -> String {
    let mut left = 0;
    let letters = escaped.chars().map(|letter| match (letter, left) {
        ('%', _) => {
            left = 2;
            letter
        }
        (_, 0) => letter,
        _ => {
            left -= 1;
            letter.to_ascii_lowercase()
        }
    });
    letters.collect()
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
