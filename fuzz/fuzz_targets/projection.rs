//! Paths and a body: reading only these paths gives the values that the whole body has there, and a
//! body that is refused in part is refused as a whole.

#![no_main]

use hookgate::engine::{OwnedValue, Time};
use hookgate::listener::{Parts, Request};
use hookgate::value::{OwnedObject, Projection, RepeatedKeys, read_json, read_json_part};
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
    let part = read_json_part(body, &wanted, RepeatedKeys::Refuse);
    match (&full, &part) {
        (Ok(full), Ok(part)) => assert_eq!(*part, narrowed(full, &paths)),
        (Ok(_), Err(error)) => panic!("refused in part only: {error}"),
        // Duplicate keys outside the paths are not read.
        (Err(error), Ok(_)) => {
            let error = error.to_string();
            assert!(
                error.contains("repeated") || error.contains("twice"),
                "refused as a whole only: {error}"
            );
        }
        (Err(_), Err(_)) => {}
    }
    match (&full, read_json_part(body, &Projection::whole(), RepeatedKeys::Refuse)) {
        (Ok(full), Ok(whole)) => assert_eq!(*full, whole),
        (Err(full), Err(whole)) => assert_eq!(full.to_string(), whole.to_string()),
        (full, whole) => panic!("{full:?} is not {whole:?}"),
    }
    if full.is_ok() {
        serde_json::from_slice::<serde::de::IgnoredAny>(body)
            .expect("serde_json accepts the body too");
    }
    for kind in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/a+json; b",
        "",
    ] {
        of_a_request(body, kind, &wanted, &paths);
    }
});

/// The same for a request with any content type.
fn of_a_request(body: &[u8], kind: &str, wanted: &Projection, paths: &[&[&str]]) {
    let request = Request {
        id: "1",
        method: "POST",
        url: "https://hooks.example.com/",
        raw_query: "",
        headers: &[("Content-Type", kind)],
        raw_body: body,
        unpacked: body,
        remote_address: None,
        received_at: Time::EPOCH,
    };
    let parts = Parts::of(&request, ("1", "fuzz"), wanted);
    let whole = Parts::whole_body(&request);
    // A body with a duplicate key outside the paths is null as a whole.
    if !matches!(whole, OwnedValue::Null) && kind != "application/x-www-form-urlencoded" {
        assert_eq!(*parts.parsed_body(), narrowed(&whole, paths), "as {kind:?}");
    }
}

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
