//! The proofs of the sender in a request, and other notations of them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::listener::Sample;
use regex::{Captures, Regex};
use serde_json::Value;

use super::changes::{address, with_header, with_query};
use super::documents::{self, Format};
use super::facts::{Facts, Kind, header};

/// The position of a proof in a request: a signature, or a transmitted secret.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Header(String),
    /// A member of JSON that is base64-encoded in a header.
    Wrapped(String, String),
    Query,
    Body,
}

/// A proof of the sender.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    pub(super) place: Place,
    pub(super) text: String,
}

/// A text long enough for a digest.
static LONG: LazyLock<Regex> = LazyLock::new(|| Regex::new("[0-9A-Za-z+/_-]{20,}={0,2}").unwrap());
/// A signature in base64-encoded JSON: `$PARSE_JSON($UNBASE64(headers["x"])).signature`.
static WRAPPED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\$PARSE_JSON\(\$UNBASE64\(headers\["([^"]+)"\]\)\)\.(\w+)"#).unwrap()
});
/// A member that a rule compares: `item.additionalData.hmacSignature)`.
static COMPARED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b\w+\.(?:\w+\.)*(\w+)\s*[,)]").unwrap());
/// A field of a form that a verification reads: `$PARSE_FORM(raw_body).signature`.
static IN_FORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$PARSE_FORM\(raw_body\)\.(\w+)").unwrap());
/// A signature in a member of the body: `parsed_body.Signature`.
static MEMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^parsed_body\.(\w+)$").unwrap());
static IN_QUERY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"query_params\.(\w+)").unwrap());

/// Returns all proofs in a request.
pub(super) fn of(facts: &Facts, sample: &Sample) -> Vec<Proof> {
    let headers = facts.proofs(sample);
    if let Some(wrapped) = wrapped(facts, sample) {
        return vec![wrapped];
    }
    let at = |name: &&str, text: &str| Proof {
        place: Place::Header((*name).to_owned()),
        text: text.to_owned(),
    };
    let value = |name: &str| header(sample, name).unwrap().to_owned();
    let signatures = headers.iter().flat_map(|name| {
        let value = value(name);
        LONG.find_iter(&value).map(|found| at(name, found.as_str())).collect::<Vec<_>>()
    });
    let mut all: Vec<Proof> = signatures.collect();
    if all.is_empty() {
        all.extend(headers.iter().map(|name| at(name, &value(name))));
    }
    if all.is_empty() {
        all.extend(in_query(facts, sample));
        all.extend(in_body(facts, sample));
    }
    all
}

fn wrapped(facts: &Facts, sample: &Sample) -> Option<Proof> {
    let check = facts.checks.iter().find(|check| check.kind != Kind::Rule)?;
    let found = WRAPPED.captures(&check.received)?;
    let (name, member) = (found[1].to_owned(), found[2].to_owned());
    let text = unwrapped(sample, &name)[&member].as_str().unwrap().to_owned();
    Some(Proof { place: Place::Wrapped(name, member), text })
}

fn unwrapped(sample: &Sample, name: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(header(sample, name).unwrap()).unwrap()).unwrap()
}

fn in_query(facts: &Facts, sample: &Sample) -> Vec<Proof> {
    let names = facts.checks.iter().flat_map(|check| {
        IN_QUERY
            .captures_iter(&check.received)
            .map(|found| format!("{}=", &found[1]))
            .collect::<Vec<_>>()
    });
    let names: Vec<String> = names.collect();
    let values = sample
        .query
        .split('&')
        .filter_map(|pair| names.iter().find_map(|name| pair.strip_prefix(name.as_str())));
    values.map(|value| Proof { place: Place::Query, text: value.to_owned() }).collect()
}

fn in_body(facts: &Facts, sample: &Sample) -> Vec<Proof> {
    let Some((body, format)) = documents::read(sample.body.as_deref().unwrap_or_default()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for check in &facts.checks {
        let named: &[&LazyLock<Regex>] =
            if check.kind == Kind::Rule { &[&COMPARED] } else { &[&IN_FORM, &MEMBER] };
        let names = named.iter().flat_map(|one| one.captures_iter(&check.received));
        for name in names.map(|found| found[1].to_owned()) {
            texts_of(&body, &name, &mut found);
        }
    }
    if format != Format::Json {
        let long = |text: &String| -> Vec<String> {
            LONG.find_iter(text).map(|found| found.as_str().to_owned()).collect()
        };
        found = found.iter().flat_map(long).collect();
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|text| Proof { place: Place::Body, text }).collect()
}

fn texts_of(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(name).and_then(Value::as_str).map(ToOwned::to_owned));
            object.values().for_each(|one| texts_of(one, name, found));
        }
        Value::Array(list) => list.iter().for_each(|one| texts_of(one, name, found)),
        _ => {}
    }
}

/// Returns a sample with its proofs rewritten.
pub(super) fn with(sample: &Sample, proofs: &[Proof], write: impl Fn(&str) -> String) -> Sample {
    let mut changed = sample.clone();
    for proof in proofs {
        let text = write(&proof.text);
        match &proof.place {
            Place::Header(name) => {
                let value = header(sample, name).unwrap();
                let value = match LONG.is_match(value) {
                    // Rewrites all signatures at once, because two may be equal.
                    true => LONG.replace_all(value, |found: &Captures<'_>| write(&found[0])).into(),
                    false => text,
                };
                changed = with_header(&changed, name, Some(value));
            }
            Place::Wrapped(name, member) => {
                let mut inner = unwrapped(sample, name);
                inner[member] = text.into();
                let value = STANDARD.encode(inner.to_string());
                changed = with_header(&changed, name, Some(value));
            }
            Place::Query => {
                let query = changed.query.replacen(&proof.text, &text, 1);
                changed = with_query(&changed, &address(&changed), &query);
            }
            Place::Body => {
                let body = String::from_utf8(changed.body.clone().unwrap()).unwrap();
                let (old, new) = (format!("\"{}\"", proof.text), format!("\"{text}\""));
                let body = match body.contains(&old) {
                    true => body.replace(&old, &new),
                    false => {
                        body.replace(&documents::escaped(&proof.text), &documents::escaped(&text))
                    }
                };
                changed.body = Some(body.into_bytes());
            }
        }
    }
    changed
}

/// Returns a sample with the complete values of its signature headers rewritten.
pub(super) fn whole(
    sample: &Sample,
    proofs: &[Proof],
    value: impl Fn(&str) -> Option<String>,
) -> Sample {
    let mut changed = sample.clone();
    for proof in proofs {
        if let Place::Header(name) | Place::Wrapped(name, _) = &proof.place
            && let Some(old) = header(sample, name)
        {
            changed = with_header(&changed, name, value(old));
        }
    }
    changed
}
