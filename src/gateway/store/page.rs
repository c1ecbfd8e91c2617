//! Pages of lists, bounded in rows and bytes.

/// A page of a list, bounded in rows and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// The sequence number of the last row of the previous page. `None`: from the first row.
    pub after: Option<i64>,
    /// Rows to skip.
    pub offset: usize,
    /// Maximum number of rows.
    pub limit: usize,
    /// Maximum number of bytes. At least one row is returned.
    pub bytes: usize,
}

/// The rows of a page, each with its sequence number.
pub type Page<T> = Vec<(i64, T)>;
