//! Plants secrets at the positions that a sender controls, and in a configuration: headers, a
//! query, a body, a variable. None of them occurs in the log of the request, in a reason, an error
//! or the `Debug` output. The same holds for values that the listener redacts by path.
//!
//! In an input, bytes from 1 on stand for a secret: as it is, in hex, in base64, in a URL, in JSON,
//! and with several escapes. The byte 24 stands for the value at the redacted path.

#![no_main]

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hookgate::engine::{Machine, Secrets};
use hookgate::listener::{
    ConfigSource, Decision, Listener, SecretEncoding, decode_secret, load, log_entry,
};
use hookgate_fuzz::listeners::{Sent, key_pair, listener};
use hookgate_fuzz::{machine, split};
use libfuzzer_sys::fuzz_target;

/// The secret, with characters that JSON and URLs escape.
const SECRET: &str = "s3cr\"et/+ \u{e9}\\key=&zoom";

/// The value at the redacted path.
const HIDDEN: &str = "planted-at-a-path-7f3a";

/// Rules that quote, convert and return parts of the request, and fail on them.
const LISTENERS: &[&str] = &[
    r#"
[[verify]]
name = "quotes"
rule = '$INTEGER(headers["x-a"]) > 0 AND $PARSE_TIME(parsed_body.at) < $TIME() AND headers["x-b"] == $SECRET("S")'
[[verify]]
name = "signature"
enforce = false
signature = { secret = "S", hash = "sha256", payload = 'raw_body', received = 'headers["x-sig"]', prefix = "v1=", encoding = "hex" }
[redact]
headers = ["X-Hidden"]
paths = ["parsed_body.user.token", "parsed_body.list[*].token", "query_params.token"]
"#,
    r#"
[[verify]]
name = "quotes"
enforce = false
rule = '$DECIMAL(headers["x-a"]) > $DECIMAL(query_params.a) OR $SECRET("S") == raw_body'
[filter]
keep_when = '$MATCH(parsed_body.text, parsed_body.pattern) OR TRUE'
[event]
type = '$PARSE_JSON(headers["x-b"])'
id = '"${headers["x-a"]}".$BASE64()'
data = '{ "n": $INTEGER(parsed_body.n), "t": $PARSE_TIME(query_params.a) }'
[deduplicate]
keys = ['$PARSE_JSON(raw_body).id']
window = "1m"
[schema]
shape = { text = "string", n = "number" }
[redact]
headers = ["X-Hidden"]
paths = ["parsed_body.user.token", "query_params.token"]
"#,
];

struct State {
    listeners: Vec<Listener>,
    spellings: Vec<String>,
    machine: Machine,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(state());
}

fuzz_target!(|input: &[u8]| {
    STATE.with_borrow_mut(|State { listeners, spellings, machine }| {
        let (head, body) = split(input);
        let head = planted(&String::from_utf8_lossy(head), spellings);
        for one in listeners.iter() {
            let mut sent = sent(&head);
            sent.body = planted_bytes(body, spellings);
            let decision = sent.to(one, machine);
            let written = written(one, &sent, &decision);
            for spelling in spellings.iter().filter(|spelling| !spelling.is_empty()) {
                assert!(!written.contains(spelling.as_str()), "{spelling:?} is in {written}");
            }
            if is_left_out(&sent) {
                assert!(!written.contains(HIDDEN), "{HIDDEN} is in {written}");
            }
        }
        of_a_configuration(&head);
    });
});

/// A method, a query, then one header on each line.
fn sent(head: &str) -> Sent {
    let mut lines = head.lines();
    let mut sent = Sent::new("");
    sent.query = lines.next().unwrap_or("").to_owned();
    sent.url = format!("{}?{}", sent.url, sent.query);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        sent = sent.with(name, value.trim());
    }
    sent
}

/// Collects everything that is written about a request.
fn written(listener: &Listener, sent: &Sent, decision: &Decision) -> String {
    sent.seen(|request| {
        let log = log_entry(listener, request, decision);
        let reasons: Vec<String> = decision
            .reasons
            .iter()
            .map(|reason| format!("{reason} {reason:?} {}", serde_json::to_string(reason).unwrap()))
            .collect();
        let whole = [
            log.to_string(),
            log.entry.to_string(),
            log.body.clone().unwrap_or_default(),
            format!("{request:?} {:?} {listener:?}", decision.parts),
            listener.redaction.text(&reasons.join("\n")).into_owned(),
            reasons.join("\n"),
        ];
        whole.join("\n")
    })
}

/// Returns true if the planted value occurs at the path and nowhere else.
fn is_left_out(sent: &Sent) -> bool {
    let elsewhere = sent.headers.iter().any(|(name, value)| {
        format!("{name}{value}").contains(HIDDEN) && !name.eq_ignore_ascii_case("x-hidden")
    });
    let in_query = sent.query.contains(HIDDEN);
    let body = String::from_utf8_lossy(&sent.body);
    if elsewhere || in_query || body.matches(HIDDEN).count() != 1 {
        return !elsewhere && !in_query && !body.contains(HIDDEN);
    }
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&sent.body);
    let at = parsed.as_ref().ok().and_then(|body| body.pointer("/user/token"));
    let is_there = at.is_some_and(|value| value.to_string().contains(HIDDEN));
    let kind = sent.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let is_json = kind.is_none_or(|(_, kind)| kind.trim().eq_ignore_ascii_case("application/json"));
    // Parsers disagree about duplicate keys; our parser refuses them.
    is_json && (is_there || parsed.is_err())
}

/// Diagnostics of a configuration do not contain its secrets.
fn of_a_configuration(head: &str) {
    {
        let encoding = ["utf8", "hex", "base64", "whsec"][head.len() % 4];
        let text = format!(
            "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"a\"\ntenant = \"a\"\n[secrets]\nS = {{ env = \"S\", encoding = {encoding:?} }}\n[[verify]]\nname = \"a\"\nrule = 'raw_body == $SECRET(\"S\")'\n"
        );
        let secret = format!("{SECRET}{head}");
        let outside =
            ConfigSource { environment: &|_| Some(secret.clone()), ..ConfigSource::empty() };
        let loaded = load("fuzz.toml", &text, &outside);
        let report: Vec<String> =
            loaded.diagnostics.iter().map(|one| format!("{one} {one:?}")).collect();
        let report = format!("{} {:?}", report.join("\n"), loaded.listener);
        assert!(!report.contains(SECRET), "{report}");
        let find = SecretEncoding::find(encoding).expect("the encoding is known");
        let mut secrets = Secrets::default();
        if let Err(error) = decode_secret(&mut secrets, "S", &secret, find) {
            assert!(!error.contains(SECRET));
        }
        assert!(!format!("{secrets:?}").contains(SECRET));
    }
}

fn planted(text: &str, spellings: &[String]) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match (letter as usize).checked_sub(1).and_then(|at| spellings.get(at)) {
            Some(spelling) if letter != '\n' && letter != '\t' => out.push_str(spelling),
            _ if letter == '\u{18}' => out.push_str(HIDDEN),
            _ => out.push(letter),
        }
    }
    out
}

fn planted_bytes(bytes: &[u8], spellings: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        match usize::from(*byte).checked_sub(1).and_then(|at| spellings.get(at)) {
            Some(spelling) if !byte.is_ascii_whitespace() => {
                out.extend_from_slice(spelling.as_bytes())
            }
            _ if *byte == 24 => out.extend_from_slice(HIDDEN.as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

fn state() -> State {
    let listeners = LISTENERS.iter().enumerate();
    let listeners = listeners.map(|(at, rest)| listener(at, rest, SECRET, &key_pair())).collect();
    State { listeners, spellings: spellings(), machine: machine() }
}

/// The usual encodings of a secret.
fn spellings() -> Vec<String> {
    let bytes = SECRET.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = form_urlencoded::byte_serialize(bytes).collect();
    let json = serde_json::Value::from(SECRET).to_string();
    vec![
        SECRET.to_owned(),
        hex.to_uppercase(),
        hex,
        STANDARD.encode(bytes),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
        escaped.replace('+', "%20"),
        escaped,
        json.trim_matches('"').to_owned(),
        // White space is unchanged: line feed, form feed, carriage return.
        String::new(),
        json.trim_matches('"').replace('/', "\\/"),
        String::new(),
        String::new(),
        unicode(SECRET),
        unicode(SECRET).replace("\\u002f", "\\/").replace("\\u0033", "3"),
        serde_json::Value::from(unicode(SECRET)).to_string().trim_matches('"').to_owned(),
        percent(&json.trim_matches('"').replace('/', "\\/")),
        SECRET.replace('&', "&amp;").replace('/', "&#47;").replace('"', "&quot;"),
        STANDARD.encode([b"user:", bytes, b"!"].concat()),
        percent(&percent(SECRET)),
    ]
}

/// Returns each character of a text as `\u` and four digits.
fn unicode(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Returns each byte of a text as `%` and two digits.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
