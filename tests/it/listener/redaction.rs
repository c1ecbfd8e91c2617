//! Redaction: text that must not appear in a log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hookgate::listener::{Listener, log_entry};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Sent, loaded, open, rendered};

/// Returns the log entry of a request.
fn log(listener: &Listener, sent: &Sent) -> Value {
    let decision = sent.to(listener);
    let log = sent.seen(|request| log_entry(listener, request, &decision));
    serde_json::from_str(&log.to_string()).unwrap()
}

const HIDDEN: &str = "<redacted>";

#[test]
fn the_log_of_a_request_has_the_documented_format() {
    let sent = Sent::json(r#"{"a":1}"#).with("X-Id", "7").with_query("b=2");
    let wanted = json!({
        "error_message": "",
        "headers": { "map": { "content-type": "application/json", "x-id": "7" } },
        "http_method": "POST",
        "listener_metadata": {
            "request_id": "r1",
            "listener_id": "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10",
            "listener_name": "a",
        },
        "parsed_body": { "a": 1 },
        "query_params": { "b": "2" },
        "raw_body": r#"{"a":1}"#,
        "received_at": "2025-08-20T12:00:00Z",
    });
    assert_eq!(log(&open(""), &sent), wanted);
}

#[test]
fn credential_headers_are_redacted_in_every_configuration() {
    let credential = "[[verify]]\nname = \"key\"\nenforce = false\n[verify.credential]\nheader = \"X-Acme-Key\"\n";
    let listener = open(&format!("{credential}[redact]\nheaders = [\"X-Private\"]\n"));
    for (name, shown) in [
        ("Authorization", false),
        ("authorization", false),
        ("Proxy-Authorization", false),
        ("Cookie", false),
        ("Set-Cookie", false),
        ("X-Api-Key", false),
        ("X-Webhook-Token", false),
        ("x-private", false),
        ("X-ACME-KEY", false),
        ("X-Public", true),
    ] {
        let log = log(&listener, &Sent::json("{}").with(name, "value"));
        let wanted = if shown { "value" } else { HIDDEN };
        assert_eq!(log["headers"]["map"][name.to_lowercase()], wanted, "{name}");
    }
}

fn redacting(paths: &[&str]) -> Listener {
    open(&format!("[redact]\npaths = {}\n", json!(paths)))
}

#[test]
fn redaction_by_path_also_hides_the_raw_body() {
    let text = r#"{"user":{"email":"e","name":"n","a b":"x"},"list":[{"email":"f","id":1},{"email":"g"}],"deep":{"a":{"t":1},"b":{"t":2}}}"#;
    for (path, at, shown) in [
        ("parsed_body.user.email", "/user/email", "/user/name"),
        ("parsed_body[\"user\"].email", "/user/email", "/user/name"),
        ("parsed_body.user[\"a b\"]", "/user/a b", "/user/name"),
        ("parsed_body.user['a b']", "/user/a b", "/user/name"),
        ("parsed_body.user", "/user", "/list/0/id"),
        ("parsed_body.list[*].email", "/list/0/email", "/list/0/id"),
        ("parsed_body.list[*].email", "/list/1/email", "/list/0/id"),
        ("parsed_body.list[1].email", "/list/1/email", "/list/0/email"),
        ("parsed_body.deep.*.t", "/deep/b/t", "/user/email"),
        ("parsed_body.deep[*].t", "/deep/a/t", "/user/email"),
    ] {
        let log = log(&redacting(&[path]), &Sent::json(text));
        assert_eq!(log["parsed_body"].pointer(at).unwrap(), HIDDEN, "{path}");
        assert_ne!(log["parsed_body"].pointer(shown).unwrap(), HIDDEN, "{path}");
        assert_eq!(log["raw_body"], HIDDEN, "{path}");
    }
    let log = log(
        &redacting(&["parsed_body.nothing.here", "query_params.token"]),
        &Sent::json(text).with_query("token=t&a=b"),
    );
    assert_eq!(log["raw_body"], text);
    assert_eq!(log["query_params"], json!({ "token": HIDDEN, "a": "b" }));
}

#[test]
fn redaction_paths_of_headers_are_case_insensitive() {
    let log = log(
        &redacting(&["headers[\"x-token\"]", "headers.Via"]),
        &Sent::json("{}").with("X-Token", "t").with("via", "v"),
    );
    let map = &log["headers"]["map"];
    assert_eq!((&map["x-token"], &map["via"]), (&json!(HIDDEN), &json!(HIDDEN)));
}

#[test]
fn redaction_by_path_hides_a_malformed_body() {
    let listener = redacting(&["parsed_body.card"]);
    for sent in [
        Sent::json(r#"{"card":"4111","card":"4111"}"#),
        Sent::json(r#"{"card":"4111""#),
        Sent::new("<card>4111</card>").with("Content-Type", "application/xml"),
    ] {
        let log = log(&listener, &sent);
        assert!(!log.to_string().contains("4111"), "{log}");
    }
    let log = log(&redacting(&["query_params.a"]), &Sent::json("{"));
    assert_eq!(log["raw_body"], "{");
}

#[test]
fn a_redaction_path_without_effect_is_refused() {
    for path in [
        "user.email",
        "raw_body",
        "parsed_body",
        "",
        "parsed_body.",
        "parsed_body[a]",
        "parsed_body..a",
        "vars.a",
    ] {
        let loaded = loaded(&format!("[redact]\npaths = {}\n", json!([path])), &[]);
        let message = rendered(&loaded.diagnostics).join("\n");
        assert!(loaded.listener.is_none() && message.contains("E0605"), "{path}: {message}");
    }
}

/// Returns a listener with secrets from files.
fn with_secrets(secrets: &[&str]) -> Listener {
    let names: Vec<String> = (0..secrets.len()).map(|at| format!("s{at}")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(secrets.iter().copied()).collect();
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("secrets.{} = {{ file = \"{name}\" }}", name.to_uppercase()))
        .collect();
    loaded(&format!("{}\n", lines.join("\n")), &files).listener.unwrap()
}

#[test]
fn redaction_hides_a_secret_in_common_encodings() {
    let secret = "a-b_c.d~e/f+g h\"i";
    let listener = with_secrets(&[secret]);
    for written in [
        secret.to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
        "YS1iX2MuZH5lL2YrZyBoImk=".to_owned(),
        "YS1iX2MuZH5lL2YrZyBoImk".to_owned(),
        // In the notations of paths, queries and forms.
        "a-b_c.d~e%2Ff%2Bg%20h%22i".to_owned(),
        "a-b_c.d~e%2ff%2bg%20h%22i".to_owned(),
        "a%2Db%5Fc%2Ed%7Ee%2Ff%2Bg%20h%22i".to_owned(),
        "a-b_c.d%7Ee%2Ff%2Bg+h%22i".to_owned(),
        // In the notation of JSON.
        "a-b_c.d~e/f+g h\\\"i".to_owned(),
    ] {
        let text = format!("x {written} y");
        let shown = listener.redaction.text(&text);
        assert_eq!(shown.trim_end_matches('='), shown, "{written}: {shown}");
        assert_eq!(shown.replace("= y", " y"), format!("x {HIDDEN} y"), "{written}");
        let log = log(&listener, &Sent::new(&text).with("X", text.as_str()));
        assert!(!log.to_string().contains(&written), "{log}");
    }
    assert_eq!(listener.redaction.text("a-b_c.d"), "a-b_c.d");
}

#[test]
fn redaction_hides_the_whole_of_a_secret_with_a_secret_prefix() {
    for secrets in [["abcdef", "abcdefghijkl"], ["abcdefghijkl", "abcdef"]] {
        let shown = with_secrets(&secrets).redaction.text("x abcdefghijkl y abcdef");
        assert_eq!(shown, format!("x {HIDDEN} y {HIDDEN}"));
    }
}

#[test]
fn a_binary_body_is_logged_by_its_length() {
    let log = log(&open(""), &Sent::new([0xff, 0xfe]));
    assert_eq!(log["raw_body"], "<2 bytes>");
}

#[test]
fn errors_have_a_position_and_do_not_quote_the_request() {
    let number = "$INTEGER(parsed_body.card)";
    let long = format!("{}e9", "4111".repeat(50));
    for part in [
        format!("[[verify]]\nname = \"a\"\nrule = '{number} == 1'\n"),
        format!("[filter]\nkeep_when = '{number} == 1'\n"),
        format!("[event]\ntype = '{number}'\n"),
        format!("[event]\ndata = '{number}'\n"),
        format!("[event.data]\nnumber = '{number}'\n"),
        format!("[response]\nbody = '{number}'\n"),
        format!("[response]\nheaders = {{ \"X\" = \"${{{number}}}\" }}\n"),
        format!("[deduplicate]\nkeys = ['{number}']\n"),
        format!("[[challenge]]\ndetect = 'TRUE'\nbody = '{number}'\n"),
    ] {
        let listener = open(&format!("[redact]\npaths = [\"parsed_body.card\"]\n{part}"));
        for card in ["4111 x", &long] {
            let sent = Sent::json(json!({ "card": card }).to_string());
            let decision = sent.to(&listener);
            let message = super::messages_of(&decision);
            assert!(message.contains("E030") && message.contains(number), "{part}: {message}");
            assert!(!message.contains("4111"), "{part}: {message}");
            assert!(!log(&listener, &sent).to_string().contains("4111"), "{part}");
        }
    }
}

proptest! {
    /// A secret is redacted at any position and in any notation.
    #[test]
    fn redaction_finds_a_secret_at_any_position(
        secret in "[a-zA-Z0-9'\"/ +]{8,40}",
        // Without `%`, which would take the next two digits with it when the query is decoded.
        before in "[ -$&-~]{0,60}",
        after in "[ -~]{0,60}",
        written in 0..4_usize,
    ) {
        let encoded = match written {
            0 => secret.clone(),
            1 => hex::encode(&secret),
            2 => STANDARD_NO_PAD.encode(&secret),
            _ => form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        };
        let text = format!("{before}{encoded}{after}");
        let listener = with_secrets(&[&secret]);
        let body = json!({ "a": [text] }).to_string();
        let log = log(&listener, &Sent::json(&body).with("X-A", &text).with_query(&text)).to_string();
        let json = json!(encoded).to_string();
        prop_assert!(!log.contains(json.trim_matches('"')), "{encoded} in {log}");
    }
}

/// Returns each character of a text as `\u` and four digits.
fn unicode(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Returns each byte of a text as `%` and two digits.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A secret of characters that escapes and encodings treat differently.
const ESCAPED: &str = "Sup3r/Secret+V\u{e4}lue=0123 456&<'\">";

#[test]
fn redaction_hides_an_escaped_secret_in_every_form_of_a_body() {
    let listener = with_secrets(&[ESCAPED]);
    let json = |text: &str| Value::from(text).to_string().trim_matches('"').to_owned();
    let slashes = json(ESCAPED).replace('/', "\\/");
    let mixed = slashes.replacen('S', "\\u0053", 1).replace('+', "\\u002B");
    let nested = json(&format!("{{\"x\":\"{slashes}\"}}"));
    let twice = json(&format!("{{\"y\":\"{nested}\"}}"));
    let form: String = form_urlencoded::byte_serialize(ESCAPED.as_bytes()).collect();
    let some =
        ESCAPED.replace('/', "%2f").replace('+', "%2B").replace(' ', "+").replace('&', "%26");
    let in_form = percent(&format!("{{\"x\":\"{slashes}\"}}"));
    let xml = ESCAPED.replace('&', "&amp;").replace('<', "&lt;").replace('/', "&#47;");
    let (plain, all) = (ESCAPED.to_owned(), unicode(ESCAPED));
    for (kind, content_type, body) in [
        ("as it is", "text/plain", plain),
        ("PHP's slashes", "application/json", format!("{{\"a\":\"{slashes}\"}}")),
        ("all of \\u", "application/json", format!("{{\"a\":\"{all}\"}}")),
        ("mixed", "application/json", format!("{{\"a\":\"{mixed}\"}}")),
        ("a key", "application/json", format!("{{\"{mixed}\":1}}")),
        ("JSON in JSON", "application/json", format!("{{\"a\":\"{nested}\"}}")),
        ("JSON in JSON in JSON", "application/json", format!("{{\"a\":\"{twice}\"}}")),
        ("JSON that is cut", "application/json", format!("{{\"a\":\"{mixed}\"")),
        ("a form", "application/x-www-form-urlencoded", format!("a={form}&b=1")),
        ("a form, some escaped", "application/x-www-form-urlencoded", format!("a={some}&b=1")),
        ("JSON in a form", "application/x-www-form-urlencoded", format!("payload={in_form}&b=1")),
        ("escaped twice", "text/plain", form.replace('%', "%25")),
        ("XML", "application/xml", format!("<a>{xml}</a>")),
        ("XML, by numbers", "application/xml", xml.replace('S', "&#x53;")),
    ] {
        let log = log(&listener, &Sent::new(&body).with("Content-Type", content_type));
        let raw = log["raw_body"].as_str().unwrap();
        assert!(raw.contains(HIDDEN), "{kind}: {raw}");
        for part in ["Sup3r", "Secret", "0123", "\\u0053\\u0075", "%53", "%75%70"] {
            assert!(!log.to_string().contains(part), "{kind}: {log}");
        }
        if content_type == "application/json" && kind != "JSON that is cut" {
            // The rest is still JSON.
            serde_json::from_str::<Value>(raw).unwrap();
        }
    }
}

#[test]
fn redaction_hides_a_secret_in_base64_at_every_alignment() {
    let secret = "a-secret-of-some-length";
    let listener = with_secrets(&[secret]);
    let credential = |before: &str, after: &str| {
        base64::engine::general_purpose::STANDARD.encode(format!("{before}{secret}{after}"))
    };
    for before in ["", "u", "u:", "us:", "user:"] {
        for after in ["", "x", "xy", "xyz"] {
            let encoded = credential(before, after);
            let shown = listener.redaction.text(&encoded).into_owned();
            assert!(shown.trim_end_matches('=') == HIDDEN, "{before}, {after}: {shown}");
            let log = log(&listener, &Sent::json(format!("{{\"a\":\"{encoded}\"}}")));
            assert_eq!(log["parsed_body"]["a"], HIDDEN);
        }
    }
    let other = "bm90IHRoZSBzZWNyZXQgYXQgYWxsLCBidXQgbG9uZw";
    assert_eq!(listener.redaction.text(other), other);
}

#[test]
fn redaction_leaves_escapes_without_a_secret_unchanged() {
    let listener = with_secrets(&[ESCAPED]);
    for text in [
        r#"{"a":"x\/y\u0053\\n\"%2F%25&amp;"}"#,
        "a=%7B%22b%22%3A1%7D&c=d+e",
        r"\u00\q%zz&nothing;\",
        "",
    ] {
        assert_eq!(listener.redaction.text(text), text);
    }
    // Also around a secret.
    let text = r#"{"a":"\/x\n","b":"Sup3r\/Secret+Välue=0123 456&<'\">","c":"%2F\u0053"}"#;
    let shown = r#"{"a":"\/x\n","b":"<redacted>","c":"%2F\u0053"}"#;
    assert_eq!(listener.redaction.text(text), shown);
}

#[test]
fn redaction_by_path_hides_bodies_of_another_content_type() {
    let listener = redacting(&["parsed_body.card"]);
    let form = "application/x-www-form-urlencoded";
    for (kind, body) in [
        (form, "{\"card\":\"4111\"}"),
        (form, "payload={\"card\":\"4111\"}"),
        (form, "payload=%7B%22card%22%3A%224111%22%7D"),
        (form, "CARD=4111"),
        ("application/x-ndjson", "{\"card\":\"4111\"}\n{\"card\":\"4111\"}"),
        ("text/plain", "{\"card\":\"4111\"}\n{\"card\":\"4111\"}"),
        ("application/xml", "<card>4111</card>"),
        ("application/octet-stream", "{\"card\":\"4111\"}"),
        ("application/json", "[{\"card\":\"4111\"}]"),
        ("application/json", "\"{\\\"card\\\":\\\"4111\\\"}\""),
        ("application/json", "{\"card\":\"4111\",\"card\":\"4111\"}"),
        ("application/json", "{\"card\":\"4111\""),
    ] {
        let log = log(&listener, &Sent::new(body).with("Content-Type", kind));
        assert!(!log.to_string().contains("4111"), "{kind}: {body}: {log}");
        assert_eq!(log["raw_body"], HIDDEN, "{kind}: {body}");
    }
    // A form in which the path is found shows the other fields.
    let log = log(&listener, &Sent::new("card=4111&name=n").with("Content-Type", form));
    assert_eq!(log["parsed_body"], json!({ "card": HIDDEN, "name": "n" }));
}

#[test]
fn a_stored_log_is_redacted_again_by_the_current_configuration() {
    let sent = Sent::json(r#"{"a":"later\/secret","user":{"email":"e"},"n":1}"#)
        .with("X-Later", "v")
        .with_query("token=later%2Fsecret&b=1");
    let mut stored = log(&open(""), &sent);
    assert!(stored.to_string().contains("secret"));
    let now = "secrets.S = { file = \"s\" }\n[redact]\nheaders = [\"x-later\"]\npaths = [\"parsed_body.user.email\"]\n";
    let listener = loaded(now, &[("s", "later/secret")]).listener.unwrap();
    listener.redaction.stored_log(&mut stored);
    let shown = stored.to_string();
    assert!(!shown.contains("secret"), "{shown}");
    assert_eq!(stored["parsed_body"]["user"]["email"], HIDDEN);
    assert_eq!(stored["parsed_body"]["n"], 1);
    assert_eq!(stored["headers"]["map"]["x-later"], HIDDEN);
    assert_eq!(stored["raw_body"], HIDDEN);
    assert_eq!(stored["query_params"]["b"], "1");
}

proptest! {
    /// A secret is redacted with any escape, and with nested escapes.
    #[test]
    fn redaction_finds_a_secret_in_any_escaping(
        secret in "[a-zA-Z0-9/+=&. äö]{6,30}",
        before in "[ -~]{0,30}",
        after in "[ -~]{0,30}",
        choices in prop::collection::vec(0..5_usize, 30),
        wraps in prop::collection::vec(prop::bool::ANY, 0..3),
    ) {
        let escaped = |letter: char, choice: usize| match choice {
            0 => unicode(&letter.to_string()),
            1 => percent(&letter.to_string()),
            2 => format!("&#{};", u32::from(letter)),
            3 if letter == '/' => "\\/".to_owned(),
            _ => letter.to_string(),
        };
        let mut written: String =
            secret.chars().zip(&choices).map(|(letter, choice)| escaped(letter, *choice)).collect();
        for in_json in wraps {
            written = match in_json {
                true => Value::from(written).to_string().trim_matches('"').to_owned(),
                false => percent(&written),
            };
        }
        // A backslash or sign before it would belong to its first letter.
        let before = before.replace(['\\', '%', '&'], "");
        let text = format!("{before} {written} {after}");
        let listener = with_secrets(&[&secret]);
        let shown = listener.redaction.text(&text);
        prop_assert!(!shown.contains(&written), "{written} in {shown}");
        prop_assert!(shown.starts_with(&format!("{before} {HIDDEN}")), "{shown}");
    }
}
