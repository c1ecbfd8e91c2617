//! Allocation tests: on a machine that has run once, a rule that only reads and compares allocates
//! nothing.

#[path = "../counting.rs"]
mod counting;

use hookgate::engine::{Context, Engine, Machine, OwnedValue, Program};
use hookgate::value::read_json;

use counting::allocation_count;

fn request() -> Vec<(&'static str, OwnedValue)> {
    let read = |json: &str| read_json(json.as_bytes()).unwrap();
    vec![
        (
            "parsed_body",
            read(
                r#"{
                    "issue": {
                        "priority": "High", "status": "Open", "id": 9007199254740993,
                        "labels": ["bug", "ops", "ui"], "score": 7.5,
                        "fields": { "project": { "key": "PROJ" } }
                    },
                    "changes": [{ "field": "status" }, { "field": "assignee" }],
                    "action": "opened"
                }"#,
            ),
        ),
        (
            "headers",
            read(r#"{ "X-Jira-Delivery": "abc", "user-agent": "Jira", "content-type": "a/b" }"#),
        ),
        ("query_params", read(r#"{ "env": "prod", "retry": "0" }"#)),
        ("raw_body", read(r#""{}""#)),
        ("http_method", read(r#""POST""#)),
    ]
}

/// Returns the number of allocations of a run with a new context, after a first run.
fn allocations(rule: &str) -> usize {
    let program: Program = Engine::for_requests().compile(rule).unwrap();
    let request = request();
    let mut machine = Machine::default();
    let mut run = || {
        let mut context = Context::new();
        for (root, value) in &request {
            context.set(root, value);
        }
        let before = allocation_count();
        let passed = machine.test(&program, &context).unwrap();
        (passed, allocation_count() - before)
    };
    let (first, _) = run();
    let (again, allocation_count) = run();
    assert!(first && again, "{rule}");
    allocation_count
}

#[test]
fn rules_that_compare_members_run_without_heap_allocation() {
    let rules = [
        r#"parsed_body.issue.priority == "High" AND parsed_body.issue.status == "Open""#,
        r#"parsed_body.issue.priority == "High" AND parsed_body.action != "deleted" AND query_params.env == "prod""#,
        r#"query_params.env == "prod""#,
        r#"headers["x-jira-delivery"] != null"#,
        r#"headers.["User-Agent"] == "Jira" OR http_method == "GET""#,
        r#"parsed_body.issue.priority IN ["Highest", "High"]"#,
        r#""bug" IN parsed_body.issue.labels"#,
        r#""Ji" IN headers["user-agent"]"#,
        r#""id" IN parsed_body.issue"#,
        "parsed_body.issue.id == 9007199254740993",
        "parsed_body.issue.id > 9007199254740992 AND parsed_body.issue.score <= 7.5",
        "parsed_body.issue.score * 2 + 1 >= 16",
        r#"NOT (parsed_body.issue.status == "Closed")"#,
        r#"IF parsed_body.action == "opened" THEN parsed_body.issue.labels[0] == "bug" ELSE FALSE"#,
        r#"parsed_body.issue.labels[-1] == "ui""#,
        r#"parsed_body.missing.member == NULL"#,
        r#"$COALESCE(parsed_body.missing, parsed_body.action) == "opened""#,
        r#"$STARTS_WITH(parsed_body.action, "open")"#,
        "parsed_body.issue.labels.$LENGTH() > 2",
    ];
    for rule in rules {
        assert_eq!(allocations(rule), 0, "{rule}");
    }
}

#[test]
fn loops_that_only_test_run_without_heap_allocation() {
    let rules = [
        r#"parsed_body.changes.$ANY(change => change.field == "assignee")"#,
        r#"parsed_body.issue.labels.$ALL(label => label IN ["bug", "ops", "ui"])"#,
        r#"parsed_body.changes.$FIND(change => change.field == "assignee").field == "assignee""#,
        r#"$TRY(parsed_body.changes.$ANY(change => change.field == "status"), FALSE)"#,
        r#"parsed_body.changes.$ANY(change => parsed_body.issue.labels.$ANY(label => label == "ui" AND change.field == "status"))"#,
    ];
    for rule in rules {
        assert_eq!(allocations(rule), 0, "{rule}");
    }
}

/// Verifies that the counter detects an allocation; otherwise a count of zero would prove nothing.
#[test]
fn the_allocation_counter_counts_an_allocation() {
    let before = allocation_count();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocation_count() - before, 1);
}

#[test]
fn building_the_context_of_a_request_does_not_allocate() {
    let request = request();
    let before = allocation_count();
    let mut context = Context::new();
    for (root, value) in &request {
        context.set(root, value);
    }
    std::hint::black_box(&context);
    assert_eq!(allocation_count() - before, 0);
}
