//! List filters and sort orders.

use hookgate::filterby::{Filter, FilterContext, Order};
use proptest::prelude::*;
use serde_json::{Value, json};

const MEMBERS: &[&str] =
    &["name", "number", "active", "createdOn", "id", "reason", "tags", "owner"];

fn row() -> Value {
    json!({
        "name": "Post to Slack", "number": 32, "active": true, "createdOn": "2026-05-13T10:00:00Z",
        "id": "123e4567-e89b-12d3-a456-426614174000", "reason": null, "tags": [{ "name": "a" }, { "name": "b" }],
        "owner": { "id": "7", "Name": "O'Neil" },
    })
}

fn surroundings() -> FilterContext {
    // This date is a Wednesday.
    FilterContext { now: "2026-05-13T12:00:00Z".parse().unwrap(), me: "7".to_owned() }
}

fn holds(text: &str) -> bool {
    let filter = Filter::read(text, MEMBERS).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.holds(&row(), &surroundings())
}

#[test]
fn documented_list_filters_match_as_documented() {
    for text in [
        "name eq 'Post to Slack'",
        "Name ne 'x'",
        "number gt 31 and number lt 33",
        "number ge 32L and number le 32.0f and number eq 0x20",
        "active eq true",
        "not (active eq false)",
        "reason eq null",
        "name ne null",
        "createdOn gt datetime'2026-05-13T09:59' and createdOn lt now",
        "createdOn ge today and createdOn lt today+1d and createdOn gt today-1d",
        "createdOn ge sow and createdOn lt eow",
        "createdOn ge som and createdOn lt eom",
        "id eq guid'123E4567-E89B-12D3-A456-426614174000'",
        "owner/id eq me.id",
        "owner/name eq 'O''Neil'",
        "startswith(name,'Post')",
        "endswith(name,'Slack') eq true",
        "substringof('to',name)",
        "startswith(name,'x') eq false",
        "tolower(name) eq 'post to slack'",
        "startswith(tolower(name),'post')",
        "name in ('a','Post to Slack')",
        "tags/any(t:t/name eq 'b')",
        "tags/any(t:t/name eq 'c') eq false",
        "tags/count() eq 2",
        "tags/count(t:t/name eq 'b') ge 1",
        "name eq 'x' and name eq 'y' or active eq true",
        "active eq true or name eq 'x' and name eq 'y'",
        "(active eq true or name eq 'x') and number eq 32",
        "32 eq number",
    ] {
        assert!(holds(text), "{text}");
    }
    for text in [
        "name eq 'post to slack'",
        "number eq '32'",
        "reason gt 1",
        "name eq null",
        "number gt null",
        "not (active eq true)",
        "name in ('a')",
        "tags/any(t:t/name eq 'c')",
        "tags/count() gt 2",
        "active eq true and (name eq 'x' or name eq 'y')",
        "createdOn gt now",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn invalid_list_filters_are_refused_with_the_column() {
    for (text, words) in [
        ("", "ends too early"),
        ("name eq", "ends too early"),
        ("name", "ends too early"),
        ("name eq 'a' name", "`name` at 13"),
        ("name == 'a'", "`=` at 6"),
        ("secret eq 'a'", "there is no `secret`"),
        ("x/any(t:t/y eq 1)", "there is no `x`"),
        ("tags/any(t:u/y eq 1)", "there is no `u`"),
        ("name eq 'a", "is no part"),
        ("name in ()", "`)` at 10"),
        ("and", "`and` at 1"),
        ("startswith(name)", "`)` at 16"),
    ] {
        let refused = Filter::read(text, MEMBERS).unwrap_err().to_string();
        assert!(refused.contains(words), "{text}: {refused}");
    }
    let deep = format!("{}name eq 'a'{}", "(".repeat(5000), ")".repeat(5000));
    assert!(Filter::read(&deep, MEMBERS).is_err());
    let deep = format!("{}name eq 'a'", "not ".repeat(900));
    assert!(Filter::read(&deep, MEMBERS).is_err());
}

#[test]
fn sort_orders_are_parsed_or_refused() {
    let rows = [
        json!({ "name": "b", "number": 2 }),
        json!({ "name": "a", "number": 2 }),
        json!({ "number": 10 }),
    ];
    let sorted = |text: &str| {
        let order = Order::read(text, MEMBERS).unwrap();
        let mut rows = rows.to_vec();
        rows.sort_by(|left, right| order.compare(left, right));
        rows.iter().map(|row| row["name"].as_str().unwrap_or("-")).collect::<String>()
    };
    assert_eq!(sorted("name"), "-ab");
    assert_eq!(sorted("Name desc"), "ba-");
    assert_eq!(sorted("number desc,name"), "-ab");
    assert_eq!(sorted("number asc,name asc"), "ab-");
    for text in ["", "secret", "name up", "name desc desc", "name,", "name;number"] {
        assert!(Order::read(text, MEMBERS).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn list_filter_parser_never_panics(text in "[ a-z'0-9()/,:]{0,60}|\\PC{0,30}") {
        if let Ok(filter) = Filter::read(&text, MEMBERS) {
            let negated = format!("not ({text})");
            if let Ok(negated) = Filter::read(&negated, MEMBERS) {
                prop_assert_ne!(filter.holds(&row(), &surroundings()), negated.holds(&row(), &surroundings()));
            }
        }
    }
}
