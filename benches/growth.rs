//! The cost of rules by size: rules of a request, clauses of a rule, elements of a list, bytes of a
//! body. `benches/plots.py` plots it.
//!
//! Each measurement has the same work beside it, written by hand over `serde_json::Value`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a bench stops where something is not as it should be; its macros make items of their own"
)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hookgate::engine::{Context, Engine, Machine, Program, RuleSet};
use hookgate::value::{Projection, RepeatedKeys, read_json_part};
use serde_json::{Value, json};

fn engine() -> Engine {
    Engine::for_requests()
}

fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

/// A request that lacks every tenth project.
fn request() -> Value {
    json!({ "parsed_body": {
        "event": "issue_created",
        "issue": { "status": "Open", "priority": "High", "summary": "A bug in login flow" },
        "project": { "key": "P7", "name": "Engineering" },
    } })
}

/// Rules of one request: one by one, as a set, and by hand.
fn rules(bench: &mut Criterion) {
    let request = request();
    let mut machine = Machine::default();
    let mut group = bench.benchmark_group("growth/rules");
    for number in [1, 10, 100, 1_000, 10_000] {
        let projects: Vec<String> = (0..number).map(|at| format!("P{at}")).collect();
        let programs: Vec<Program> = projects
            .iter()
            .map(|project| {
                let rule = format!(
                    r#"parsed_body.issue.status == "Open" AND parsed_body.project.key == "{project}""#
                );
                engine().compile(&rule).unwrap()
            })
            .collect();
        let set = RuleSet::new(programs.clone());
        let by_hand = |request: &Value| {
            let holds = |project: &&String| {
                text(request, &["parsed_body", "issue", "status"]) == Some("Open")
                    && text(request, &["parsed_body", "project", "key"]) == Some(project)
            };
            projects.iter().filter(holds).count()
        };
        let mut alone = |request: &Value| {
            let context = Context::of(request);
            programs.iter().filter(|program| machine.test(program, &context).unwrap()).count()
        };
        let mut machine = Machine::default();
        let mut together = |request: &Value| {
            let mut held = 0;
            machine.test_set(&set, &Context::of(request), |_, answer| {
                held += usize::from(answer.unwrap());
                ControlFlow::<()>::Continue(())
            });
            held
        };
        assert_eq!(alone(&request), by_hand(&request));
        assert_eq!(together(&request), by_hand(&request));
        group.bench_function(BenchmarkId::new("one-by-one", number), |bencher| {
            bencher.iter(|| alone(black_box(&request)));
        });
        group.bench_function(BenchmarkId::new("set", number), |bencher| {
            bencher.iter(|| together(black_box(&request)));
        });
        group.bench_function(BenchmarkId::new("by-hand", number), |bencher| {
            bencher.iter(|| by_hand(black_box(&request)));
        });
    }
    group.finish();
}

/// Clauses of one rule: compile time and run time.
fn clauses(bench: &mut Criterion) {
    let mut machine = Machine::default();
    let mut group = bench.benchmark_group("growth/clauses");
    for number in [1, 10, 100, 1_000] {
        let members = (0..number).map(|at| (format!("field{at}"), json!(format!("value {at}"))));
        let request = json!({ "parsed_body": members.collect::<serde_json::Map<_, _>>() });
        let clauses: Vec<String> =
            (0..number).map(|at| format!(r#"parsed_body.field{at} == "value {at}""#)).collect();
        let source = clauses.join(" AND ");
        let program = engine().compile(&source).unwrap();
        assert!(machine.test(&program, &Context::of(&request)).unwrap());
        let engine = engine();
        group.bench_function(BenchmarkId::new("compile", number), |bencher| {
            bencher.iter(|| engine.compile(black_box(&source)));
        });
        group.bench_function(BenchmarkId::new("run", number), |bencher| {
            bencher.iter(|| machine.test(&program, &Context::of(black_box(&request))));
        });
        let wanted: Vec<(String, String)> =
            (0..number).map(|at| (format!("field{at}"), format!("value {at}"))).collect();
        group.bench_function(BenchmarkId::new("by-hand", number), |bencher| {
            bencher.iter(|| {
                let request = black_box(&request);
                wanted.iter().all(|(key, value)| {
                    text(request, &["parsed_body", key]) == Some(value.as_str())
                })
            });
        });
    }
    group.finish();
}

/// The elements that a lambda reads.
fn elements(bench: &mut Criterion) {
    let program = engine().compile(r#"parsed_body.xs.$ANY(x => x.name == "last")"#).unwrap();
    let mut machine = Machine::default();
    let mut group = bench.benchmark_group("growth/elements");
    for number in [1, 10, 100, 1_000, 10_000] {
        let name = |at: usize| if at + 1 == number { "last" } else { "other" };
        let list: Vec<Value> =
            (0..number).map(|at| json!({ "id": at, "name": name(at) })).collect();
        let request = json!({ "parsed_body": { "xs": list } });
        assert!(machine.test(&program, &Context::of(&request)).unwrap());
        group.bench_function(BenchmarkId::new("hookgate", number), |bencher| {
            bencher.iter(|| machine.test(&program, &Context::of(black_box(&request))));
        });
        group.bench_function(BenchmarkId::new("by-hand", number), |bencher| {
            bencher.iter(|| {
                let list = black_box(&request).get("parsed_body").and_then(|body| body.get("xs"));
                let list = list.and_then(Value::as_array);
                list.is_some_and(|xs| xs.iter().any(|x| text(x, &["name"]) == Some("last")))
            });
        });
    }
    group.finish();
}

/// Bytes of a body, from the wire to a result: the members that the rule reads, and the whole body.
fn bytes(bench: &mut Criterion) {
    let rule = r#"parsed_body.issue.status == "Open" AND parsed_body.project.key == "P7""#;
    let program = engine().compile(rule).unwrap();
    let mut wanted = Projection::default();
    wanted.add(["issue", "status"]);
    wanted.add(["project", "key"]);
    let mut machine = Machine::default();
    let mut group = bench.benchmark_group("growth/bytes");
    for size in [1 << 10, 10 << 10, 100 << 10, 1 << 20] {
        let body = body(size);
        let by_hand = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).unwrap();
            text(&body, &["issue", "status"]) == Some("Open")
                && text(&body, &["project", "key"]) == Some("P7")
        };
        assert!(by_hand(&body));
        group.bench_function(BenchmarkId::new("hookgate", size), |bencher| {
            bencher.iter(|| {
                let body = read_json_part(black_box(&body), &wanted, RepeatedKeys::Refuse).unwrap();
                let mut context = Context::new();
                context.set("parsed_body", &body);
                machine.test(&program, &context).unwrap()
            });
        });
        group.bench_function(BenchmarkId::new("by-hand", size), |bencher| {
            bencher.iter(|| by_hand(black_box(&body)));
        });
    }
    group.finish();
}

/// Returns a body of about `bytes` bytes, mostly comments of an issue.
fn body(size: usize) -> Vec<u8> {
    let comment = json!({
        "id": 10_001,
        "author": { "id": "56789", "name": "Jane Doe", "active": true },
        "body": "Seen again on \"staging\", with the second factor turned off.\nLogs attached.",
    });
    let each = comment.to_string().len() + 1;
    let comments = vec![comment; size / each];
    let mut request = request();
    let body = request.pointer_mut("/parsed_body").unwrap();
    let issue = body.get_mut("issue").and_then(Value::as_object_mut).unwrap();
    issue.insert("comments".to_owned(), comments.into());
    serde_json::to_vec(body).unwrap()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    targets = rules, clauses, elements, bytes
}
criterion_main!(benches);
