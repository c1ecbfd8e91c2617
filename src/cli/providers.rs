//! The page of providers, from their recipes: signed parts, unsigned parts, and the handling of
//! replays.

use std::fmt::Write as _;

use crate::listener::{Recipe, Replays, find_recipe, recipe_names};

const HEAD: &str = "\
# Providers

*Written by `hookgate init --markdown`.*

What each provider's signature covers, what it leaves out, and what becomes of a request that somebody sends again. The
names are those of `hookgate init` and of `provider` in a listener's file.

What stands under *not signed* is what the recipe makes events of, or what decides how a body is read, and anyone who has a
request can change it: a header that names the event, say. Other headers are never signed, nor are the method, the URL and
the query where they are not listed as signed. Where nothing is signed, the request carries a secret instead, and whoever
has that can write anything.

A replay is refused where a time is signed, once it is further from now than the tolerance; it is recognised where
the request's keys, or what was signed, were accepted before: then it is answered, and makes no second event.

| provider | name | signed | not signed | a replay is |
|---|---|---|---|---|
";

/// Returns the page.
pub(super) fn page() -> String {
    let mut out = HEAD.to_owned();
    for recipe in recipe_names().filter_map(find_recipe) {
        let _ = writeln!(
            out,
            "| [{}]({}) | `{}` | {} | {} | {} |",
            recipe.title,
            recipe.documentation,
            recipe.name,
            listed(&recipe.covers),
            listed(&recipe.unsigned),
            replays(recipe)
        );
    }
    out
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => "–".to_owned(),
        parts => parts.join(", "),
    }
}

fn replays(recipe: &Recipe) -> String {
    let Replays { tolerance, window } = recipe.replays();
    match (tolerance, window) {
        (Some(seconds), Some(window)) => {
            format!("refused after {seconds} s, recognised for {window}")
        }
        (Some(seconds), None) => format!("refused after {seconds} s"),
        (None, Some(window)) => format!("recognised for {window}"),
        (None, None) => "taken".to_owned(),
    }
}
