//! JSON in and out.

mod read;
mod write;

pub use read::{JsonError, MAX_DEPTH, read_json, read_json_into};
pub use write::{write_json, write_json_text};
