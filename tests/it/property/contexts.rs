//! Generated contexts: JSON of all kinds under the names that generated programs read.

use std::fmt::Write;

use hookgate::engine::{Context, OwnedValue, Read, Secrets, Time, Value};
use hookgate::value::read_json;

use super::choices::Choices;

/// Boundary numbers: around 2^53, 2^63, 2^64, and the range of floats.
pub(super) const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "3",
    "0.5",
    "-2.5",
    "7",
    "10",
    "100",
    "1.0",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "-9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "9223372036854775808.0",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616.0",
    "18446744073709551614",
    "0.1",
    "0.30000000000000004",
    "1e3",
    "1e300",
    "-1e300",
    "5e-324",
    "1.7976931348623157e308",
    "1755648000",
    "1755648000.25",
    "1755648000123",
    "253402300799",
    "-62167219200",
    "60",
    "3600",
    "-0.0",
    "0.000000001",
    "1e-9",
    "4294967296",
];

/// Strings that functions can parse, and strings that they cannot.
pub(super) const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "ab",
    "High",
    "a,b,,c",
    "naïve 🙂",
    "Straße",
    "İ",
    "e\u{301}",
    "  padded\t",
    "7",
    "-2.5",
    "18446744073709551615",
    "1e999",
    "x",
    "id",
    "name",
    "true",
    "2025-08-20T00:00:00Z",
    "2025-02-29",
    "2024-02-29T23:59:59.5+05:30",
    "Sun, 17 Aug 2025 12:30:00 GMT",
    "1755433800250",
    "%Y-%m-%d",
    "%H:%M %Z",
    "Europe/Berlin",
    "+05:30",
    "America/New_York",
    "[a-z]+",
    "(\\d+)-(\\d+)",
    "(?<w>\\w)",
    "(",
    "\\1",
    "00ff",
    "c3a9",
    "aGVsbG8=",
    "-_8",
    "!",
    "{\"a\":[1,2.0,null],\"b\":\"c\"}",
    "{\"a\":1,\"a\":2}",
    "[1,\"2\"]",
    "a=1&b=2&a=%20",
    "t=1,v1=ab,v1=cd",
    ",",
    "=",
    "10.1.2.3",
    "10.0.0.0/8",
    "2001:db8::/32",
    "sha256",
    "HS256",
    "<b>x</b> &amp; y<br>z",
    "{{a}} {{{b}}}",
    "{{#l}}{{.}}{{/l}}",
    "sha256=ab12",
    "zoom-secret",
    "X-A",
    "x-a",
    "a b+c%20d",
    "\u{0}\u{7f}\u{2028}",
    "\"quoted\\\"",
];

/// The names of members, in programs and in contexts.
pub(super) const KEYS: &[&str] = &["a", "b", "id", "name", "x", "items", "n"];

/// The context of a generated program. It is JSON, apart from bytes and a time, which JSON lacks.
pub(super) struct Given {
    /// The values by variable, as JSON.
    pub(super) roots: Vec<(&'static str, String)>,
}

impl Given {
    pub(super) fn generate(choices: &mut Choices) -> Self {
        let mut roots = vec![("vars", "{\"go\":true}".to_owned())];
        roots.push(("n", maybe(choices, number)));
        roots.push(("s", maybe(choices, text)));
        roots.push(("l", maybe(choices, |choices| list(choices, number))));
        roots.push(("ls", maybe(choices, |choices| list(choices, text))));
        roots.push(("lo", maybe(choices, |choices| list(choices, |choices| object(choices, 1)))));
        roots.push(("o", maybe(choices, |choices| object(choices, 2))));
        roots.push(("x", any(choices, 3)));
        roots.push(("parsed_body", any(choices, 3)));
        roots.push(("headers", headers(choices)));
        roots.push(("query_params", query(choices)));
        roots.push(("raw_body", text(choices)));
        Self { roots }
    }

    /// Returns the variables as owned values.
    pub(super) fn values(&self) -> Vec<(&'static str, OwnedValue)> {
        let read = |json: &str| read_json(json.as_bytes()).expect("generated JSON is JSON");
        self.roots.iter().map(|(root, json)| (*root, read(json))).collect()
    }

    /// Returns one JSON object, for the report of a failure and the file of cases.
    pub(super) fn json(&self) -> String {
        let roots: Vec<String> =
            self.roots.iter().map(|(root, json)| format!("{root:?}:{json}")).collect();
        format!("{{{}}}", roots.join(","))
    }
}

/// The values beside the JSON that every generated program can read.
pub(super) struct Fixed {
    pub(super) now: Time,
    pub(super) earlier: Time,
    pub(super) secrets: Secrets,
}

impl Fixed {
    pub(super) fn new() -> Self {
        let time = |text: &str| Time::new(chrono::DateTime::parse_from_rfc3339(text).unwrap());
        let mut secrets = Secrets::default();
        secrets.add("ZOOM", "zoom-secret");
        secrets.add("ZOOM", "old-secret");
        secrets.add_bytes("RAW", [0u8, 159, 146, 150]);
        Self {
            now: time("2025-08-20T00:00:00Z").unwrap(),
            earlier: time("2024-02-29T23:59:59.123456789+05:30").unwrap(),
            secrets,
        }
    }

    /// Returns a context of these variables, with a time, bytes, the clock and the secrets.
    pub(super) fn context<'c>(&'c self, values: &'c [(&'static str, OwnedValue)]) -> Context<'c> {
        let mut context = Context::new();
        for (root, value) in values {
            context.set(root, value);
        }
        context
            .set("tm", self.earlier)
            .set("bin", Value::Bytes(b"\x00\xffab"))
            .set_now(self.now)
            .set_secrets(&self.secrets);
        context
    }
}

/// Returns the value of a variable, reduced to the values at these paths.
pub(super) fn only(value: &OwnedValue, root: &str, reads: &[Read]) -> OwnedValue {
    let paths: Vec<&[hookgate::program::Key]> =
        reads.iter().filter(|read| &*read.root == root).map(|read| &*read.keys).collect();
    if paths.is_empty() { OwnedValue::Null } else { narrowed(value, &paths) }
}

fn narrowed(value: &OwnedValue, paths: &[&[hookgate::program::Key]]) -> OwnedValue {
    use hookgate::program::Key;
    let OwnedValue::Object(object) = value else {
        return value.clone();
    };
    if paths.iter().any(|path| !matches!(path.first(), Some(Key::Name(_)))) {
        return value.clone();
    }
    let mut stored = Vec::new();
    for (key, member) in object.iter() {
        let inside: Vec<&[Key]> = paths
            .iter()
            .filter(|path| matches!(&path[0], Key::Name(name) if name.eq_ignore_ascii_case(key)))
            .map(|path| &path[1..])
            .collect();
        if !inside.is_empty() {
            stored.push((key.clone(), narrowed(member, &inside)));
        }
    }
    OwnedValue::Object(hookgate::value::OwnedObject::new(stored).0)
}

fn maybe(choices: &mut Choices, usual: impl FnOnce(&mut Choices) -> String) -> String {
    if choices.once_in(8) { any(choices, 2) } else { usual(choices) }
}

fn number(choices: &mut Choices) -> String {
    if choices.once_in(4) {
        let random = choices.pick(1 << 20) as i64 - (1 << 19);
        return format!("{}", random as f64 / [1.0, 8.0, 10.0, 1000.0][choices.pick(4)]);
    }
    (*choices.one(NUMBERS)).to_owned()
}

fn text(choices: &mut Choices) -> String {
    serde_json::Value::from(*choices.one(TEXTS)).to_string()
}

fn list(choices: &mut Choices, mut item: impl FnMut(&mut Choices) -> String) -> String {
    let items: Vec<String> = (0..choices.pick(4)).map(|_| item(choices)).collect();
    format!("[{}]", items.join(","))
}

fn object(choices: &mut Choices, depth: usize) -> String {
    let mut entries = String::new();
    let first = choices.pick(KEYS.len());
    for at in 0..choices.pick(5) {
        let key = KEYS[(first + at) % KEYS.len()];
        let comma = if at > 0 { "," } else { "" };
        let value = any(choices, depth);
        let _ = write!(entries, "{comma}{key:?}:{value}");
    }
    format!("{{{entries}}}")
}

fn any(choices: &mut Choices, depth: usize) -> String {
    match choices.pick(if depth == 0 { 5 } else { 8 }) {
        0 => "null".to_owned(),
        1 => number(choices),
        2 => text(choices),
        3 => "true".to_owned(),
        4 => "false".to_owned(),
        5 => list(choices, |choices| any(choices, depth - 1)),
        _ => object(choices, depth - 1),
    }
}

fn headers(choices: &mut Choices) -> String {
    let mut entries = Vec::new();
    for name in ["x-a", "X-B", "content-type", "x-c"] {
        if choices.pick(2) == 1 {
            entries.push(format!("{name:?}:{}", text(choices)));
        }
    }
    let headers = format!("{{{}}}", entries.join(","));
    if choices.once_in(4) { format!("{{\"map\":{headers}}}") } else { headers }
}

fn query(choices: &mut Choices) -> String {
    let value = if choices.pick(2) == 0 { text(choices) } else { list(choices, text) };
    format!("{{\"a\":{value}}}")
}
