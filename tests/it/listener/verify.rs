//! Verifications: accepted and rejected requests, and their reason codes in the log. Tokens of an
//! issuer have their own file.

use hookgate::listener::{Outcome, Presented, Request, presented};
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::recipes::decided;
use super::{
    KEY, NOW, OLD, SECRETS, Sent, loaded, mac, messages_of, open, outcome_of, secured, sha256,
};

fn rule(rule: &str) -> String {
    format!("[[verify]]\nname = \"rule\"\nrule = '{rule}'\n")
}

#[test]
fn a_verification_rule_must_be_true_and_null_and_errors_reject() {
    for (source, outcome) in [
        ("headers[\"x\"] == \"1\"", "accepted"),
        ("headers[\"x\"] == \"2\"", "verification_failed rule_false"),
        ("headers[\"y\"]", "verification_failed rule_false"),
        ("NULL", "verification_failed rule_false"),
        ("\"\"", "verification_failed rule_false"),
        ("$INTEGER(headers[\"z\"]) == 1", "verification_failed rule_error"),
        ("$SHA256(headers[\"y\"]).$HEX() == headers[\"y\"]", "verification_failed rule_error"),
    ] {
        let sent = Sent::json("{}").with("X", "1").with("Z", "one");
        assert_eq!(outcome_of(&sent.to(&open(&rule(source)))), outcome, "{source}");
    }
}

#[test]
fn all_verifications_run_and_all_failures_are_logged() {
    let listener =
        open(&format!("{}{}{}", rule("FALSE"), rule("TRUE"), rule("raw_body == 1 OR FALSE")));
    let decision = Sent::json("{}").to(&listener);
    assert_eq!(outcome_of(&decision), "verification_failed rule_false rule_false");
    assert_eq!(decision.reasons.len(), 3);
}

/// Returns a listener file with a signature verification, followed by `more`.
fn signature(more: &str) -> String {
    format!(
        "{SECRETS}[[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nreceived = 'headers[\"x-signature\"]'\n{more}"
    )
}

const BODY: &str = r#"{"a":1}"#;

fn hexed(secret: &str) -> String {
    hex::encode(sha256(secret, BODY))
}

#[test]
fn a_signature_is_accepted_only_in_its_configured_encoding() {
    let base64 = |bytes: Vec<u8>| {
        base64_of(&bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    };
    let url_safe = |bytes: Vec<u8>| {
        base64_of(&bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    };
    let hexed = hexed(KEY);
    let standard = base64(sha256(KEY, BODY));
    let url = url_safe(sha256(KEY, BODY));
    assert_ne!(standard, url, "the digest shows both alphabets");
    let hex = "hash = \"sha256\"\nencoding = \"hex\"\npayload = 'raw_body'\n";
    let prefixed = &format!("{hex}prefix = \"v1=\"\n");
    let several = &format!("{prefixed}separator = \",\"\n");
    let optional = &format!("{hex}prefix = [\"sha256=\", \"\"]\n");
    let base = &hex.replace("\"hex\"", "\"base64\"");
    let safe = &hex.replace("\"hex\"", "\"base64url\"");
    let inferred = &hex.replace("\"sha256\"", "\"inferred\"");
    let allowed = &format!("{inferred}hashes = [\"sha1\", \"sha256\"]\n");
    let sha1 = hex::encode(mac(HMAC_SHA1_FOR_LEGACY_USE_ONLY, KEY, BODY));
    let sha384 = hex::encode(mac(HMAC_SHA384, KEY, BODY));
    let sha512 = hex::encode(mac(HMAC_SHA512, KEY, BODY));
    let wide = &base.replace("sha256", "sha512");
    let padded = base64(mac(HMAC_SHA512, KEY, BODY));
    let half = padded.strip_suffix('=').unwrap().to_owned();
    let foreign = hex::encode(mac(HMAC_SHA256, "another", BODY));
    const FAILS: &str = "verification_failed ";
    for (check, received, outcome) in [
        (hex, hexed.clone(), ""),
        (hex, hexed.to_uppercase(), ""),
        (hex, format!(" {hexed} "), ""),
        (hex, String::new(), "missing_signature"),
        (hex, foreign.clone(), "digest_differs"),
        (hex, hexed[2..].to_owned(), "wrong_length"),
        (hex, format!("{hexed}00"), "wrong_length"),
        (hex, sha1.clone(), "wrong_length"),
        (hex, hexed[1..].to_owned(), "wrong_encoding"),
        (hex, hexed.replace(&hexed[..1], "g"), "wrong_encoding"),
        (hex, format!("sha256={hexed}"), "wrong_encoding"),
        (hex, format!("{hexed},{hexed}"), "wrong_encoding"),
        (prefixed, format!("v1={hexed}"), ""),
        (prefixed, hexed.clone(), "wrong_prefix"),
        (prefixed, format!("v2={hexed}"), "wrong_prefix"),
        (prefixed, format!("V1={hexed}"), "wrong_prefix"),
        (several, format!("v2={hexed}, v1={foreign},v1={hexed}"), ""),
        (several, format!("v2={hexed},v1={foreign}"), "digest_differs"),
        (several, format!("v1=zz,v1={hexed}"), ""),
        (several, format!("v1=00,v1={hexed}"), ""),
        (several, ",,".to_owned(), "missing_signature"),
        (optional, format!("sha256={hexed}"), ""),
        (optional, hexed.clone(), ""),
        (optional, format!("sha1={hexed}"), "wrong_encoding"),
        (base, standard.clone(), ""),
        (base, standard.trim_end_matches('=').to_owned(), ""),
        (base, url.clone(), "wrong_encoding"),
        (base, format!("{standard}="), "wrong_encoding"),
        (base, last_bit_set(&standard), "wrong_encoding"),
        (base, hexed.clone(), "wrong_length"),
        (wide, padded.clone(), ""),
        (wide, half.trim_end_matches('=').to_owned(), ""),
        (wide, half.clone(), "wrong_encoding"),
        (safe, url.clone(), ""),
        (safe, url.trim_end_matches('=').to_owned(), ""),
        (safe, standard.clone(), "wrong_encoding"),
        (inferred, format!("sha256={hexed}"), ""),
        (inferred, format!("sha384={sha384}"), ""),
        (inferred, format!("sha512={sha512}"), ""),
        (inferred, format!("sha1={sha1}"), "wrong_prefix"),
        (inferred, format!("sha512={hexed}"), "wrong_length"),
        (inferred, format!("md5={hexed}"), "wrong_prefix"),
        (inferred, hexed.clone(), "wrong_prefix"),
        (allowed, format!("sha1={sha1}"), ""),
        (allowed, format!("sha512={sha512}"), "wrong_prefix"),
    ] {
        let listener = open(&signature(check));
        let decision = Sent::json(BODY).with("X-Signature", received.as_str()).to(&listener);
        let wanted = match outcome {
            "" => "accepted".to_owned(),
            code => format!("{FAILS}{code}"),
        };
        assert_eq!(outcome_of(&decision), wanted, "{check}{received}\n{}", messages_of(&decision));
    }
}

fn base64_of(bytes: &[u8], alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for at in 0..=chunk.len() {
            out.push(alphabet[bits >> (18 - 6 * at) & 63]);
        }
        out.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    out
}

/// Returns the same base64 with an unused bit set.
fn last_bit_set(text: &str) -> String {
    let plain_request = text.trim_end_matches('=');
    let last = plain_request.chars().last().unwrap();
    let next = char::from_u32(u32::from(last) + 1).unwrap();
    format!("{}{next}=", &plain_request[..plain_request.len() - 1])
}

#[test]
fn any_active_secret_is_accepted_and_the_log_names_it() {
    let check = "hash = \"sha256\"\nencoding = \"hex\"\npayload = 'raw_body'\n";
    let listener = open(&signature(check));
    let with = |secret: &str| Sent::json(BODY).with("X-Signature", hexed(secret)).to(&listener);
    assert!(messages_of(&with(KEY)).ends_with("signed with `KEY`"), "{}", messages_of(&with(KEY)));
    let old = with(OLD);
    assert_eq!(old.outcome, Outcome::Accepted);
    assert!(messages_of(&old).contains("`KEY`, number 2"), "{}", messages_of(&old));
    assert_eq!(outcome_of(&with("another")), "verification_failed digest_differs");
    // The empty secret is known to everyone.
    assert_eq!(outcome_of(&with("")), "verification_failed digest_differs");
}

#[test]
fn an_empty_secret_is_refused_by_the_listener() {
    for (secret, report) in [
        ("{ env = \"NONE\" }", "not set"),
        ("{ file = \"empty\" }", "empty"),
        ("{ file = \"line\" }", "empty"),
        ("{ file = \"missing\" }", "not set"),
        ("{ env = \"KEY\", encoding = \"hex\" }", "not in `hex`"),
        ("[]", "not set"),
        ("[{ env = \"KEY\" }, { env = \"NONE\" }]", "not set"),
    ] {
        let files = [("empty", ""), ("line", "\n")];
        let loaded = loaded(&format!("secrets.KEY = {secret}\n"), &files);
        let message = super::rendered(&loaded.diagnostics).join("\n");
        assert!(loaded.listener.is_none(), "{secret}");
        assert!(message.contains("E0606") && message.contains(report), "{secret}: {message}");
        assert!(!message.contains(KEY), "{message}");
    }
}

#[test]
fn a_digest_that_matches_without_the_last_line_end_gets_a_hint() {
    let check = "hash = \"sha256\"\nencoding = \"hex\"\npayload = 'raw_body'\n";
    let listener = open(&signature(check));
    for (ending, hinted) in [("\n", true), ("\r\n", true), (" ", false)] {
        let sent = Sent::json(format!("{BODY}{ending}")).with("X-Signature", hexed(KEY));
        let decision = sent.to(&listener);
        assert_eq!(outcome_of(&decision), "verification_failed digest_differs");
        assert_eq!(messages_of(&decision).contains("last line end"), hinted, "{ending:?}");
        // With each of the secrets, in one pass over the body.
        let decision = Sent::json(format!("{BODY}{ending}")).with("X-Signature", hexed(OLD));
        let decision = decision.to(&listener);
        assert_eq!(messages_of(&decision).contains("last line end"), hinted, "{ending:?}");
        let sent = (BODY.len() + ending.len()) as u64;
        assert_eq!(decision.hashed_bytes, 2 * sent, "once for each secret");
    }
    // Payloads with text after the body, and with the digest of the body.
    let time = "1755691200";
    let digest =
        |body: &str| hex::encode(ring::digest::digest(&ring::digest::SHA256, body.as_bytes()));
    for (payload, message) in [
        ("\"a.${raw_body}.${headers[\"x-time\"]}\"", format!("a.{BODY}.{time}")),
        ("$SHA256(raw_body).$HEX()", digest(BODY)),
    ] {
        let listener = open(&signature(&check.replace("raw_body", payload)));
        let signed = hex::encode(sha256(KEY, message));
        for (more, hinted) in [("", false), ("\n", true), ("\r\n", true), ("\n\n", false)] {
            let sent = Sent::json(format!("{BODY}{more}")).with("X-Time", time);
            let decision = sent.with("X-Signature", signed.as_str()).to(&listener);
            let is_good = decision.outcome == Outcome::Accepted;
            assert_eq!(is_good, more.is_empty(), "{payload} {more:?}");
            assert_eq!(
                messages_of(&decision).contains("last line end"),
                hinted,
                "{payload} {more:?}"
            );
        }
        // A long body is not hashed a second time.
        let long = format!("{}\n", "a".repeat(100_000));
        let decision =
            Sent::new(&long).with("X-Time", time).with("X-Signature", signed).to(&listener);
        assert!(
            decision.hashed_bytes <= 2 * (long.len() as u64 + 100),
            "{}",
            decision.hashed_bytes
        );
    }
}

/// Returns a listener with three secrets, two payloads and several hash functions.
fn costly() -> hookgate::listener::Listener {
    let files = [("1", "first"), ("2", "second"), ("3", "third")];
    let check = r#"
secrets.KEY = [{ file = "1" }, { file = "2" }, { file = "3" }]
[[verify]]
name = "signature"
[verify.signature]
secret = "KEY"
hash = "inferred"
hashes = ["sha1", "sha256", "sha512"]
payload = ['raw_body', '"v0:${raw_body}"']
received = 'headers["x-signature"]'
prefix = ["sha1=", "sha256=", "sha512="]
separator = ","
encoding = "hex"
"#;
    loaded(check, &files).listener.unwrap()
}

#[test]
fn a_forged_request_hashes_its_body_once_for_each_secret_hash_and_payload() {
    let listener = costly();
    let body = format!("{}\n", "a".repeat(10_000));
    let length = body.len() as u64;
    let once = 3 * (length + length + 3);
    let forged =
        |hash: &str, bytes: usize, at: usize| format!("{hash}={at:0length$x}", length = bytes * 2);
    for (candidates, hashes, code) in [
        (1, 1, "digest_differs"),
        (16, 1, "digest_differs"),
        (17, 0, "too_many_signatures"),
        (128, 0, "too_many_signatures"),
        (10_000, 0, "too_many_signatures"),
    ] {
        let all: Vec<String> = (0..candidates).map(|at| forged("sha256", 32, at)).collect();
        let decision = Sent::new(&body).with("X-Signature", all.join(",")).to(&listener);
        assert_eq!(outcome_of(&decision), format!("verification_failed {code}"), "{candidates}");
        assert_eq!(decision.hashed_bytes, hashes * once, "{candidates} candidates");
    }
    // Each hash function of the candidates is computed once.
    let mixed: Vec<String> =
        (0..8).flat_map(|at| [forged("sha1", 20, at), forged("sha512", 64, at)]).collect();
    let decision = Sent::new(&body).with("X-Signature", mixed.join(",")).to(&listener);
    assert_eq!(decision.hashed_bytes, 2 * once);
    // A candidate with a length that does not fit its hash function costs nothing.
    let short = forged("sha512", 32, 1);
    let decision = Sent::new(&body).with("X-Signature", short).to(&listener);
    assert_eq!(
        (outcome_of(&decision).as_str(), decision.hashed_bytes),
        ("verification_failed wrong_length", 0)
    );
    // The last of sixteen candidates counts like the first, with any of the secrets and payloads.
    for (secret, payload) in [("first", body.clone()), ("third", format!("v0:{body}"))] {
        let mut all: Vec<String> = (0..15).map(|at| forged("sha256", 32, at)).collect();
        all.push(format!("sha256={}", hex::encode(sha256(secret, payload))));
        let decision = Sent::new(&body).with("X-Signature", all.join(",")).to(&listener);
        let outcome = outcome_of(&decision);
        assert_eq!(outcome, "accepted body_not_parsed", "{}", messages_of(&decision));
    }
}

#[test]
fn signature_candidates_are_limited_and_other_parts_hide_none() {
    let check = "hash = \"sha256\"\nencoding = \"hex\"\npayload = 'raw_body'\nprefix = \"v1=\"\nseparator = \",\"\n";
    let listener = open(&signature(check));
    let good = format!("v1={}", hexed(KEY));
    for (others, outcome) in [
        (0, "accepted"),
        (127, "accepted"),
        (128, "verification_failed too_many_signatures"),
        (20_000, "verification_failed too_many_signatures"),
    ] {
        let received = format!("{}{good}", "v0=1,".repeat(others));
        let decision = Sent::json(BODY).with("X-Signature", received).to(&listener);
        assert_eq!(outcome_of(&decision), outcome, "{others}");
    }
    // Empty parts are skipped, and a list in a body may contain any value.
    let listener = open(&signature(check).replace("headers[\"x-signature\"]", "parsed_body.s"));
    let decision = Sent::json(r#"{"s":[1,null,{},"v1=zz"]}"#).to(&listener);
    assert_eq!(outcome_of(&decision), "verification_failed wrong_encoding");
    let many = vec!["v1=00"; 100_000];
    let decision = Sent::json(serde_json::json!({ "s": many }).to_string()).to(&listener);
    assert_eq!(outcome_of(&decision), "verification_failed too_many_signatures");
}

#[test]
fn public_key_signatures_are_tried_up_to_a_limit_and_only_with_the_right_length() {
    let public = hex::encode(key_pair(7).public_key().as_ref());
    let files = [("key", public.as_str())];
    let check = "secrets.PUBLIC = { file = \"key\" }\n[[verify]]\nname = \"key\"\n[verify.public_key]\nalgorithm = \"ed25519\"\nkey = \"PUBLIC\"\npayload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nseparator = \",\"\nencoding = \"hex\"\n";
    let listener = loaded(check, &files).listener.unwrap();
    let forged = "00".repeat(64);
    let short = "00".repeat(4);
    for (candidates, tried, code) in [
        (vec![&forged; 4], 4, "signature_wrong"),
        (vec![&forged; 5], 0, "too_many_signatures"),
        (vec![&forged; 17], 0, "too_many_signatures"),
        (vec![&short; 16], 0, "signature_wrong"),
    ] {
        let received = candidates.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(",");
        let decision = Sent::json(BODY).with("X-Signature", received).to(&listener);
        assert_eq!(outcome_of(&decision), format!("verification_failed {code}"));
        assert_eq!(decision.hashed_bytes, tried * BODY.len() as u64);
    }
    let good = hex::encode(key_pair(7).sign(BODY.as_bytes()));
    let decision = Sent::json(BODY).with("X-Signature", format!("{forged},{good}")).to(&listener);
    assert_eq!(outcome_of(&decision), "accepted");
}

#[test]
fn any_of_several_payloads_may_be_signed() {
    let check = "hash = \"sha256\"\nencoding = \"hex\"\npayload = ['headers[\"y\"]', '\"a.${raw_body}\"', '$TEXT($INTEGER(headers[\"z\"]))']\n";
    let listener = open(&signature(check));
    let signed = |text: &str| hex::encode(sha256(KEY, text));
    for (signature, outcome) in [
        (signed("a.{}"), "accepted"),
        (signed("{}"), "verification_failed no_payload"),
        (signed("7"), "verification_failed no_payload"),
    ] {
        let sent = Sent::json("{}").with("X-Signature", signature).with("Z", "seven");
        assert_eq!(outcome_of(&sent.to(&listener)), outcome);
    }
}

/// Returns a listener whose signature covers a time.
fn timed(more: &str) -> hookgate::listener::Listener {
    let check = "hash = \"sha256\"\nencoding = \"hex\"\npayload = '\"${headers[\"x-time\"]}.${raw_body}\"'\ntime = 'headers[\"x-time\"]'\n";
    open(&format!("{}{more}", signature(check)))
}

fn at_time(time: &str) -> Sent {
    let signature = hex::encode(sha256(KEY, format!("{time}.{BODY}")));
    Sent::json(BODY).with("X-Signature", signature).with("X-Time", time)
}

#[test]
fn a_signed_time_past_or_future_of_its_tolerance_is_refused() {
    for (more, time, seconds, outcome) in [
        ("", NOW.to_string(), 0, "accepted"),
        ("", NOW.to_string(), 300, "accepted"),
        ("", NOW.to_string(), 301, "verification_failed stale"),
        ("", NOW.to_string(), -300, "accepted"),
        ("", NOW.to_string(), -301, "verification_failed future"),
        ("", format!("{NOW}000"), 300, "accepted"),
        ("", format!("{NOW}000"), 301, "verification_failed stale"),
        ("", format!("{}999", NOW - 1), 300, "verification_failed stale"),
        ("", "2025-08-20T12:00:00Z".to_owned(), 300, "accepted"),
        ("", "2025-08-20T14:00:00+02:00".to_owned(), 301, "verification_failed stale"),
        ("", "yesterday".to_owned(), 0, "verification_failed bad_time"),
        ("", String::new(), 0, "verification_failed bad_time"),
        ("tolerance = 60", NOW.to_string(), 60, "accepted"),
        ("tolerance = 60", NOW.to_string(), 61, "verification_failed stale"),
        ("tolerance = \"1h\"", NOW.to_string(), 3600, "accepted"),
        ("tolerance = \"off\"", NOW.to_string(), 1_000_000, "accepted"),
        ("tolerance = \"off\"", "yesterday".to_owned(), 0, "accepted"),
        ("tolerance = 60\n[vars]\ntolerance = 600", NOW.to_string(), 600, "accepted"),
        (
            "tolerance = 60\n[vars]\ntolerance = \"2m\"",
            NOW.to_string(),
            121,
            "verification_failed stale",
        ),
        ("tolerance = 60\n[vars]\ntolerance = \"off\"", NOW.to_string(), 1_000_000, "accepted"),
    ] {
        let decision = at_time(&time).delayed(seconds).to(&timed(more));
        assert_eq!(
            outcome_of(&decision),
            outcome,
            "{more} {time} {seconds}\n{}",
            messages_of(&decision)
        );
    }
    let without = Sent::json(BODY).with("X-Signature", "00".repeat(32));
    assert_eq!(outcome_of(&without.to(&timed(""))), "verification_failed missing_time");
    // A valid time is no use without the signature.
    let forged =
        Sent::json(BODY).with("X-Signature", "00".repeat(32)).with("X-Time", NOW.to_string());
    assert_eq!(outcome_of(&forged.to(&timed(""))), "verification_failed digest_differs");
}

#[test]
fn a_private_key_signs_and_the_pinned_public_key_verifies() {
    let (pair, other) = (key_pair(7), key_pair(8));
    let public = hex::encode(pair.public_key().as_ref());
    let files = [("key", public.as_str())];
    let check = "secrets.PUBLIC = { file = \"key\" }\n[[verify]]\nname = \"key\"\n[verify.public_key]\nalgorithm = \"ed25519\"\nkey = \"PUBLIC\"\npayload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n";
    let listener = loaded(check, &files).listener.unwrap();
    let signed = |pair: &Ed25519KeyPair| hex::encode(pair.sign(BODY.as_bytes()));
    for (signature, outcome) in [
        (signed(&pair), "accepted"),
        (signed(&other), "verification_failed signature_wrong"),
        (signed(&pair).replace(&signed(&pair)[..2], "zz"), "verification_failed wrong_encoding"),
        ("00".repeat(64), "verification_failed signature_wrong"),
        ("00".to_owned(), "verification_failed signature_wrong"),
        (String::new(), "verification_failed missing_signature"),
    ] {
        let decision = Sent::json(BODY).with("X-Signature", signature).to(&listener);
        assert_eq!(outcome_of(&decision), outcome, "{}", messages_of(&decision));
    }
    assert!(listener.is_secured());
    let decision = Sent::json(BODY).with("X-Signature", signed(&pair)).to(&listener);
    assert_eq!(decision.dedup.unwrap().hashes.len(), 1);
}

fn key_pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

#[test]
fn address_verification_accepts_only_the_configured_networks() {
    let listener = open(
        "[[verify]]\nname = \"address\"\naddresses = [\"192.0.2.0/24\", \"198.51.100.7\", \"2001:db8::1\", \"2001:db8:1::/48\"]\n",
    );
    for (address, accepted) in [
        ("192.0.2.0", true),
        ("192.0.2.255", true),
        ("192.0.3.0", false),
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("2001:db8::1", true),
        ("2001:db8::2", false),
        ("2001:db8:1:ffff::9", true),
        ("::ffff:192.0.2.9", true),
        ("::ffff:192.0.3.9", false),
    ] {
        let sent = Sent { address: Some(address.parse().unwrap()), ..Sent::json("{}") };
        let wanted = if accepted { "accepted" } else { "verification_failed address_not_allowed" };
        assert_eq!(outcome_of(&sent.to(&listener)), wanted, "{address}");
    }
    assert_eq!(
        outcome_of(&Sent::json("{}").to(&listener)),
        "verification_failed address_not_allowed"
    );
    assert!(!listener.is_secured());
    let mapped = open("[[verify]]\nname = \"address\"\naddresses = [\"::ffff:192.0.2.0/120\"]\n");
    let sent = Sent { address: Some("192.0.2.1".parse().unwrap()), ..Sent::json("{}") };
    assert_eq!(outcome_of(&sent.to(&mapped)), "accepted");
}

#[test]
fn a_credential_must_be_valid_and_for_this_listener() {
    let listener = open("[[verify]]\nname = \"key\"\n[verify.credential]\n");
    let known = |tenant: &str, listeners: &[&str]| Presented::Known {
        id: "k1".to_owned(),
        tenant: tenant.to_owned(),
        listeners: listeners.iter().map(|one| (*one).to_owned()).collect(),
    };
    let id = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10";
    for (presented, outcome) in [
        (Presented::None, "verification_failed missing_credential"),
        (Presented::Unknown("it was revoked"), "verification_failed wrong_credential"),
        (known("acme", &[]), "accepted"),
        (known("acme", &[id]), "accepted"),
        (known("acme", &[&id.to_uppercase()]), "accepted"),
        (known("acme", &["another"]), "verification_failed not_for_listener"),
        (known("other", &[]), "verification_failed not_for_listener"),
        (known("other", &[id]), "verification_failed not_for_listener"),
    ] {
        let sent = Sent { presented: presented.clone(), ..Sent::json("{}") };
        assert_eq!(outcome_of(&sent.to(&listener)), outcome, "{presented:?}");
    }
    assert!(listener.is_secured());
}

#[test]
fn a_credential_is_read_from_the_bearer_token_or_its_own_header() {
    let usual = open("[[verify]]\nname = \"key\"\n[verify.credential]\n");
    let own =
        open("[[verify]]\nname = \"key\"\n[verify.credential]\nheader = \"X-Webhook-Token\"\n");
    let none = open("");
    for (listener, name, value, found) in [
        (&usual, "Authorization", "Bearer abc", Some("abc")),
        (&usual, "authorization", "bearer  abc ", Some("abc")),
        (&usual, "Authorization", "Basic abc", None),
        (&usual, "Authorization", "abc", None),
        (&usual, "Authorization", "Bearer ", None),
        (&usual, "X-Webhook-Token", "abc", None),
        (&own, "x-webhook-token", "abc", Some("abc")),
        (&own, "x-webhook-token", " ", None),
        (&own, "Authorization", "Bearer abc", None),
        (&none, "Authorization", "Bearer abc", None),
    ] {
        let sent = Sent::json("{}").with(name, value);
        sent.seen(|request| assert_eq!(presented(listener, request), found, "{name}: {value}"));
        // Two values are ambiguous, regardless of the order of the headers.
        let twice = sent.with(&name.to_lowercase(), "Bearer def");
        twice.seen(|request| assert_eq!(presented(listener, request), None, "{name}: {value}"));
    }
}

#[test]
fn verifications_of_different_kinds_must_all_pass() {
    let address = "[[verify]]\nname = \"address\"\naddresses = [\"192.0.2.0/24\"]\n";
    let token = rule("$SECURE_EQUALS(headers[\"x-token\"], $SECRET(\"KEY\"))");
    let listener = secured(&format!("{address}{token}"));
    let at = |sent: Sent| Sent { address: Some("192.0.2.1".parse().unwrap()), ..sent };
    let with = |sent: Sent| sent.with("X-Token", KEY);
    assert_eq!(outcome_of(&at(with(Sent::json("{}"))).to(&listener)), "accepted");
    assert_eq!(outcome_of(&at(Sent::json("{}")).to(&listener)), "verification_failed rule_false");
    let decision = with(Sent::json("{}")).to(&listener);
    assert_eq!(outcome_of(&decision), "verification_failed address_not_allowed");
}

#[test]
fn a_compressed_body_is_signed_as_sent_or_as_decoded() {
    let signed_by = |payload: &str, signed: &[u8]| {
        let listener = secured(&format!(
            "[[verify]]\nname = \"s\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = {payload}\nreceived = 'headers[\"x-sig\"]'\nencoding = \"hex\"\n"
        ));
        let sent = Sent::json(PACKED).with("X-Sig", hex::encode(sha256(KEY, signed)));
        sent.seen(|request| {
            let request = Request { unpacked: UNPACKED, ..*request };
            decided(&listener, &request, request.received_at).outcome
        })
    };
    const PACKED: &[u8] = b"\x1f\x8b\x08\x00packed";
    const UNPACKED: &[u8] = br#"{"type":"a"}"#;
    for (payload, as_sent, as_decoded) in [
        ("'raw_body'", true, false),
        ("'decoded_body'", false, true),
        ("['raw_body', 'decoded_body']", true, true),
    ] {
        let outcome = |accepted| match accepted {
            true => Outcome::Accepted,
            false => Outcome::VerificationFailed,
        };
        assert_eq!(signed_by(payload, PACKED), outcome(as_sent), "{payload}");
        assert_eq!(signed_by(payload, UNPACKED), outcome(as_decoded), "{payload}");
    }
}

/// The log says where the signature fits, and the same content in another compression is the same
/// event.
#[test]
fn a_body_signed_before_compression_gets_a_hint_and_one_deduplication_key() {
    let signature = |payload: &str| {
        secured(&format!(
            "[[verify]]\nname = \"s\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = {payload}\nreceived = 'headers[\"x-sig\"]'\nencoding = \"hex\"\n[deduplicate]\nkeys = [\"nosuch\"]\n"
        ))
    };
    let decided_of =
        |listener: &hookgate::listener::Listener, packed: &[u8], unpacked: &[u8], signed: &[u8]| {
            let sent = Sent::json(packed).with("X-Sig", hex::encode(sha256(KEY, signed)));
            sent.seen(|request| {
                decided(listener, &Request { unpacked, ..*request }, request.received_at)
            })
        };
    let unpacked = br#"{"type":"a"}"#;
    let raw = signature("'raw_body'");
    let hint = "write `payload = [\"raw_body\", \"decoded_body\"]`";
    let refused = decided_of(&raw, b"packed", unpacked, unpacked);
    assert!(messages_of(&refused).contains(hint), "{}", messages_of(&refused));
    for (packed, signed) in [(b"packed".as_slice(), b"other".as_slice()), (unpacked, b"other")] {
        let refused = decided_of(&raw, packed, unpacked, signed);
        assert!(!messages_of(&refused).contains("unpacked"), "{}", messages_of(&refused));
    }
    let decoded = signature("'decoded_body'");
    let keys = [b"packed".as_slice(), b"packed again"]
        .map(|packed| decided_of(&decoded, packed, unpacked, unpacked).dedup.unwrap().hashes);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn the_path_is_that_of_the_public_url_and_header_names_are_in_lower_case() {
    let listener = open(
        "allow = [\"W0608\"]\n[event]\ndata = '[path, $KEYS(headers), headers[\"X-Order\"]]'\n",
    );
    for (url, path) in [
        ("https://hooks.example.com/a/b%20c?x=/y", "/a/b%20c"),
        ("https://hooks.example.com", "/"),
        ("https://hooks.example.com?x=1", "/"),
    ] {
        let data = Sent::new("").with("X-Order", "7").seen(|request| {
            let request = Request { url, ..*request };
            decided(&listener, &request, request.received_at).event.unwrap().data.unwrap()
        });
        assert_eq!(data.to_string(), format!(r#"["{path}",["x-order"],"7"]"#));
    }
}
