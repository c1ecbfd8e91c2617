//! What the tests know of a recipe: all of it comes from the recipe's own file.

use std::sync::LazyLock;

use hookgate::listener::{Recipe, Sample, find_recipe, recipe_names};
use regex::Regex;
use toml::{Table, Value};

static HEADER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"headers\["([^"]+)"\]"#).unwrap());
static HEADERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\$STARTS_WITH\(\$LOWERCASE\(name\), "([^"]+)"\)"#).unwrap());
static PAIR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"^\$PARSE_PAIRS\(.*\)\.(\w+)$"#).unwrap());

/// How a check finds out who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signature,
    PublicKey,
    Rule,
}

/// One check of a recipe.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) kind: Kind,
    /// The name of the secret, or of the public key; a rule names its own.
    pub(super) secret: String,
    /// Where the signature stands; of a rule all of it.
    pub(super) received: String,
    pub(super) payload: String,
    pub(super) prefixes: Vec<String>,
    pub(super) separator: Option<String>,
    pub(super) algorithm: String,
    pub(super) time: String,
    /// In seconds.
    pub(super) tolerance: Option<i64>,
}

impl Check {
    fn of(table: &Table) -> Self {
        let (kind, part) = match (table.get("signature"), table.get("public_key")) {
            (Some(part), _) => (Kind::Signature, part.as_table().unwrap()),
            (_, Some(part)) => (Kind::PublicKey, part.as_table().unwrap()),
            _ => (Kind::Rule, table),
        };
        let text = |key: &str| texts(part.get(key)).join("\n");
        Self {
            kind,
            secret: text(if kind == Kind::PublicKey { "key" } else { "secret" }),
            received: text(if kind == Kind::Rule { "rule" } else { "received" }),
            payload: text("payload"),
            prefixes: texts(part.get("prefix")),
            separator: part.get("separator").and_then(Value::as_str).map(ToOwned::to_owned),
            algorithm: text("algorithm"),
            time: text("time"),
            tolerance: part.get("tolerance").and_then(Value::as_integer),
        }
    }

    /// Whether the signature stands alone in a header: nothing takes it apart before it is read.
    pub(super) fn is_plain(&self) -> bool {
        HEADER.find(&self.received).is_some_and(|found| found.as_str() == self.received)
    }

    /// The name of the pair that holds the signature: `t=…,v1=…`.
    pub(super) fn pair(&self) -> Option<String> {
        PAIR.captures(&self.received).map(|found| found[1].to_owned())
    }
}

/// A text, or a list of them.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Every text in a value.
fn sources(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(sources).collect(),
        Value::Table(table) => table.values().flat_map(sources).collect(),
        _ => Vec::new(),
    }
}

/// A part of requests that a recipe says is signed, or is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Url,
    Query,
    Body,
    Header(String),
    /// A pair in a header: `header stripe-signature t`.
    Pair(String, String),
    /// A member of the body, by the names on the way to it.
    Member(Vec<String>),
}

/// A part, and of which requests it is meant.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) part: Part,
    method: Option<String>,
    header: Option<String>,
}

impl Claim {
    pub(super) fn read(text: &str) -> Self {
        let (text, method) = match text.split_once(" of ") {
            Some((part, method)) => (part, Some(method.to_owned())),
            None => (text, None),
        };
        let (text, header) = match text.split_once(" with header ") {
            Some((part, header)) => (part, Some(header.to_owned())),
            None => (text, None),
        };
        let words: Vec<&str> = text.split(' ').collect();
        let part = match words.as_slice() {
            ["method"] => Part::Method,
            ["url"] => Part::Url,
            ["query"] => Part::Query,
            ["body"] => Part::Body,
            ["header", name] => Part::Header((*name).to_owned()),
            ["header", name, pair] => Part::Pair((*name).to_owned(), (*pair).to_owned()),
            ["body", "field", path] => {
                Part::Member(path.split('.').map(ToOwned::to_owned).collect())
            }
            _ => panic!("`{text}` names no part of a request"),
        };
        Self { part, method, header }
    }

    /// Whether it is meant of this request.
    pub(super) fn is_for(&self, sample: &Sample) -> bool {
        self.method.as_ref().is_none_or(|method| *method == sample.method)
            && self.header.as_ref().is_none_or(|name| header(sample, name).is_some())
    }
}

/// The value of a header by its name in any case.
pub(super) fn header<'s>(sample: &'s Sample, name: &str) -> Option<&'s str> {
    let found = sample.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Everything that a recipe's file says and the tests go by.
pub(super) struct Facts {
    pub(super) recipe: &'static Recipe,
    pub(super) checks: Vec<Check>,
    pub(super) covers: Vec<Claim>,
    pub(super) unsigned: Vec<Claim>,
    pub(super) methods: Vec<String>,
    listener: Table,
}

/// All recipes.
pub(super) fn all() -> Vec<Facts> {
    recipe_names().map(|name| Facts::of(find_recipe(name).unwrap())).collect()
}

impl Facts {
    fn of(recipe: &'static Recipe) -> Self {
        let path = format!("src/listener/recipes/{}.toml", recipe.name);
        let file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let listener = file["listener"].as_table().unwrap().clone();
        let checks = listener["verify"].as_array().unwrap();
        let methods = texts(listener.get("methods"));
        Self {
            recipe,
            checks: checks.iter().map(|check| Check::of(check.as_table().unwrap())).collect(),
            covers: recipe.covers.iter().map(|text| Claim::read(text)).collect(),
            unsigned: recipe.unsigned.iter().map(|text| Claim::read(text)).collect(),
            methods: if methods.is_empty() { vec!["POST".to_owned()] } else { methods },
            listener,
        }
    }

    /// What the signature covers of a request.
    pub(super) fn covered(&self, sample: &Sample) -> Vec<&Part> {
        self.covers.iter().filter(|one| one.is_for(sample)).map(|one| &one.part).collect()
    }

    /// The samples that come through: events, and challenges that have to be signed.
    pub(super) fn valid(&self) -> impl Iterator<Item = &'static Sample> {
        let signed = self.listener.get("challenge").is_some_and(|challenges| {
            let mut all = challenges.as_array().unwrap().iter();
            all.any(|one| one.get("verified").and_then(Value::as_bool) == Some(true))
        });
        self.recipe.samples.iter().filter(move |sample| match sample.expect.as_str() {
            "accepted" => true,
            "challenged" => signed,
            _ => false,
        })
    }

    /// The headers that a check reads the signature from, as they stand in a request.
    pub(super) fn proofs<'s>(&self, sample: &'s Sample) -> Vec<&'s str> {
        let covered = |name: &str| self.covered(sample).contains(&&Part::Header(name.to_owned()));
        let is_proof = |name: &str| {
            self.checks.iter().any(|check| {
                HEADER.captures_iter(&check.received).any(|found| found[1] == *name)
                    || HEADERS.captures_iter(&check.received).any(|it| name.starts_with(&it[1]))
            })
        };
        let names = sample.headers.iter().map(|(name, _)| name.as_str());
        names
            .filter(|name| {
                let name = name.to_lowercase();
                is_proof(&name) && !covered(&name) && name != "content-type"
            })
            .collect()
    }

    /// The source of everything that makes an event of a verified request.
    pub(super) fn event_source(&self) -> String {
        let parts = ["event", "deduplicate", "filter", "response"];
        let parts = parts.iter().filter_map(|name| self.listener.get(*name));
        parts.flat_map(sources).collect::<Vec<_>>().join("\n")
    }

    /// What the file says under `deduplicate.signature`.
    pub(super) fn recognises_what_was_signed(&self) -> bool {
        let part = self.listener.get("deduplicate").and_then(|part| part.get("signature"));
        part.and_then(Value::as_bool) != Some(false)
    }

    /// Whether a check holds a request to the clock.
    pub(super) fn is_timed(&self) -> bool {
        self.checks.iter().any(|check| check.tolerance.is_some())
    }
}
