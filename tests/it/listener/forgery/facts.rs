//! The facts about a recipe that the tests use. All come from the recipe's own file.

use std::sync::LazyLock;

use hookgate::listener::{Recipe, Sample, find_recipe, recipe_names};
use regex::Regex;
use toml::{Table, Value};

static HEADER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"headers\["([^"]+)"\]"#).unwrap());
static HEADERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\$STARTS_WITH\(\$LOWERCASE\(name\), "([^"]+)"\)"#).unwrap());
static PAIR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"^\$PARSE_PAIRS\(.*\)\.(\w+)$"#).unwrap());

/// The kind of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signature,
    PublicKey,
    Token,
    Rule,
}

/// A verification of a recipe.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) kind: Kind,
    /// The name of the secret or public key. A rule names its secrets itself.
    pub(super) secret: String,
    /// The expression for the signature; for a rule, the whole rule.
    pub(super) received: String,
    pub(super) payload: String,
    pub(super) prefixes: Vec<String>,
    pub(super) separator: Option<String>,
    pub(super) algorithm: String,
    pub(super) time: String,
    /// The tolerance in seconds.
    pub(super) tolerance: Option<i64>,
}

impl Check {
    fn of(table: &Table) -> Self {
        let kinds =
            [("signature", Kind::Signature), ("public_key", Kind::PublicKey), ("jwt", Kind::Token)];
        let found = kinds.iter().find_map(|(key, kind)| Some((*kind, table.get(*key)?)));
        let (kind, part) = match found {
            Some((kind, part)) => (kind, part.as_table().unwrap()),
            None => (Kind::Rule, table),
        };
        let text = |key: &str| texts(part.get(key)).join("\n");
        Self {
            kind,
            secret: text(if kind == Kind::PublicKey { "key" } else { "secret" }),
            received: match kind {
                Kind::Rule => text("rule"),
                Kind::Token => "headers[\"authorization\"]".to_owned(),
                Kind::Signature | Kind::PublicKey => text("received"),
            },
            payload: text("payload"),
            prefixes: texts(part.get("prefix")),
            separator: part.get("separator").and_then(Value::as_str).map(ToOwned::to_owned),
            algorithm: text("algorithm"),
            time: text("time"),
            tolerance: part.get("tolerance").and_then(Value::as_integer),
        }
    }

    /// Returns true if the signature is a whole header, read without parsing.
    pub(super) fn is_plain(&self) -> bool {
        HEADER.find(&self.received).is_some_and(|found| found.as_str() == self.received)
    }

    /// Returns the name of the pair that holds the signature: `t=…,v1=…`.
    pub(super) fn pair(&self) -> Option<String> {
        PAIR.captures(&self.received).map(|found| found[1].to_owned())
    }
}

/// Returns a string or a list of strings as a list.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns every string in a value.
fn sources(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(sources).collect(),
        Value::Table(table) => table.values().flat_map(sources).collect(),
        _ => Vec::new(),
    }
}

/// Writes the definitions of a listener in place of their names.
fn expand(value: &mut Value, definitions: &Table) {
    match value {
        Value::String(text) => {
            for (name, definition) in definitions {
                let definition = format!("({})", definition.as_str().unwrap().trim());
                let named = Regex::new(&format!(r"\b{name}\b")).unwrap();
                *text = named.replace_all(text, regex::NoExpand(&definition)).into_owned();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| expand(one, definitions)),
        Value::Table(table) => table.iter_mut().for_each(|(_, one)| expand(one, definitions)),
        _ => {}
    }
}

/// A part of requests that a recipe declares as signed or unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Url,
    /// The path of the URL alone.
    Path,
    Query,
    /// The names and values of the query, in any order and notation.
    Parameters,
    Body,
    /// The value of a JSON body. White space and escapes are not signed.
    Json,
    Header(String),
    /// A pair in a header: `header stripe-signature t`.
    Pair(String, String),
    /// A member of the body, by its path.
    Member(Vec<String>),
}

/// A part, with the requests that the declaration applies to.
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
            ["path"] => Part::Path,
            ["query"] => Part::Query,
            ["query", "parameters"] => Part::Parameters,
            ["body"] => Part::Body,
            ["body", "as", "JSON"] => Part::Json,
            ["header", name] => Part::Header((*name).to_owned()),
            ["header", name, pair] => Part::Pair((*name).to_owned(), (*pair).to_owned()),
            ["body", "field", path] => {
                Part::Member(path.split('.').map(ToOwned::to_owned).collect())
            }
            _ => panic!("`{text}` names no part of a request"),
        };
        Self { part, method, header }
    }

    /// Returns true if the declaration applies to a request.
    pub(super) fn is_for(&self, sample: &Sample) -> bool {
        self.method.as_ref().is_none_or(|method| *method == sample.method)
            && self.header.as_ref().is_none_or(|name| header(sample, name).is_some())
    }
}

/// Returns the value of a header by its case-insensitive name.
pub(super) fn header<'s>(sample: &'s Sample, name: &str) -> Option<&'s str> {
    let found = sample.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The facts from a recipe's file.
pub(super) struct Facts {
    pub(super) recipe: &'static Recipe,
    pub(super) checks: Vec<Check>,
    pub(super) covers: Vec<Claim>,
    pub(super) unsigned: Vec<Claim>,
    pub(super) methods: Vec<String>,
    listener: Table,
}

/// Returns the facts of all recipes.
pub(super) fn all() -> Vec<Facts> {
    recipe_names().map(|name| Facts::of(find_recipe(name).unwrap())).collect()
}

/// Returns the file of a recipe. The file of an alias is laid over that of the other recipe.
pub(in crate::listener) fn file_of(name: &str) -> Table {
    let read =
        |name: &str| std::fs::read_to_string(format!("src/listener/recipes/{name}.toml")).unwrap();
    let own: Table = read(name).parse().unwrap();
    let Some(like) = own.get("like").and_then(Value::as_str) else {
        return own;
    };
    let names = |file: &Table| -> Vec<String> {
        file["secrets"].as_table().unwrap().keys().cloned().collect()
    };
    let text = read(like);
    let (old, own_name) = (names(&text.parse().unwrap()), names(&own)[0].clone());
    let renamed = old.iter().fold(text, |text, name| {
        let more = name.strip_prefix(&old[0]).unwrap();
        text.replace(&format!("\"{name}\""), &format!("\"{own_name}{more}\""))
    });
    let mut base: Table = renamed.parse().unwrap();
    lay_over(&mut base, &own);
    base
}

fn lay_over(base: &mut Table, own: &Table) {
    for (key, value) in own {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(own)) => lay_over(base, own),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

impl Facts {
    fn of(recipe: &'static Recipe) -> Self {
        let mut listener = file_of(recipe.name)["listener"].as_table().unwrap().clone();
        if let Some(Value::Table(definitions)) = listener.remove("define") {
            listener.iter_mut().for_each(|(_, value)| expand(value, &definitions));
        }
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

    /// Returns the parts of a request that the signature covers.
    pub(super) fn covered(&self, sample: &Sample) -> Vec<&Part> {
        self.covers.iter().filter(|one| one.is_for(sample)).map(|one| &one.part).collect()
    }

    /// Returns the accepted samples: events, and challenges that must be signed.
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

    /// Returns the headers of a request that a verification reads the signature from.
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

    /// Returns the source of the expressions that build an event from a verified request.
    pub(super) fn event_source(&self) -> String {
        let parts = ["event", "deduplicate", "filter", "response"];
        let parts = parts.iter().filter_map(|name| self.listener.get(*name));
        parts.flat_map(sources).collect::<Vec<_>>().join("\n")
    }

    /// Returns the value of `deduplicate.signature` in the file.
    pub(super) fn recognises_what_was_signed(&self) -> bool {
        let part = self.listener.get("deduplicate").and_then(|part| part.get("signature"));
        part.and_then(Value::as_bool) != Some(false)
    }

    /// Returns true if a verification compares a time with the clock.
    pub(super) fn is_timed(&self) -> bool {
        self.checks.iter().any(|check| check.tolerance.is_some())
    }
}
