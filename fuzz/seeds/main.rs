//! Writes the seeds for the fuzz targets, one directory for each target: the cases, the examples of
//! all rows, the signed samples of the recipes; and a dictionary for each target, from the rows.
//!
//! `cargo run --manifest-path fuzz/seeds/Cargo.toml -- FOLDER` writes the same files in each run.

#![allow(clippy::disallowed_methods, reason = "only the library reads and writes no files")]

mod words;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use hookgate::builtins;
use hookgate::diagnostic::all_codes;
use hookgate::listener::{Sample, find_recipe, recipe_names};
use hookgate::mapper::operators;
use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The separator between the parts of an input.
const PARTS: &str = "\n====\n";

/// Inputs by target.
#[derive(Default)]
struct Seeds(BTreeMap<&'static str, Vec<Vec<u8>>>);

impl Seeds {
    fn add(&mut self, target: &'static str, input: impl Into<Vec<u8>>) {
        self.0.entry(target).or_default().push(input.into());
    }

    /// A rule, and its context.
    fn add_rule(&mut self, rule: &str, context: &str) {
        for target in ["lex", "parse", "check_compile"] {
            self.add(target, rule);
        }
        for target in ["run", "fold", "differential"] {
            self.add(target, format!("{rule}{PARTS}{context}"));
        }
    }

    fn write(mut self, folder: &Path) -> Result<usize> {
        let mut written = 0;
        for (target, inputs) in &mut self.0 {
            let folder = folder.join(target);
            fs::create_dir_all(&folder)?;
            inputs.sort();
            inputs.dedup();
            for (at, input) in inputs.iter().enumerate() {
                fs::write(folder.join(format!("{at:04}")), input)?;
            }
            written += inputs.len();
        }
        Ok(written)
    }
}

fn main() -> Result {
    let folder = std::env::args().nth(1).ok_or("the folder to write to is missing")?;
    let folder = Path::new(&folder);
    let mut seeds = Seeds::default();
    rules(&mut seeds)?;
    mappers(&mut seeds)?;
    times(&mut seeds);
    filters(&mut seeds);
    configurations(&mut seeds)?;
    requests(&mut seeds);
    signatures(&mut seeds);
    secrets(&mut seeds);
    let written = seeds.write(folder)?;
    words::dictionaries(folder)?;
    println!("{written} seeds in {}", folder.display());
    Ok(())
}

fn files(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path.to_string_lossy(), extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn rules(seeds: &mut Seeds) -> Result {
    for folder in ["tests/cases", "examples"] {
        for path in files(folder, "rule")? {
            seeds.add_rule(fs::read_to_string(path)?.trim_end(), "{}");
        }
    }
    let mut cases = files("tests/cases/language", "json")?;
    cases.push("tests/cases/published.json".into());
    cases.push("tests/cases/differential.json".into());
    for path in cases {
        let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path)?)?;
        for case in &cases {
            let text = case.get("text").or_else(|| case.get("rule")).and_then(Value::as_str);
            let context = case.get("context").filter(|context| context.is_object());
            let context = context.map_or_else(|| "{}".to_owned(), Value::to_string);
            seeds.add_rule(text.unwrap_or_default(), &context);
        }
    }
    for example in builtins::all().flat_map(|function| function.examples) {
        seeds.add_rule(example.source, "{}");
    }
    for row in all_codes() {
        seeds.add_rule(row.example, "{}");
    }
    for path in files("tests/cases/format", "txt")? {
        let text = fs::read_to_string(path)?;
        for case in text.split("\n=== ").skip(1) {
            let source = case.split("\n---").next().unwrap_or_default();
            seeds.add_rule(source.split_once('\n').map_or("", |(_, source)| source), "{}");
        }
    }
    Ok(())
}

fn mappers(seeds: &mut Seeds) -> Result {
    for operator in operators() {
        let example = operator.example;
        seeds.add("mapper", format!("{}{PARTS}{}", example.document, example.context));
    }
    for path in files("tests/cases/mapper", "cases")? {
        let text = fs::read_to_string(path)?;
        for case in text.split("\n=== ").skip(1) {
            let (document, rest) = case.split_once("\n--- ").unwrap_or((case, ""));
            let document = document.split_once('\n').map_or("", |(_, document)| document);
            let context = rest.strip_prefix("context\n").unwrap_or("{}");
            let context = context.split("\n---").next().unwrap_or("{}");
            seeds.add("mapper", format!("{document}{PARTS}{context}"));
        }
    }
    Ok(())
}

const ZONES: &[&str] = &["Europe/Berlin", "+05:30", "America/New_York", "UTC"];

const TIMES: &[(&str, &str)] = &[
    ("%Y-%m-%d", "2025-08-17"),
    ("%d.%m.%Y %H:%M", "17.08.2025 12:30"),
    ("%a, %d %b %Y %H:%M:%S GMT", "Sun, 17 Aug 2025 12:30:00 GMT"),
    ("%s", "1755433800"),
    ("%Y-%m-%dT%H:%M:%S%.f%:z", "2024-02-29T23:59:59.5+05:30"),
    ("%I:%M %p %Z", "1755433800250"),
    ("%G-W%V-%u", "2025-W34-3"),
    ("%j %y %U", "2025-03-30T02:30:00"),
    ("-7", "2016-12-31T23:59:60Z"),
    ("%e %B %C%y %T", "2025-08-17 12:30:00.250+0200"),
    ("2", "15m"),
];

fn times(seeds: &mut Seeds) {
    for zone in ZONES {
        for (format, text) in TIMES {
            seeds.add("time_formats", format!("{zone}{PARTS}{format}{PARTS}{text}"));
        }
    }
}

const FILTERS: &[&str] = &[
    "number ge 32L and number le 32.0f and number eq 0x20",
    "not (active eq false) or reason eq null",
    "createdOn gt datetime'2026-05-13T09:59' and createdOn lt now",
    "createdOn ge today+1d or createdOn ge sow and createdOn lt eom",
    "id eq guid'123E4567-E89B-12D3-A456-426614174000' and owner/id eq me.id",
    "startswith(tolower(name),'post') and endswith(name,'Slack') eq true",
    "substringof('to',name) and name in ('a','Post to Slack')",
    "tags/any(t:t/name eq 'b') and tags/count(t:t/name eq 'b') ge 1",
];

fn filters(seeds: &mut Seeds) {
    for filter in FILTERS {
        for order in ["name", "Name desc,createdOn", "number asc, tags desc"] {
            seeds.add("filterby", format!("{filter}{PARTS}{order}{PARTS}{{\"name\":\"a\"}}"));
        }
    }
}

fn configurations(seeds: &mut Seeds) -> Result {
    for folder in ["tests/cases/configuration", "examples", "src/listener/recipes"] {
        for path in files(folder, "toml")? {
            seeds.add("config", fs::read(path)?);
        }
    }
    for recipe in recipe_names().filter_map(find_recipe) {
        seeds.add("config", recipe.trial_file());
    }
    Ok(())
}

/// All samples of all recipes.
fn samples() -> impl Iterator<Item = &'static Sample> {
    recipe_names().filter_map(find_recipe).flat_map(|recipe| &recipe.samples)
}

/// The bodies and headers of the samples, for listeners with every kind of verification; and nearly
/// valid requests.
fn requests(seeds: &mut Seeds) {
    for (at, sample) in samples().enumerate() {
        let body = sample.body.clone().unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let keys: Vec<&str> = text.split('"').skip(1).step_by(2).take(3).collect();
        let paths = format!("{} {}{PARTS}", keys.join("."), keys.join(" "));
        seeds.add("projection", [paths.as_bytes(), body.as_slice()].concat());
        let headers: Vec<(&str, &str)> =
            sample.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        seeds.add("http_request", http(&sample.method, at % 11, &sample.query, &headers, &body));
    }
    let json = br#"{"type":"a","data":{"id":"1","n":2,"at":"2025-08-20"},"items":[{"id":"x"}]}"#;
    let token = "Bearer eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.e30.AA";
    for number in 0..11 {
        let headers = [
            ("Content-Type", "application/json"),
            ("Authorization", token),
            ("X-Forwarded-For", "192.0.2.1, 10.0.0.1"),
            ("X-Ts", "1760000000"),
            ("X-Sig", "v1=00ff, sha256=00"),
            ("X-Api-Key", "hg_a.b"),
        ];
        seeds.add("http_request", http("POST", number, "a=1&token=x", &headers, json));
        seeds.add("http_request", http("GET", number, "challenge=x", &[], b""));
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        seeds.add("http_request", http("PUT", number, "", &form, b"payload=%7B%22a%22%3A1%7D&a=b"));
        let path = path(number);
        let chunked = "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n";
        seeds.add("http_request", format!("POST {path} HTTP/1.1\r\nHost: a\r\n{chunked}"));
    }
    let gzip = [
        31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 171, 86, 74, 84, 178, 50, 172, 5, 0, 210, 146, 4, 86, 7,
        0, 0, 0,
    ];
    seeds.add("http_request", http("POST", 0, "", &[("Content-Encoding", "gzip")], &gzip));
    let basic =
        [("Authorization", "Basic YTpi"), ("Content-Type", "application/x-www-form-urlencoded")];
    let body = b"grant_type=client_credentials";
    let token = String::from_utf8_lossy(&http("POST", 0, "", &basic, body))
        .replace(&path(0), "/oauth/v1/token");
    seeds.add("http_request", token);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let head = [0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84];
    seeds.add("http_request", [preface.as_slice(), &settings, &head].concat());
}

fn path(number: usize) -> String {
    format!("/webhooks/v1/listeners/00000000-0000-4000-8000-{number:012x}/notify")
}

fn http(
    method: &str,
    number: usize,
    query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("{method} {}?{query} HTTP/1.1\r\nHost: a\r\n", path(number));
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Headers in every form that the target knows, with the valid digest among them, alone and with
/// others.
fn signatures(seeds: &mut Seeds) {
    let values = [
        "\u{1}",
        "\u{2}",
        "\u{3}",
        "v1=\u{1}",
        "v1,\u{1}",
        "v1=\u{2},v1=\u{1}",
        "v1,\u{2} v1,\u{1}",
        "v2=\u{1}",
        " \u{1} ",
        "\u{1}=",
        "v1=\u{2}\u{4}v1=\u{1}",
        "\u{1}\u{1}",
        "v1=,,v1=\u{3}",
    ];
    for form in ' '..='D' {
        for value in values {
            seeds.add("signature_header", format!("\0{form}{value}"));
        }
    }
    for value in [
        "Bearer \u{1}",
        "bearer  \u{1} ",
        "Bearer \u{2}",
        "\u{1}",
        "Bearer \u{3}.\u{5}.\u{6}",
        "Bearer \u{3}.\u{5}.",
    ] {
        seeds.add("signature_header", format!("\u{2}{value}"));
    }
    let all =
        |value: &str| ('0'..='7').map(|number| format!("{number}{value}\n")).collect::<String>();
    for sample in ' '..='~' {
        for value in
            ["\u{7}", "\u{1}", "\u{2}", "sha256=\u{1}", "t=1760000000,v1=\u{1}", "v1,\u{1}"]
        {
            seeds.add("signature_header", format!("\u{3}{sample}{}", all(value)));
        }
    }
}

/// Secrets in every encoding that the target plants, at every position.
fn secrets(seeds: &mut Seeds) {
    for spelling in ('\u{1}'..='\u{8}').chain(['\u{18}']) {
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let head = format!(
                "a={spelling}&token={spelling}\nContent-Type: {kind}\nX-A: {spelling}\nX-B: x{spelling}y\nX-{spelling}: 1\nAuthorization: Basic {spelling}\nX-Hidden: {spelling}\nX-Sig: v1={spelling}"
            );
            let body = format!(
                r#"{{"user":{{"token":"{spelling}"}},"list":[{{"token":"{spelling}"}}],"at":"{spelling}","text":"{spelling}","pattern":"(","n":"{spelling}","{spelling}":1}}"#
            );
            seeds.add("redaction", format!("{head}{PARTS}{body}"));
            let hidden = format!("{{\"user\":{{\"token\":\"{spelling}\"}},\"n\":1}}");
            seeds.add("redaction", format!("\nContent-Type: {kind}{PARTS}{hidden}"));
            seeds.add(
                "redaction",
                format!("\nContent-Type: {kind}{PARTS}a={spelling}&payload={hidden}"),
            );
        }
    }
}
