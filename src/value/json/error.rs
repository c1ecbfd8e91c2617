//! Errors of JSON texts, with their position. Does not know who reads the text.

use std::fmt;

use crate::value::quoted;

/// The reason that a JSON text is rejected, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The message: lower case, no full stop.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1.
    pub column: usize,
    /// True if the text is JSON, and an object has a key twice.
    pub(super) repeated_key: bool,
}

impl JsonError {
    /// Returns the error at an offset of a text.
    pub(super) fn at(text: &[u8], offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let column = before.len() - start + 1;
        Self { message, line, column, repeated_key: false }
    }

    /// Returns true if an object has a key twice.
    pub fn is_repeated_key(&self) -> bool {
        self.repeated_key
    }

    pub(super) fn not_utf8(text: &[u8], error: std::str::Utf8Error) -> Self {
        let message = "the text is not UTF-8".to_owned();
        Self::at(text, error.valid_up_to(), message)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, line, column, .. } = self;
        write!(f, "{message} at line {line} column {column}")
    }
}

impl std::error::Error for JsonError {}

/// Returns the message for a key that an object repeats. The path names the object; values are
/// never quoted.
pub(super) fn repeated(key: &str, path: &str) -> String {
    match path {
        "" => format!("the key {} is repeated", quoted(key)),
        path => format!("the key {} is repeated in {}", quoted(key), quoted(path)),
    }
}
