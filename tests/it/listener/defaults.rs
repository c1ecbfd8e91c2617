//! The defaults of configuration keys: the reader takes each from the row of its key. A file that
//! writes the defaults of the rows out gives the same listener as one that omits them.

use std::collections::BTreeSet;

use hookgate::config::{FieldType, KeyDefault, Table as Schema, schema};
use hookgate::engine::Machine;
use hookgate::gateway::{GATEWAY, Settings};
use hookgate::listener::rate::{Admission, Bucket, Policy, admit};
use hookgate::listener::{
    Challenger, ConfigSource, DecisionContext, LISTENER, Limiter, Listener, Presented, RECIPE,
    Recipe, Sample, decide, find_recipe, load, recipe_names,
};
use toml::{Table, Value};

use super::recipes::{complaints, run, seen};

const HEAD: &str = "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"a\"\ntenant = \"b\"\n";

/// The tables that change nothing if a file has them without keys.
const NEUTRAL: &[&str] = &[
    "body",
    "json",
    "deduplicate",
    "event",
    "send",
    "server",
    "limits",
    "store",
    "retention",
    "delivery",
    "log",
];

/// The keys whose defaults were written, each with the name of its table.
type Written = BTreeSet<(&'static str, &'static str)>;

/// Writes the defaults of all keys that a value omits into it.
fn write_defaults(takes: FieldType, value: &mut Value, written: &mut Written) {
    match (takes.table(), value) {
        (Some(table), Value::Table(entries)) => write_table(table, entries, written),
        (None, Value::Table(entries)) => {
            entries.iter_mut().for_each(|(_, value)| write_defaults(takes.inner(), value, written));
        }
        (_, Value::Array(items)) => {
            items.iter_mut().for_each(|item| write_defaults(takes.inner(), item, written));
        }
        _ => {}
    }
}

fn write_table(table: &'static Schema, entries: &mut Table, written: &mut Written) {
    for field in table.fields {
        let is_neutral =
            NEUTRAL.contains(&field.name) && matches!(field.takes, FieldType::Table(_));
        if is_neutral && !entries.contains_key(field.name) {
            entries.insert(field.name.to_owned(), Value::Table(Table::new()));
        }
        match (entries.get_mut(field.name), schema::default_value(field)) {
            (Some(value), _) => write_defaults(field.takes, value, written),
            (None, Some(default)) => {
                written.insert((table.name, field.name));
                entries.insert(field.name.to_owned(), Value::try_from(default).unwrap());
            }
            (None, None) => {}
        }
    }
}

/// Returns a file as TOML, with every table on one line. The scalars of JSON are TOML too.
pub(super) fn file(table: &Table) -> String {
    table.iter().map(|(key, value)| format!("{key:?} = {}\n", inline(value))).collect()
}

fn inline(value: &Value) -> String {
    let all = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Table(table) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{} = {}", serde_json::json!(key), inline(value))
            };
            format!("{{ {} }}", all(table.iter().map(entry).collect()))
        }
        Value::Array(items) => format!("[{}]", all(items.iter().map(inline).collect())),
        scalar => serde_json::to_string(scalar).unwrap(),
    }
}

fn open(text: &str, sample: &Sample, vars: &[(String, hookgate::engine::OwnedValue)]) -> Listener {
    let defaults = vars.iter().map(|(name, value)| (name.as_str().into(), value.clone()));
    let outside = ConfigSource {
        file: &|_| Ok(JWKS.as_bytes().to_vec()),
        environment: &|_| Some("s3cret".to_owned()),
        secrets_needed: false,
        secrets: sample.secrets.clone(),
        vars: defaults.chain(sample.vars.iter().cloned()).collect(),
        ..ConfigSource::empty()
    };
    let loaded = load("a.toml", text, &outside);
    assert!(!loaded.has_errors(), "{}\n{text}", complaints(&loaded));
    loaded.listener.unwrap()
}

/// Returns everything of a listener, without the lines of its programs.
fn shown(listener: &Listener) -> String {
    let text = format!("{listener:?}");
    let mut parts = text.split("a.toml:");
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |all, part| all + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Returns the listener of a recipe as a file of its own, which does not name the recipe.
fn standalone(recipe: &Recipe) -> Table {
    let mut table: Table = HEAD.parse().unwrap();
    let read = super::forgery::file_of(recipe.name);
    table.extend(read["listener"].as_table().unwrap().clone());
    let secrets = recipe.secrets.iter().map(|secret| {
        let encoding = secret.encoding.name();
        let source = Table::from_iter(
            [("env", &*secret.name), ("encoding", encoding)]
                .map(|(key, value)| (key.to_owned(), Value::String(value.to_owned()))),
        );
        (secret.name.clone(), Value::Table(source))
    });
    table.insert("secrets".to_owned(), Value::Table(secrets.collect()));
    table
}

#[test]
fn a_listener_that_writes_every_default_out_decides_like_one_that_omits_them() {
    let mut tried = 0;
    for recipe in recipe_names().filter_map(find_recipe) {
        let short = standalone(recipe);
        let mut long = Value::Table(short.clone());
        write_defaults(FieldType::Table(&LISTENER), &mut long, &mut Written::new());
        let (short, long) = (file(&short), file(long.as_table().unwrap()));
        let vars =
            recipe.vars.iter().filter_map(|var| Some((var.name.clone(), var.default.clone()?)));
        let vars: Vec<_> = vars.collect();
        for sample in &recipe.samples {
            let (short, long) = (open(&short, sample, &vars), open(&long, sample, &vars));
            let decisions = [&short, &long].map(|listener| {
                let decision = run(listener, sample);
                let data = seen(sample, |request| decision.event_data(listener, request));
                format!(
                    "{:?} {:?} {:?} {data:?}",
                    decision.outcome, decision.response, decision.dedup
                )
            });
            assert_eq!(decisions[0], decisions[1], "{} `{}`", recipe.name, sample.name);
            assert_eq!(shown(&short), shown(&long), "{}", recipe.name);
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

/// A listener with every table whose keys have defaults.
const EVERY_TABLE: &str = r#"
[secrets]
KEY = { env = "KEY" }
[[verify]]
name = "key"
[verify.credential]
[[verify]]
name = "token"
[verify.jwt]
jwks = "keys.json"
algorithms = ["EdDSA"]
issuer = "i"
audience = "a"
[[verify]]
name = "signature"
[verify.signature]
secret = "KEY"
hash = "inferred"
payload = "raw_body"
received = 'headers["x-signature"]'
encoding = "hex"
time = 'headers["x-time"]'
[[verify]]
name = "public"
[verify.public_key]
key = "KEY"
algorithm = "ed25519"
payload = "raw_body"
received = 'headers["x-signature"]'
encoding = "hex"
time = 'headers["x-time"]'
[[challenge]]
detect = 'parsed_body.challenge != NULL'
[challenge.tokens.answer]
secret = "KEY"
hash = "sha256"
payload = "parsed_body.challenge"
encoding = "hex"
[rate_limit]
requests = 3
[response]
body = "raw_body"
"#;

/// A public key of RFC 8037, appendix A.2.
const JWKS: &str = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;

/// Returns the keys with a fixed default in a table and below, except those of other tables.
fn fixed(root: &'static Schema, but: &[&'static Schema]) -> Written {
    let tables = root.all().into_iter();
    let tables = tables.filter(|table| !but.iter().any(|other| other.name == table.name));
    let keys = tables.flat_map(|table| table.fields.iter().map(move |field| (table.name, field)));
    keys.filter(|(_, field)| field.default.is_fixed())
        .map(|(name, field)| (name, field.name))
        .collect()
}

#[test]
fn every_default_of_a_listener_is_that_of_its_row() {
    let short: Table = format!("{HEAD}{EVERY_TABLE}").parse().unwrap();
    let mut long = Value::Table(short.clone());
    let mut written = Written::new();
    write_defaults(FieldType::Table(&LISTENER), &mut long, &mut written);
    assert_eq!(written, fixed(&LISTENER, &[]));
    let sample = Sample::default();
    let short = open(&file(&short), &sample, &[]);
    let long = open(&file(long.as_table().unwrap()), &sample, &[]);
    assert_eq!(shown(&short), shown(&long));
}

#[test]
fn every_default_of_a_recipe_is_that_of_its_row() {
    let text = std::fs::read_to_string("src/listener/recipes/github.toml").unwrap();
    let mut short: Table = text.parse().unwrap();
    let send: Table = "send.headers = [[\"x-a\", \"raw_query\"]]".parse().unwrap();
    short.extend(send);
    let following: Table = "then = [{ name = \"a\", expect = \"accepted\" }]".parse().unwrap();
    for sample in short["sample"].as_array_mut().unwrap() {
        let sample = sample.as_table_mut().unwrap();
        sample.remove("method");
        sample.extend(following.clone());
    }
    short["secrets"] = "A = { what = \"a\" }".parse::<Table>().unwrap().into();
    let mut long = Value::Table(short.clone());
    let mut written = Written::new();
    write_defaults(FieldType::Table(&RECIPE), &mut long, &mut written);
    let of_listeners = LISTENER.all();
    for key in fixed(&RECIPE, &of_listeners) {
        assert!(written.contains(&key), "{key:?}");
    }
    let recipes = [file(&short), file(long.as_table().unwrap())].map(|text| {
        let recipe = Recipe::read("github", &text).unwrap();
        let listener = open(&format!("{HEAD}{EVERY_TABLE}"), &Sample::default(), &[]);
        let sent = seen(&recipe.samples[0], |request| {
            let request = hookgate::listener::Request { headers: &[], ..*request };
            recipe.sign(&listener, &request, request.received_at).unwrap()
        });
        format!("{:?} {:?} {:?} {sent:?}", recipe.samples, recipe.secrets, recipe.replays())
    });
    assert_eq!(recipes[0], recipes[1]);
}

#[test]
fn every_default_of_the_gateway_is_that_of_its_row() {
    let sink = "[[sink]]\nname = \"a\"\ntenant = \"b\"\npath = \"c\"\n";
    let text = format!("public_url = \"https://hooks.example.com\"\n{sink}");
    let short: Table = text.parse().unwrap();
    let mut long = Value::Table(short.clone());
    let mut written = Written::new();
    write_defaults(FieldType::Table(&GATEWAY), &mut long, &mut written);
    assert_eq!(written, fixed(&GATEWAY, &[]));
    let read = |table: &Table| Settings::read("hookgate.toml", &file(table)).unwrap();
    assert_eq!(read(&short), read(long.as_table().unwrap()));
}

#[test]
fn the_usual_rate_limits_are_those_of_the_reference() {
    let words = match LISTENER.field("rate_limit").unwrap().default {
        KeyDefault::Derived(words) => words,
        other => panic!("{other:?}"),
    };
    let (secured, unsecured) = (Policy::SECURED, Policy::UNSECURED);
    assert_eq!((Policy::NOT_RETRIED.requests, Policy::NOT_RETRIED.burst), (100, 1000));
    assert_eq!((secured.per.as_secs(), unsecured.requests, unsecured.burst), (1, 1, 1));
    for part in [
        format!("{} a second with a burst of {}", secured.requests, secured.burst),
        "100 a second with a burst of 1,000".to_owned(),
        format!("one in {} seconds", unsecured.per.as_secs()),
    ] {
        assert!(words.contains(&part), "{part}");
    }
}

/// A limiter that records the limit of the listener.
#[derive(Default)]
struct Recorded(Option<Policy>);

impl Limiter for Recorded {
    fn admit(&mut self, policy: Policy) -> Admission {
        self.0 = Some(policy);
        Admission::Admitted { remaining: 1 }
    }

    fn fail(&mut self) -> Admission {
        Admission::Admitted { remaining: 1 }
    }

    fn challenge(&mut self, _: Challenger) -> Admission {
        Admission::Admitted { remaining: 1 }
    }
}

/// Returns the rate limit that a listener without one has, and the number of requests at once that
/// it admits.
fn usual_limit(provider: &str) -> (Policy, usize) {
    let recipe = find_recipe(provider).unwrap();
    let sample = recipe.samples.iter().find(|sample| sample.expect == "accepted").unwrap();
    let listener = open(&format!("{HEAD}provider = \"{provider}\"\n"), sample, &[]);
    let mut limiter = Recorded::default();
    seen(sample, |request| {
        let mut context = DecisionContext {
            machine: &mut Machine::default(),
            limiter: &mut limiter,
            presented: &Presented::None,
            keys: &hookgate::listener::GivenKeys::new(&sample.keys),
        };
        decide(&listener, request, request.received_at, &mut context)
    });
    let (policy, mut bucket) = (limiter.0.unwrap(), Bucket::default());
    let admits = |_: &usize| matches!(admit(&mut bucket, policy, 0), Admission::Admitted { .. });
    (policy, (0..2000).filter(admits).count())
}

#[test]
fn a_burst_of_a_provider_that_does_not_retry_passes_the_default_rate_limit() {
    assert_eq!(usual_limit("github"), (Policy::NOT_RETRIED, 1000));
    assert_eq!(usual_limit("stripe"), (Policy::SECURED, 50));
}
