//! HTML as plain text.
