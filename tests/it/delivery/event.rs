//! The value of an event for programs, and the body in the envelope of an API.

use hookgate::delivery::{Api, Event, Programs, Wanted, engine, envelope};
use hookgate::engine::{Projection, Time};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn event(data: &str) -> Event<'_> {
    Event {
        id: Uuid::from_u128(7),
        request: Uuid::from_u128(8),
        kind: "task_added",
        at: Time::from_epoch(1_700_000_000_i64.into()).unwrap(),
        data,
    }
}

#[test]
fn filter_without_data_paths_does_not_parse_event_data() {
    let programs = Programs::compile(Some("event.type == 'task_added'"), None).unwrap();
    let value = event("no JSON").to_value(programs.wanted()).unwrap();
    assert_eq!(programs.wants(&mut engine().machine(), &value), Wanted::Yes);
    let programs = Programs::compile(Some("event.data.a == 1"), None).unwrap();
    assert!(event("no JSON").to_value(programs.wanted()).is_err());
}

#[test]
fn last_of_repeated_keys_counts_in_event_data() {
    let programs = Programs::compile(Some("event.data.role == 'user'"), Some("event.data"));
    let programs = programs.unwrap();
    let value = event(r#"{"role":"admin","role":"user"}"#).to_value(programs.wanted()).unwrap();
    let machine = &mut engine().machine();
    assert_eq!(programs.wants(machine, &value), Wanted::Yes);
    assert_eq!(programs.body(machine, &value), Some(Ok(r#"{"role":"user"}"#.to_owned())));
}

#[test]
fn envelope_data_is_unchanged_and_on_one_line() {
    let data = "{\"id\": 9007199254740993,\r\n \"link\": \"https://example.com\", \"n\": 1e40}";
    let line = data.replace(['\r', '\n'], "");
    let user = Uuid::from_u128(9);
    let socotra = envelope(Api::Socotra, &event(data), user).unwrap();
    assert!(socotra.ends_with(&format!(",\"type\":\"task_added\",\"data\":{line}}}")), "{socotra}");
    let awork = envelope(Api::Awork, &event(data), user).unwrap();
    assert!(awork.contains(&format!("\"entity\":{line},\"entityId\":")), "{awork}");
    let data = r#"{"id": 9007199254740993, "link": "https://example.com"}"#;
    let body: Value =
        serde_json::from_str(&envelope(Api::Awork, &event(data), user).unwrap()).unwrap();
    assert_eq!(body["entityId"], "9007199254740993");
    assert_eq!(body["entityLink"], "https://example.com");
    assert_eq!(body["entityType"], "task");
    assert_eq!(body["changes"], json!([]));
    for api in [Api::Socotra, Api::Awork, Api::Sink] {
        assert!(envelope(api, &event("{\"id\": 1"), user).is_err());
    }
}

fn data() -> impl Strategy<Value = Value> {
    let key = prop_oneof!["a", "b", "items", "é\""].boxed();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c\\n\"é]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let members = prop::collection::btree_map(key.clone(), inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const PROGRAMS: &[&str] = &[
    "event",
    "event.data",
    "event.data.a",
    "event.data.a.b == event.data.b",
    "event.data.items[0].a",
    "event.data.items.$MAP(x => x.a)",
    "event.type == 'x' OR event.data.b > 1",
    "{ \"k\": event.$KEYS(), \"id\": event.locator }",
    "event[event.data.a]",
];

proptest! {
    /// Programs cannot tell the parts that were built from the whole event.
    #[test]
    fn projected_event_gives_the_same_results_as_the_whole_event(data in data()) {
        let text = data.to_string();
        let machine = &mut engine().machine();
        for program in PROGRAMS {
            let programs = Programs::compile(Some(program), Some(program)).unwrap();
            let part = event(&text).to_value(programs.wanted()).unwrap();
            let whole = event(&text).to_value(&Projection::whole()).unwrap();
            prop_assert_eq!(programs.wants(machine, &part), programs.wants(machine, &whole));
            prop_assert_eq!(programs.body(machine, &part), programs.body(machine, &whole));
        }
    }

    /// An envelope is JSON, and gives the data back.
    #[test]
    fn envelopes_are_json_with_the_data(data in data(), spaced in any::<bool>()) {
        let text = if spaced { format!("{data:#}") } else { data.to_string() };
        for (api, name) in [(Api::Socotra, "data"), (Api::Awork, "entity"), (Api::Sink, "data")] {
            let body = envelope(api, &event(&text), Uuid::nil()).unwrap();
            prop_assert!(!body.contains('\n'));
            let body: Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(&body[name], &data);
        }
    }
}
