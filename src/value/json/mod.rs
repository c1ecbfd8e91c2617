//! JSON input and output. Does not know schemas.
//!
//! The reader is our own, because no reader of the ecosystem offers all of this in one pass: exact
//! integers of any length, repeated keys found also in parts that are not built, partial results,
//! text beyond the depth limit kept as it is, and half of a surrogate pair read as U+FFFD.

mod compact;
mod error;
mod keys;
mod locate;
mod project;
mod read;
mod scan;
mod skip;
mod write;

pub use compact::{compact_json, is_json};
pub use error::JsonError;
pub use project::{Projection, read_json_part};
pub use read::{MAX_DEPTH, read_json, read_json_into};
pub use scan::RepeatedKeys;

pub use write::{write_json, write_json_text};
