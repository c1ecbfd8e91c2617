//! The errors of a store, worded for an operator. They know no HTTP status.

/// An error of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The write queue is full.
    #[error("the store has more to do than it can; try again")]
    Busy,
    /// The volume or the database has no space left.
    #[error("disk full: {0}")]
    Full(String),
    /// Another process holds the lock of the store.
    #[error("{0} is locked: another gateway runs on this store")]
    Locked(String),
    /// The file is damaged, or it is not a store.
    #[error("the store is damaged, or no store: {0}; `hookgate backup` makes copies to go back to")]
    Damaged(String),
    /// A row that cannot be decoded: another program changed the store. Nothing is done with it.
    #[error(
        "the store is damaged: the row {row} of the table `{table}` cannot be decoded, because \
         `{column}` is {value}"
    )]
    BadRow {
        /// The table or view.
        table: &'static str,
        /// The id of the row.
        row: String,
        /// The column that cannot be decoded.
        column: String,
        /// The value, or its size if it is long.
        value: String,
    },
    /// A newer version wrote the store.
    #[error(
        "the store is of version {found}, and this program knows {known}: use the newer program"
    )]
    NewerVersion {
        /// The version of the store.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The row or file to create exists already.
    #[error("{0} is there already")]
    Exists(String),
    /// A row that the request refers to does not exist.
    #[error("there is no {0}")]
    Missing(String),
    /// A backup was refused or stopped.
    #[error("no backup was made: {0}")]
    Backup(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The operating system or the database reported an error.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// Returns true if a retry is likely to succeed.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Full(_) | Self::Unavailable(_))
    }
}
