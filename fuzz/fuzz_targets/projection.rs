//! Paths and a body: reading only these paths gives the values that the whole body has there, and a
//! body that is refused in part is refused as a whole.

#![no_main]

use hookgate::engine::OwnedValue;
use hookgate::value::{
    JsonError, OwnedObject, Projection, RepeatedKeys, compact_json, read_json, read_json_part,
};
use hookgate_fuzz::split;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (paths, body) = split(input);
    let paths = String::from_utf8_lossy(paths);
    let paths: Vec<Vec<&str>> =
        paths.split(' ').take(8).map(|path| path.split('.').collect()).collect();
    let mut wanted = Projection::default();
    for path in &paths {
        wanted.add(path.iter().copied());
    }
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    let full = read_json(body);
    match (&full, read_json_part(body, &wanted, RepeatedKeys::Refuse)) {
        (Ok(full), Ok(part)) => assert_eq!(part, narrowed(full, &paths)),
        (Err(full), Err(part)) => assert!(are_alike(full, &part), "{full:?} is not {part:?}"),
        (full, part) => panic!("{full:?} is not {part:?}"),
    }
    match (&full, read_json_part(body, &Projection::whole(), RepeatedKeys::Refuse)) {
        (Ok(full), Ok(whole)) => assert_eq!(*full, whole),
        (Err(full), Err(whole)) => assert!(are_alike(full, &whole), "{full:?} is not {whole:?}"),
        (full, whole) => panic!("{full:?} is not {whole:?}"),
    }
    match (&full, compact_json(body, RepeatedKeys::Refuse)) {
        (Ok(full), Ok(compact)) => {
            let again = read_json(compact.as_bytes()).expect("compact JSON is JSON");
            assert_eq!(*full, again);
        }
        (Err(full), Err(compact)) => {
            assert!(are_alike(full, &compact), "{full:?} is not {compact:?}")
        }
        (full, compact) => panic!("{full:?} is not {compact:?}"),
    }
    // serde_json is another reader; it refuses half of a surrogate pair and deep nesting.
    if full.is_err() && serde_json::from_slice::<serde_json::Value>(body).is_ok() {
        let read = read_json_part(body, &Projection::default(), RepeatedKeys::LastCounts);
        assert!(read.is_ok(), "serde_json reads what is refused here: {read:?}");
    }
});

/// Returns the values at some paths, and nothing else.
fn narrowed(value: &OwnedValue, paths: &[&[&str]]) -> OwnedValue {
    if paths.iter().any(|path| path.is_empty()) {
        return value.clone();
    }
    match value {
        OwnedValue::Object(object) => {
            let mut stored = Vec::new();
            for (key, member) in object.iter() {
                let inside: Vec<&[&str]> = paths
                    .iter()
                    .filter(|path| path.first() == Some(&&**key))
                    .map(|path| &path[1..])
                    .collect();
                if !inside.is_empty() {
                    stored.push((key.clone(), narrowed(member, &inside)));
                }
            }
            OwnedValue::Object(OwnedObject::new(stored).0)
        }
        OwnedValue::List(_) => OwnedValue::Null,
        scalar => scalar.clone(),
    }
}

/// Returns true for the same error. If an object repeats two keys, it may name either of them.
fn are_alike(one: &JsonError, other: &JsonError) -> bool {
    let place = |error: &JsonError| (error.is_repeated_key(), error.line, error.column);
    one == other || (one.is_repeated_key() && place(one) == place(other))
}
