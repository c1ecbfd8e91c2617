//! Partial JSON parsing: builds the requested parts, and only validates the rest. Does not know who
//! reads the parts.

use std::collections::BTreeMap;

use super::error::JsonError;
use super::read::{MAX_DEPTH, read_owned, skip};
use super::scan::{JsonScanner, RepeatedKeys};
use crate::value::{OwnedObject, OwnedValue};

/// The parts of a document to build.
///
/// ```
/// use hookgate::value::{Projection, RepeatedKeys, read_json_part};
///
/// let mut wanted = Projection::default();
/// wanted.add(["issue", "id"]);
/// let json = br#"{"issue": {"id": 7, "title": "x"}, "more": [1]}"#;
/// let part = read_json_part(json, &wanted, RepeatedKeys::Refuse)?;
/// assert_eq!(part.to_string(), r#"{"issue":{"id":7}}"#);
/// # Ok::<(), hookgate::value::JsonError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// True to build everything from here on.
    whole: bool,
    members: BTreeMap<Box<str>, Projection>,
}

impl Projection {
    /// Requests the whole document.
    pub fn whole() -> Self {
        Self { whole: true, members: BTreeMap::new() }
    }

    /// Requests the value under these keys too. Keys beyond the depth of parsed JSON change nothing:
    /// the parts there are not built.
    pub fn add<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        let mut here = self;
        for key in keys.into_iter().take(MAX_DEPTH) {
            here = here.members.entry(key.into()).or_default();
        }
        here.whole = true;
    }

    /// Returns true if everything is requested.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Returns the requested parts of a member; `None` if nothing of it is requested.
    pub fn member(&self, key: &str) -> Option<&Self> {
        static WHOLE: Projection = Projection { whole: true, members: BTreeMap::new() };
        if self.whole { Some(&WHOLE) } else { self.members.get(key) }
    }
}

/// Parses the requested parts of a document. An object on the path to them contains only requested
/// members. A list on the path becomes null, because its members would be null.
///
/// The whole text is tested, so every error is the same as when everything is requested.
///
/// # Errors
/// Returns an error as [`super::read_json`] does.
pub fn read_json_part(
    json: &[u8],
    wanted: &Projection,
    repeated: RepeatedKeys,
) -> Result<OwnedValue, JsonError> {
    let mut scanner = JsonScanner::new(json, repeated)?;
    let value = read_part(&mut scanner, wanted, 0)?;
    scanner.end()?;
    Ok(value)
}

/// Reads a value on the path to requested parts.
fn read_part(
    scanner: &mut JsonScanner<'_>,
    wanted: &Projection,
    depth: usize,
) -> Result<OwnedValue, JsonError> {
    match scanner.next_mark() {
        Some(b'[') if depth < MAX_DEPTH && !wanted.whole => {
            skip(scanner)?;
            Ok(OwnedValue::Null)
        }
        Some(b'{') if depth < MAX_DEPTH && !wanted.whole => {
            read_members(scanner, wanted, depth + 1)
        }
        // A scalar on the path is kept: its members read as missing.
        _ => read_owned(scanner, depth),
    }
}

fn read_members(
    scanner: &mut JsonScanner<'_>,
    wanted: &Projection,
    depth: usize,
) -> Result<OwnedValue, JsonError> {
    scanner.start()?;
    let first_key = scanner.keys().begin();
    let mut built = Vec::with_capacity(wanted.members.len());
    let mut first = true;
    while !scanner.object_ends(first)? {
        first = false;
        let key = scanner.key()?.unescaped();
        match wanted.members.get(&*key) {
            Some(wanted) => built.push((Box::from(&*key), read_part(scanner, wanted, depth)?)),
            None => skip(scanner)?,
        }
        if scanner.refuses_repeats() {
            scanner.keys().push(key);
        }
    }
    scanner.end_keys(first_key)?;
    Ok(OwnedValue::Object(OwnedObject::new(built).0))
}
