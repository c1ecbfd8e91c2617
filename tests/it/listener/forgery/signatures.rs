//! Changes to the signature itself, and equivalent notations of it.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE, URL_SAFE_NO_PAD,
};
use hookgate::listener::Sample;

use super::changes::{Change, other, sendable};
use super::facts::{Check, Facts, Kind, header};
use super::proofs::{Place, Proof, of, whole, with};

/// Returns the reason codes: `signature` for verifications with a secret, `key` for those with a
/// public key, and a failed rule for rules.
fn found(facts: &Facts, signature: &[&'static str], key: &[&'static str]) -> Vec<&'static str> {
    let mut all = Vec::new();
    for check in &facts.checks {
        all.extend_from_slice(match check.kind {
            Kind::Signature => signature,
            Kind::PublicKey => key,
            Kind::Token => &["bad_token", "missing_credential"],
            Kind::Rule => &["rule_false", "rule_error"],
        });
        // A signature extracted by an expression may be missing, or a different text.
        if check.kind != Kind::Rule && !check.is_plain() {
            all.extend(["missing_signature", "wrong_encoding", "wrong_length"]);
        }
        // A token that cannot be read has no time.
        if check.time.contains("$DECODE_JWT(") {
            all.push("missing_time");
        }
        // HTTP drops a space at the end of a header, so the prefix alone loses it.
        if check.prefixes.iter().any(|prefix| prefix.ends_with(' ')) {
            all.push("wrong_prefix");
        }
    }
    all
}

/// Returns the verification that reads the signature.
fn main(facts: &Facts) -> &Check {
    facts.checks.iter().find(|one| one.kind != Kind::Rule).unwrap_or(&facts.checks[0])
}

/// Returns every change that removes the signature or replaces it by another.
pub(super) fn changes(facts: &Facts, sample: &Sample, every_place: bool) -> Vec<Change> {
    let proofs = of(facts, sample);
    let check = main(facts);
    let change = |kind, what: &str, sample, signature: &[&'static str], key: &[&'static str]| {
        Change { kind, what: what.to_owned(), sample, wanted: found(facts, signature, key) }
    };
    let none = ["missing_signature"];
    let mut all = vec![
        change("no signature", "removed", whole(sample, &proofs, |_| None), &none, &none),
        change(
            "an empty signature",
            "empty",
            whole(sample, &proofs, |_| Some(String::new())),
            &none,
            &none,
        ),
        change(
            "an empty signature",
            "empty in its place",
            with(sample, &proofs, |_| String::new()),
            &["missing_signature", "wrong_length"],
            &["missing_signature", "signature_wrong"],
        ),
    ];
    for prefix in check.prefixes.iter().filter(|prefix| !prefix.is_empty()) {
        let alone = whole(sample, &proofs, |_| Some(prefix.clone()));
        all.push(change(
            "an empty signature",
            "only the prefix",
            alone,
            &["wrong_length"],
            &["signature_wrong"],
        ));
    }
    let short = (["wrong_length", "wrong_encoding"], ["wrong_encoding", "signature_wrong"]);
    for (what, keep) in [("a character less", 1), ("two less", 2), ("four less", 4)] {
        // Counts without padding, because removing padding alone changes nothing.
        let digits = |text: &str| text.trim_end_matches('=').len();
        let cut =
            with(sample, &proofs, |text| text[..digits(text).saturating_sub(keep)].to_owned());
        all.push(change("a truncated signature", what, cut, &short.0, &short.1));
    }
    for (what, write) in [
        ("half", (|text| text[..text.len() / 2].to_owned()) as fn(&str) -> String),
        ("one character", |text| text[..1].to_owned()),
        ("without its first", |text| text[1..].to_owned()),
        ("a byte more", |text| format!("{text}00")),
        ("a character more", |text| format!("{text}A")),
        ("twice", |text| format!("{text}{text}")),
        ("quoted", |text| format!("'{text}'")),
        ("escaped", |text| format!("%{:02x}{}", text.as_bytes()[0], &text[1..])),
    ] {
        // An escape in a query is equal to its character.
        if what != "escaped" || !matches!(proofs.first(), Some(Proof { place: Place::Query, .. })) {
            all.push(change(
                "a truncated signature",
                what,
                with(sample, &proofs, write),
                &short.0,
                &short.1,
            ));
        }
    }
    let wrong = (["digest_differs", "wrong_encoding"], ["signature_wrong", "wrong_encoding"]);
    let longest = proofs.iter().map(|one| one.text.len()).max().unwrap_or(0);
    let step = if every_place { 1 } else { (longest / 2).max(1) };
    let places = (0..longest).step_by(step).chain([longest - 1]);
    for at in places {
        let changed = with(sample, &proofs, |text| changed_at(text, at));
        all.push(change("a changed signature", &format!("at {at}"), changed, &wrong.0, &wrong.1));
    }
    let zeros =
        with(sample, &proofs, |text| text.replace(|one: char| one.is_ascii_alphanumeric(), "0"));
    all.push(change("a changed signature", "zeros", zeros, &wrong.0, &wrong.1));
    all.extend(otherwise_encoded(sample, &proofs, facts, check));
    all.extend(of_prefix(sample, &proofs, facts, check));
    all.extend(repeated(sample, &proofs, facts, check));
    all.retain(|change| change.sample != *sample);
    // With lenient base64, the last bits have no meaning.
    all.retain(|change| {
        !takes_both(check)
            || change.kind != "a changed signature"
            || all_differ(&change.sample, sample, facts, digest)
    });
    all
}

fn changed_at(text: &str, at: usize) -> String {
    let at = at.min(text.trim_end_matches('=').len() - 1);
    let (head, tail) = text.split_at(at);
    let mut letters = tail.chars();
    let letter = match letters.next().unwrap() {
        letter if letter.is_ascii_alphanumeric() => other(&letter.to_string()),
        _ => "A".to_owned(),
    };
    format!("{head}{letter}{}", letters.as_str())
}

/// Returns a base64 decoder for an alphabet that is as lenient as possible.
fn lenient(alphabet: &base64::alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

/// Returns the digest in a text, and true if it is in hex.
fn digest(text: &str) -> Option<(Vec<u8>, bool)> {
    let is_digest = |bytes: &Vec<u8>| [20, 32, 48, 64].contains(&bytes.len());
    let (standard, url) = (&base64::alphabet::STANDARD, &base64::alphabet::URL_SAFE);
    let from_hex = hex::decode(text).ok().filter(is_digest).map(|bytes| (bytes, true));
    let decode = || lenient(standard).decode(text).or_else(|_| lenient(url).decode(text)).ok();
    from_hex.or_else(|| decode().filter(is_digest).map(|bytes| (bytes, false)))
}

/// Returns a digest in the notation of another.
pub(super) fn like(text: &str, bytes: &[u8]) -> String {
    match digest(text) {
        Some((_, true)) => hex::encode(bytes),
        _ => STANDARD.encode(bytes),
    }
}

/// Returns true if an expression normalises hex and base64 before the comparison.
fn takes_both(check: &Check) -> bool {
    check.received.contains("$UNBASE64(signature).$HEX()")
}

fn otherwise_encoded(
    sample: &Sample,
    proofs: &[Proof],
    facts: &Facts,
    check: &Check,
) -> Vec<Change> {
    if takes_both(check) || proofs.iter().any(|proof| digest(&proof.text).is_none()) {
        return Vec::new();
    }
    let wanted = (["wrong_encoding", "wrong_length"], ["wrong_encoding", "signature_wrong"]);
    let written = |what: &str, write: &dyn Fn(&[u8], bool, &str) -> String| Change {
        kind: "a signature in another encoding",
        what: what.to_owned(),
        sample: with(sample, proofs, |text| {
            let (bytes, is_hex) = digest(text).unwrap();
            write(&bytes, is_hex, text)
        }),
        wanted: found(facts, &wanted.0, &wanted.1),
    };
    let swapped = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect()
    };
    let mut all = vec![
        written("hex for base64", &|bytes, is_hex, _| match is_hex {
            true => STANDARD.encode(bytes),
            false => hex::encode(bytes),
        }),
        written("base64 for URLs", &|bytes, is_hex, text| match () {
            () if is_hex => URL_SAFE_NO_PAD.encode(bytes),
            () if text.contains(['-', '_']) => STANDARD.encode(bytes),
            () => URL_SAFE.encode(bytes),
        }),
        written("bytes with colons", &|bytes, _, _| {
            bytes.iter().map(|one| format!("{one:02x}")).collect::<Vec<_>>().join(":")
        }),
        written("encoded twice", &|_, is_hex, text| {
            if is_hex { hex::encode(text) } else { STANDARD.encode(text) }
        }),
    ];
    let mut cases = written("the other case", &|_, is_hex, text| {
        if is_hex { text.to_owned() } else { swapped(text) }
    });
    cases.wanted.push("digest_differs");
    all.push(cases);
    // Standard and URL-safe base64 may be the same text.
    all.retain(|change| {
        all_differ(&change.sample, sample, facts, |text| text.trim_end_matches('=').to_owned())
    });
    all
}

/// Returns true if every proof of a sample differs.
fn all_differ<T: PartialEq>(
    changed: &Sample,
    sample: &Sample,
    facts: &Facts,
    seen: impl Fn(&str) -> T,
) -> bool {
    let before: Vec<T> = of(facts, sample).iter().map(|proof| seen(&proof.text)).collect();
    let after: Vec<T> = of(facts, changed).iter().map(|proof| seen(&proof.text)).collect();
    before.len() != after.len() || before.iter().zip(&after).all(|(before, after)| before != after)
}

fn of_prefix(sample: &Sample, proofs: &[Proof], facts: &Facts, check: &Check) -> Vec<Change> {
    let mut all = Vec::new();
    let may_be_none = check.prefixes.iter().any(String::is_empty);
    let wanted = if may_be_none { ["wrong_encoding"] } else { ["wrong_prefix"] };
    for prefix in check.prefixes.iter().filter(|prefix| !prefix.is_empty()) {
        let others =
            ["v0=", "v1=", "v2=", "v1,", "v1a,", "v2,", "sha1=", "sha512=", "md5=", "t=", " "];
        let upper = prefix.to_uppercase();
        let others = others.iter().copied().chain([upper.as_str()]);
        let mut others: Vec<&str> =
            others.filter(|one| !check.prefixes.iter().any(|known| known == one)).collect();
        if may_be_none {
            // A text alone after a separator is a signature without a prefix.
            others.retain(|one| !one.contains([',', ' ']));
        } else {
            others.push("");
        }
        for other in others {
            let changed =
                whole(sample, proofs, |value| Some(value.replace(prefix.as_str(), other)));
            all.push(Change {
                kind: "another version's prefix",
                what: format!("`{other}` for `{prefix}`"),
                sample: changed,
                wanted: found(facts, &wanted, &wanted),
            });
        }
    }
    if let Some(pair) = check.pair() {
        for other in ["v0", "v2", "h2", "V1", "v", "v11", "", "s"] {
            let changed = whole(sample, proofs, |value| {
                Some(value.replace(&format!("{pair}="), &format!("{other}=")))
            });
            all.push(Change {
                kind: "another version's prefix",
                what: format!("`{other}=` for `{pair}=`"),
                sample: changed,
                wanted: found(facts, &["missing_signature"], &["missing_signature"]),
            });
        }
    }
    all
}

/// Returns samples with the signature header twice: one wrong where a single one is accepted, and
/// both wrong.
fn repeated(sample: &Sample, proofs: &[Proof], facts: &Facts, check: &Check) -> Vec<Change> {
    let wrong = with(sample, proofs, |text| changed_at(text, 1));
    let doubled = |first: &Sample, second: &Sample| {
        let mut changed = first.clone();
        for name in facts.proofs(second) {
            changed.headers.push((name.to_owned(), header(second, name).unwrap().to_owned()));
        }
        changed
    };
    let bad = ["digest_differs", "wrong_encoding", "missing_time", "bad_time", "no_payload"];
    let change = |what: &str, sample| Change {
        kind: "a signature's header twice",
        what: what.to_owned(),
        sample,
        wanted: found(facts, &bad, &["signature_wrong", "wrong_encoding"]),
    };
    let mut all = vec![change("both wrong", doubled(&wrong, &wrong))];
    // If several signatures are allowed, one valid signature is enough.
    if check.separator.is_none() && !check.received.contains("$PARSE_PAIRS") {
        all.push(change("the right one first", doubled(sample, &wrong)));
        all.push(change("the wrong one first", doubled(&wrong, sample)));
        all.push(change("the right one twice", doubled(sample, sample)));
    }
    if matches!(proofs.first(), Some(Proof { place: Place::Header(_), .. })) {
        all
    } else {
        Vec::new()
    }
}

/// Returns samples with the same signature in the other notations of its encoding.
pub(super) fn respelled(facts: &Facts, sample: &Sample) -> Vec<(&'static str, Sample)> {
    let proofs = of(facts, sample);
    let check = main(facts);
    if proofs.iter().any(|proof| digest(&proof.text).is_none()) {
        return Vec::new();
    }
    let is_hex = proofs.iter().all(|proof| digest(&proof.text).unwrap().1);
    let lowered = check.kind != Kind::Rule || check.received.contains("$LOWERCASE(headers[");
    let mut all = Vec::new();
    if is_hex && lowered {
        all.push(("in capitals", with(sample, &proofs, str::to_uppercase)));
        all.push(("in small letters", with(sample, &proofs, str::to_lowercase)));
    }
    if !is_hex && check.kind != Kind::Rule {
        all.push((
            "without padding",
            with(sample, &proofs, |text| text.trim_end_matches('=').to_owned()),
        ));
    }
    if takes_both(check) {
        let written = |text: &str| match digest(text).unwrap() {
            (bytes, true) => STANDARD.encode(bytes),
            (bytes, false) => hex::encode(bytes),
        };
        all.push(("in the other encoding", with(sample, &proofs, written)));
    }
    all.retain(|(_, changed)| sendable(changed.query.as_bytes()).is_some());
    all
}
