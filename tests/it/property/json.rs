//! Any JSON is read the same by every reader: as a whole, in parts, on the heap of a rule, and after
//! it was stored. The texts are written by hand, so that they contain everything that RFC 8259
//! allows: long numbers, escapes, half surrogate pairs, white space, deep nesting.

use hookgate::delivery::{Event, Programs};
use hookgate::engine::{Context, Engine, Machine, Time, UndeclaredRoots, Value};
use hookgate::value::{Budget, Heap, equal};
use hookgate::value::{
    JsonError, MAX_DEPTH, OwnedValue, Projection, RepeatedKeys, compact_json, read_json,
    read_json_part,
};
use proptest::prelude::*;

use super::cases;

/// Generates the text of a number.
fn number() -> impl Strategy<Value = String> {
    let exponent = prop_oneof![
        4 => Just(String::new()),
        1 => "[eE][+-]?[0-9]{1,3}",
        1 => "[eE]\\+?[0-9]{3,25}",
    ];
    let whole = prop_oneof!["0", "[1-9][0-9]{0,5}", "[1-9][0-9]{15,24}", "[1-9][0-9]{300,400}"];
    ("-?", whole, prop_oneof![2 => Just(String::new()), 1 => "\\.[0-9]{1,20}"], exponent)
        .prop_map(|(sign, whole, fraction, exponent)| format!("{sign}{whole}{fraction}{exponent}"))
}

/// Generates the text of a string, with its quotes.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-c]{0,3}",
        "[ -!#-\\[\\]-~]{0,12}",
        Just("é😀".to_owned()),
        Just("\\n".to_owned()),
        Just("\\\"".to_owned()),
        Just("\\/".to_owned()),
        Just("\\u0041".to_owned()),
        Just("\\ud83d\\ude00".to_owned()),
        Just("\\ud83d".to_owned()),
        Just("\\uDE00".to_owned()),
        Just("\\u0000".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Generates a JSON text. Its objects have the keys `a` to `d`, so that paths find members.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number(),
        string(),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
        let list = (prop::collection::vec(inner.clone(), 0..4), space.clone()).prop_map(
            |(items, space)| format!("[{space}{}{space}]", items.join(&format!(",{space}"))),
        );
        let entries = prop::collection::vec(("[a-d]|\\\\u0061|e[a-z]{1,20}", inner), 0..6);
        let object = (entries, space).prop_map(|(entries, space)| {
            let entries = entries.iter().map(|(key, value)| format!("\"{key}\"{space}:{value}"));
            format!("{{{space}{}}}", entries.collect::<Vec<_>>().join(&format!("{space},")))
        });
        prop_oneof![list, object]
    })
}

/// Wraps a text in lists and objects until it is near the depth limit.
fn deep() -> impl Strategy<Value = String> {
    (json(), MAX_DEPTH - 6..MAX_DEPTH + 6, any::<bool>()).prop_map(|(inner, depth, listed)| {
        if listed {
            return format!("{{\"a\":{}{inner}{}}}", "[".repeat(depth), "]".repeat(depth));
        }
        format!("{}{inner}{}", "{\"a\":".repeat(depth), "}".repeat(depth))
    })
}

const PATHS: &[&[&str]] = &[&["a"], &["b", "a"], &["a", "a", "a"], &["c", "d"], &["e"]];

/// Follows a path as rules do: a member of anything but an object is missing.
fn at<'v>(value: &'v OwnedValue, path: &[&str]) -> Option<&'v OwnedValue> {
    path.iter().try_fold(value, |value, key| match value {
        OwnedValue::Object(object) => object.get(key),
        _ => None,
    })
}

fn shown(value: Option<&OwnedValue>) -> String {
    value.map_or("null".to_owned(), ToString::to_string)
}

/// Evaluates an expression over `given`.
fn answer(source: &str, given: Value<'_>) -> String {
    let program = Engine::new().strangers(UndeclaredRoots::Allow).compile(source).unwrap();
    let mut context = Context::new();
    context.set("given", given);
    match Machine::default().eval(&program, &context) {
        Ok(value) => value.to_string(),
        Err(trap) => trap.fault().kind_name(),
    }
}

/// The name of a fault, to compare errors without their messages.
trait KindName {
    fn kind_name(&self) -> String;
}

impl KindName for hookgate::engine::Fault {
    fn kind_name(&self) -> String {
        format!("{:?}", self.kind())
    }
}

fn all_readers_agree(text: &str) -> Result<(), TestCaseError> {
    let whole = read_json(text.as_bytes());
    let part = |wanted: &Projection| read_json_part(text.as_bytes(), wanted, RepeatedKeys::Refuse);
    let compact = compact_json(text.as_bytes(), RepeatedKeys::Refuse);
    prop_assert_eq!(
        &part(&Projection::whole()).map(|value| value.to_string()),
        &whole.clone().map(|value| value.to_string())
    );
    // The partial reader finds the same errors, also in parts that it does not build. Of several
    // repeated keys, each reader may name another one.
    let place = |error: Option<JsonError>| {
        error.map(|error| (error.line, error.column, error.is_repeated_key()))
    };
    prop_assert_eq!(place(part(&Projection::default()).err()), place(whole.clone().err()));
    prop_assert_eq!(place(compact.clone().err()), place(whole.clone().err()));
    let (Ok(whole), Ok(compact)) = (whole, compact) else {
        return last_counts(text);
    };
    for path in PATHS {
        let mut wanted = Projection::default();
        wanted.add(path.iter().copied());
        let part = part(&wanted).unwrap();
        prop_assert_eq!(shown(at(&part, path)), shown(at(&whole, path)), "{:?}", path);
        let source = format!("given.{}", path.join("."));
        prop_assert_eq!(answer(&source, part.borrow()), answer(&source, whole.borrow()));
        prop_assert_eq!(subscription(&compact, path), shown(at(&whole, path)), "{:?}", path);
    }
    let again = read_json(compact.as_bytes()).unwrap();
    prop_assert_eq!(again.to_string(), whole.to_string());
    prop_assert_eq!(answer("$PARSE_JSON(given)", Value::Text(text)), whole.to_string());
    Ok(())
}

/// Where the last of repeated keys counts, it counts for every reader.
fn last_counts(text: &str) -> Result<(), TestCaseError> {
    let read =
        |wanted: &Projection| read_json_part(text.as_bytes(), wanted, RepeatedKeys::LastCounts);
    let Ok(whole) = read(&Projection::whole()) else {
        return Ok(());
    };
    let compact = compact_json(text.as_bytes(), RepeatedKeys::LastCounts).unwrap();
    let again = read_json(compact.as_bytes()).unwrap();
    prop_assert_eq!(again.to_string(), whole.to_string());
    for path in PATHS {
        let mut wanted = Projection::default();
        wanted.add(path.iter().copied());
        prop_assert_eq!(shown(at(&read(&wanted).unwrap(), path)), shown(at(&whole, path)));
    }
    Ok(())
}

/// Reads a path of stored event data as a filter of a subscription does.
fn subscription(data: &str, path: &[&str]) -> String {
    let source = format!("event.data.{} == NULL", path.join("."));
    let programs = Programs::compile(Some(&source), None).unwrap();
    let event = Event {
        id: uuid::Uuid::nil(),
        request: uuid::Uuid::nil(),
        kind: "x",
        at: Time::from_epoch(0_i64.into()).unwrap(),
        data,
    };
    let value = event.to_value(programs.wanted()).unwrap();
    let data = at(&value, &["data"]).cloned().unwrap_or(OwnedValue::Null);
    shown(at(&data, path))
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn every_reader_reads_the_same_json_the_same(text in json()) {
        all_readers_agree(&text)?;
    }

    #[test]
    fn every_reader_reads_deep_json_the_same(text in deep()) {
        all_readers_agree(&text)?;
    }

    #[test]
    fn damaged_json_is_refused_by_every_reader(text in json(), at in any::<prop::sample::Index>(), with in "[\\[\\]{},:\"0e.\\\\ax]") {
        let at = at.index(text.len() + 1);
        if text.is_char_boundary(at) {
            let damaged = format!("{}{with}{}", &text[..at], &text[at..]);
            all_readers_agree(&damaged)?;
        }
    }

    /// serde_json is another reader. Where it reads a text, it reads the same, except that it rounds
    /// numbers and refuses half surrogate pairs.
    #[test]
    fn json_that_serde_reads_is_read_and_other_json_is_not(text in json()) {
        let ours = read_json_part(text.as_bytes(), &Projection::whole(), RepeatedKeys::LastCounts);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(theirs) => {
                let ours = ours.unwrap().to_string();
                let rounded: serde_json::Value = serde_json::from_str(&ours).unwrap();
                let heap = Heap::new(Budget { bytes: 1 << 20, steps: 1 << 20 });
                let same = equal(&heap, Value::from(&rounded), Value::from(&theirs));
                prop_assert!(same.unwrap(), "{} {}", ours, theirs);
            }
            Err(_) => prop_assert!(ours.is_ok()),
        }
    }
}

#[test]
fn repeated_keys_compare_after_their_escapes() {
    for text in
        [r#"{"a":1,"\u0061":2}"#, r#"{"x":{"\ud83d":1,"\ud83e":2}}"#, r#"[{"a":{"b":1,"b":1}}]"#]
    {
        let error = read_json_part(text.as_bytes(), &Projection::default(), RepeatedKeys::Refuse);
        assert!(error.unwrap_err().is_repeated_key(), "{text}");
    }
}

#[test]
fn error_names_the_path_of_a_repeated_key_and_no_value() {
    let text = r#"{"user": {"roles": [{}, {"role": "admin", "role": "user"}]}}"#;
    let error = read_json(text.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the key "role" is repeated in "user.roles[1]" at line 1 column 57"#
    );
}
