//! Parts of queries: lists, pages, and columns that have to be decoded. Knows no table.

use rusqlite::{Connection, Row};

use super::decode::skip_bad_row;
use crate::gateway::ops::clock::UnixMicros;

pub(super) fn collected<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(params, read)?.collect()
}

/// Converts a row limit to the type of SQLite.
pub(super) fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The bounds of a page.
pub(super) struct Bounds {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// Reads rows until there are enough, or their sizes exceed the bytes. A row that does not fit ends
/// the page and is not returned, unless it is the first. A row that cannot be decoded is left out:
/// otherwise no reader would get past it.
pub(super) fn bounded<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    bounds: Bounds,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    size: impl Fn(&T) -> usize,
) -> rusqlite::Result<Vec<T>> {
    let mut page = Vec::new();
    let mut left = bounds.bytes;
    let mut find = connection.prepare_cached(sql)?;
    let mut rows = find.query(params)?;
    while page.len() < bounds.rows
        && let Some(row) = rows.next()?
    {
        let Some(row) = skip_bad_row(read(row))? else {
            continue;
        };
        let fits = left.checked_sub(size(&row));
        if fits.is_none() && !page.is_empty() {
            break;
        }
        left = fits.unwrap_or(0);
        page.push(row);
    }
    Ok(page)
}

/// Returns a list of strings as JSON for `json_each`, or `None` if it is empty.
pub(super) fn json_list(texts: &[impl AsRef<str>]) -> Option<String> {
    let list = || texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>();
    (!texts.is_empty()).then(|| serde_json::Value::from(list()).to_string())
}

/// Tolerance in microseconds: the time in an id may be this much before the stored time. It may be
/// later by any amount, because ids keep growing when the clock is set back.
pub(super) const SLACK: i64 = 60_000_000;

/// Returns the lowest id of a request or event at a time. Ids begin with the time.
pub(super) fn first_id(at: UnixMicros) -> String {
    // Ids begin at the epoch.
    let millis = u64::try_from(at.get() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}

/// Runs a SQL count and returns it.
pub(super) fn counted(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))
}
