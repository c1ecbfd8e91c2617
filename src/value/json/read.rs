//! Exact JSON parsing: integers stay integers at any length, floats are rounded correctly, keys keep
//! their order. Does not know schemas.
//!
//! One reader builds both forms: owned values for data that outlives an evaluation, and heap values
//! for JSON that a rule parses. Bodies, fields of forms, `$PARSE_JSON` and tokens use it, so that
//! all of them read the same text as the same value.

use std::convert::Infallible;

use super::error::JsonError;
use super::scan::{JsonScanner, RepeatedKeys, Start};
use super::skip::NoCopy;
use crate::value::build::{Build, OnHeap, Owned, Scalar};
use crate::value::{Fault, FaultKind, Heap, OwnedValue, ParsedNumber, Value};

/// The maximum nesting depth of lists and objects that are built, in levels. Deeper ones are kept
/// as text.
pub const MAX_DEPTH: usize = 128;

/// Parses JSON into an owned value. A byte order mark before it is passed over. A list or object
/// nested deeper than 128 levels becomes [`OwnedValue::Opaque`].
///
/// # Errors
/// Returns an error if the text is not JSON, or repeats a key in an object.
///
/// ```
/// let value = hookgate::value::read_json(br#"{"id": 36893488147419103233}"#)?;
/// assert_eq!(value.to_string(), r#"{"id":36893488147419103233}"#);
/// # Ok::<(), hookgate::value::JsonError>(())
/// ```
pub fn read_json(json: &[u8]) -> Result<OwnedValue, JsonError> {
    let mut scanner = JsonScanner::new(json, RepeatedKeys::Refuse)?;
    let value = read_owned(&mut scanner, 0)?;
    scanner.end()?;
    Ok(value)
}

/// Parses JSON into the heap of an evaluation.
///
/// # Errors
/// Returns an error if the text is not JSON, exceeds a limit, or repeats a key where that is refused.
pub fn read_json_into<'a>(
    heap: &'a Heap,
    json: &str,
    repeated: RepeatedKeys,
) -> Result<Value<'a>, Fault> {
    let read = || {
        let mut scanner = JsonScanner::new(json.as_bytes(), repeated)?;
        let value = read(&mut scanner, &OnHeap(heap), 0)?;
        scanner.end()?;
        Ok(value)
    };
    read().map_err(|stop| match stop {
        ReadStop::Fault(fault) => fault,
        ReadStop::Json(error) if error.is_repeated_key() => {
            Fault::new(FaultKind::RepeatedKey, error.message)
                .help("readers disagree on which value counts, so none is taken")
        }
        ReadStop::Json(error) => {
            Fault::new(FaultKind::BadData, format!("this is not JSON: {error}"))
        }
    })
}

/// Reads a value at a depth into an owned value.
pub(super) fn read_owned(
    scanner: &mut JsonScanner<'_>,
    depth: usize,
) -> Result<OwnedValue, JsonError> {
    read(scanner, &Owned, depth).map_err(ReadStop::json)
}

/// The reason that reading stopped.
pub(super) enum ReadStop<F> {
    /// The text is wrong.
    Json(JsonError),
    /// The builder failed.
    Fault(F),
}

impl<F> From<JsonError> for ReadStop<F> {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl ReadStop<Infallible> {
    fn json(self) -> JsonError {
        match self {
            Self::Json(error) => error,
            Self::Fault(never) => match never {},
        }
    }
}

/// Reads a value that is inside of `depth` lists and objects. Recursion is bounded by `MAX_DEPTH`.
fn read<B: Build>(
    scanner: &mut JsonScanner<'_>,
    build: &B,
    depth: usize,
) -> Result<B::Value, ReadStop<B::Fault>> {
    let start = scanner.start()?;
    let scalar = match start {
        Start::List | Start::Object if depth == MAX_DEPTH => Scalar::Opaque(scanner.opaque(start)?),
        Start::List => return read_list(scanner, build, depth + 1),
        Start::Object => return read_object(scanner, build, depth + 1),
        Start::Null => Scalar::Null,
        Start::True => Scalar::Bool(true),
        Start::False => Scalar::Bool(false),
        Start::Number => number(scanner.number()?),
        Start::String => Scalar::Text(scanner.string()?.unescaped()),
    };
    build.scalar(scalar).map_err(ReadStop::Fault)
}

fn number(digits: &str) -> Scalar<'_> {
    match ParsedNumber::of_json(digits) {
        ParsedNumber::Number(number) => Scalar::Number(number),
        ParsedNumber::Big(number) => Scalar::Big(number),
    }
}

fn read_list<B: Build>(
    scanner: &mut JsonScanner<'_>,
    build: &B,
    depth: usize,
) -> Result<B::Value, ReadStop<B::Fault>> {
    let mut list = build.list();
    let mut first = true;
    while !scanner.list_ends(first)? {
        first = false;
        let item = read(scanner, build, depth)?;
        build.push(&mut list, item).map_err(ReadStop::Fault)?;
    }
    build.end_list(list).map_err(ReadStop::Fault)
}

fn read_object<B: Build>(
    scanner: &mut JsonScanner<'_>,
    build: &B,
    depth: usize,
) -> Result<B::Value, ReadStop<B::Fault>> {
    let mut object = build.object();
    let mut first = true;
    while !scanner.object_ends(first)? {
        first = false;
        let key = scanner.key()?.unescaped();
        let key = build.key(key).map_err(ReadStop::Fault)?;
        let value = read(scanner, build, depth)?;
        build.insert(&mut object, key, value).map_err(ReadStop::Fault)?;
    }
    match build.end_object(object).map_err(ReadStop::Fault)? {
        (_, Some(key)) if scanner.refuses_repeats() => Err(scanner.repeat(&key).into()),
        (value, _) => Ok(value),
    }
}

/// Passes over a value.
pub(super) fn skip(scanner: &mut JsonScanner<'_>) -> Result<(), JsonError> {
    let start = scanner.start()?;
    scanner.skip(start, &mut NoCopy)
}
