//! The names of the secrets that a test file gives: each has to be one of the listener. Knows no
//! values.

use crate::config::quoted_list;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::document::Node;
use crate::listener::Recipe;

/// The secrets that a listener has, and those that a test has to give.
#[derive(Default)]
pub(super) struct Expected {
    known: Vec<String>,
    required: Vec<String>,
}

impl Expected {
    /// Returns the secrets of a recipe. A test has to give those that are not optional.
    pub(super) fn of_recipe(recipe: &Recipe) -> Self {
        let names = |only_required: bool| {
            let secrets = recipe.secrets.iter();
            let wanted = secrets.filter(move |secret| !only_required || !secret.optional);
            wanted.map(|secret| secret.name.clone()).collect()
        };
        Self { known: names(false), required: names(true) }
    }

    /// Returns the secrets of a listener's file. The file names their sources, so a test may omit
    /// them.
    pub(super) fn of_listener(file: &Node, recipe: Option<&Recipe>) -> Self {
        let own = file.get("secrets").map(Node::entries).unwrap_or_default();
        let own = own.iter().map(|entry| entry.key.text.clone());
        let known = recipe.map(Self::of_recipe).unwrap_or_default().known;
        Self { known: own.chain(known).collect(), required: Vec::new() }
    }

    /// Returns the errors of a test file.
    pub(super) fn faults(&self, root: &Node) -> Vec<Diagnostic> {
        let mut found = self.unknown(root);
        for test in root.get("test").map(Node::items).unwrap_or_default() {
            found.extend(self.unknown(test));
            if found.is_empty() {
                found.extend(self.missing(root, test));
            }
        }
        found
    }

    fn unknown(&self, part: &Node) -> Vec<Diagnostic> {
        let entries = part.get("secrets").map(Node::entries).unwrap_or_default();
        let unknown = entries.iter().filter(|entry| !self.known.contains(&entry.key.text));
        unknown
            .map(|entry| {
                let name = &entry.key.text;
                let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
                let help = match did_you_mean(name, known.iter().copied()) {
                    Some(near) => near,
                    None if known.is_empty() => "the listener has no secrets".to_owned(),
                    None => format!("the listener has {}", quoted_list(&known)),
                };
                let message = format!("the listener has no secret `{name}`");
                Diagnostic::new(Code::E0606, entry.key.span, message).help(help)
            })
            .collect()
    }

    fn missing(&self, root: &Node, test: &Node) -> Option<Diagnostic> {
        let gives = |part: &Node, name: &str| {
            part.get("secrets").is_some_and(|secrets| secrets.get(name).is_some())
        };
        let missing = |name: &&String| !gives(root, name) && !gives(test, name);
        let name = self.required.iter().find(missing)?;
        let span = test.get("name").map_or(test.span, |name| name.span);
        let message = format!("no secret `{name}` is given for this test");
        let help = format!("write `secrets = {{ {name} = \"…\" }}` above the first `[[test]]`");
        Some(Diagnostic::new(Code::E0606, span, message).help(help))
    }
}
