//! Forgeries: every single change to a signed part of a recipe's request is rejected, and the log
//! gives the reason.
//!
//! No test names a provider. The changes and the expected reason codes come from the recipe's own
//! file, so a new recipe is tested like all others.

mod changes;
mod documents;
mod facts;
mod members;
mod proofs;
mod readings;
mod replays;
mod secrets;
mod signatures;
mod unsigned;

use std::collections::{BTreeMap, BTreeSet};

use hookgate::listener::{Decision, Listener, Outcome, Sample, log_entry};

use self::changes::{Change, differs};
pub(super) use self::facts::file_of;
use self::facts::{Facts, Kind, all};
use super::recipes::{complaints, run, seen};

const URL: &str = super::recipes::URL;

/// The number of changes of each kind, and the recipes they were tried on.
#[derive(Default)]
struct Tally {
    tried: BTreeMap<&'static str, (usize, BTreeSet<&'static str>)>,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, kind: &'static str, facts: &Facts) {
        let (count, recipes) = self.tried.entry(kind).or_default();
        *count += 1;
        recipes.insert(facts.recipe.name);
    }

    fn complain(&mut self, facts: &Facts, sample: &Sample, what: &str, report: &str) {
        self.wrong.push(format!("{} `{}`: {what}: {report}", facts.recipe.name, sample.name));
    }

    /// Asserts a minimum number of changes, and for each kind a minimum number of recipes.
    fn end(self, least: usize, kinds: &[(&str, usize)]) {
        let total: usize = self.tried.values().map(|(count, _)| count).sum();
        for (kind, (count, recipes)) in &self.tried {
            println!("{kind:36} {count:6} on {:2} recipes", recipes.len());
        }
        println!("{total} in all");
        let wrong: Vec<&str> = self.wrong.iter().take(12).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{} wrong\n{}", self.wrong.len(), wrong.join("\n"));
        for (kind, recipes) in kinds {
            let tried = self.tried.get(kind).map_or(0, |(_, recipes)| recipes.len());
            assert!(tried >= *recipes, "`{kind}` was tried on {tried} recipes");
        }
        assert!(total >= least, "{total} were tried");
    }
}

fn listener_of(facts: &Facts, sample: &Sample) -> Listener {
    let loaded = facts.recipe.listener(&sample.secrets, &sample.vars);
    let report = complaints(&loaded);
    loaded.listener.unwrap_or_else(|| panic!("{} `{}`: {report}", facts.recipe.name, sample.name))
}

/// Returns the reason codes of the failed verifications.
fn failed(decision: &Decision) -> Vec<&'static str> {
    let codes = decision.reasons.iter().map(|one| one.code.name());
    codes.filter(|name| !["passed", "answered"].contains(name)).collect()
}

/// Returns a complaint if a forgery was not rejected as expected.
fn complaint(facts: &Facts, listener: &Listener, change: &Change) -> Option<String> {
    let decision = run(listener, &change.sample);
    let failed = failed(&decision);
    let report = format!("{} {failed:?}, wanted {:?}", decision.outcome, change.wanted);
    let status = match decision.outcome {
        Outcome::VerificationFailed => 401,
        Outcome::MethodNotAllowed => 405,
        _ => return Some(report),
    };
    // A rule beside the signature may fail too.
    let has_rule = facts.checks.iter().any(|check| check.kind == Kind::Rule);
    let beside = |one: &str| has_rule && one.starts_with("rule_");
    let right = failed.iter().any(|one| change.wanted.contains(one));
    let only = failed.iter().all(|one| change.wanted.contains(one) || beside(one));
    if !right || !only {
        return Some(report);
    }
    if decision.event.is_some() || decision.dedup.is_some() || decision.response.status != status {
        return Some(format!("{report}: an event, or {}", decision.response.status));
    }
    leaks(listener, change, &decision, &failed)
}

/// Returns a complaint if the sender receives a reason code or a secret, or if the log misses a
/// reason code.
fn leaks(
    listener: &Listener,
    change: &Change,
    decision: &Decision,
    failed: &[&str],
) -> Option<String> {
    let body = String::from_utf8_lossy(&decision.response.body);
    let log = seen(&change.sample, |request| log_entry(listener, request, decision)).to_string();
    if failed.iter().any(|code| body.contains(code)) {
        return Some(format!("the response contains {body}"));
    }
    // A shorter secret may occur in ordinary words.
    let known = change.sample.secrets.iter().flat_map(|(_, texts)| texts);
    let mut known = known.filter(|secret| secret.len() >= 8);
    if known.any(|secret| log.contains(secret.as_str()) || body.contains(secret.as_str())) {
        return Some(format!("a secret is in the log: {log}"));
    }
    (!failed.iter().all(|code| log.contains(code))).then(|| format!("the log: {log}"))
}

/// Returns true if each mismatching digest is reported as matching without the body's last line
/// end.
fn tells_of_the_line_end(listener: &Listener, change: &Change) -> bool {
    let decision = run(listener, &change.sample);
    let mut digests = decision.reasons.iter().filter(|one| one.code.name() == "digest_differs");
    digests.all(|one| one.message.contains("matches if the body's last line end is dropped"))
}

#[test]
fn every_change_to_a_signed_part_is_refused_with_a_reason_code() {
    let mut tally = Tally::default();
    for facts in all() {
        for sample in facts.valid() {
            let listener = listener_of(&facts, sample);
            assert_eq!(
                run(&listener, sample).outcome.name(),
                sample.expect,
                "{}",
                facts.recipe.name
            );
            for change in changes::of_covered(&facts, sample) {
                tally.count(change.kind, &facts);
                if let Some(report) = complaint(&facts, &listener, &change) {
                    tally.complain(&facts, sample, &change.what, &report);
                }
                if change.kind.starts_with("a line end")
                    && !tells_of_the_line_end(&listener, &change)
                {
                    tally.complain(
                        &facts,
                        sample,
                        &change.what,
                        "the log has no hint at the line end",
                    );
                }
            }
        }
    }
    let body = [
        "the first byte",
        "the middle byte",
        "the last byte",
        "the first letter",
        "the last letter",
        "a letter's case",
        "punctuation",
        "a byte order mark",
        "a space before",
        "a space inside",
        "a space behind",
        "a line end",
        "a line end of two",
        "a byte more",
        "a zero byte more",
        "the same once more",
        "empty",
        "a byte less",
        "the first byte less",
        "half",
    ];
    let others = [
        ("the first digit", 40),
        ("the last digit", 40),
        ("a signed header", 20),
        ("a missing signed header", 20),
        ("a signed header twice", 20),
        ("a signed member", 1),
        ("query", 5),
        ("url", 5),
        ("method", 3),
    ];
    let kinds: Vec<(&str, usize)> = body.map(|kind| (kind, 48)).into_iter().chain(others).collect();
    tally.end(4_000, &kinds);
}

#[test]
fn every_change_to_a_signature_is_refused_with_a_reason_code() {
    let mut tally = Tally::default();
    for facts in all() {
        // Public-key arithmetic in pure Rust is slow without optimisation.
        let quick = facts.checks.iter().all(|check| check.kind != Kind::PublicKey);
        for (at, sample) in facts.valid().enumerate() {
            let listener = listener_of(&facts, sample);
            let proofs = proofs::of(&facts, sample);
            assert!(!proofs.is_empty(), "{} `{}`: no signature", facts.recipe.name, sample.name);
            for change in signatures::changes(&facts, sample, at == 0 && quick) {
                tally.count(change.kind, &facts);
                if let Some(report) = complaint(&facts, &listener, &change) {
                    tally.complain(
                        &facts,
                        sample,
                        &format!("{}, {}", change.kind, change.what),
                        &report,
                    );
                }
            }
        }
    }
    let kinds = [
        ("no signature", 55),
        ("an empty signature", 55),
        ("a truncated signature", 55),
        ("a changed signature", 55),
        ("a signature in another encoding", 44),
        ("another version's prefix", 20),
        ("a signature's header twice", 54),
    ];
    tally.end(6_000, &kinds);
}

#[test]
fn a_signature_in_another_notation_is_deduplicated() {
    let mut tally = Tally::default();
    for facts in all() {
        for sample in facts.valid() {
            let listener = listener_of(&facts, sample);
            for (what, changed) in signatures::respelled(&facts, sample) {
                tally.count(what, &facts);
                let (before, after) = (run(&listener, sample), run(&listener, &changed));
                if after.outcome.name() != sample.expect {
                    tally.complain(&facts, sample, what, &format!("{:?}", failed(&after)));
                }
                if !is_recognised(&before, &after) {
                    tally.complain(&facts, sample, what, "is a second event");
                }
            }
        }
    }
    let kinds = [("in capitals", 30), ("in small letters", 30), ("without padding", 20)];
    tally.end(150, &kinds);
}

/// Returns true if a request is deduplicated as a repeat of another.
fn is_recognised(before: &Decision, after: &Decision) -> bool {
    match (&before.dedup, &after.dedup) {
        (Some(before), Some(after)) => before.hashes.iter().any(|one| after.hashes.contains(one)),
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn a_wrong_or_empty_secret_accepts_no_request() {
    let mut tally = Tally::default();
    for facts in all() {
        // Each secret needs its own compiled listener, which is slow, so only two samples of a
        // recipe are used.
        for sample in facts.valid().take(2) {
            for (what, secrets) in secrets::wrong(&facts, sample) {
                tally.count("a wrong secret", &facts);
                let changed = Sample { secrets, ..sample.clone() };
                let listener = listener_of(&facts, &changed);
                let mut wanted = differs(&facts);
                // The token of a challenge is signed with it too.
                wanted.push("token_signed");
                let change = Change { kind: "a wrong secret", what, sample: changed, wanted };
                if let Some(report) = complaint(&facts, &listener, &change) {
                    tally.complain(&facts, sample, &change.what, &report);
                }
            }
            for (at, (name, _)) in sample.secrets.iter().enumerate() {
                for empty in ["", "\n", "\r\n"] {
                    tally.count("an empty secret", &facts);
                    let mut secrets = sample.secrets.clone();
                    secrets[at].1 = vec![empty.to_owned()];
                    let loaded = facts.recipe.listener(&secrets, &sample.vars);
                    if loaded.listener.is_some() || !complaints(&loaded).contains("E0606") {
                        tally.complain(&facts, sample, name, &format!("starts with {empty:?}"));
                    }
                }
            }
        }
    }
    tally.end(600, &[("a wrong secret", 55), ("an empty secret", 55)]);
}

/// The empty secret is known to everyone.
#[test]
fn a_signature_with_an_empty_secret_is_refused() {
    let mut tally = Tally::default();
    for facts in all() {
        let check = &facts.checks[0];
        if check.payload != "raw_body" || check.kind != Kind::Signature || !check.is_plain() {
            continue;
        }
        for sample in facts.valid() {
            let body = sample.body.clone().unwrap_or_default();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"");
            let sum = ring::hmac::sign(&key, &body);
            let proofs = proofs::of(&facts, sample);
            let forged = proofs::with(sample, &proofs, |text| signatures::like(text, sum.as_ref()));
            tally.count("no secret", &facts);
            let wanted = vec!["digest_differs", "wrong_length"];
            let change =
                Change { kind: "no secret", what: "no secret".to_owned(), sample: forged, wanted };
            if let Some(report) = complaint(&facts, &listener_of(&facts, sample), &change) {
                tally.complain(&facts, sample, "no secret", &report);
            }
        }
    }
    tally.end(35, &[("no secret", 20)]);
}
