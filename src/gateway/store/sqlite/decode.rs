//! The border between rows and records: the database form of each enum, and the errors of rows that
//! cannot be decoded. A value that is not known is an error and never a default. Knows no query.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, Error, Params, Row};

use crate::delivery::Api;
use crate::gateway::ids::{EventId, ListenerId, RequestId, SubscriptionId, TenantId};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{AuditAction, DeliveryState, DivertCause, KeyKind, StoreError};
use crate::listener::Outcome;

/// A name in the database that stands for nothing.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not known")]
struct UnknownName(String);

/// Stores enums by their names.
macro_rules! stored_by_name {
    ($($kind:ty),+) => {
        $(
            impl ToSql for $kind {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(self.name().into())
                }
            }

            impl FromSql for $kind {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    let name = value.as_str()?;
                    let unknown = || FromSqlError::other(UnknownName(name.to_owned()));
                    Self::find(name).ok_or_else(unknown)
                }
            }
        )+
    };
}

stored_by_name!(Api, AuditAction, DeliveryState, DivertCause, KeyKind, Outcome);

/// Stores ids as strings.
macro_rules! stored_as_string {
    ($($id:ty),+) => {
        $(
            impl ToSql for $id {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(self.as_str().into())
                }
            }

            impl FromSql for $id {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    value.as_str().map(Self::from)
                }
            }
        )+
    };
}

stored_as_string!(EventId, ListenerId, RequestId, SubscriptionId, TenantId);

impl ToSql for UnixMicros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.get().into())
    }
}

impl FromSql for UnixMicros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        Self::checked(micros).ok_or(FromSqlError::OutOfRange(micros))
    }
}

/// A list that is stored as JSON.
pub(super) struct JsonList<T>(pub(super) Vec<T>);

impl<T: serde::de::DeserializeOwned> FromSql for JsonList<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

impl<T: serde::Serialize> ToSql for JsonList<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(&self.0);
        json.map(Into::into).map_err(|error| Error::ToSqlConversionFailure(error.into()))
    }
}

/// A table, and the column of a query that names its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowName {
    pub(super) table: &'static str,
    pub(super) column: usize,
}

/// Decodes a row. An error names the table, the row and the value.
pub(super) fn decoded<T>(
    name: RowName,
    row: &Row<'_>,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    read(row).map_err(|error| match undecodable_column(&error) {
        Some(column) => {
            let error = bad_row(name, row, column);
            Error::FromSqlConversionFailure(column, Type::Null, Box::new(error))
        }
        None => error,
    })
}

/// Returns the column that could not be decoded, if that is the error.
fn undecodable_column(error: &Error) -> Option<usize> {
    match error {
        Error::FromSqlConversionFailure(column, ..)
        | Error::IntegralValueOutOfRange(column, _)
        | Error::InvalidColumnType(column, ..)
        | Error::Utf8Error(column, _) => Some(*column),
        _ => None,
    }
}

fn bad_row(name: RowName, row: &Row<'_>, column: usize) -> StoreError {
    let value = |column: usize| row.get_ref(column).map_or("missing".to_owned(), displayed);
    StoreError::BadRow {
        table: name.table,
        row: value(name.column),
        column: row.as_ref().column_name(column).unwrap_or("a column").to_owned(),
        value: value(column),
    }
}

/// Longest string of a bad row that a message contains, in bytes. A longer one may be content of a
/// sender.
const MAX_DISPLAYED_BYTES: usize = 64;

fn displayed(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) if text.len() <= MAX_DISPLAYED_BYTES => {
            format!("`{}`", text.escape_ascii())
        }
        ValueRef::Text(text) => format!("a string of {} bytes", text.len()),
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// Returns the store error of a value that could not be decoded. Returns any other error unchanged.
pub(super) fn decoding_error(error: Error) -> Result<StoreError, Error> {
    match error {
        Error::FromSqlConversionFailure(column, kind, inner) => {
            match inner.downcast::<StoreError>() {
                Ok(bad_row) => Ok(*bad_row),
                Err(inner) => {
                    let error = Error::FromSqlConversionFailure(column, kind, inner);
                    Ok(StoreError::Damaged(error.to_string()))
                }
            }
        }
        error if undecodable_column(&error).is_some() => Ok(StoreError::Damaged(error.to_string())),
        error => Err(error),
    }
}

/// Leaves out a row that cannot be decoded, and logs it, so that it does not stop the rows after
/// it. Other errors pass through.
pub(super) fn skip_bad_row<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match read.map_err(decoding_error) {
        Ok(row) => Ok(Some(row)),
        Err(Ok(error)) => {
            log(&error);
            Ok(None)
        }
        Err(Err(error)) => Err(error),
    }
}

/// Returns the rows of a query that can be decoded.
pub(super) fn decodable<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut find = connection.prepare_cached(sql)?;
    let mut rows = find.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(skip_bad_row(read(row))?);
    }
    Ok(found)
}

/// Time between two log lines about one row. Polling finds it again each second.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Bad rows whose last log line is remembered. Further ones are logged after the interval.
const MAX_LOGGED: usize = 256;

/// The bad rows of the last interval, by message.
static LOGGED: Mutex<BTreeMap<String, Instant>> = Mutex::new(BTreeMap::new());

fn log(error: &StoreError) {
    let message = error.to_string();
    // The map is complete at any time, so a panic elsewhere leaves it usable.
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    logged.retain(|_, at| at.elapsed() < LOG_INTERVAL);
    if logged.contains_key(&message) || logged.len() >= MAX_LOGGED {
        return;
    }
    tracing::error!(error = message, "damaged row left out: nothing is delivered for it");
    logged.insert(message, Instant::now());
}
