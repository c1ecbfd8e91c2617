//! The stages of a program, and the filters of the listener documentation beside the same filters
//! written by hand over `serde_json::Value`.
//!
//! Before the measurement both forms of a filter must give the same result. The context is built
//! again for each evaluation, as a host builds it for each request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a bench stops where something is not as it should be; its macros make items of their own"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookgate::engine::{Context, Engine, Machine, Program, Source, Time};
use hookgate::syntax::tokens;
use serde_json::{Value, json};

/// A filter: its name, its source, and the same filter by hand.
struct Filter {
    name: &'static str,
    source: &'static str,
    by_hand: fn(&Request) -> bool,
}

/// A request as a host receives it.
struct Request {
    parsed_body: Value,
    headers: Value,
    query_params: Value,
    now: chrono::DateTime<chrono::FixedOffset>,
}

fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

/// Returns a header by its case-insensitive name.
fn header<'v>(headers: &'v Value, name: &str) -> Option<&'v str> {
    let found = headers.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    found.1.as_str()
}

const FILTERS: &[Filter] = &[
    Filter {
        name: "event-type",
        source: r#"parsed_body.event_type == "issue_created""#,
        by_hand: |request| text(&request.parsed_body, &["event_type"]) == Some("issue_created"),
    },
    Filter {
        name: "open-high-eng",
        source: r#"parsed_body.issue.priority == "High"
            and parsed_body.issue.status == "Open"
            and parsed_body.project.key == "ENG""#,
        by_hand: |request| {
            text(&request.parsed_body, &["issue", "priority"]) == Some("High")
                && text(&request.parsed_body, &["issue", "status"]) == Some("Open")
                && text(&request.parsed_body, &["project", "key"]) == Some("ENG")
        },
    },
    Filter {
        name: "prod-and-security",
        source: r#"query_params.env == "prod"
            AND "security" IN $LOWERCASE(parsed_body.issue.summary)"#,
        by_hand: |request| {
            text(&request.query_params, &["env"]) == Some("prod")
                && text(&request.parsed_body, &["issue", "summary"])
                    .is_some_and(|summary| summary.to_lowercase().contains("security"))
        },
    },
    Filter {
        name: "sender-agent",
        source: r#""hookshot" NOT IN $LOWERCASE(headers.["User-Agent"])"#,
        by_hand: |request| {
            !header(&request.headers, "User-Agent")
                .is_some_and(|agent| agent.to_lowercase().contains("hookshot"))
        },
    },
    Filter {
        name: "delivery-id",
        source: r#"headers.["X-Jira-Delivery"] != null"#,
        by_hand: |request| header(&request.headers, "X-Jira-Delivery").is_some(),
    },
    Filter {
        name: "last-7-days",
        source: "parsed_body.issue.created_at.$PARSE_TIME() > $TIME().$ADD_DATE(0, 0, -7)",
        by_hand: |request| {
            text(&request.parsed_body, &["issue", "created_at"])
                .and_then(|created| chrono::DateTime::parse_from_rfc3339(created).ok())
                .is_some_and(|created| created > request.now - chrono::Days::new(7))
        },
    },
    Filter {
        name: "json-content-type",
        source: r#"$LOWERCASE(headers["content-type"]) == "application/json""#,
        by_hand: |request| {
            header(&request.headers, "content-type")
                .is_some_and(|kind| kind.to_lowercase() == "application/json")
        },
    },
    Filter {
        name: "labelled-bug",
        source: r#"parsed_body.issue.labels.$ANY(label => label.name == "bug")"#,
        by_hand: |request| {
            let labels = request.parsed_body.get("issue").and_then(|issue| issue.get("labels"));
            labels.and_then(Value::as_array).is_some_and(|labels| {
                labels.iter().any(|label| text(label, &["name"]) == Some("bug"))
            })
        },
    },
];

fn request() -> Request {
    Request {
        parsed_body: json!({
            "event_type": "issue_created",
            "issue": {
                "id": "JIRA-1234",
                "summary": "Critical Security bug in login flow",
                "priority": "High",
                "status": "Open",
                "assignee": "jdoe",
                "created_at": "2025-08-17T12:30:00Z",
                "labels": [{ "name": "ui" }, { "name": "login" }, { "name": "bug" }],
            },
            "project": { "key": "ENG", "name": "Engineering" },
            "user": { "id": "56789", "name": "Jane Doe" },
        }),
        headers: json!({
            "X-Jira-Event": "issue_created",
            "X-Jira-Delivery": "def456",
            "Content-Type": "application/json",
            "User-Agent": "Atlassian-Jira-Hookshot/7.0",
        }),
        query_params: json!({ "env": "prod" }),
        now: chrono::DateTime::parse_from_rfc3339("2025-08-20T00:00:00Z").unwrap(),
    }
}

fn context(request: &Request) -> Context<'_> {
    let mut context = Context::new();
    context
        .set("parsed_body", &request.parsed_body)
        .set("headers", &request.headers)
        .set("query_params", &request.query_params);
    if let Some(now) = Time::new(request.now) {
        context.set_now(now);
    }
    context
}

fn compiled() -> Vec<(&'static Filter, Program)> {
    let engine = Engine::for_requests();
    FILTERS
        .iter()
        .map(|filter| (filter, engine.compile(filter.source).expect(filter.name)))
        .collect()
}

fn run(bench: &mut Criterion) {
    let request = request();
    let mut machine = Machine::default();
    for (filter, program) in &compiled() {
        let answer = machine.test(program, &context(&request)).expect(filter.name);
        assert_eq!(answer, (filter.by_hand)(&request), "{}", filter.name);

        let mut group = bench.benchmark_group(format!("run/{}", filter.name));
        group.bench_function("hookgate", |bencher| {
            bencher.iter(|| machine.test(program, &context(black_box(&request))));
        });
        group.bench_function("by-hand", |bencher| {
            bencher.iter(|| (filter.by_hand)(black_box(&request)))
        });
        group.finish();
    }
}

fn stages(bench: &mut Criterion) {
    let engine = Engine::for_requests();
    for filter in FILTERS {
        let source = || Source::new("rule", filter.source);
        let checked = engine.check(source()).expect(filter.name);
        let mut group = bench.benchmark_group(format!("stages/{}", filter.name));
        group.bench_function("lex", |bencher| bencher.iter(|| tokens(black_box(filter.source))));
        group.bench_function("parse", |bencher| bencher.iter(|| engine.parse(source())));
        group.bench_function("check", |bencher| bencher.iter(|| engine.check(source())));
        group.bench_function("compile", |bencher| {
            bencher.iter(|| engine.lower(black_box(&checked)))
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(50)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(700));
    targets = run, stages
}
criterion_main!(benches);
