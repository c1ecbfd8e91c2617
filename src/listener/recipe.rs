//! Recipes: what is known of providers, a file each.
//!
//! A recipe is data: a listener's configuration with its secrets and settings left open, words
//! on what to do at the provider, and signed sample requests that are its tests.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::assemble::{Loaded, Outside, load};
use super::rows::RECIPE;
use super::sample::Sample;
use super::secret::Encoding;
use crate::config::Layer;
use crate::diagnostic::Diagnostics;
use crate::document::Node;
use crate::engine::{OwnedValue, Source};

/// The files, by provider; the build script lists what is in `recipes/`.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// What is known of a provider.
#[derive(Debug)]
pub struct Recipe {
    /// The name in configurations: `github`.
    pub name: &'static str,
    /// The provider's name as it writes it.
    pub title: String,
    /// The page that says how it signs.
    pub documentation: String,
    /// What to do at the provider, a step a line.
    pub setup: String,
    /// What the signature covers.
    pub covers: Vec<String>,
    /// What matters and is not covered.
    pub unsigned: Vec<String>,
    /// The secrets that it needs; the first is the main one.
    pub secrets: Vec<RecipeSecret>,
    /// The settings that it needs.
    pub vars: Vec<RecipeVar>,
    /// Its tests.
    pub samples: Vec<Sample>,
    pub(super) layer: Layer,
}

/// A secret that a recipe needs.
#[derive(Debug)]
pub struct RecipeSecret {
    /// The name that programs read it by.
    pub name: String,
    /// What it is at the provider.
    pub what: String,
    /// How the provider writes it.
    pub encoding: Encoding,
    /// Whether the listener works without it.
    pub optional: bool,
}

/// A setting that a recipe needs.
#[derive(Debug)]
pub struct RecipeVar {
    /// The name that programs read it by.
    pub name: String,
    /// What it is at the provider.
    pub what: String,
    /// What it is, where a listener does not say.
    pub default: Option<OwnedValue>,
}

/// What becomes of a request that is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replays {
    /// How many seconds a signed time may be from now; none where no time is signed.
    pub tolerance: Option<u64>,
    /// How long the request is recognised, as it is written; none where it is not.
    pub window: Option<String>,
}

/// The names of all recipes, in order.
pub fn recipe_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The recipe of a provider. It is read once.
pub fn find_recipe(name: &str) -> Option<&'static Recipe> {
    static READ: OnceLock<HashMap<&'static str, OnceLock<Option<Recipe>>>> = OnceLock::new();
    let all = READ.get_or_init(|| FILES.iter().map(|(name, _)| (*name, OnceLock::new())).collect());
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    // A test reads every recipe; one with a fault does not ship.
    all.get(name)?.get_or_init(|| Recipe::read(name, text).ok()).as_ref()
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn read(name: &'static str, text: &str) -> Result<Self, Diagnostics> {
        let layer = Layer::read(Source::new(format!("{name}.toml"), text), &RECIPE)?;
        let text = |key: &str| layer.root.get(key).and_then(Node::as_str).unwrap_or("").to_owned();
        let texts = |key: &str| {
            let items = layer.root.get(key).map(Node::items).unwrap_or_default();
            items.iter().filter_map(Node::as_str).map(ToOwned::to_owned).collect()
        };
        let entries = |key: &str| layer.root.get(key).map(Node::entries).unwrap_or_default();
        let samples = layer.root.get("sample").map(Node::items).unwrap_or_default();
        Ok(Self {
            name,
            title: text("title"),
            documentation: text("documentation"),
            setup: text("setup"),
            covers: texts("covers"),
            unsigned: texts("unsigned"),
            secrets: entries("secrets")
                .iter()
                .map(|entry| secret(&entry.key.text, &entry.value))
                .collect(),
            vars: entries("vars").iter().map(|entry| var(&entry.key.text, &entry.value)).collect(),
            samples: samples.iter().map(Sample::of).collect(),
            layer,
        })
    }
}

impl Recipe {
    /// What becomes of a request that is sent again, where a listener leaves it to the recipe.
    pub fn replays(&self) -> Replays {
        let listener = self.layer.root.get("listener");
        let checks = listener.and_then(|part| part.get("verify")).map(Node::items);
        let tolerance = checks.unwrap_or_default().iter().find_map(|check| {
            let part = check.get("signature").or_else(|| check.get("public_key"))?;
            part.get("tolerance").and_then(Node::as_count)
        });
        let part = listener.and_then(|part| part.get("deduplicate"));
        let set = |key: &str| part.and_then(|part| part.get(key));
        let by_keys = set("keys").is_some_and(|keys| !keys.items().is_empty());
        let by_signature = set("signature").and_then(Node::as_bool).unwrap_or(tolerance.is_none());
        let window = set("window").and_then(Node::as_str).unwrap_or("10m");
        let window = (by_keys || by_signature).then(|| window.to_owned());
        Replays { tolerance, window }
    }
}

fn words(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::as_str).unwrap_or("").to_owned()
}

fn secret(name: &str, node: &Node) -> RecipeSecret {
    let encoding = node.get("encoding").and_then(Node::as_str).and_then(Encoding::find);
    RecipeSecret {
        name: name.to_owned(),
        what: words(node, "what"),
        encoding: encoding.unwrap_or_default(),
        optional: node.get("optional").and_then(Node::as_bool).unwrap_or(false),
    }
}

fn var(name: &str, node: &Node) -> RecipeVar {
    let default = node.get("default").map(Node::to_value);
    RecipeVar { name: name.to_owned(), what: words(node, "what"), default }
}

impl Recipe {
    /// A listener of this provider with these secrets, as they are written, and settings: for
    /// trying out.
    pub fn listener(
        &self,
        secrets: &[(String, Vec<String>)],
        vars: &[(Box<str>, OwnedValue)],
    ) -> Loaded {
        let outside = Outside { secrets: secrets.to_vec(), vars: vars.to_vec(), ..Outside::none() };
        load(self.name, &self.trial_file(), &outside)
    }

    /// The file of a listener of this provider that leaves everything to the recipe.
    pub fn trial_file(&self) -> String {
        format!(
            "id = \"00000000-0000-0000-0000-000000000000\"\nname = {0:?}\ntenant = \"trial\"\nprovider = {0:?}\n",
            self.name
        )
    }
}
