//! JSON texts without white space. Builds no values.

use super::error::JsonError;
use super::project::{Projection, read_json_part};
use super::scan::{JsonScanner, RepeatedKeys};

/// Returns a JSON text without white space between its tokens. Numbers and strings keep the form in
/// which they were written.
///
/// If the last of repeated keys counts, an object with one is written without the others.
///
/// # Errors
/// Returns an error if the text is not JSON, or repeats a key that is refused.
pub fn compact_json(json: &[u8], repeated: RepeatedKeys) -> Result<String, JsonError> {
    let compact = compacted(json, RepeatedKeys::Refuse);
    match (compact, repeated) {
        (Err(error), RepeatedKeys::LastCounts) if error.is_repeated_key() => {
            let whole = read_json_part(json, &Projection::whole(), repeated)?;
            Ok(whole.to_string())
        }
        (compact, _) => compact,
    }
}

/// Returns true if a text is JSON, at any depth and with any keys.
pub fn is_json(json: &[u8]) -> bool {
    compacted(json, RepeatedKeys::LastCounts).is_ok()
}

fn compacted(json: &[u8], repeated: RepeatedKeys) -> Result<String, JsonError> {
    let mut scanner = JsonScanner::new(json, repeated)?;
    let mut text = String::with_capacity(json.len());
    let start = scanner.start()?;
    scanner.skip(start, &mut text)?;
    scanner.end()?;
    Ok(text)
}
