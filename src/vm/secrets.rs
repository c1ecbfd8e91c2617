//! The secrets of the host, by name. Does not know their source.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::value::Value;

/// Secrets by name. Each name has its active secrets, the newest first. They are erased from memory
/// on drop, and never printed.
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
    /// Adds an active secret with a name, after the existing ones.
    pub fn add(&mut self, name: &str, secret: impl Into<String>) {
        self.push(name, Content::Text(Zeroizing::new(secret.into())));
    }

    /// Adds a secret of bytes, such as one written in hex or base64.
    pub fn add_bytes(&mut self, name: &str, secret: impl Into<Vec<u8>>) {
        self.push(name, Content::Bytes(Zeroizing::new(secret.into())));
    }

    fn push(&mut self, name: &str, content: Content) {
        self.0.entry(name.into()).or_default().push(content);
    }

    /// Returns the names that have a secret.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// Returns all secrets, for code that removes them from output.
    pub(crate) fn contents(&self) -> impl Iterator<Item = Value<'_>> {
        self.0.values().flatten().map(Content::value)
    }

    /// Returns the newest secret with a name, if it is a string. For requests that carry a secret as
    /// it is, which no program can make.
    #[cfg(feature = "listener")]
    pub(crate) fn newest_text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)?.first()? {
            Content::Text(text) => Some(text),
            Content::Bytes(_) => None,
        }
    }

    /// Returns the active, non-empty secrets with a name.
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

/// Writes the names with the number of secrets of each.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, active)| (name, active.len()))).finish()
    }
}
