//! Compression of stored strings. Long strings are compressed: the JSON of webhooks repeats a lot,
//! and every written byte has to be synced. Knows nothing of the content.

use std::borrow::Cow;
use std::cell::RefCell;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_size_prepended, get_maximum_output_size,
};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// A string in its stored form.
pub(super) enum Packed<'t> {
    Text(Cow<'t, str>),
    Compressed(Vec<u8>),
}

/// A string that was read from the store.
pub(super) struct Unpacked(pub(super) String);

/// The length of a stored string, in bytes after decompression.
pub(super) struct UnpackedSize(pub(super) usize);

/// Shortest string that is compressed, in bytes.
const MIN_COMPRESSED_BYTES: usize = 512;

thread_local! {
    /// The hash table and the output buffer. Creating them takes as long as compressing a short
    /// string.
    static COMPRESSION_BUFFERS: RefCell<(CompressTable, Vec<u8>)> = RefCell::default();
}

/// Maximum output buffer that is kept, in bytes.
const MAX_BUFFER_BYTES: usize = 1 << 18;

impl<'t> Packed<'t> {
    /// Compresses a string if it is long enough.
    pub(super) fn of(text: impl Into<Cow<'t, str>>) -> Self {
        let text = text.into();
        match (text.len() >= MIN_COMPRESSED_BYTES).then(|| compressed(text.as_bytes())).flatten() {
            Some(bytes) => Self::Compressed(bytes),
            None => Self::Text(text),
        }
    }

    /// Returns the number of stored bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Compressed(bytes) => bytes.len(),
        }
    }
}

/// Compresses bytes and puts their length in front, as `decompress_size_prepended` expects.
fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(bytes.len()).ok()?.to_le_bytes();
    COMPRESSION_BUFFERS.with_borrow_mut(|(table, room)| {
        let most = get_maximum_output_size(bytes.len());
        if room.len() < most {
            room.resize(most, 0);
        }
        let written = compress_into_with_table(bytes, room, table).ok()?;
        let packed = [&length, room.get(..written)?].concat();
        if room.len() > MAX_BUFFER_BYTES {
            *room = Vec::new();
        }
        Some(packed)
    })
}

impl ToSql for Packed<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Compressed(bytes) => ValueRef::Blob(bytes),
        }))
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

impl FromSql for UnpackedSize {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Self(0)),
            ValueRef::Text(text) => Ok(Self(text.len())),
            // The length stands in front of the compressed bytes.
            ValueRef::Blob([a, b, c, d, ..]) => {
                let length = u32::from_le_bytes([*a, *b, *c, *d]);
                Ok(Self(usize::try_from(length).unwrap_or(usize::MAX)))
            }
            _ => Err(FromSqlError::InvalidType),
        }
    }
}
