//! The content that a sender signed, and its use as a deduplication key.

/// The content that a sender signed.
#[derive(Debug, Clone, Copy)]
pub(in crate::listener) struct SignedContent {
    pub(in crate::listener) hash: [u8; 32],
    /// True if it contains a time that is checked. Without such a time, an attacker can replay it
    /// at any later time.
    pub(in crate::listener) timed: bool,
}

/// The use of the signed content as a deduplication key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::listener) enum BySignature {
    None,
    /// Used for requests without a signed time that is checked.
    #[default]
    Timeless,
    All,
}

impl BySignature {
    /// Converts the setting of a listener file.
    pub(in crate::listener) fn of(set: Option<bool>) -> Self {
        match set {
            None => Self::default(),
            Some(true) => Self::All,
            Some(false) => Self::None,
        }
    }

    /// Returns true if the signed content of a request is a key. `timed` is true if its signed time
    /// is checked.
    pub(in crate::listener) fn takes(self, timed: bool) -> bool {
        match self {
            Self::None => false,
            Self::Timeless => !timed,
            Self::All => true,
        }
    }
}
