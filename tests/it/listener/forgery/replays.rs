//! Replays: requests that were valid earlier, or are valid for another listener.

use hookgate::engine::{Number, Time};
use hookgate::listener::{Outcome, Sample, SignError};

use super::changes::{Change, address, differs, other, with_header, with_query};
use super::facts::{Facts, Part, all, header};
use super::{Tally, complaint, failed, is_recognised, listener_of, run, secrets};
use crate::listener::plain_request;

const DAY: i64 = 86_400_000;

/// Returns a sample that arrives a number of milliseconds later; earlier if negative.
fn later(sample: &Sample, millis: i64) -> Sample {
    let seconds = Number::decimal(millis as f64 / 1000.0).unwrap();
    let now = sample.now.unwrap_or_else(|| super::super::recipes::NOW.parse::<Time>().unwrap());
    Sample { now: Some(now.plus_seconds(seconds).unwrap()), ..sample.clone() }
}

/// Returns the greatest distance from its own time, in one direction, at which a sample is
/// accepted.
fn edge(accepted: impl Fn(i64) -> bool, beyond: i64) -> i64 {
    let (mut inside, mut outside) = (0, beyond);
    assert!(accepted(inside) && !accepted(outside), "accepted at {inside}, refused at {outside}");
    while (outside - inside).abs() > 1 {
        let middle = (inside + outside) / 2;
        if accepted(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

#[test]
fn a_signed_time_is_accepted_exactly_within_its_tolerance() {
    let mut tally = Tally::default();
    for facts in all() {
        let Some(tolerance) = facts.checks.iter().find_map(|check| check.tolerance) else {
            continue;
        };
        for sample in facts.valid() {
            let listener = listener_of(&facts, sample);
            let accepted =
                |millis| run(&listener, &later(sample, millis)).outcome.name() == sample.expect;
            let beyond = 2 * tolerance * 1000 + 1;
            let (last, first) = (edge(accepted, beyond), edge(accepted, -beyond));
            if last - first != 2 * tolerance * 1000 {
                tally.complain(&facts, sample, "window", &format!("{first} to {last} ms"));
            }
            let past = [1, 1000, 60_000, DAY, 400 * DAY, 20_000 * DAY];
            let all = past.map(|more| ("stale", last + more)).into_iter();
            for (code, at) in all.chain(past.map(|more| ("future", first - more))) {
                tally.count(if at > 0 { "too old" } else { "from the future" }, &facts);
                let change = Change {
                    kind: code,
                    what: format!("{at} ms away"),
                    sample: later(sample, at),
                    wanted: vec![code],
                };
                if let Some(report) = complaint(&facts, &listener, &change) {
                    tally.complain(&facts, sample, &change.what, &report);
                }
            }
        }
    }
    tally.end(400, &[("too old", 18), ("from the future", 18)]);
}

/// Tests a request that arrives again a day later.
#[test]
fn a_replay_is_refused_or_deduplicated_unless_the_recipe_excludes_it() {
    let mut tally = Tally::default();
    for facts in all() {
        for sample in facts.valid().filter(|sample| sample.expect == "accepted") {
            let listener = listener_of(&facts, sample);
            let (before, after) = (run(&listener, sample), run(&listener, &later(sample, DAY)));
            let recognised =
                before.dedup.is_some() && is_recognised(&before, &run(&listener, sample));
            let report = match after.outcome {
                Outcome::VerificationFailed => {
                    let early = run(&listener, &later(sample, -DAY));
                    if early.outcome == Outcome::Accepted {
                        tally.complain(&facts, sample, "the future", "is accepted");
                    }
                    // Within the tolerance the deduplication must detect it.
                    recognised.then_some("refused by its time")
                }
                _ if facts.is_timed() => None,
                _ => (recognised && is_recognised(&before, &after)).then_some("recognised"),
            };
            match report {
                Some(kind) => tally.count(kind, &facts),
                None if facts.recipe.replays().window.is_none() => {
                    tally.count("neither, and the recipe says so", &facts);
                }
                None => tally.complain(&facts, sample, "a replay", "is a second event"),
            }
        }
    }
    tally.end(100, &[("refused by its time", 18), ("recognised", 30)]);
}

/// Returns changes to the unsigned parts of a captured request.
fn unsigned(facts: &Facts, sample: &Sample) -> Vec<(String, Sample)> {
    let mut all = Vec::new();
    for claim in facts.unsigned.iter().filter(|claim| claim.is_for(sample)) {
        match &claim.part {
            Part::Header(name) => {
                let is_there = header(sample, name).is_some();
                let mut more = with_header(sample, name, None);
                let value = header(sample, name).filter(|value| !value.is_empty());
                more.headers.push((name.clone(), value.map_or("forged".to_owned(), other)));
                all.push((format!("{name}: another"), more));
                if is_there {
                    all.push((format!("{name}: removed"), with_header(sample, name, None)));
                }
            }
            Part::Query => {
                let changed = with_query(sample, &address(sample), "forged=1");
                all.push(("query: another".to_owned(), changed));
            }
            Part::Method => all.extend(facts.methods.iter().map(|method| {
                (format!("method {method}"), Sample { method: method.clone(), ..sample.clone() })
            })),
            _ => {}
        }
    }
    all
}

#[test]
fn changes_to_unsigned_parts_of_a_replay_are_deduplicated() {
    let mut tally = Tally::default();
    for facts in all() {
        if facts.covers.is_empty() || !facts.recognises_what_was_signed() {
            continue;
        }
        for sample in facts.valid().filter(|sample| sample.expect == "accepted") {
            let listener = listener_of(&facts, sample);
            let before = run(&listener, sample);
            for (what, changed) in unsigned(&facts, sample) {
                let after = run(&listener, &changed);
                if after.outcome != Outcome::Accepted {
                    continue;
                }
                tally.count("what is not signed", &facts);
                if !is_recognised(&before, &after) {
                    tally.complain(&facts, sample, &what, "is a second event");
                }
            }
        }
    }
    tally.end(80, &[("what is not signed", 20)]);
}

/// Characters that move from one signed part to the next leave the signed text unchanged.
#[test]
fn moved_boundaries_between_signed_parts_are_refused_or_deduplicated() {
    let mut tally = Tally::default();
    for facts in all() {
        for sample in facts.valid().filter(|sample| sample.expect == "accepted") {
            let listener = listener_of(&facts, sample);
            let before = run(&listener, sample);
            for (what, changed) in moved(&facts, sample) {
                tally.count("a boundary", &facts);
                // With a content type of JSON, a body that is not JSON would be rejected. A body that
                // begins like JSON is.
                let after = run(&listener, &with_header(&changed, "content-type", None));
                let is_refused = [Outcome::VerificationFailed, Outcome::MalformedBody];
                if !is_refused.contains(&after.outcome) && !is_recognised(&before, &after) {
                    tally.complain(&facts, sample, &what, after.outcome.name());
                }
            }
        }
    }
    tally.end(300, &[("a boundary", 14)]);
}

fn moved(facts: &Facts, sample: &Sample) -> Vec<(String, Sample)> {
    let parts = facts.covered(sample);
    let Some(body) = sample.body.as_deref().and_then(|body| std::str::from_utf8(body).ok()) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for part in parts {
        let Part::Header(name) = part else { continue };
        let value = header(sample, name).unwrap();
        for count in [1, 3, value.len()] {
            let (Some(body_head), Some(body_tail)) =
                (body.get(..count), body.get(body.len().saturating_sub(count)..))
            else {
                continue;
            };
            let (head, tail) = (&value[..count], &value[value.len() - count..]);
            let create = |value: String, body: String| Sample {
                body: Some(body.into_bytes()),
                ..with_header(sample, name, Some(value))
            };
            let rest = |text: &str, count: usize| text[count..].to_owned();
            let most = |text: &str, count: usize| text[..text.len() - count].to_owned();
            all.extend([
                (
                    format!("{count} into the body"),
                    create(most(value, count), format!("{tail}{body}")),
                ),
                (
                    format!("{count} to the body's end"),
                    create(rest(value, count), format!("{body}{head}")),
                ),
                (
                    format!("{count} out of the body"),
                    create(format!("{value}{body_head}"), rest(body, count)),
                ),
                (
                    format!("{count} off the body's end"),
                    create(format!("{body_tail}{value}"), most(body, count)),
                ),
            ]);
        }
    }
    all
}

#[test]
fn a_request_signed_for_another_listener_is_refused() {
    let mut tally = Tally::default();
    for facts in all() {
        for sample in facts.valid().filter(|sample| sample.expect == "accepted") {
            let listener = listener_of(&facts, sample);
            for (what, secrets) in secrets::wrong(&facts, sample).into_iter().take(2) {
                let theirs = Sample { secrets, ..sample.clone() };
                let Some(sent) = signed(&facts, &theirs, super::URL) else { continue };
                tally.count("another's secret", &facts);
                judge(&mut tally, &facts, sample, &listener, (&what, sent));
            }
            if facts.covered(sample).contains(&&Part::Url) {
                for url in ["https://hooks.example.com/other", "https://hooks.example.com/hook/"] {
                    let Some(mut sent) = signed(&facts, sample, url) else { continue };
                    tally.count("another's URL", &facts);
                    sent.url = Some(super::URL.to_owned());
                    judge(&mut tally, &facts, sample, &listener, (url, sent));
                }
            }
        }
    }
    tally.end(200, &[("another's secret", 40), ("another's URL", 3)]);
}

fn judge(
    tally: &mut Tally,
    facts: &Facts,
    sample: &Sample,
    listener: &hookgate::listener::Listener,
    (what, sent): (&str, Sample),
) {
    let wanted = differs(facts);
    let change = Change { kind: "another listener", what: what.to_owned(), sample: sent, wanted };
    if let Some(report) = complaint(facts, listener, &change) {
        tally.complain(facts, sample, what, &report);
    }
}

/// Returns a sample signed as the provider would sign it for a listener with the sample's secrets.
/// Asserts that the listener accepts it. `None` if only the provider can sign, or signs another
/// kind of body.
fn signed(facts: &Facts, sample: &Sample, url: &str) -> Option<Sample> {
    let listener = listener_of(facts, sample);
    let body = sample.body.clone().unwrap_or_default();
    let now = sample.now.unwrap();
    let sent = match facts.recipe.sign(&listener, &plain_request(url, &body, now), now) {
        Ok(sent) => sent,
        Err(SignError::Impossible(_) | SignError::Header { .. }) => return None,
    };
    let sent = Sample {
        method: sent.method,
        url: Some(url.to_owned()),
        query: String::new(),
        headers: sent.headers,
        ..sample.clone()
    };
    let there = run(&listener, &sent);
    if there.outcome != Outcome::Accepted {
        assert!(!failed(&there).is_empty());
        return None;
    }
    Some(sent)
}
