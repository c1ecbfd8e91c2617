//! Single changes to the signed parts of a recipe's request.

use hookgate::listener::Sample;

use super::facts::{Facts, Kind, Part, header};

/// A valid request with one change, and the reason codes expected in the log.
pub(super) struct Change {
    pub(super) kind: &'static str,
    pub(super) what: String,
    pub(super) sample: Sample,
    /// The accepted reason codes; at least one must occur.
    pub(super) wanted: Vec<&'static str>,
}

/// The reason codes for a changed time.
const TIMES: [&str; 4] = ["missing_time", "bad_time", "stale", "future"];

/// Returns the reason codes for a request that differs from the signed one.
pub(super) fn differs(facts: &Facts) -> Vec<&'static str> {
    let code = |kind| match kind {
        Kind::Signature => "digest_differs",
        Kind::PublicKey => "signature_wrong",
        Kind::Token => "bad_token",
        Kind::Rule => "rule_false",
    };
    facts.checks.iter().map(|check| code(check.kind)).collect()
}

/// Adds the reason codes of the time, if the time is read from the changed part.
pub(super) fn differs_at(facts: &Facts, read: &str) -> Vec<&'static str> {
    let timed = facts.checks.iter().any(|check| check.time.contains(read));
    let times = if timed { TIMES.as_slice() } else { &[] };
    differs(facts).into_iter().chain(times.iter().copied()).collect()
}

/// Returns every single change to the parts of a valid sample that the recipe covers.
pub(super) fn of_covered(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let parts = facts.covered(sample);
    let changes = parts.into_iter().flat_map(|part| match part {
        Part::Method => of_method(facts, sample),
        Part::Url => of_url(facts, sample),
        Part::Path => of_path(facts, sample),
        Part::Query => of_query(facts, sample),
        Part::Parameters => of_parameters(facts, sample),
        Part::Body => of_body(facts, sample),
        Part::Json => of_json(facts, sample),
        Part::Header(name) => of_header(facts, sample, name),
        Part::Pair(name, pair) => of_pair(facts, sample, name, pair),
        Part::Member(path) => super::members::of_member(facts, sample, path),
    });
    changes.filter(|change| change.sample != *sample).collect()
}

fn of_method(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let others = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "post"];
    let changed = |method: &&str| {
        let accepted = facts.methods.iter().any(|one| one == method);
        // If the place of the signature depends on the method, another method finds no signature.
        let places = facts.checks.iter().any(|check| check.received.contains("http_method"));
        let none = places.then_some("missing_signature");
        Change {
            kind: "method",
            what: format!("method {method}"),
            sample: Sample { method: (*method).to_owned(), ..sample.clone() },
            wanted: if accepted {
                differs(facts).into_iter().chain(none).collect()
            } else {
                vec!["method_not_taken"]
            },
        }
    };
    others.iter().map(changed).collect()
}

/// Returns the URL without its query.
pub(super) fn address(sample: &Sample) -> String {
    let url = sample.url.as_deref().unwrap_or(super::URL);
    url.split('?').next().unwrap_or(url).to_owned()
}

pub(super) fn with_query(sample: &Sample, address: &str, query: &str) -> Sample {
    let mark = if query.is_empty() { "" } else { "?" };
    let url = Some(format!("{address}{mark}{query}"));
    Sample { url, query: query.to_owned(), ..sample.clone() }
}

fn of_url(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let address = address(sample);
    let (scheme, rest) = address.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let other_scheme = if scheme == "https" { "http" } else { "https" };
    let all = [
        ("scheme", format!("{other_scheme}://{rest}")),
        ("host", format!("{scheme}://other.{rest}")),
        ("host's end", format!("{scheme}://{host}.example/{path}")),
        ("port", format!("{scheme}://{host}:8443/{path}")),
        ("path", format!("{scheme}://{host}/x{path}")),
        ("path's end", format!("{scheme}://{host}/{path}x")),
        ("path's case", format!("{scheme}://{host}/{}", path.to_uppercase())),
    ];
    let changes = all.into_iter().map(|(what, url)| Change {
        kind: "url",
        what: format!("url: {what}"),
        sample: with_query(sample, &url, &sample.query),
        wanted: differs(facts),
    });
    // An upper-case path may be equal to the original.
    changes.filter(|change| !path.is_empty() && self::address(&change.sample) != address).collect()
}

fn of_path(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let changes = of_url(facts, sample).into_iter();
    changes.filter(|change| change.what.starts_with("url: path")).collect()
}

fn of_query(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let address = address(sample);
    let query = &sample.query;
    let sign = if query.is_empty() { "" } else { "&" };
    let mut all = vec![
        ("a pair more", format!("{query}{sign}zz=1")),
        ("a pair before", format!("aa=1{sign}{query}")),
        ("a repeated pair", format!("{query}&{query}")),
    ];
    for (what, changed) in of_bytes(query.as_bytes()) {
        // Characters that a URL cannot contain never arrive in one.
        let readable = |byte: &u8| byte.is_ascii_graphic();
        if let Ok(changed) = String::from_utf8(changed).map(|text| text.to_owned())
            && changed.bytes().all(|byte| readable(&byte))
            && !query.is_empty()
        {
            all.push((what, changed));
        }
    }
    let change = |(what, query): (&str, String)| Change {
        kind: "query",
        what: format!("query: {what}"),
        sample: with_query(sample, &address, &query),
        wanted: differs(facts).into_iter().chain(["missing_signature"]).collect(),
    };
    all.into_iter().map(change).filter(|change| change.sample.query != sample.query).collect()
}

/// Returns the changes to a query that change its names and values.
fn of_parameters(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let read = |sample: &Sample| {
        let mut pairs: Vec<(String, String)> =
            form_urlencoded::parse(sample.query.as_bytes()).into_owned().collect();
        pairs.sort();
        pairs
    };
    let mut all = of_query(facts, sample);
    all.retain(|change| read(&change.sample) != read(sample));
    all
}

fn of_body(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let body = sample.body.clone().unwrap_or_default();
    // A form that cannot be read has no signed text.
    let is_form = facts.checks.iter().any(|check| check.payload.contains("$PARSE_FORM("));
    let unreadable = if is_form { ["no_payload"].as_slice() } else { &[] };
    let change = |(what, changed): (&'static str, Vec<u8>)| Change {
        kind: what,
        what: format!("body: {what}"),
        sample: Sample { body: Some(changed), ..sample.clone() },
        wanted: [&*differs_at(facts, "parsed_body"), unreadable].concat(),
    };
    let changed = of_bytes(&body).into_iter().filter(|(_, changed)| *changed != body);
    changed.map(change).collect()
}

/// Returns the changes to a body that change its value, or make it no JSON.
fn of_json(facts: &Facts, sample: &Sample) -> Vec<Change> {
    let read = |sample: &Sample| {
        let body = sample.body.as_deref().unwrap_or_default();
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        serde_json::from_slice::<serde_json::Value>(body).ok()
    };
    let value = read(sample);
    let mut all = of_body(facts, sample);
    all.retain(|change| read(&change.sample) != value);
    all.iter_mut().for_each(|change| change.wanted.push("no_payload"));
    all
}

/// Returns a different byte of the same class.
fn next(byte: u8) -> u8 {
    match byte {
        b'9' | b'z' | b'Z' => byte - 1,
        b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y' => byte + 1,
        _ => byte ^ 1,
    }
}

/// Returns the bytes with one change for each class of byte that occurs.
pub(super) fn of_bytes(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let replaced = |at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = byte;
        bytes
    };
    // The case of a letter in an escape has no meaning.
    let escaped = |at: usize| bytes[at.saturating_sub(2)..at].contains(&b'%');
    let first = |is: fn(&u8) -> bool| (0..bytes.len()).find(|at| is(&bytes[*at]) && !escaped(*at));
    let last =
        |is: fn(&u8) -> bool| (0..bytes.len()).rev().find(|at| is(&bytes[*at]) && !escaped(*at));
    let mut all = Vec::new();
    for (what, at) in [
        ("the first byte", (!bytes.is_empty()).then_some(0)),
        ("the middle byte", (bytes.len() > 2).then_some(bytes.len() / 2)),
        ("the last byte", bytes.len().checked_sub(1)),
        ("the first digit", first(u8::is_ascii_digit)),
        ("the last digit", last(u8::is_ascii_digit)),
        ("the first letter", first(u8::is_ascii_alphabetic)),
        ("the last letter", last(u8::is_ascii_alphabetic)),
        ("punctuation", first(u8::is_ascii_punctuation)),
    ] {
        all.extend(at.map(|at| (what, replaced(at, next(bytes[at])))));
    }
    let letter = first(u8::is_ascii_alphabetic);
    all.extend(letter.map(|at| ("a letter's case", replaced(at, bytes[at] ^ 0x20))));
    let put = |at: usize, more: &[u8]| [&bytes[..at], more, &bytes[at..]].concat();
    all.extend([
        ("a byte order mark", put(0, b"\xef\xbb\xbf")),
        ("a space before", put(0, b" ")),
        ("a space inside", put(bytes.len().min(1), b" ")),
        ("a space behind", put(bytes.len(), b" ")),
        ("a line end", put(bytes.len(), b"\n")),
        ("a line end of two", put(bytes.len(), b"\r\n")),
        ("a byte more", put(bytes.len(), b"x")),
        ("a zero byte more", put(bytes.len(), b"\0")),
        ("the same once more", [bytes, bytes].concat()),
        ("empty", Vec::new()),
        ("a byte less", bytes[..bytes.len().saturating_sub(1)].to_vec()),
        ("the first byte less", bytes[bytes.len().min(1)..].to_vec()),
        ("half", bytes[..bytes.len() / 2].to_vec()),
    ]);
    all
}

/// Returns a sample with a header set to another value, or removed.
pub(super) fn with_header(sample: &Sample, name: &str, value: Option<String>) -> Sample {
    let mut changed = sample.clone();
    match value {
        Some(value) => {
            let found =
                changed.headers.iter_mut().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.for_each(|(_, old)| value.clone_into(old));
        }
        None => changed.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name)),
    }
    changed
}

fn of_header(facts: &Facts, sample: &Sample, name: &str) -> Vec<Change> {
    let value = header(sample, name)
        .unwrap_or_else(|| panic!("{}: `{}` has no `{name}`", facts.recipe.name, sample.name));
    let again = |first: bool| {
        let mut changed = sample.clone();
        let at = if first { 0 } else { changed.headers.len() };
        changed.headers.insert(at, (name.to_owned(), other(value)));
        changed
    };
    let change = |kind, what: String, sample| Change {
        kind,
        what: format!("header {name}: {what}"),
        sample,
        wanted: differs_at(facts, name).into_iter().chain(["no_payload"]).collect(),
    };
    let mut all = vec![
        change("a missing signed header", "removed".to_owned(), with_header(sample, name, None)),
        change("a signed header twice", "another before".to_owned(), again(true)),
        change("a signed header twice", "another behind".to_owned(), again(false)),
    ];
    for (what, changed) in of_bytes(value.as_bytes()) {
        // Characters that a header cannot contain never arrive in one, and spaces around the value
        // are dropped.
        if let Some(text) = sendable(&changed)
            && text != value
        {
            all.push(change(
                "a signed header",
                what.to_owned(),
                with_header(sample, name, Some(text)),
            ));
        }
    }
    all
}

pub(super) fn sendable(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte)).then(|| text.to_owned())
}

/// Returns a different value of the same length and class.
pub(super) fn other(value: &str) -> String {
    let mut bytes = value.as_bytes().to_vec();
    let at = bytes.iter().rposition(u8::is_ascii_alphanumeric).unwrap();
    bytes[at] = next(bytes[at]);
    String::from_utf8(bytes).unwrap()
}

fn of_pair(facts: &Facts, sample: &Sample, name: &str, pair: &str) -> Vec<Change> {
    let whole = header(sample, name).unwrap();
    let begin = format!("{pair}=");
    let separator = [";", ","].into_iter().find(|one| whole.contains(one)).unwrap_or("&");
    let pairs: Vec<&str> = whole.split(separator).collect();
    let value = pairs.iter().find_map(|one| one.trim().strip_prefix(&begin)).unwrap();
    let of = |kind, what: String, parts: &[&str]| Change {
        kind,
        what: format!("header {name}, {pair}: {what}"),
        sample: with_header(sample, name, Some(parts.join(separator))),
        wanted: differs_at(facts, name).into_iter().chain(["no_payload"]).collect(),
    };
    let rest: Vec<&str> =
        pairs.iter().copied().filter(|one| !one.trim().starts_with(&begin)).collect();
    let second = format!("{begin}{}", other(value));
    let mut all = vec![
        of("a missing signed header", "removed".to_owned(), &rest),
        of(
            "a signed header twice",
            "another before".to_owned(),
            &[&[second.as_str()], pairs.as_slice()].concat(),
        ),
        of(
            "a signed header twice",
            "another behind".to_owned(),
            &[pairs.as_slice(), &[second.as_str()]].concat(),
        ),
    ];
    for (what, changed) in of_bytes(value.as_bytes()) {
        // A separator would end this pair, and spaces around it are dropped.
        if let Some(text) = sendable(&changed)
            && text != value
            && !text.contains([',', ';', '&', '='])
        {
            let changed = format!("{begin}{text}");
            let parts = [&[changed.as_str()], rest.as_slice()].concat();
            all.push(of("a signed header", what.to_owned(), &parts));
        }
    }
    all
}
