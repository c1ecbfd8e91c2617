//! The processing of a request, step by step: methods, bodies, limits, schema, filter,
//! deduplication, mapping, response. Challenges and verifications have their own files.

use std::time::Duration;

use hookgate::listener::rate::{Admission, Policy};
use hookgate::listener::{Challenger, Limiter, Outcome};

use super::{NOW, SECRETS, Sent, body, mac, messages_of, open, outcome_of, secured, sha256};

const SIGNED: &str = r#"
[[verify]]
name = "signature"
[verify.signature]
secret = "KEY"
hash = "sha256"
payload = 'raw_body'
received = 'headers["x-signature"]'
encoding = "hex"
"#;

fn sign(sent: Sent) -> Sent {
    let signature = hex::encode(sha256(super::KEY, &sent.body));
    sent.with("X-Signature", signature)
}

#[test]
fn a_refused_method_answers_405_with_an_allow_header() {
    let usual = open("");
    let other = open("methods = [\"PUT\", \"GET\"]\n");
    let challenged =
        open("[[challenge]]\ndetect = 'query_params.challenge != NULL'\nmethods = [\"GET\"]\n");
    for (listener, method, outcome, allow) in [
        (&usual, "POST", "accepted", None),
        (&usual, "GET", "method_not_allowed method_not_taken", Some("POST")),
        (&usual, "post", "method_not_allowed method_not_taken", Some("POST")),
        (&other, "PUT", "accepted", None),
        (&other, "POST", "method_not_allowed method_not_taken", Some("PUT, GET")),
        // Challenges come by GET; events do not.
        (&challenged, "GET", "method_not_allowed method_not_taken", Some("POST, GET")),
        (&challenged, "PUT", "method_not_allowed method_not_taken", Some("POST, GET")),
        (&challenged, "POST", "accepted", None),
    ] {
        let decision = Sent::new("").method(method).to(listener);
        assert_eq!(outcome_of(&decision), outcome, "{method}");
        assert_eq!(decision.response.header("allow"), allow, "{method}");
        assert_eq!(decision.response.status, decision.outcome.status());
    }
}

/// Returns the value of `parsed_body` in rules.
fn parsed(content_type: Option<&str>, text: &str) -> String {
    let sent = match content_type {
        Some(kind) => Sent::new(text).with("content-type", kind),
        None => Sent::new(text),
    };
    sent.to(&open("[event]\ndata = 'parsed_body'\n")).parts.parsed_body().to_string()
}

#[test]
fn a_body_is_parsed_by_its_bytes_and_its_content_type() {
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    for (kind, text, value) in [
        (Some("application/json"), r#"{"a":1}"#, r#"{"a":1}"#),
        (Some("Application/JSON; charset=utf-8"), r#"{"a":1}"#, r#"{"a":1}"#),
        (Some("application/json"), "", "null"),
        (Some("application/cloudevents+json"), "[1]", "[1]"),
        (Some("text/plain"), "[1]", "[1]"),
        (Some("text/plain"), "one", r#""one""#),
        (None, "7", "null"),
        (None, "seven", "null"),
        (None, "", "null"),
        (Some(""), "[1]", "[1]"),
        (Some("application/xml"), "[1]", "[1]"),
        (Some("application/octet-stream"), "{}", "{}"),
        (Some("multipart/form-data; boundary=a"), "{}", "{}"),
        (Some("application/jsonp"), "f({})", "null"),
        (FORM, "a=1&b=x+y%21", r#"{"a":"1","b":"x y!"}"#),
        (FORM, "a=1&b=2&a=3", r#"{"a":["1","3"],"b":"2"}"#),
        (FORM, r#"payload=%7B%22a%22%3A1%7D&x=1"#, r#"{"payload":{"a":1},"x":"1"}"#),
        (FORM, "payload=%7B", r#"{"payload":"{"}"#),
        (FORM, "payload=1&payload=2", r#"{"payload":["1","2"]}"#),
        (FORM, "", "null"),
        (FORM, "a", r#"{"a":""}"#),
    ] {
        assert_eq!(parsed(kind, text), value, "{kind:?} {text}");
    }
}

#[test]
fn duplicate_json_keys_are_refused_wherever_they_stand() {
    let listener = secured(&format!("{SIGNED}\n[event]\ntype = 'parsed_body.kind'\n"));
    for (text, outcome) in [
        (r#"{"kind":"a","more":{"b":1,"b":2}}"#, "malformed_body json_duplicate_key"),
        (r#"{"kind":"a","kind":"b"}"#, "malformed_body json_duplicate_key"),
        (r#"{"kind":"a","more":{"b":1,"B":2}}"#, "accepted"),
    ] {
        assert_eq!(outcome_of(&sign(Sent::json(text)).to(&listener)), outcome, "{text}");
    }
}

#[test]
fn a_signed_form_with_too_many_fields_is_refused_with_its_reason_code() {
    let listener = secured(&format!("{SIGNED}\n[event]\ndata = 'parsed_body'\n"));
    let form = |fields: usize| {
        let fields: Vec<String> = (0..fields).map(|at| format!("f{at}=1")).collect();
        Sent::new(fields.join("&")).with("Content-Type", "application/x-www-form-urlencoded")
    };
    assert_eq!(outcome_of(&sign(form(10_000)).to(&listener)), "accepted");
    let decision = sign(form(10_001)).to(&listener);
    assert_eq!(outcome_of(&decision), "malformed_body too_many_fields");
    assert_eq!(decision.response.status, 400);
    // An unverified sender learns nothing about it.
    assert_eq!(form(10_001).to(&listener).outcome, Outcome::VerificationFailed);
}

#[test]
fn malformed_json_bodies_are_refused_with_the_position() {
    let listener = secured(&format!("{SIGNED}\n[event]\ndata = 'parsed_body'\n"));
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (text, position) in [
        (r#"{"a":}"#.to_owned(), Some("line 1 column 6")),
        ("{\n\"a\": 1,\n}".to_owned(), Some("line 3 column 1")),
        ("{} {}".to_owned(), Some("line 1 column 4")),
        (nested(129), None),
    ] {
        let decision = sign(Sent::json(&text)).to(&listener);
        let Some(position) = position else {
            assert_eq!(outcome_of(&decision), "accepted", "{text}");
            continue;
        };
        assert_eq!(outcome_of(&decision), "malformed_body bad_json", "{text}");
        assert_eq!(decision.response.status, 400);
        assert!(body(&decision).contains(position), "{text}: {}", body(&decision));
        // An unverified sender learns nothing about it.
        let decision = Sent::json(&text).to(&listener);
        assert_eq!(decision.outcome, Outcome::VerificationFailed);
        assert!(!body(&decision).contains(position));
        // Without a content type of JSON it is not an error.
        let decision = sign(Sent::new(&text)).to(&listener);
        assert_eq!(outcome_of(&decision), "accepted body_not_parsed", "{text}");
        assert_eq!(decision.parts.parsed_body().to_string(), "null");
    }
}

/// A rate limiter that counts, and rejects beyond its limits.
#[derive(Default)]
struct Counted {
    admitted: Vec<Policy>,
    failed: usize,
    challenged: Vec<Challenger>,
    answered: usize,
    refuses: bool,
}

impl Counted {
    fn answer(&self) -> Admission {
        match self.refuses {
            true => Admission::Refused { retry_after: Duration::from_millis(6_001) },
            false => Admission::Admitted { remaining: 1 },
        }
    }
}

impl Limiter for Counted {
    fn admit(&mut self, policy: Policy) -> Admission {
        self.admitted.push(policy);
        self.answer()
    }

    fn fail(&mut self) -> Admission {
        self.failed += 1;
        self.answer()
    }

    fn challenge(&mut self, challenger: Challenger) -> Admission {
        self.challenged.push(challenger);
        self.answer()
    }

    fn answered(&mut self) {
        self.answered += 1;
    }
}

#[test]
fn challenges_count_after_verification_and_for_the_listener_only_if_answered() {
    const ECHO: &str =
        "[[challenge]]\ndetect = 'parsed_body.echo != NULL'\nbody = '$INTEGER(parsed_body.echo)'\n";
    let foreign = secured(&format!("{SIGNED}{ECHO}"));
    let verified = secured(&format!("{SIGNED}{ECHO}verified = true\n"));
    let monitored = SIGNED.replace("name = \"signature\"", "name = \"signature\"\nenforce = false");
    let monitored = secured(&format!("{monitored}{ECHO}verified = true\n"));
    let (good, bad) = (r#"{"echo":"1"}"#, r#"{"echo":"x"}"#);
    use Challenger::{Stranger, Verified};
    for (listener, sent, outcome, challenged, answered, secured) in [
        (&foreign, Sent::json(good), Outcome::Challenged, vec![Stranger], 1, false),
        (&foreign, sign(Sent::json(good)), Outcome::Challenged, vec![Stranger], 1, false),
        (&foreign, Sent::json(bad), Outcome::ChallengeFailed, vec![Stranger], 0, false),
        (&verified, Sent::json(good), Outcome::VerificationFailed, vec![], 0, false),
        (&verified, sign(Sent::json(good)), Outcome::Challenged, vec![Verified], 0, true),
        // A verification in monitor mode does not make a sender verified.
        (&monitored, Sent::json(good), Outcome::Challenged, vec![Stranger], 1, false),
    ] {
        let mut limiter = Counted::default();
        let decision = sent.limited(listener, &mut limiter);
        assert_eq!(decision.outcome, outcome, "{}", messages_of(&decision));
        assert_eq!((limiter.challenged, limiter.answered), (challenged, answered));
        assert_eq!(decision.secured, secured);
        assert!(limiter.admitted.is_empty(), "a token for events was used");
    }
}

/// A rate limiter of a listener whose limit unverified senders have used up.
#[derive(Default)]
struct UsedUp {
    failed: usize,
}

impl Limiter for UsedUp {
    fn admit(&mut self, _: Policy) -> Admission {
        Admission::Admitted { remaining: 1 }
    }

    fn fail(&mut self) -> Admission {
        self.failed += 1;
        Admission::Admitted { remaining: 1 }
    }

    fn challenge(&mut self, challenger: Challenger) -> Admission {
        match challenger {
            Challenger::Stranger => Admission::Refused { retry_after: Duration::from_secs(1) },
            Challenger::Verified => Admission::Admitted { remaining: 1 },
        }
    }
}

#[test]
fn a_signed_challenge_is_answered_when_unsigned_ones_are_rate_limited() {
    const ECHO: &str =
        "[[challenge]]\ndetect = 'parsed_body.echo != NULL'\nbody = 'parsed_body.echo'\n";
    let sent = Sent::json(r#"{"echo":"1"}"#);
    let open = open(ECHO);
    let listener = secured(&format!("{SIGNED}{ECHO}"));
    let mut limiter = UsedUp::default();
    let decision = sign(sent.clone()).limited(&listener, &mut limiter);
    assert_eq!((outcome_of(&decision).as_str(), limiter.failed), ("challenged answered", 0));
    let decision = sent.limited(&listener, &mut limiter);
    assert_eq!(outcome_of(&decision), "rate_limited missing_signature rate_exceeded");
    assert_eq!((decision.response.status, limiter.failed), (429, 1));
    assert_eq!(outcome_of(&sent.limited(&open, &mut limiter)), "rate_limited rate_exceeded");
}

#[test]
fn a_verified_listener_has_a_higher_default_rate_limit() {
    let monitored = SIGNED.replace("name = \"signature\"", "name = \"signature\"\nenforce = false");
    let rule = "[[verify]]\nname = \"token\"\nrule = '$SECURE_EQUALS(headers[\"x-token\"], $SECRET(\"KEY\"))'\n";
    let agent = "[[verify]]\nname = \"agent\"\nrule = 'headers[\"user-agent\"] == \"a\"'\n";
    let own = "[rate_limit]\nrequests = 2\nper = \"1m\"\n";
    let whole = "[rate_limit]\nrequests = 3\nper = 20\nburst = 7\n";
    let policy = |requests, per, burst| Policy { requests, per: Duration::from_secs(per), burst };
    for (checks, wanted) in [
        ("".to_owned(), Policy::UNSECURED),
        (agent.to_owned(), Policy::UNSECURED),
        (monitored, Policy::UNSECURED),
        (SIGNED.to_owned(), Policy::SECURED),
        (rule.to_owned(), Policy::SECURED),
        (format!("{SIGNED}{own}"), policy(2, 60, 1)),
        (own.to_owned(), policy(2, 60, 1)),
        (whole.to_owned(), policy(3, 20, 7)),
        ("[rate_limit]\nrequests = 4\n".to_owned(), policy(4, 1, 40)),
    ] {
        let listener = secured(&checks);
        let sent = sign(Sent::json("{}")).with("X-Token", super::KEY).with("User-Agent", "a");
        let mut limiter = Counted::default();
        let decision = sent.limited(&listener, &mut limiter);
        assert_eq!(decision.outcome, Outcome::Accepted, "{checks}{}", messages_of(&decision));
        assert_eq!(limiter.admitted, [wanted], "{checks}");
    }
}

#[test]
fn rate_limited_requests_get_retry_after_and_ratelimit_headers() {
    let listener = secured(SIGNED);
    let mut limiter = Counted { refuses: true, ..Counted::default() };
    let decision = sign(Sent::json("{}")).limited(&listener, &mut limiter);
    assert_eq!(outcome_of(&decision), "rate_limited rate_exceeded");
    assert_eq!(decision.response.status, 429);
    // Rounded up: a request after this number of seconds is accepted.
    assert_eq!(decision.response.header("retry-after"), Some("7"));
    assert_eq!(decision.response.header("ratelimit"), Some("limit=50, remaining=0, reset=7"));
    assert_eq!((limiter.admitted.len(), limiter.failed), (1, 0));
}

#[test]
fn failed_verifications_use_no_tokens_of_the_rate_limit() {
    let listener = secured(SIGNED);
    let mut limiter = Counted::default();
    let decision = Sent::json("{}").limited(&listener, &mut limiter);
    assert_eq!(outcome_of(&decision), "verification_failed missing_signature");
    assert_eq!((limiter.admitted.len(), limiter.failed), (0, 1));
    limiter.refuses = true;
    let decision = Sent::json("{}").limited(&listener, &mut limiter);
    assert_eq!(decision.outcome, Outcome::TooManyFailures);
    assert_eq!((decision.response.status, limiter.failed), (429, 2));
    assert_eq!(decision.response.header("retry-after"), Some("7"));
}

#[test]
fn every_schema_violation_of_a_body_is_listed() {
    const SHORTHAND: &str = "[schema.shape]\naction = \"string\"\nissue = { id = \"integer\", labels = [\"string\"] }\n";
    const FULL: &str = r#"
[schema]
json = '''
{ "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["action", "issue"],
  "properties": { "action": { "type": "string" },
    "issue": { "type": "object", "required": ["id", "labels"],
      "properties": { "id": { "type": "integer" }, "labels": { "type": "array", "items": { "type": "string" } } } } } }
'''
"#;
    for schema in [SHORTHAND, FULL] {
        let listener = secured(&format!("{SIGNED}{schema}"));
        let valid = r#"{"action":"a","issue":{"id":1,"labels":["x"]},"more":1}"#;
        assert_eq!(outcome_of(&sign(Sent::json(valid)).to(&listener)), "accepted");
        let wrong = r#"{"action":7,"issue":{"id":"forty-two","labels":["x",1]}}"#;
        let decision = sign(Sent::json(wrong)).to(&listener);
        assert_eq!(
            outcome_of(&decision),
            "schema_violated schema_differs schema_differs schema_differs"
        );
        assert_eq!(decision.response.status, 422);
        let report: serde_json::Value = serde_json::from_str(body(&decision)).unwrap();
        let report = report["error"]["violations"].to_string();
        for path in ["/action", "/issue/id", "/issue/labels/1"] {
            assert!(report.contains(path), "{report}");
        }
        // Text from an unverified sender is not repeated.
        assert!(!messages_of(&decision).contains("forty-two") && !report.contains("forty-two"));
        let decision = sign(Sent::json("{}")).to(&listener);
        assert!(
            messages_of(&decision).contains("action") && messages_of(&decision).contains("issue")
        );
        let decision = sign(Sent::new("no json")).to(&listener);
        assert_eq!(outcome_of(&decision), "schema_violated body_not_parsed schema_differs");
        let decision = Sent::json(wrong).to(&listener);
        assert_eq!(decision.outcome, Outcome::VerificationFailed);
    }
}

#[test]
fn a_filter_keeps_or_drops_events_and_an_error_keeps_them() {
    for (filter, text, outcome) in [
        ("keep_when = 'parsed_body.a == 1'", r#"{"a":1}"#, "accepted"),
        ("keep_when = 'parsed_body.a == 1'", r#"{"a":2}"#, "filtered filter_false"),
        ("keep_when = 'parsed_body.a'", "{}", "filtered filter_false"),
        ("drop_when = 'parsed_body.a == 1'", r#"{"a":1}"#, "filtered filter_true"),
        ("drop_when = 'parsed_body.a == 1'", r#"{"a":2}"#, "accepted"),
        ("drop_when = 'parsed_body.a'", "{}", "accepted"),
        ("keep_when = '$INTEGER(parsed_body.a) == 1'", r#"{"a":"x"}"#, "accepted filter_error"),
        ("drop_when = '$INTEGER(parsed_body.a) == 1'", r#"{"a":"x"}"#, "accepted filter_error"),
    ] {
        let listener = open(&format!("[filter]\n{filter}\n"));
        let decision = Sent::json(text).to(&listener);
        assert_eq!(outcome_of(&decision), outcome, "{filter} {text}");
        assert_eq!(decision.response.status, 200);
        assert!(body(&decision).contains("RECEIVED"));
        assert_eq!(decision.event.is_some(), decision.outcome == Outcome::Accepted);
        assert!(decision.dedup.is_none());
    }
}

/// Returns the deduplication keys of a request.
fn hashes(listener: &hookgate::listener::Listener, text: &str) -> Vec<[u8; 32]> {
    let decision = Sent::json(text).to(listener);
    decision.dedup.map(|dedup| dedup.hashes).unwrap_or_default()
}

/// Version 1 hashed the JSON text of each key, behind its length.
#[test]
fn the_former_deduplication_key_is_that_of_version_1() {
    use sha2::{Digest, Sha256};
    let listener = open("[deduplicate]\nkeys = [\"a\", \"b\"]\nsignature = false\n");
    let decision = Sent::json(r#"{"a":{"z":1,"y":"é"},"b":null}"#).to(&listener);
    let mut wanted = Sha256::new();
    for text in [r#"{"z":1,"y":"é"}"#, "null"] {
        wanted.update((text.len() as u64).to_le_bytes());
        wanted.update(text);
    }
    let dedup = decision.dedup.unwrap();
    assert_eq!(dedup.former, Some(wanted.finalize().into()));
    assert!(!dedup.hashes.contains(&dedup.former.unwrap()));
}

#[test]
fn deduplication_keys_of_different_events_differ() {
    let listener = open("[deduplicate]\nkeys = [\"a\", 'parsed_body.b', 'headers[\"x\"]']\n");
    let different = [
        r#"{"a":"a","b":"bc"}"#,
        r#"{"a":"ab","b":"c"}"#,
        r#"{"a":"abc"}"#,
        r#"{"b":"abc"}"#,
        r#"{"a":"abc","b":""}"#,
        r#"{"a":1}"#,
        r#"{"a":"1"}"#,
        r#"{"a":"null"}"#,
        r#"{"a":["b"]}"#,
        r#"{"a":"[\"b\"]"}"#,
    ];
    let mut seen = Vec::new();
    for text in different {
        let hashes = hashes(&listener, text);
        assert_eq!(hashes.len(), 1, "{text}");
        assert!(!seen.contains(&hashes), "{text}");
        seen.push(hashes);
    }
    assert_eq!(hashes(&listener, r#"{"a":1,"z":1}"#), hashes(&listener, r#"{"z":2,"a":1}"#));
}

#[test]
fn a_missing_deduplication_key_is_null_and_the_body_is_the_key_if_all_are_missing() {
    let listener = open("[deduplicate]\nkeys = [\"a\", \"b\"]\nwindow = \"1h\"\n");
    assert_eq!(hashes(&listener, r#"{"a":1,"b":null}"#), hashes(&listener, r#"{"a":1}"#));
    let decision = Sent::json("{}").to(&listener);
    assert_eq!(outcome_of(&decision), "accepted dedup_missing");
    assert_eq!(hashes(&listener, "{}"), hashes(&listener, "{}"));
    assert_ne!(hashes(&listener, "{}"), hashes(&listener, r#"{"c":1}"#));
    let empty = Sent::new("").to(&listener);
    assert_eq!((outcome_of(&empty).as_str(), empty.dedup), ("accepted dedup_missing", None));
    let decision = Sent::json(r#"{"a":1}"#).to(&listener);
    assert_eq!(decision.dedup.unwrap().window, Duration::from_secs(3600));
    let listener = open("[deduplicate]\nkeys = ['$INTEGER(parsed_body.a)', \"b\"]\n");
    let decision = Sent::json(r#"{"a":"x","b":1}"#).to(&listener);
    assert_eq!(outcome_of(&decision), "accepted dedup_error");
    // A key with an error is no reason to lose another event that shares the other keys.
    let others = [r#"{"b":1}"#, r#"{"a":null,"b":1}"#, r#"{"a":"y","b":1}"#];
    assert!(
        others
            .iter()
            .all(|other| hashes(&listener, other) != decision.dedup.as_ref().unwrap().hashes)
    );
    assert_eq!(decision.dedup.unwrap().hashes, hashes(&listener, r#"{"a":"x","b":1}"#));
}

#[test]
fn a_signed_request_without_a_signed_time_is_deduplicated_by_its_signature() {
    let timed = "time = 'headers[\"x-time\"]'\n";
    let off = "time = 'headers[\"x-time\"]'\ntolerance = \"off\"\n";
    let without = "[deduplicate]\nsignature = false\n";
    let both = format!("{timed}[deduplicate]\nsignature = true\n");
    for (more, count) in [("", 1), (timed, 0), (off, 1), (without, 0), (&both, 1)] {
        let listener = secured(&format!("{SIGNED}{more}"));
        let sent = |text: &str| sign(Sent::json(text)).with("X-Time", NOW.to_string());
        let hashes = |text: &str| sent(text).to(&listener).dedup.map(|dedup| dedup.hashes);
        assert_eq!(hashes("{}").unwrap_or_default().len(), count, "{more}");
        assert_eq!(hashes("{}"), hashes("{}"));
        assert_eq!(hashes("{}") == hashes("{ }"), count == 0, "{more}");
    }
    assert_eq!(Sent::json("{}").to(&open("")).dedup, None);
}

#[test]
fn an_event_is_mapped_and_a_mapping_error_keeps_the_body() {
    let listener = open(
        r#"
[event]
type = 'parsed_body.kind'
id = 'headers["x-id"]'
[event.data]
number = "parsed_body.issue.number"
title = "'#${parsed_body.issue.number}'"
"#,
    );
    let sent = Sent::json(r#"{"kind":"opened","issue":{"number":7}}"#).with("X-Id", "d1");
    let decision = sent.to(&listener);
    let event = decision.event.unwrap();
    assert_eq!(event.kind.as_deref(), Some("opened"));
    assert_eq!(event.provider_id.as_deref(), Some("d1"));
    assert_eq!(event.data.unwrap().to_string(), r##"{"number":7,"title":"#7"}"##);
    for (part, text) in [
        ("type = '$INTEGER(parsed_body.a)'", r#"{"a":"x"}"#),
        ("id = '$INTEGER(parsed_body.a)'", r#"{"a":"x"}"#),
        ("data = '{ \"n\": $INTEGER(parsed_body.a) }'", r#"{"a":"x"}"#),
    ] {
        let decision = Sent::json(text).to(&open(&format!("[event]\n{part}\n")));
        assert_eq!(outcome_of(&decision), "accepted map_error", "{part}");
        let event = decision.event.unwrap();
        assert_eq!((event.kind, event.provider_id), (None, None));
        // A body that cannot be mapped is kept as received: nothing is lost.
        let data = event.data.map_or_else(|| text.to_owned(), |data| data.to_string());
        assert_eq!(data, text);
    }
    let event = Sent::json(r#"{"a":1}"#).to(&open("[event]\ntype = 'parsed_body.a'\n")).event;
    assert_eq!(event.unwrap().kind.as_deref(), Some("1"));
}

#[test]
fn a_configured_response_is_sent_and_falls_back_to_the_default() {
    let usual = r#"{"message":"Event received successfully","status":"RECEIVED"}"#;
    for (response, text, status, kind, wanted) in [
        ("", "{}", 200, "application/json", usual),
        (
            "[response]\nstatus = 202\nbody = '\"[accepted]\"'",
            "{}",
            202,
            "text/plain; charset=utf-8",
            "[accepted]",
        ),
        ("[response]\nstatus = \"204 No Content\"", "{}", 204, "", ""),
        (
            "[response]\nbody = '{ \"id\": parsed_body.id }'",
            r#"{"id":"a\"b"}"#,
            200,
            "application/json",
            r#"{"id":"a\"b"}"#,
        ),
        (
            "[response.body]\nid = \"parsed_body.id\"",
            r#"{"id":7}"#,
            200,
            "application/json",
            r#"{"id":7}"#,
        ),
        (
            "[response]\nbody = 'parsed_body.id'\nheaders = { \"Content-Type\" = \"application/xml\" }",
            r#"{"id":"<a/>"}"#,
            200,
            "application/xml",
            "<a/>",
        ),
        (
            "[response]\nbody = '$INTEGER(parsed_body.id)'",
            r#"{"id":"x"}"#,
            200,
            "application/json",
            usual,
        ),
        (
            "[response]\nheaders = { \"X-Id\" = \"${parsed_body.id}\" }",
            r#"{"id":"a\r\nSet-Cookie: b"}"#,
            200,
            "application/json",
            usual,
        ),
    ] {
        let decision = Sent::json(text).to(&open(response));
        assert_eq!(decision.outcome, Outcome::Accepted);
        assert_eq!(decision.response.status, status, "{response}");
        assert_eq!(decision.response.header("content-type").unwrap_or(""), kind, "{response}");
        assert_eq!(body(&decision), wanted, "{response}");
        let fell_back = !response.is_empty() && wanted == usual;
        assert_eq!(outcome_of(&decision).contains("response_error"), fell_back, "{response}");
    }
}

#[test]
fn filtered_out_events_get_the_configured_response() {
    let listener = open("[filter]\nkeep_when = 'FALSE'\n[response]\nbody = '\"[accepted]\"'\n");
    let decision = Sent::json("{}").to(&listener);
    assert_eq!((decision.outcome, body(&decision)), (Outcome::Filtered, "[accepted]"));
}

#[test]
fn a_monitored_verification_is_recorded_and_does_not_reject() {
    let monitored = SIGNED.replace("name = \"signature\"", "name = \"signature\"\nenforce = false");
    let decision = Sent::json("{}").with("X-Signature", "00".repeat(32)).to(&secured(&monitored));
    assert_eq!(outcome_of(&decision), "accepted digest_differs");
    assert!(messages_of(&decision).contains("(monitored only)"));
    let both = format!("{monitored}{}", SIGNED.replace("\"signature\"", "\"enforced\""));
    let decision = Sent::json("{}").with("X-Signature", "00".repeat(32)).to(&secured(&both));
    assert_eq!(outcome_of(&decision), "verification_failed digest_differs digest_differs");
}

#[test]
fn the_decision_steps_run_in_the_documented_order() {
    // Each request is invalid in two ways; the earlier step rejects it.
    let schema = "[schema.shape]\na = \"integer\"\n[filter]\nkeep_when = 'FALSE'\n";
    let listener = secured(&format!("{SIGNED}{schema}"));
    let mut refusing = Counted { refuses: true, ..Counted::default() };
    for (sent, limited, outcome) in [
        (Sent::json("{").method("PUT"), true, Outcome::MethodNotAllowed),
        (Sent::json("{"), false, Outcome::VerificationFailed),
        (sign(Sent::json("{")), true, Outcome::RateLimited),
        (sign(Sent::json("{")), false, Outcome::MalformedBody),
        (sign(Sent::json(r#"{"a":"x"}"#)), false, Outcome::SchemaViolated),
        (sign(Sent::json(r#"{"a":1}"#)), false, Outcome::Filtered),
    ] {
        let decision = match limited {
            true => sent.limited(&listener, &mut refusing),
            false => sent.to(&listener),
        };
        assert_eq!(decision.outcome, outcome);
    }
}

#[test]
fn logs_and_responses_contain_neither_secret_nor_computed_digest() {
    let rule = "[[verify]]\nname = \"token\"\nrule = '$SECURE_EQUALS(headers[\"x-token\"], $SECRET(\"KEY\"))'\n";
    let filter = "[filter]\nkeep_when = '$INTEGER(headers[\"x-token\"]) == 1'\n";
    for file in [SIGNED.to_owned(), format!("{SIGNED}{rule}{filter}"), format!("{rule}{filter}")] {
        let listener = secured(&file);
        let text = r#"{"a":1}"#;
        let digests = [
            sha256(super::KEY, text),
            sha256(super::OLD, text),
            mac(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, super::KEY, text),
        ];
        let wrong =
            Sent::json(text).with("X-Signature", "00".repeat(32)).with("X-Token", super::KEY);
        let missing = Sent::json(text);
        for sent in [wrong, missing] {
            let decision = sent.to(&listener);
            let log =
                sent.seen(|request| hookgate::listener::log_entry(&listener, request, &decision));
            let written = format!(
                "{decision:?}\n{}\n{log}\n{listener:?}\n{}",
                messages_of(&decision),
                body(&decision)
            );
            for secret in [super::KEY, super::OLD] {
                assert!(!written.contains(secret), "{file}: {written}");
            }
            for digest in &digests {
                assert!(!written.to_lowercase().contains(&hex::encode(digest)), "{written}");
            }
        }
    }
    assert!(SECRETS.contains("KEY"));
}

#[test]
fn verification_failures_are_in_the_log_and_not_in_the_response() {
    let listener = secured(SIGNED);
    let sent = Sent::json("{}").with("X-Signature", "00".repeat(32));
    let decision = sent.to(&listener);
    assert_eq!(
        body(&decision),
        r#"{"error":{"code":"ErrorSignatureVerificationFailed","message":"the request could not be verified"}}"#
    );
    let log = sent.seen(|request| hookgate::listener::log_entry(&listener, request, &decision));
    assert!(log.to_string().contains("digest_differs"), "{log}");
    let accepted = sign(Sent::json("{}"));
    let decision = accepted.to(&listener);
    let log = accepted.seen(|request| hookgate::listener::log_entry(&listener, request, &decision));
    assert!(log.to_string().contains(r#""error_message":"""#), "{log}");
}
