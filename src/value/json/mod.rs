//! JSON input and output. Does not know schemas.

mod project;
mod read;
mod write;

pub use project::{Projection, read_json_part};
pub use read::{JsonError, MAX_DEPTH, RepeatedKeys, read_json, read_json_into};
pub use write::{write_json, write_json_text};
