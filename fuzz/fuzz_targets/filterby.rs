//! A list filter, a sort order and a row: the filter is parsed or refused, and matches the row or
//! does not. `not` gives the opposite result, and `and` and `or` follow their truth tables.

#![no_main]

use hookgate::filterby::{Filter, FilterContext, Order};
use hookgate_fuzz::split_text;
use libfuzzer_sys::fuzz_target;

const MEMBERS: &[&str] =
    &["name", "number", "active", "createdOn", "id", "reason", "tags", "owner"];

const ROW: &str = r#"{"name": "Post to Slack", "number": 32, "active": true,
    "createdOn": "2026-05-13T10:00:00Z", "id": "123e4567-e89b-12d3-a456-426614174000", "reason": null,
    "tags": [{"name": "a"}, {"name": "B", "n": -2.5}, null], "owner": {"id": "7", "Name": "O'Neil"}}"#;

fuzz_target!(|input: &str| {
    let (filter, rest) = split_text(input);
    let (order, row) = split_text(rest);
    let row = serde_json::from_str(row).or_else(|_| serde_json::from_str(ROW)).expect("JSON");
    let now = chrono::DateTime::from_timestamp(1_778_673_600, 0).expect("a time");
    let surroundings = FilterContext { now, me: "7".to_owned() };
    let holds = |text: &str| {
        let read = Filter::read(text, MEMBERS).ok()?;
        Some(read.holds(&row, &surroundings))
    };
    if let Some(answer) = holds(filter) {
        // A parsed filter is valid inside a larger filter, within the limits of depth and length.
        for (larger, wanted) in [
            (format!("not ({filter})"), !answer),
            (format!("({filter}) and ({filter})"), answer),
            (format!("({filter}) or ({filter})"), answer),
            (format!("({filter}) and not ({filter})"), false),
        ] {
            if let Some(found) = holds(&larger) {
                assert_eq!(found, wanted, "{larger}");
            }
        }
    }
    if let Ok(order) = Order::read(order, MEMBERS) {
        let other = serde_json::json!({ "id": "1", "name": null, "number": 7, "tags": "x" });
        assert_eq!(order.compare(&row, &other), order.compare(&other, &row).reverse());
        assert!(order.compare(&row, &row).is_eq());
    }
});
