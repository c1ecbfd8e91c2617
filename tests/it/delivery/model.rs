//! Failure policies: the failures that count, the retries, and the end of retries.

use std::time::Duration;

use hookgate::delivery::{
    AttemptEffect, AttemptResult, Filters, History, Next, Policy, Programs, Retry,
    SubscriptionHealth, Suspend, Trigger, Wanted, engine, next_attempt,
};
use proptest::prelude::*;
use serde_json::json;

const SECOND: i64 = 1_000_000;

fn history(attempts: u32, ended: AttemptResult) -> History {
    History { attempts, ended, retry_after: None }
}

#[test]
fn a_failure_trigger_matches_the_attempt_results_of_its_name() {
    let ends = [
        AttemptResult::Answered(200),
        AttemptResult::Answered(302),
        AttemptResult::Answered(404),
        AttemptResult::Answered(429),
        AttemptResult::Answered(500),
        AttemptResult::Answered(503),
        AttemptResult::TimedOut,
        AttemptResult::Unreachable,
        AttemptResult::Forbidden,
    ];
    let is_for = |name: &str| {
        let trigger = Trigger::find(name).unwrap();
        assert_eq!(trigger.to_string(), name);
        ends.map(|ended| trigger.is_for(ended))
    };
    let (no, yes) = (false, true);
    assert_eq!(is_for("404"), [no, no, yes, no, no, no, no, no, no]);
    assert_eq!(is_for("4xx"), [no, no, yes, yes, no, no, no, no, no]);
    assert_eq!(is_for("5xx"), [no, no, no, no, yes, yes, no, no, no]);
    assert_eq!(is_for("timeout"), [no, no, no, no, no, no, yes, yes, yes]);
    assert_eq!(ends.map(|ended| Trigger::Any.is_for(ended)), ends.map(|ended| ended != ends[0]));
    for name in ["", "200", "399", "600", "3xx", "TIMEOUT", "any", "40", "+44", "4040"] {
        assert_eq!(Trigger::find(name), None, "{name}");
    }
}

#[test]
fn retries_follow_the_backoff_of_the_policy_until_the_delivery_is_exhausted() {
    let waits = |retry: Retry| -> Vec<u64> {
        let policy = Policy { retry: Some(retry), ..Policy::indifferent() };
        (1..=12)
            .map_while(|attempts| {
                match next_attempt(&policy, &history(attempts, AttemptResult::TimedOut), 0, 0.0) {
                    Next::Again { at, .. } => Some(at.unsigned_abs() / 1_000_000),
                    _ => None,
                }
            })
            .collect()
    };
    assert_eq!(waits(Retry::linear(7, 3)), [7, 7, 7]);
    assert_eq!(waits(Retry::exponential(10, 5)), [10, 20, 40, 80, 160]);
    assert_eq!(waits(Retry::exponential(40_000, 3)), [40_000, 80_000, 86_400]);
    let awork = waits(Policy::awork().retry.unwrap());
    assert_eq!(awork, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
}

#[test]
fn failure_policy_decides_the_end_of_a_delivery() {
    let policy = Policy {
        triggers: vec![Trigger::Class(5)],
        retry: None,
        divert: true,
        suspend: Suspend::GivenUp,
    };
    let end = |ended| next_attempt(&policy, &history(1, ended), 0, 0.0);
    assert_eq!(end(AttemptResult::Answered(204)), Next::Delivered);
    assert_eq!(end(AttemptResult::Answered(404)), Next::Ignored);
    let given_up = Next::GivenUp { trigger: Trigger::Class(5), divert: true };
    assert_eq!(end(AttemptResult::Answered(500)), given_up);
    let awork = Policy::awork();
    let last = next_attempt(&awork, &history(11, AttemptResult::Answered(302)), 0, 0.0);
    assert_eq!(last, Next::GivenUp { trigger: Trigger::Any, divert: false });
}

#[test]
fn failure_policy_suspends_a_subscription_and_only_its_owner_resumes_it() {
    let policy = |suspend| Policy { suspend, ..Policy::indifferent() };
    let after = |health: SubscriptionHealth, suspend, accepted, given_up| {
        health.after(AttemptEffect::of(&policy(suspend), accepted, given_up), 5)
    };
    let fresh = SubscriptionHealth::default();
    let failed = SubscriptionHealth { failures: 1, suspended_at: None };
    let suspended = SubscriptionHealth { failures: 1, suspended_at: Some(5) };
    assert_eq!(after(fresh, Suspend::Never, false, true), failed);
    assert_eq!(
        after(fresh, Suspend::GivenUp, false, false),
        failed,
        "a delivery with a retry left"
    );
    assert_eq!(after(fresh, Suspend::GivenUp, false, true), suspended);
    assert_eq!(after(failed, Suspend::GivenUp, true, false), fresh, "a success resets the count");
    assert_eq!(after(fresh, Suspend::Beyond(1), false, true), failed);
    let twice = SubscriptionHealth { failures: 2, suspended_at: Some(5) };
    assert_eq!(after(failed, Suspend::Beyond(1), false, false), twice);
    // A delivery that was in flight at the suspension may succeed, and only changes the count.
    let lasting = SubscriptionHealth { failures: 0, suspended_at: Some(5) };
    assert_eq!(after(twice, Suspend::Beyond(1), true, false), lasting);
    let earlier = SubscriptionHealth { failures: 9, suspended_at: Some(1) };
    let still = SubscriptionHealth { failures: 10, suspended_at: Some(1) };
    assert_eq!(
        after(earlier, Suspend::Beyond(1), false, false),
        still,
        "the time of the suspension stays"
    );
}

#[test]
fn the_most_specific_failure_trigger_is_reported() {
    let policy =
        Policy { triggers: vec![Trigger::Class(4), Trigger::Status(404)], ..Policy::indifferent() };
    assert_eq!(policy.trigger(AttemptResult::Answered(404)), Some(Trigger::Status(404)));
    assert_eq!(policy.trigger(AttemptResult::Answered(400)), Some(Trigger::Class(4)));
}

#[test]
fn permanent_failures_are_not_retried() {
    let policy =
        Policy { retry: Some(Retry::linear(1, 10)), divert: true, ..Policy::indifferent() };
    for ended in [AttemptResult::Forbidden, AttemptResult::Unmade] {
        let next = next_attempt(&policy, &history(1, ended), 0, 0.0);
        assert!(matches!(next, Next::GivenUp { divert: true, .. }), "{next:?}");
    }
}

proptest! {
    #[test]
    fn retry_backoff_with_jitter_is_at_most_a_tenth_longer_than_the_policy(
        interval in 1_u64..100_000, attempts in 1_u32..=10, number in 1_u32..15,
        exponential: bool, jitter in 0.0_f64..=1.0, asked in 0_u64..200_000, now in 0..4_000_000_000_000_000_i64,
    ) {
        let retry = match exponential {
            true => Retry::exponential(interval, attempts),
            false => Retry::linear(interval, attempts),
        };
        let policy = Policy { retry: Some(retry), ..Policy::indifferent() };
        let retry_after = Some(Duration::from_secs(asked));
        let history = History { attempts: number, ended: AttemptResult::Answered(503), retry_after };
        let next = next_attempt(&policy, &history, now, jitter);
        if number > attempts {
            let given_up = matches!(next, Next::GivenUp { .. });
            prop_assert!(given_up);
        } else {
            let Next::Again { at, trigger } = next else { return Err(TestCaseError::fail("no retry")) };
            prop_assert_eq!(trigger, Trigger::Class(5));
            let factor = if exponential { 1 << (number - 1) } else { 1 };
            let least = (interval * factor).min(86_400);
            let wait = (at - now) as f64 / SECOND as f64;
            prop_assert!(wait >= least as f64 - 0.001);
            prop_assert!(wait >= asked.min(86_400) as f64 - 0.001);
            prop_assert!(wait <= (least as f64 * 1.1).max(asked.min(86_400) as f64) + 0.001);
        }
    }
}

#[test]
fn filters_in_a_set_give_the_same_results_as_alone_within_the_step_limit() {
    let mut machine = engine().machine();
    let event = json!({ "type": "a", "data": { "n": 1, "items": (0..200).collect::<Vec<_>>() } });
    let texts = [
        "event.type == 'b'",
        "event.type == 'a'",
        "event.data.items.$FILTER(a => event.data.items.$FILTER(b => a == b).$LENGTH() > 0)",
        "event.data.n > 1 AND event.type == 'a'",
        "$INTEGER(event.type) > 1",
        "event.data.nothing",
        "event.type == 'b'",
    ];
    let programs = texts.map(|text| Programs::compile(Some(text), None).unwrap());
    let alone = |machine: &mut _| -> Vec<usize> {
        let wants = programs.iter().map(|program| program.wants(machine, &event));
        wants.enumerate().filter(|(_, wants)| *wants == Wanted::No).map(|(at, _)| at).collect()
    };
    let filters = Filters::of(programs.iter().filter_map(Programs::filter));
    assert_eq!(alone(&mut machine), [0, 3, 5, 6]);
    assert_eq!(filters.unwanted(&mut machine, &event, || true), [0, 3, 5, 6]);
    let mut left = 4;
    let four = filters.unwanted(&mut machine, &event, || {
        left -= 1;
        left > 0
    });
    assert_eq!(four, [0, 3]);
}

#[test]
fn programs_of_subscribers_have_a_size_limit_and_no_secrets() {
    let mut machine = engine().machine();
    let event = json!({ "type": "a", "data": { "items": (0..200).collect::<Vec<_>>() } });
    let wants = |filter: &str, machine: &mut _| {
        Programs::compile(Some(filter), None).unwrap().wants(machine, &event)
    };
    assert_eq!(wants("event.type == 'a'", &mut machine), Wanted::Yes);
    assert_eq!(wants("event.data.nothing == 'a'", &mut machine), Wanted::No);
    let long = "event.data.items.$FILTER(a => event.data.items.$FILTER(b => a == b).$LENGTH() > 0)";
    let Wanted::Unknown(reason) = wants(long, &mut machine) else {
        panic!("filters run without the step limit");
    };
    assert!(reason.starts_with("E0401"), "{reason}");
    let fault = Programs::compile(Some("$SECRET('A')"), None).unwrap_err();
    assert!(fault.has_errors());
    assert!(Programs::compile(None, Some("parsed_body.a")).is_err());
    let programs = Programs::compile(None, Some("{ \"t\": \"${event.type}!\" }")).unwrap();
    assert_eq!(programs.body(&mut machine, &event), Some(Ok(r#"{"t":"a!"}"#.to_owned())));
    let failing = Programs::compile(None, Some("$INTEGER(event.type)")).unwrap();
    let reason = failing.body(&mut machine, &event).unwrap().unwrap_err();
    assert_eq!(reason, "E0307: `$INTEGER(event.type)`: text that is no number");
}
