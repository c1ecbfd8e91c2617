//! Hookgate beside other rule engines, and beside the same rules by hand.
//!
//! Before the measurement an engine must give the same results as the rules by hand. `prepared` is
//! an evaluation with a finished context; `per-request` builds the context from the
//! `serde_json::Value` of the request each time; `end-to-end` starts with the bytes of the body.
//! `benches/peers/run.sh` makes tables of the results.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a bench stops where something is not as it should be; its macros make items of their own"
)]

mod allocations;
mod by_hand;
mod cel;
mod evalexpr;
mod hookgate;
mod minijinja;
mod peer;
mod regorus;
mod rhai;
mod vrl;
mod workloads;
mod zen;

use std::hint::black_box;
use std::time::{Duration, Instant};

use ::hookgate::engine::{Context, Machine, RuleSet};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Value;

use self::peer::{Peer, Shaper};
use self::workloads::{Request, Workload};

/// Counts the allocations of one run, and measures its time.
fn measure<T>(bench: &mut Criterion, group: &str, engine: &str, mut work: impl FnMut() -> T) {
    allocations::print(group, engine, &mut work);
    let mut group = bench.benchmark_group(group);
    group.bench_function(engine, |bencher| bencher.iter(&mut work));
    group.finish();
}

fn agree<P: Peer>(peer: &P, programs: &[P::Program], workload: &Workload) {
    for request in [&workload.holds, &workload.fails] {
        let answer = peer.holding(programs, &mut peer.prepare(programs, request));
        assert_eq!(answer, (workload.by_hand)(request), "{} of {}", P::NAME, workload.name);
    }
}

fn evaluate<P: Peer>(bench: &mut Criterion) {
    let peer = P::new();
    for workload in workloads::all() {
        let Some(programs) = peer.programs(&workload.rules) else {
            continue;
        };
        agree(&peer, &programs, &workload);
        let request = &workload.holds;
        let mut prepared = peer.prepare(&programs, request);
        measure(bench, &format!("prepared/{}", workload.name), P::NAME, || {
            peer.holding(black_box(&programs), &mut prepared)
        });
        measure(bench, &format!("per-request/{}", workload.name), P::NAME, || {
            peer.holding(&programs, &mut peer.prepare(&programs, black_box(request)))
        });
    }
}

fn evaluate_by_hand(bench: &mut Criterion) {
    for Workload { name, by_hand, holds, fails, .. } in workloads::all() {
        assert_ne!(by_hand(&holds), by_hand(&fails), "{name}");
        for group in ["prepared", "per-request"] {
            measure(bench, &format!("{group}/{name}"), by_hand::NAME, || {
                by_hand(black_box(&holds))
            });
        }
    }
}

/// Rules as one set. For `prepared`, the values that they read are found before the measurement.
fn rule_set(bench: &mut Criterion) {
    let peer = hookgate::Hookgate::new();
    let mut machine = Machine::default();
    for workload in workloads::all().iter().filter(|workload| workload.rules.len() > 1) {
        let programs = peer.programs(&workload.rules).expect("hookgate");
        let set = RuleSet::new(programs);
        for request in [&workload.holds, &workload.fails] {
            let context = Context::of(&request.parts);
            let held = hookgate::holding(&mut machine, &set.bind(&context));
            assert_eq!(held, (workload.by_hand)(request), "{}", workload.name);
        }
        let parts = &workload.holds.parts;
        let context = Context::of(parts);
        let bound = set.bind(&context);
        measure(bench, &format!("prepared/{}", workload.name), "hookgate-set", || {
            hookgate::holding(&mut machine, black_box(&bound))
        });
        measure(bench, &format!("per-request/{}", workload.name), "hookgate-set", || {
            let context = Context::of(black_box(parts));
            hookgate::holding(&mut machine, &set.bind(&context))
        });
    }
}

const CHALLENGE: &str = "T1 Zoom's challenge";

fn shape<P: Shaper>(bench: &mut Criterion) {
    let (peer, request) = (P::new(), workloads::challenge());
    let programs = [peer.compile(P::CHALLENGE).expect(P::NAME)];
    let [program] = &programs;
    let mut prepared = peer.prepare(&programs, &request);
    let answer = peer.shaped(program, &mut prepared);
    assert_eq!(answer, by_hand::challenge(&request), "{}", P::NAME);

    measure(bench, &format!("prepared/{CHALLENGE}"), P::NAME, || {
        peer.shape(black_box(program), &mut prepared);
    });
    measure(bench, &format!("per-request/{CHALLENGE}"), P::NAME, || {
        peer.shape(program, &mut peer.prepare(&programs, black_box(&request)));
    });
}

fn shape_by_hand(bench: &mut Criterion) {
    let request = workloads::challenge();
    for group in ["prepared", "per-request"] {
        measure(bench, &format!("{group}/{CHALLENGE}"), by_hand::NAME, || {
            by_hand::challenge(black_box(&request))
        });
    }
}

/// Evaluates the three clauses on the bytes of a body.
fn from_bytes(bench: &mut Criterion, engine: &str, mut answer: impl FnMut(&[u8]) -> bool) {
    let [holds, fails] = ["High", "Low"].map(workloads::body);
    assert!(answer(&holds) && !answer(&fails), "{engine}");
    measure(bench, "end-to-end/E2E bytes to F2", engine, || answer(black_box(&holds)));
}

fn peer_from_bytes<P: Peer>(bench: &mut Criterion) {
    let peer = P::new();
    let programs = peer.programs(&workloads::open_high_eng()).expect(P::NAME);
    let now = workloads::challenge().now;
    from_bytes(bench, P::NAME, |body| {
        let body: Value = serde_json::from_slice(body).unwrap();
        let request = Request::of_body(body, now);
        peer.holding(&programs, &mut peer.prepare(&programs, &request)) == 1
    });
}

fn hookgate_from_bytes(bench: &mut Criterion) {
    let peer = hookgate::Hookgate::new();
    let programs = peer.programs(&workloads::open_high_eng()).expect("hookgate");
    let program = programs.first().expect("a rule");
    let wanted = hookgate::Hookgate::wanted(program);
    from_bytes(bench, hookgate::Hookgate::NAME, |body| peer.of_bytes(program, &wanted, body));
}

fn end_to_end(bench: &mut Criterion) {
    from_bytes(bench, by_hand::NAME, by_hand::of_bytes);
    from_bytes(bench, "typed", by_hand::of_bytes_typed);
    hookgate_from_bytes(bench);
    peer_from_bytes::<cel::Cel>(bench);
    peer_from_bytes::<rhai::Rhai>(bench);
    peer_from_bytes::<minijinja::MiniJinja>(bench);
    peer_from_bytes::<zen::Zen>(bench);
    peer_from_bytes::<vrl::Vrl>(bench);
    peer_from_bytes::<vrl::InPlace>(bench);
    peer_from_bytes::<regorus::Regorus>(bench);
    peer_from_bytes::<evalexpr::Evalexpr>(bench);
}

#[allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn took<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn compile<P: Peer>(bench: &mut Criterion) {
    let peer = P::new();
    let [three] = <[_; 1]>::try_from(workloads::open_high_eng()).ok().expect("one rule");
    let rules = [
        ("F2", three),
        ("100 clauses", workloads::long(100)),
        ("1000 clauses", workloads::long(1000)),
    ];
    for (name, rule) in rules {
        let source = P::source(&rule).expect(name);
        let once = took(|| peer.compile(&source).expect(P::NAME));
        if once > Duration::from_secs(1) {
            // Enough for a stable result, and too slow for thirty samples.
            eprintln!("once\tcompile/{name}\t{}\t{}", P::NAME, once.as_nanos());
            continue;
        }
        measure(bench, &format!("compile/{name}"), P::NAME, || peer.compile(black_box(&source)));
    }
}

fn evaluations(bench: &mut Criterion) {
    evaluate_by_hand(bench);
    evaluate::<hookgate::Hookgate>(bench);
    rule_set(bench);
    evaluate::<cel::Cel>(bench);
    evaluate::<rhai::Rhai>(bench);
    evaluate::<minijinja::MiniJinja>(bench);
    evaluate::<zen::Zen>(bench);
    evaluate::<vrl::Vrl>(bench);
    evaluate::<vrl::InPlace>(bench);
    evaluate::<regorus::Regorus>(bench);
    evaluate::<evalexpr::Evalexpr>(bench);
}

/// Only these two engines have an HMAC.
fn shapes(bench: &mut Criterion) {
    shape_by_hand(bench);
    shape::<hookgate::Hookgate>(bench);
    shape::<vrl::Vrl>(bench);
}

fn compilations(bench: &mut Criterion) {
    compile::<hookgate::Hookgate>(bench);
    compile::<cel::Cel>(bench);
    compile::<zen::Zen>(bench);
    compile::<vrl::Vrl>(bench);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = evaluations, shapes, end_to_end, compilations
}
criterion_main!(benches);
