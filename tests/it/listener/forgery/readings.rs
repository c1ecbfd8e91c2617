//! Readings: the same signed bytes under another content type, charset or boundary.

use hookgate::listener::{Decision, Listener, Outcome, Sample};

use super::super::recipes::seen;
use super::changes::with_header;
use super::facts::all;
use super::{Tally, is_recognised, listener_of, run};

/// Declarations of a body that a proxy or an attacker may write: no signature covers them.
const DECLARED: &[Option<&str>] = &[
    None,
    Some(""),
    Some("application/json"),
    Some("application/json; charset=utf-16"),
    Some("application/json, application/json"),
    Some("application/vnd.example+json"),
    Some("application/x-ndjson"),
    Some("application/x-www-form-urlencoded"),
    Some("application/x-www-form-urlencoded; charset=windows-1251"),
    Some("multipart/form-data; boundary=x"),
    Some("text/plain; charset=iso-2022-kr"),
    Some("text/xml; charset=latin1"),
    Some("application/octet-stream"),
    Some("no type"),
];

fn declared_as(sample: &Sample, declared: Option<&str>) -> Sample {
    let mut changed = with_header(sample, "content-type", None);
    changed.headers.extend(declared.map(|kind| ("Content-Type".to_owned(), kind.to_owned())));
    changed
}

fn event(listener: &Listener, sample: &Sample, decision: &Decision) -> String {
    let data = seen(sample, |request| decision.event_data(listener, request));
    let event = decision.event.as_ref().map(|event| (&event.kind, &event.provider_id));
    format!("{event:?} {data:?}")
}

/// Each reading of a signed body is refused, is the same event, or is recognised as a repeat.
#[test]
fn no_content_type_makes_a_second_event_of_a_signed_body() {
    let mut tally = Tally::default();
    for facts in all() {
        for sample in facts.valid().filter(|sample| sample.expect == "accepted") {
            let listener = listener_of(&facts, sample);
            let before = run(&listener, sample);
            let wanted = event(&listener, sample, &before);
            for declared in DECLARED {
                tally.count("a content type", &facts);
                let changed = declared_as(sample, *declared);
                let after = run(&listener, &changed);
                let is_the_same = event(&listener, &changed, &after) == wanted;
                let is_event = after.outcome == Outcome::Accepted;
                if is_event && !is_the_same && !is_recognised(&before, &after) {
                    tally.complain(&facts, sample, &format!("{declared:?}"), "a second event");
                }
            }
        }
    }
    tally.end(1000, &[("a content type", 50)]);
}
