//! Any headers of a request, for every algorithm, encoding, prefix and separator of a listener: no
//! panic, and a request is accepted if and only if an independent parser finds the valid digest in
//! the header. A token is accepted only if it was issued, and a sample of a recipe only with some
//! of its signed content.
//!
//! In an input, the byte 1 stands for the valid digest or token, 2 for one of another secret, 3 for
//! the valid one in another encoding, 4 for a repeated header, 7 for a header as it was signed: a
//! fuzzer cannot guess a digest.

#![no_main]

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::engine::Machine;
use hookgate::listener::{Listener, Outcome};
use hookgate_fuzz::listeners::{NOW, Sent, key_pair, listener, random, recipes, url_safe};
use libfuzzer_sys::fuzz_target;
use ring::hmac;

/// The way a listener reads signatures.
struct Form {
    listener: Listener,
    hash: &'static str,
    encoding: &'static str,
    prefix: Option<&'static str>,
    separator: Option<&'static str>,
}

/// A request that its listener accepts, and the parts of its headers that only the provider can
/// create.
struct Signed {
    listener: Listener,
    sent: Sent,
    proofs: Vec<String>,
}

struct State {
    secret: String,
    forms: Vec<Form>,
    tokens: Listener,
    token: String,
    other_token: String,
    signed: Vec<Signed>,
    machine: Machine,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(state());
}

const BODY: &[u8] = b"{\"a\":1}";

fuzz_target!(|input: &[u8]| {
    let [which, rest @ ..] = input else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    STATE.with_borrow_mut(|state| match which % 4 {
        0 | 1 => of_a_form(state, &text),
        2 => of_a_token(state, &text),
        _ => of_a_recipe(state, &text),
    });
});

fn of_a_form(state: &mut State, text: &str) {
    let State { secret, forms, machine, .. } = state;
    let mut letters = text.chars();
    let which = letters.next().map_or(0, |letter| letter as usize);
    let form = &forms[which % forms.len()];
    let right = mac(form.hash, secret, BODY);
    let wrong = mac(form.hash, "another secret", BODY);
    let other = if form.encoding == "hex" { "base64" } else { "hex" };
    let value = letters
        .as_str()
        .replace('\u{1}', &written(form.encoding, &right))
        .replace('\u{2}', &written(form.encoding, &wrong))
        .replace('\u{3}', &written(other, &right));
    // Repeated headers are joined.
    let mut sent = Sent::new(BODY);
    let mut lines = Vec::new();
    for line in value.split('\u{4}') {
        sent = sent.with("X-Sig", line);
        lines.push(line);
    }
    let accepted = sent.to(&form.listener, machine).outcome == Outcome::Accepted;
    assert_eq!(accepted, has(form, &lines.join(", "), &right), "{value:?}");
}

/// An independent parser for the header.
fn has(form: &Form, value: &str, right: &[u8]) -> bool {
    let parts: Vec<&str> = match form.separator {
        Some(separator) => value.split(separator).collect(),
        None => vec![value],
    };
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).take(128);
    parts
        .filter_map(|part| part.strip_prefix(form.prefix.unwrap_or("")))
        .any(|part| read(form.encoding, part, right))
}

/// Returns true if the text is the digest in its configured notation.
fn read(encoding: &str, text: &str, right: &[u8]) -> bool {
    let exact = written(encoding, right);
    let bare = exact.trim_end_matches('=');
    match encoding {
        "hex" => text.eq_ignore_ascii_case(&exact),
        _ => text == bare || text == format!("{bare}{}", "=".repeat((4 - bare.len() % 4) % 4)),
    }
}

fn of_a_token(state: &mut State, text: &str) {
    let State { tokens, token, other_token, machine, .. } = state;
    let parts: Vec<&str> = token.split('.').collect();
    let value = text
        .replace('\u{1}', token)
        .replace('\u{2}', other_token)
        .replace('\u{3}', parts[0])
        .replace('\u{5}', parts[1])
        .replace('\u{6}', parts[2]);
    let sent = Sent::new(BODY).with("Authorization", value.as_str());
    if sent.to(tokens, machine).outcome == Outcome::Accepted {
        let bare = value.trim().split_once(' ').map_or("", |(_, bare)| bare.trim());
        assert_eq!(bare, token, "forged: {value:?}");
    }
}

/// One header on each line: its number and its value. The signed sample of a recipe provides the
/// rest.
fn of_a_recipe(state: &mut State, text: &str) {
    let State { signed, machine, .. } = state;
    let mut letters = text.chars();
    let which = letters.next().map_or(0, |letter| letter as usize);
    let at = which % signed.len();
    let one = &signed[at];
    let mut sent = one.sent.clone();
    let before: Vec<String> =
        sent.headers.iter_mut().map(|(_, value)| std::mem::take(value)).collect();
    for line in letters.as_str().lines() {
        let mut letters = line.chars();
        let Some(number) = letters.next() else {
            continue;
        };
        let count = sent.headers.len();
        let place = number as usize % count;
        let mut value = letters.as_str().replace('\u{7}', &before[place]);
        for (at, proof) in one.proofs.iter().enumerate().take(4) {
            value = value.replace(char::from_u32(1 + at as u32).unwrap_or('\u{1}'), proof);
        }
        sent.headers[place].1 = value;
    }
    let decision = sent.to(&one.listener, machine);
    if decision.outcome == Outcome::Accepted {
        let all: Vec<&str> = sent.headers.iter().map(|(_, value)| value.as_str()).collect();
        let all = all.join("\n").to_ascii_lowercase();
        let proven = one.proofs.iter().any(|proof| all.contains(&proof.to_ascii_lowercase()));
        assert!(proven, "{} took {all:?}", one.listener.name);
    }
}

fn mac(hash: &str, secret: &str, message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => hmac::HMAC_SHA256,
        "sha384" => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), message).as_ref().to_vec()
}

fn written(encoding: &str, bytes: &[u8]) -> String {
    match encoding {
        "hex" => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        "base64" => STANDARD.encode(bytes),
        _ => url_safe(bytes),
    }
}

fn state() -> State {
    let (secret, pair, other) = (random(), key_pair(), key_pair());
    let mut forms = Vec::new();
    for hash in ["sha1", "sha256", "sha384", "sha512"] {
        for encoding in ["hex", "base64", "base64url"] {
            for (prefix, separator) in
                [(None, None), (Some("v1="), Some(",")), (Some("v1,"), Some(" "))]
            {
                forms.push(form(&secret, hash, encoding, prefix, separator));
            }
        }
    }
    let rest = r#"
[[verify]]
name = "token"
jwt = { header = "Authorization", jwks = "keys.json", algorithms = ["EdDSA"], issuer = "https://issuer.example.com", audience = "hookgate" }
"#;
    let head = url_safe(br#"{"alg":"EdDSA","kid":"k1"}"#);
    let claims = format!(
        r#"{{"iss":"https://issuer.example.com","aud":"hookgate","nbf":{},"exp":{}}}"#,
        NOW - 10,
        NOW + 10
    );
    let signing = format!("{head}.{}", url_safe(claims.as_bytes()));
    let token = |pair: &ring::signature::Ed25519KeyPair| {
        format!("{signing}.{}", url_safe(pair.sign(signing.as_bytes()).as_ref()))
    };
    State {
        forms,
        tokens: listener(1, rest, &secret, &pair),
        token: token(&pair),
        other_token: token(&other),
        secret,
        signed: signed(),
        machine: Machine::default(),
    }
}

fn form(
    secret: &str,
    hash: &'static str,
    encoding: &'static str,
    prefix: Option<&'static str>,
    separator: Option<&'static str>,
) -> Form {
    let more = |key: &str, value: Option<&str>| {
        value.map(|value| format!(", {key} = {value:?}")).unwrap_or_default()
    };
    let rest = format!(
        "\n[[verify]]\nname = \"signature\"\nsignature = {{ secret = \"S\", hash = {hash:?}, payload = 'raw_body', received = 'headers[\"x-sig\"]', encoding = {encoding:?}{}{} }}\n[deduplicate]\nsignature = false\n",
        more("prefix", prefix),
        more("separator", separator)
    );
    let listener = listener(0, &rest, secret, &key_pair());
    Form { listener, hash, encoding, prefix, separator }
}

/// The accepted samples that need their headers.
fn signed() -> Vec<Signed> {
    let mut machine = Machine::default();
    let mut signed = Vec::new();
    for recipe in recipes() {
        for sample in recipe.samples.iter().filter(|sample| sample.expect == "accepted") {
            let Some(listener) = recipe.listener(&sample.secrets, &sample.vars).listener else {
                continue;
            };
            let sent = Sent::of(sample);
            let mut bare = sent.clone();
            for (_, value) in &mut bare.headers {
                value.clear();
            }
            let accepted = sent.to(&listener, &mut machine).outcome == Outcome::Accepted;
            let open = bare.to(&listener, &mut machine).outcome == Outcome::Accepted;
            let proofs = proofs(&sent, &sample.secrets);
            if accepted && !open && !proofs.is_empty() && !sent.headers.is_empty() {
                signed.push(Signed { listener, sent, proofs });
            }
        }
    }
    assert!(signed.len() > 40, "{} samples", signed.len());
    signed
}

/// The parts of the headers that cannot be guessed: long runs of letters and digits, and secrets.
fn proofs(sent: &Sent, secrets: &[(String, Vec<String>)]) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "+/_-=".contains(letter);
    let values = sent.headers.iter().map(|(_, value)| value.as_str());
    let runs = values.clone().flat_map(|value| value.split(|letter| !is_part(letter)));
    let runs = runs.map(|run| {
        run.rsplit_once('=').filter(|(_, end)| end.len() > 12).map_or(run, |(_, end)| end)
    });
    let mut proofs: Vec<String> = runs.filter(|run| run.len() >= 20).map(str::to_owned).collect();
    let known = secrets.iter().flat_map(|(_, list)| list).filter(|secret| !secret.is_empty());
    proofs.extend(
        known.filter(|secret| values.clone().any(|value| value.contains(secret.as_str()))).cloned(),
    );
    proofs
}
