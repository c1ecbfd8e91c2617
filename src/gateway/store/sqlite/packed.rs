//! Texts as they are stored: long ones compressed, since JSON of webhooks is mostly repetition and
//! what is written has to be synced.

use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

/// A text that is stored.
pub(super) struct Packed<'t>(pub(super) &'t str);

/// A text that was stored.
pub(super) struct Unpacked(pub(super) String);

/// A shorter text is stored as it is.
const SHORT: usize = 512;

impl ToSql for Packed<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        if self.0.len() < SHORT {
            return Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0.as_bytes())));
        }
        Ok(ToSqlOutput::Owned(Value::Blob(compress_prepend_size(self.0.as_bytes()))))
    }
}

impl FromSql for Unpacked {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = match value {
            ValueRef::Text(text) => text.to_vec(),
            ValueRef::Blob(packed) => decompress_size_prepended(packed)
                .map_err(|error| FromSqlError::Other(Box::new(error)))?,
            _ => return Err(FromSqlError::InvalidType),
        };
        String::from_utf8(bytes).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}
