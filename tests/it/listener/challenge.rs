//! Challenges: detection and answers. They must not sign arbitrary messages.

use hookgate::listener::Outcome;

use super::{
    KEY, SECRETS, Sent, body, loaded, messages_of, open, outcome_of, rendered, secured, sha256,
};

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
    let signature = hex::encode(sha256(KEY, &sent.body));
    sent.with("X-Signature", signature)
}

#[test]
fn a_challenge_is_answered_without_a_signature_and_becomes_no_event() {
    let listener = secured(&format!(
        r#"{SIGNED}
[[challenge]]
name = "hello"
detect = 'parsed_body.type == "url_verification"'
status = "202 Accepted"
headers = {{ "X-Echo" = "<${{parsed_body.challenge}}>", "X-Count" = {{ expr = "$LENGTH(parsed_body.challenge)" }}, "X-None" = {{ expr = "NULL" }} }}
body = 'parsed_body.challenge'
"#
    ));
    let decision = Sent::json(r#"{"type":"url_verification","challenge":"abc"}"#).to(&listener);
    assert_eq!(outcome_of(&decision), "challenged answered");
    assert_eq!((decision.response.status, body(&decision)), (202, "abc"));
    assert_eq!(decision.response.header("x-echo"), Some("<abc>"));
    assert_eq!(decision.response.header("x-count"), Some("3"));
    assert_eq!(decision.response.header("x-none"), None);
    assert_eq!(decision.response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(decision.event.is_none() && decision.dedup.is_none());
    // Any other request must be signed, and a failing detection is not a challenge.
    for text in [r#"{"type":"event"}"#, "{}", "no json", ""] {
        let decision = Sent::json(text).to(&listener);
        assert_eq!(decision.outcome, Outcome::VerificationFailed, "{text}");
    }
}

#[test]
fn a_challenge_has_its_own_methods_and_the_first_detected_one_is_used() {
    let listener = open(
        r#"
[[challenge]]
name = "first"
detect = 'query_params.challenge != NULL'
methods = ["GET"]
body = 'query_params.challenge'

[[challenge]]
name = "second"
detect = '$INTEGER(query_params.number) == 1'
methods = ["GET", "POST"]
body = '{ "number": 1 }'
"#,
    );
    for (method, query, outcome, answer) in [
        ("GET", "challenge=abc", "challenged answered", "abc"),
        ("GET", "challenge=abc&number=1", "challenged answered", "abc"),
        ("GET", "number=1", "challenged answered", r#"{"number":1}"#),
        ("POST", "challenge=abc&number=1", "challenged answered", r#"{"number":1}"#),
        ("GET", "number=x", "method_not_allowed method_not_taken", ""),
        ("GET", "", "method_not_allowed method_not_taken", ""),
    ] {
        let decision = Sent::new("").method(method).with_query(query).to(&listener);
        assert_eq!(
            (outcome_of(&decision).as_str(), body(&decision)),
            (outcome, answer),
            "{method} {query}"
        );
    }
    let decision = Sent::new("").with_query("challenge=abc").to(&listener);
    assert_eq!(decision.outcome, Outcome::Accepted);
}

#[test]
fn a_challenge_that_requires_verification_is_verified_first() {
    let listener = secured(&format!(
        "{SIGNED}[[challenge]]\ndetect = 'parsed_body.challenge != NULL'\nverified = true\nbody = '$HMAC_SHA256($SECRET(\"KEY\"), \"a:${{parsed_body.challenge}}\").$HEX()'\n"
    ));
    let sent = Sent::json(r#"{"challenge":"any text: at all"}"#);
    assert_eq!(outcome_of(&sent.to(&listener)), "verification_failed missing_signature");
    let decision = sign(sent).to(&listener);
    assert_eq!(outcome_of(&decision), "challenged answered");
    assert_eq!(body(&decision), hex::encode(sha256(KEY, "a:any text: at all")));
}

#[test]
fn a_monitored_verification_does_not_protect_a_challenge() {
    let monitored = SIGNED.replace("name = \"signature\"", "name = \"signature\"\nenforce = false");
    let challenge = "[[challenge]]\ndetect = 'parsed_body.challenge != NULL'\nverified = true\n";
    let anything = format!(
        "{SECRETS}{monitored}{challenge}body = '$HMAC_SHA256($SECRET(\"KEY\"), \"a:${{parsed_body.challenge}}\").$HEX()'\n"
    );
    let message = rendered(&loaded(&anything, &[]).diagnostics).join("\n");
    assert!(message.contains("E0608"), "{message}");
    let token = secured(&format!(
        "{monitored}{challenge}body = '$HMAC_SHA256($SECRET(\"KEY\"), parsed_body.challenge).$HEX()'\n"
    ));
    let decision = Sent::json(r#"{"challenge":"any text: at all"}"#).to(&token);
    assert_eq!(outcome_of(&decision), "challenge_refused missing_signature bad_challenge_token");
    let decision = Sent::json(r#"{"challenge":"abc"}"#).to(&token);
    assert_eq!(body(&decision), hex::encode(sha256(KEY, "abc")));
}

/// Returns challenges that sign a token with the secret that also signs deliveries.
fn signing() -> [String; 3] {
    let head = "[[challenge]]\ndetect = 'parsed_body.token != NULL'\n";
    [
        format!("{head}body = '$HMAC_SHA256($SECRET(\"KEY\"), parsed_body.token).$HEX()'\n"),
        format!("{head}body = '$SECRET(\"KEY\").$HMAC_SHA256(parsed_body.token).$HEX()'\n"),
        format!(
            "{head}body = 'challenge_token[\"t\"]'\n[challenge.tokens.t]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = 'parsed_body.token'\nencoding = \"hex\"\n"
        ),
    ]
}

#[test]
fn a_challenge_signs_only_values_that_match_the_token_pattern() {
    for challenge in signing() {
        let listener = secured(&format!("{SIGNED}{challenge}"));
        let answered = |token: &str| {
            let text = serde_json::json!({ "token": token }).to_string();
            Sent::json(text).to(&listener)
        };
        let decision = answered("qgg8vlvZRS6UYooatFL8Aw");
        assert_eq!(outcome_of(&decision), "challenged answered", "{challenge}");
        assert_eq!(body(&decision), hex::encode(sha256(KEY, "qgg8vlvZRS6UYooatFL8Aw")));
        for token in ["", r#"{"amount":1}"#, "v0:1:a", "a b", "é", "a\n", &"a".repeat(129)] {
            let decision = answered(token);
            assert_eq!(outcome_of(&decision), "challenge_refused bad_challenge_token", "{token:?}");
            assert_eq!(decision.response.status, 400);
        }
        let decision = Sent::json(r#"{"token":{"a":1}}"#).to(&listener);
        assert_eq!(outcome_of(&decision), "challenge_refused bad_challenge_token");
        assert_eq!(
            outcome_of(&Sent::json(r#"{"token":7}"#).to(&listener)),
            "challenge_refused bad_challenge_token"
        );
    }
}

#[test]
fn a_signed_request_that_looks_like_a_challenge_token_is_refused() {
    let rule = "[[verify]]\nname = \"rule\"\nrule = '$HMAC_SHA256($SECRET(\"KEY\"), raw_body).$HEX() == headers[\"x-signature\"]'\n";
    for challenge in signing() {
        for check in [SIGNED, rule] {
            let listener = secured(&format!("{check}{challenge}"));
            // The challenge would sign this text for any caller.
            let decision = sign(Sent::new("123")).to(&listener);
            assert_eq!(
                outcome_of(&decision),
                "verification_failed token_signed",
                "{check}{challenge}"
            );
            assert_eq!(outcome_of(&sign(Sent::json(r#"{"a":1}"#)).to(&listener)), "accepted");
        }
    }
    // Without a challenge that signs, such a delivery is an ordinary one.
    let outcome = outcome_of(&sign(Sent::new("123")).to(&secured(SIGNED)));
    assert_eq!(outcome, "accepted body_not_parsed");
}

#[test]
fn a_rule_that_accepts_signed_tokens_is_refused_beside_a_signing_challenge() {
    let [challenge, ..] = signing();
    for (rule, refused) in [
        ("$HMAC_SHA256($SECRET(\"KEY\"), \"v0:${raw_body}\").$HEX() == headers[\"x\"]", false),
        ("$SECURE_EQUALS($SECRET(\"KEY\"), headers[\"x\"])", false),
        ("$SHA256($SECRET(\"KEY\"), raw_body).$HEX() == headers[\"x\"]", true),
        (
            "[raw_body].$ANY(text => $HMAC_SHA256($SECRET(\"KEY\"), text).$HEX() == headers[\"x\"])",
            true,
        ),
    ] {
        let file = format!("{SECRETS}[[verify]]\nname = \"rule\"\nrule = '{rule}'\n{challenge}");
        let loaded = loaded(&file, &[]);
        let message = rendered(&loaded.diagnostics).join("\n");
        assert_eq!(message.contains("E0608"), refused, "{rule}: {message}");
        assert_eq!(loaded.listener.is_none(), refused, "{rule}: {message}");
    }
}

#[test]
fn a_challenge_may_have_its_own_token_pattern() {
    let challenge = format!("{}token_pattern = \"[0-9]{{4}}\"\n", signing()[0]);
    let listener = secured(&format!("{SIGNED}{challenge}"));
    assert_eq!(outcome_of(&Sent::json(r#"{"token":"1234"}"#).to(&listener)), "challenged answered");
    for token in ["12345", "abcd", "x1234", "1234\n"] {
        let text = serde_json::json!({ "token": token }).to_string();
        let decision = Sent::json(text).to(&listener);
        assert_eq!(outcome_of(&decision), "challenge_refused bad_challenge_token", "{token:?}");
    }
    let outcome = outcome_of(&sign(Sent::new("abcd")).to(&listener));
    assert_eq!(outcome, "accepted body_not_parsed");
    assert_eq!(
        outcome_of(&sign(Sent::new("1234")).to(&listener)),
        "verification_failed token_signed"
    );
}

#[test]
fn response_headers_with_line_breaks_are_dropped() {
    let listener = open(
        "[[challenge]]\ndetect = 'parsed_body.echo != NULL'\nheaders = { \"X-Echo\" = \"${parsed_body.echo}\" }\n",
    );
    let with =
        |text: &str| Sent::json(serde_json::json!({ "echo": text }).to_string()).to(&listener);
    let decision = with("a\tb");
    assert_eq!(decision.response.header("x-echo"), Some("a\tb"));
    for text in ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "a\u{7f}b", "a\u{85}b"] {
        let decision = with(text);
        assert_eq!(outcome_of(&decision), "challenge_failed response_error", "{text:?}");
        assert_eq!(decision.response.header("x-echo"), None);
        assert!(!messages_of(&decision).contains("Set-Cookie"));
    }
}

#[test]
fn challenge_responses_are_never_html() {
    let listener = open(
        "[[challenge]]\ndetect = 'parsed_body.kind != NULL'\nheaders = { \"Content-Type\" = \"${parsed_body.kind}\" }\nbody = 'parsed_body.text'\n",
    );
    for (kind, sent) in [
        ("application/json", "application/json"),
        ("text/html", "text/plain; charset=utf-8"),
        ("Text/HTML; charset=utf-8", "text/plain; charset=utf-8"),
        (" text/html", "text/plain; charset=utf-8"),
        ("application/xhtml+xml", "text/plain; charset=utf-8"),
        ("image/svg+xml", "text/plain; charset=utf-8"),
        ("text/html,a", "text/plain; charset=utf-8"),
        ("a/b, text/html", "text/plain; charset=utf-8"),
    ] {
        let text = serde_json::json!({ "kind": kind, "text": "<script>" }).to_string();
        let decision = Sent::json(text).to(&listener);
        assert_eq!(decision.response.header("content-type"), Some(sent), "{kind}");
    }
    let page = "[response]\nheaders = { \"Content-Type\" = \"text/html\" }\n";
    let message = rendered(&loaded(page, &[]).diagnostics).join("\n");
    assert!(message.contains("E0605") && message.contains("never a page"), "{message}");
}

#[test]
fn a_failing_challenge_response_answers_500_and_asks_for_a_retry() {
    let listener =
        open("[[challenge]]\ndetect = 'parsed_body.a != NULL'\nbody = '$INTEGER(parsed_body.a)'\n");
    let decision = Sent::json(r#"{"a":"x"}"#).to(&listener);
    assert_eq!(outcome_of(&decision), "challenge_failed response_error");
    assert_eq!(decision.response.status, 500);
    assert!(decision.outcome.row().retry);
}

/// The abuse protection of CloudEvents (HTTP 1.1 Web Hooks, section 4).
const ABUSE_PROTECTION: &str = r#"
[[verify]]
name = "never"
rule = 'FALSE'
[[challenge]]
name = "abuse protection"
methods = ["OPTIONS"]
detect = 'headers["webhook-request-origin"] == "eventgrid.azure.net"'
headers = { "WebHook-Allowed-Origin" = { expr = 'headers["webhook-request-origin"]' }, "WebHook-Allowed-Rate" = "120" }
"#;

#[test]
fn a_challenge_by_options_answers_with_the_allowed_origin_and_rate() {
    let listener = open(ABUSE_PROTECTION);
    let asked = |method, origin: &str| {
        let sent = Sent::new("").method(method).with("WebHook-Request-Origin", origin);
        sent.to(&listener)
    };
    let answered = asked("OPTIONS", "eventgrid.azure.net");
    assert_eq!(outcome_of(&answered), "challenged answered");
    let headers: Vec<(&str, &str)> = answered
        .response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(answered.response.status, 200);
    assert!(headers.contains(&("WebHook-Allowed-Origin", "eventgrid.azure.net")), "{headers:?}");
    assert!(headers.contains(&("WebHook-Allowed-Rate", "120")), "{headers:?}");
    // Another origin gets no permission, and a challenge does not come by POST.
    let refused = asked("OPTIONS", "evil.example");
    assert_eq!(refused.outcome, Outcome::MethodNotAllowed);
    assert!(refused.response.headers.iter().all(|(name, _)| !name.starts_with("WebHook")));
    assert_eq!(asked("POST", "eventgrid.azure.net").outcome, Outcome::VerificationFailed);
}
