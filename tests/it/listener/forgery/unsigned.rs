//! Unsigned parts: recipes list them, and exactly these can be changed.

use std::collections::BTreeSet;

use hookgate::listener::Sample;
use regex::Regex;
use serde_json::Value;

use super::changes::{address, other, with_header, with_query};
use super::documents;
use super::facts::{Claim, Facts, Part, all, header};
use super::{Tally, listener_of, run};

/// Returns a sample with a part changed. `None` if it has no such part.
fn changed(facts: &Facts, sample: &Sample, claim: &Claim) -> Option<Sample> {
    if !claim.is_for(sample) {
        return None;
    }
    match &claim.part {
        Part::Header(name) => {
            let value = header(sample, name).map_or("forged".to_owned(), other);
            let mut changed = with_header(sample, name, None);
            changed.headers.push((name.clone(), value));
            Some(changed)
        }
        Part::Method => {
            let other = facts.methods.iter().find(|method| **method != sample.method)?;
            Some(Sample { method: other.clone(), ..sample.clone() })
        }
        Part::Url => {
            let url = address(sample).replace("://", "://forged.");
            Some(with_query(sample, &url, &sample.query))
        }
        Part::Query => {
            let query = format!("{}&forged=1", sample.query);
            Some(with_query(sample, &address(sample), query.trim_start_matches('&')))
        }
        Part::Body => with_body(sample, |body| {
            let body = body.as_object_mut()?;
            body.insert("forged".to_owned(), true.into());
            Some(())
        })
        .or_else(|| {
            let body = sample.body.as_deref()?;
            let more: &[u8] =
                if body.starts_with(b"<") { b"<!-- forged -->" } else { b"&forged=1" };
            let body = [body, more].concat();
            Some(Sample { body: Some(body), ..sample.clone() })
        }),
        Part::Member(path) => {
            let (mut document, format) = documents::read(sample.body.as_deref()?)?;
            set(&mut document, path)?;
            Some(Sample { body: Some(format.write(&document)), ..sample.clone() })
        }
        Part::Path | Part::Parameters | Part::Json | Part::Pair(..) => None,
    }
}

fn with_body(sample: &Sample, change: impl FnOnce(&mut Value) -> Option<()>) -> Option<Sample> {
    let mut body = serde_json::from_slice(sample.body.as_deref()?).ok()?;
    change(&mut body)?;
    Some(Sample { body: Some(body.to_string().into_bytes()), ..sample.clone() })
}

/// Sets a member at the first position where its path starts. A path of one name starts at the
/// root.
fn set(value: &mut Value, path: &[String]) -> Option<()> {
    let (last, way) = path.split_last()?;
    let object = match way {
        [] => value,
        [first, ..] => find(value, first)?,
    };
    let member = object.as_object_mut()?.entry(last.clone()).or_insert(Value::Null);
    match member.as_object_mut() {
        Some(object) => {
            object.insert("forged".to_owned(), true.into());
        }
        None => *member = "forged".into(),
    }
    Some(())
}

fn find<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    if value.get(name).is_some() {
        return value.get_mut(name);
    }
    match value {
        Value::Object(object) => object.values_mut().find_map(|one| find(one, name)),
        Value::Array(list) => list.iter_mut().find_map(|one| find(one, name)),
        _ => None,
    }
}

/// Returns true if the signed text contains a checksum of the body instead of the body. Another
/// body with the same checksum is easy to make.
fn sums(facts: &Facts) -> bool {
    facts.checks.iter().any(|check| check.payload.contains("$CRC32(raw_body)"))
}

#[test]
fn parts_listed_as_unsigned_can_be_changed_without_the_secret() {
    let mut tally = Tally::default();
    for facts in all() {
        for (claim, text) in facts.unsigned.iter().zip(&facts.recipe.unsigned) {
            let samples: Vec<&Sample> = facts.valid().collect();
            let tried: Vec<bool> = samples
                .iter()
                .filter_map(|sample| Some((*sample, changed(&facts, sample, claim)?)))
                .map(|(sample, changed)| {
                    run(&listener_of(&facts, sample), &changed).outcome.name() == sample.expect
                })
                .collect();
            tally.count("what is not signed", &facts);
            let is_sum = claim.part == Part::Body && sums(&facts);
            if !tried.contains(&true) && !is_sum {
                tally.complain(&facts, samples[0], text, &format!("{tried:?}"));
            }
        }
    }
    tally.end(45, &[("what is not signed", 24)]);
}

/// CRC-32 does not protect the body: four extra bytes give any checksum.
#[test]
fn a_checksum_in_the_signed_text_does_not_sign_the_body() {
    let mut tried = 0;
    for facts in all().iter().filter(|facts| sums(facts)) {
        assert!(facts.unsigned.iter().any(|claim| claim.part == Part::Body));
        for sample in facts.valid() {
            let sum = crc32fast::hash(sample.body.as_deref().unwrap());
            let forged = with_sum(b"forged: ", sum);
            let changed = Sample { body: Some(forged), ..sample.clone() };
            let changed = with_header(&changed, "content-type", None);
            let decision = run(&listener_of(facts, sample), &changed);
            assert_eq!(decision.outcome.name(), "accepted", "{}", facts.recipe.name);
            tried += 1;
        }
    }
    assert!(tried > 0);
}

/// Appends four bytes that give a text a wanted checksum. Each bit changes fixed bits of the
/// checksum, so the bytes are the solution of linear equations over GF(2).
fn with_sum(text: &[u8], sum: u32) -> Vec<u8> {
    let of = |bits: u32| crc32fast::hash(&[text, &bits.to_le_bytes()].concat());
    let base = of(0);
    let mut rows: Vec<(u32, u32)> = (0..32).map(|bit| (of(1 << bit) ^ base, 1 << bit)).collect();
    let (mut left, mut bits) = (sum ^ base, 0);
    for at in (0..32).rev() {
        let found = rows.iter().position(|(row, _)| row >> at & 1 == 1).unwrap();
        let (pivot, from) = rows.swap_remove(found);
        for (row, of) in rows.iter_mut().filter(|(row, _)| row >> at & 1 == 1) {
            *row ^= pivot;
            *of ^= from;
        }
        if left >> at & 1 == 1 {
            left ^= pivot;
            bits ^= from;
        }
    }
    [text, &bits.to_le_bytes()].concat()
}

#[test]
fn every_part_an_event_is_built_from_is_listed_as_signed_or_unsigned() {
    let named = Regex::new(r#"headers\["([^"]+)"\]"#).unwrap();
    let mut wrong = Vec::new();
    let mut read = 0;
    for facts in all() {
        let source = facts.event_source();
        let claims: Vec<&Part> =
            facts.covers.iter().chain(&facts.unsigned).map(|claim| &claim.part).collect();
        let proofs: BTreeSet<String> =
            facts.valid().flat_map(|sample| facts.proofs(sample)).map(str::to_lowercase).collect();
        for name in named.captures_iter(&source).map(|found| found[1].to_lowercase()) {
            read += 1;
            let is_listed = claims.iter().any(|part| match part {
                Part::Header(one) | Part::Pair(one, _) => *one == name,
                _ => false,
            });
            if !is_listed && !proofs.contains(&name) {
                wrong.push(format!("{}: header {name}", facts.recipe.name));
            }
        }
        for (words, part) in [
            (["query_params", "raw_query"].as_slice(), Part::Query),
            (&["parsed_body", "raw_body", "keys ="], Part::Body),
            (&["http_method"], Part::Method),
        ] {
            let is_read = words.iter().any(|word| source.contains(word));
            let is_listed =
                claims.iter().any(|one| **one == part || part == Part::Body && is_of_body(one));
            if is_read && !is_listed {
                wrong.push(format!("{}: {part:?}", facts.recipe.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 50, "{read}");
}

/// Returns true for a part of the body.
fn is_of_body(part: &Part) -> bool {
    matches!(part, Part::Json | Part::Member(_))
}

#[test]
fn a_part_that_cannot_be_changed_is_listed_as_signed() {
    let mut wrong = Vec::new();
    for facts in all() {
        for (word, part) in [
            ("method", Part::Method),
            ("url", Part::Url),
            ("query", Part::Query),
            ("body", Part::Body),
        ] {
            let claim = Claim::read(word);
            let tried: Vec<(bool, bool)> = facts
                .valid()
                .filter_map(|sample| Some((sample, changed(&facts, sample, &claim)?)))
                .map(|(sample, changed)| {
                    let outcome = run(&listener_of(&facts, sample), &changed).outcome;
                    let covered = facts.covered(sample);
                    let by_value = match part {
                        Part::Body => covered.contains(&&Part::Json),
                        Part::Query => covered.contains(&&Part::Parameters),
                        _ => false,
                    };
                    (outcome.name() == sample.expect, by_value || covered.contains(&&part))
                })
                .collect();
            let is_sum = part == Part::Body && sums(&facts);
            if !tried.is_empty()
                && tried.iter().all(|(accepted, covered)| !accepted && !covered)
                && !is_sum
            {
                wrong.push(format!("{}: {word}", facts.recipe.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_part_is_listed_as_signed_and_as_unsigned() {
    for facts in all() {
        for sample in facts.valid() {
            let covered = facts.covered(sample);
            for claim in facts.unsigned.iter().filter(|claim| claim.is_for(sample)) {
                assert!(!covered.contains(&&claim.part), "{}: {claim:?}", facts.recipe.name);
            }
        }
    }
}

#[test]
fn the_case_and_the_order_of_headers_never_matter() {
    let mut tally = Tally::default();
    let mixed = |name: &str| -> String {
        let case = |(at, c): (usize, char)| match at % 2 {
            0 => c.to_ascii_uppercase(),
            _ => c.to_ascii_lowercase(),
        };
        name.chars().enumerate().map(case).collect()
    };
    for facts in all() {
        // Rejected samples must stay rejected for the same reason.
        for sample in &facts.recipe.samples {
            let listener = listener_of(&facts, sample);
            let before = run(&listener, sample);
            let renamed = |name: &dyn Fn(&str) -> String| {
                let headers = sample.headers.iter().map(|(key, value)| (name(key), value.clone()));
                Sample { headers: headers.collect(), ..sample.clone() }
            };
            let mut turned = sample.clone();
            turned.headers.reverse();
            let mut all = vec![
                ("in capitals", renamed(&|name| name.to_uppercase())),
                ("in small letters", renamed(&|name| name.to_lowercase())),
                ("in both", renamed(&mixed)),
            ];
            let names: BTreeSet<String> =
                sample.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
            // A repeated header is joined in its order.
            if names.len() == sample.headers.len() {
                all.push(("turned round", turned));
            }
            for (what, changed) in all.into_iter().filter(|(_, one)| one != sample) {
                tally.count(what, &facts);
                let after = run(&listener, &changed);
                let same = (before.outcome, &before.reasons, &before.dedup, &before.response)
                    == (after.outcome, &after.reasons, &after.dedup, &after.response);
                let events = |decision: &hookgate::listener::Decision| {
                    decision.event.as_ref().map(|event| {
                        (event.kind.clone(), event.provider_id.clone(), event.data.clone())
                    })
                };
                if !same || events(&before) != events(&after) {
                    let report = format!("{} {:?}", after.outcome, after.reasons);
                    tally.complain(&facts, sample, what, &report);
                }
            }
        }
    }
    tally.end(1_000, &[("in capitals", 55), ("in small letters", 55), ("in both", 55)]);
}
