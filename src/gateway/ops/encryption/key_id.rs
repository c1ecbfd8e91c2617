//! The id of an encryption key, which names the key without revealing it.

use std::fmt;

/// The id of a key: the first 8 bytes of its hash. The id is not secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LENGTH]);

impl KeyId {
    /// Length of an id, in bytes.
    pub const LENGTH: usize = 8;

    /// Returns the id with these bytes.
    pub fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the id.
    pub fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// The id in hex.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Debug output equals the display form.
impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
