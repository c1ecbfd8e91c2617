//! Recipes: the known settings of providers, one file for each.
//!
//! A recipe is data: a listener configuration without its secrets and variables, instructions for
//! the setup at the provider, and signed sample requests as its tests. Knows no requests.

mod alias;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::config_keys::CHECK;
use super::recipe_keys::{RECIPE, RECIPE_SECRET};
use super::sample::{Sample, pairs};
use super::secret::Encoding;
use crate::config::{Layer, Section};
use crate::diagnostic::Diagnostics;
use crate::document::Node;
use crate::engine::{OwnedValue, Source};

/// The recipe files, by provider. The build script lists the content of `recipes/`.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// The recipe of a provider.
#[derive(Debug)]
pub struct Recipe {
    /// The name in configurations: `github`.
    pub name: &'static str,
    /// The recipe whose signatures it uses, if it is an alias.
    pub like: Option<String>,
    /// The provider's name in its own spelling.
    pub title: String,
    /// The provider's documentation of its signatures.
    pub documentation: String,
    /// Instructions for the setup at the provider, one step a line.
    pub setup: String,
    /// The parts of a request that the signature covers.
    pub covers: Vec<String>,
    /// The relevant parts that the signature does not cover.
    pub unsigned: Vec<String>,
    /// True if the provider sends a delivery again that was refused, for example with 429. `None` if
    /// that is not known.
    pub retries: Option<bool>,
    /// The fields of the form that the provider sends unless its settings say JSON. Empty if it sends
    /// JSON by default, or only forms.
    pub form_fields: Vec<String>,
    /// The required secrets. The first one is the main one.
    pub secrets: Vec<RecipeSecret>,
    /// The required variables.
    pub vars: Vec<RecipeVar>,
    /// The verification written out, for senders that differ from the recipe. Empty if there is none.
    pub scaffold: String,
    /// The tests of the recipe.
    pub samples: Vec<Sample>,
    pub(super) layer: Layer,
}

/// A secret that a recipe requires.
#[derive(Debug)]
pub struct RecipeSecret {
    /// The name in programs.
    pub name: String,
    /// The provider's term for it.
    pub what: String,
    /// The encoding that the provider uses.
    pub encoding: Encoding,
    /// True if the listener works without it.
    pub optional: bool,
}

/// A variable that a recipe requires.
#[derive(Debug)]
pub struct RecipeVar {
    /// The name in programs.
    pub name: String,
    /// The provider's term for it.
    pub what: String,
    /// The default value.
    pub default: Option<OwnedValue>,
}

/// The replay protection of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replays {
    /// Maximum distance of a signed time from now, in seconds. `None` if no time is signed.
    pub tolerance: Option<u64>,
    /// The time for which a repeat is recognised, as a configuration value. `None` if there are no
    /// deduplication keys.
    pub window: Option<String>,
}

/// Returns the names of all recipes, in order.
pub fn recipe_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// Returns the recipe of a provider. Each file is parsed once.
pub fn find_recipe(name: &str) -> Option<&'static Recipe> {
    static READ: OnceLock<HashMap<&'static str, OnceLock<Option<Recipe>>>> = OnceLock::new();
    let all = READ.get_or_init(|| FILES.iter().map(|(name, _)| (*name, OnceLock::new())).collect());
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    // A test parses every recipe, so no invalid recipe ships.
    all.get(name)?.get_or_init(|| Recipe::read(name, text).ok()).as_ref()
}

/// Reads the file of a recipe, laid over the recipe that it is an alias of.
fn layer(name: &str, text: &str) -> Result<Layer, Diagnostics> {
    let source = Source::new(format!("{name}.toml"), text);
    let (own, found) = Layer::read_all(source, &RECIPE, None)?;
    match own.root.get("like") {
        Some(like) => alias::read(name, text, like),
        None if found.is_empty() => Ok(own),
        None => Err(Diagnostics::new(own.source, found)),
    }
}

impl Recipe {
    /// Parses a recipe.
    ///
    /// # Errors
    /// Returns all errors of the file.
    pub fn read(name: &'static str, text: &str) -> Result<Self, Diagnostics> {
        let layer = layer(name, text)?;
        let text = |key: &str| layer.root.get(key).and_then(Node::as_str).unwrap_or("").to_owned();
        let texts = |key: &str| {
            let items = layer.root.get(key).map(Node::items).unwrap_or_default();
            items.iter().filter_map(Node::as_str).map(ToOwned::to_owned).collect()
        };
        let entries = |key: &str| layer.root.get(key).map(Node::entries).unwrap_or_default();
        let keys = layer.root.get("keys").map(pairs).unwrap_or_default();
        let samples = layer.root.get("sample").map(Node::items).unwrap_or_default();
        Ok(Self {
            name,
            like: layer.root.get("like").and_then(Node::as_str).map(ToOwned::to_owned),
            title: text("title"),
            documentation: text("documentation"),
            setup: text("setup"),
            scaffold: text("scaffold"),
            covers: texts("covers"),
            unsigned: texts("unsigned"),
            form_fields: texts("form_fields"),
            retries: layer.root.get("retries").and_then(Node::as_bool),
            secrets: entries("secrets")
                .iter()
                .map(|entry| secret(&entry.key.text, &entry.value))
                .collect(),
            vars: entries("vars").iter().map(|entry| var(&entry.key.text, &entry.value)).collect(),
            samples: samples.iter().map(|node| sample(node, &keys)).collect(),
            layer,
        })
    }

    /// Returns the expression of the event type, if the recipe has one on one line.
    pub fn event_type(&self) -> Option<&str> {
        let kind = self.layer.root.get("listener")?.get("event")?.get("type")?.as_str()?;
        (!kind.contains(['\'', '\n'])).then_some(kind)
    }
}

impl Recipe {
    /// Returns the replay protection of a listener that keeps the defaults of the recipe.
    pub fn replays(&self) -> Replays {
        let listener = self.layer.root.get("listener");
        let checks = listener.and_then(|part| part.get("verify")).map(Node::items);
        let tolerance = checks.unwrap_or_default().iter().find_map(tolerance);
        let part = listener.and_then(|part| part.get("deduplicate"));
        let set = |key: &str| part.and_then(|part| part.get(key));
        let by_keys = set("keys").is_some_and(|keys| !keys.items().is_empty());
        let by_signature = set("signature").and_then(Node::as_bool).unwrap_or(tolerance.is_none());
        let section = Section::new(&RECIPE, &self.layer.root).table("listener");
        let window = section.table("deduplicate").text("window");
        let window = (by_keys || by_signature).then(|| window.to_owned());
        Replays { tolerance, window }
    }
}

/// Returns the tolerance of the signed time of a check, in seconds.
fn tolerance(check: &Node) -> Option<u64> {
    let section = Section::new(&CHECK, check);
    let key = ["signature", "public_key"].into_iter().find(|key| check.get(key).is_some())?;
    check.get(key)?.get("time")?;
    section.table(key).duration("tolerance").map(|tolerance| tolerance.as_secs())
}

/// Returns the encoding of a secret that neither a listener nor a recipe states.
pub(super) fn usual_encoding() -> Encoding {
    encoding(Section::defaults(&RECIPE_SECRET))
}

fn encoding(secret: Section<'_>) -> Encoding {
    // The schema has no other name.
    Encoding::find(secret.text("encoding")).unwrap_or(Encoding::Utf8)
}

/// Reads a sample. Its key documents come before those of the recipe.
fn sample(node: &Node, keys: &[(String, String)]) -> Sample {
    let mut sample = Sample::of(node);
    sample.keys.extend_from_slice(keys);
    sample
}

fn words(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::as_str).unwrap_or("").to_owned()
}

fn secret(name: &str, node: &Node) -> RecipeSecret {
    let section = Section::new(&RECIPE_SECRET, node);
    RecipeSecret {
        name: name.to_owned(),
        what: words(node, "what"),
        encoding: encoding(section),
        optional: section.flag("optional"),
    }
}

fn var(name: &str, node: &Node) -> RecipeVar {
    let default = node.get("default").map(Node::to_value);
    RecipeVar { name: name.to_owned(), what: words(node, "what"), default }
}
