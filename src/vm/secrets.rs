//! The host's secrets, by name.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::value::Value;

/// Secrets by name; each name has the active ones, the newest first. Wiped when dropped, never
/// shown.
///
/// ```
/// use hookgate::vm::Secrets;
///
/// let mut secrets = Secrets::default();
/// secrets.add("ZOOM", "s3cret");
/// assert_eq!(format!("{secrets:?}"), r#"{"ZOOM": 1}"#);
/// ```
#[derive(Default, Clone)]
pub struct Secrets(BTreeMap<Box<str>, Vec<Content>>);

#[derive(Clone)]
enum Content {
    Text(Zeroizing<String>),
    Bytes(Zeroizing<Vec<u8>>),
}

impl Secrets {
    /// Adds an active secret of a name, after those it has.
    pub fn add(&mut self, name: &str, secret: impl Into<String>) {
        self.push(name, Content::Text(Zeroizing::new(secret.into())));
    }

    /// The same, for a secret that is bytes: one that was written in hex or base64.
    pub fn add_bytes(&mut self, name: &str, secret: impl Into<Vec<u8>>) {
        self.push(name, Content::Bytes(Zeroizing::new(secret.into())));
    }

    fn push(&mut self, name: &str, content: Content) {
        self.0.entry(name.into()).or_default().push(content);
    }

    /// The names that have a secret.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// All secrets, for whoever has to keep them out of what is written.
    pub(crate) fn contents(&self) -> impl Iterator<Item = Value<'_>> {
        self.0.values().flatten().map(Content::value)
    }

    /// The active secrets of a name that are not empty.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = Value<'_>> {
        let known = self.0.get(name).map(Vec::as_slice).unwrap_or(&[]);
        known.iter().map(Content::value).filter(|secret| secret.is_truthy())
    }
}

impl Content {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::SecretText(text),
            Self::Bytes(bytes) => Value::SecretBytes(bytes),
        }
    }
}

/// The names, and how many secrets each has.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, active)| (name, active.len()))).finish()
    }
}
