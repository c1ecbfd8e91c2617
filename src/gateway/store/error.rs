//! What goes wrong with a store, in words for an operator.

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// More is waiting to be stored than may.
    #[error("the store has more to do than it can; try again")]
    Busy,
    /// There is no room.
    #[error("the store is full: {0}")]
    Full(String),
    /// Another process has it.
    #[error("{0} is locked: another gateway runs on this store")]
    Locked(String),
    /// What is there is no store, or damaged.
    #[error("the store is damaged, or no store: {0}; `hookgate backup` makes copies to go back to")]
    Damaged(String),
    /// It was written by a newer version.
    #[error(
        "the store is of version {found}, and this program knows {known}: use the newer program"
    )]
    NewerVersion {
        /// The version that was found.
        found: i64,
        /// The version that is known.
        known: i64,
    },
    /// What was to be made is there already.
    #[error("{0} is there already")]
    Exists(String),
    /// Something it refers to is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// A backup was not made, or stopped.
    #[error("no backup was made: {0}")]
    Backup(String),
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// The system refused.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// Whether the same is likely to work later.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Full(_) | Self::Unavailable(_))
    }
}
