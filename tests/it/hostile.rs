//! Sources made to take long, or much memory, from whoever only reads or checks them.

use std::time::{Duration, Instant};

use hookgate::diagnostic::{Code, Diagnostics};
use hookgate::engine::{Engine, Source, Strangers};

/// What everything here takes at most, in a build without optimisation: what it stands against
/// took minutes.
const LONG: Duration = Duration::from_secs(5);

fn engine() -> Engine {
    Engine::for_requests().strangers(Strangers::Taken)
}

/// What is told of a source, within the time that is allowed.
fn told_soon(source: String) -> Diagnostics {
    let begun = Instant::now();
    let shown: String = source.chars().take(40).collect();
    let told = engine().diagnose(Source::new("rule", source));
    let took = begun.elapsed();
    assert!(took < LONG, "{shown}: {took:?}");
    told
}

fn codes(told: &Diagnostics) -> Vec<Code> {
    told.list.iter().map(|one| one.code).collect()
}

#[test]
fn what_lambdas_answer_is_found_soon_however_deep_they_nest() {
    for function in ["MAP", "FILTER"] {
        let deep = 40;
        let source =
            format!("{}x{}", format!("x.${function}(a => ").repeat(deep), ")[0]".repeat(deep));
        assert!(!told_soon(source).has_errors(), "{function}");
    }
    assert!(!told_soon(format!("x{}", ".$MAP(a => [a, a])".repeat(3_000))).has_errors());
}

#[test]
fn shapes_that_share_their_parts_are_joined_soon() {
    let doubled = |name: &str| {
        let step = format!(".$MAP({name} => {{ \"a\": {name}, \"b\": {name} }})");
        format!("[1]{}", step.repeat(30))
    };
    let one = format!("IF x THEN {} ELSE {}", doubled("p"), doubled("q"));
    assert!(!told_soon(format!("({one})[0].a.b")).has_errors());
    // Joined again and again, by many members that are read at a place nobody knows.
    let members: Vec<String> = (0..1_500).map(|at| format!("\"{at}\": [p, q][x]")).collect();
    let read = vec!["y[x]"; 3_000].join(", ");
    let source = format!(
        "[1].$MAP(p => [2].$MAP(q => [{{ {} }}].$MAP(y => [{read}])))",
        members.join(", ")
    );
    assert!(!told_soon(source).has_errors());
}

#[test]
fn an_object_made_of_a_secret_one_is_a_secret() {
    let secret = "{ $TEXT(1): $SECRET('NAME') }";
    for source in [
        format!("{secret}.$MAP(v => 1)"),
        format!("{secret}.$FILTER(v => TRUE)"),
        format!("{secret}.$MAP(v => 1).$KEYS()[0]"),
    ] {
        assert!(codes(&told_soon(source.clone())).contains(&Code::E0203), "{source}");
    }
    // The digests of a list of secrets are no secrets.
    let source = "$SECRETS('NAME').$MAP(s => $HMAC_SHA256(s, raw_body).$HEX())";
    assert_eq!(codes(&told_soon(source.to_owned())), []);
}
