//! The page of providers, from their recipes: signed parts, unsigned parts, and the handling of
//! replays.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::listener::{Recipe, Replays, find_recipe, recipe_names};

const HEAD: &str = "\
# Providers

*Written by `hookgate init --markdown`.*

For each provider: the parts of a request that its signature covers, the important parts that it does not cover, and the
handling of a replayed request. `hookgate init NAME` and `provider` in the file of a listener use the names of this table.

The parts under *not signed* decide on the event, or on how the body is parsed. An attacker who has a request can change
them, for example a header with the event type. Other headers are never signed. The method, the URL and the query are
signed only where they are listed. Of *query parameters* and of a *body as JSON* the values are signed, and not their order or
notation. Where nothing is signed, the request carries a secret instead: a sender that knows the secret can write any request.

A replay is *refused* if a signed time differs from the clock by more than the tolerance. It is *recognised* if its keys or
its signed payload were accepted before: it is then answered, and produces no second event.
";

const TABLE: &str = "
| provider | name | signed | not signed | replay |
|---|---|---|---|---|
";

/// Returns the page.
pub(super) fn page() -> String {
    let mut out = format!("{HEAD}\n{}{TABLE}", counts());
    for recipe in recipe_names().filter_map(find_recipe) {
        let _ = writeln!(
            out,
            "| [{}]({}) | `{}`{} | {} | {} | {} |",
            recipe.title,
            recipe.documentation,
            recipe.name,
            recipe.like.as_ref().map(|like| format!(", like `{like}`")).unwrap_or_default(),
            listed(&recipe.covers),
            listed(&recipe.unsigned),
            replays(recipe)
        );
    }
    out
}

/// Returns the numbers of names, recipes and samples.
fn counts() -> String {
    let all: Vec<&Recipe> = recipe_names().filter_map(find_recipe).collect();
    let aliases = all.iter().filter(|recipe| recipe.like.is_some()).count();
    let samples = || all.iter().flat_map(|recipe| &recipe.samples);
    let sdk: BTreeSet<&str> = samples().filter_map(|sample| sample.sdk.as_deref()).collect();
    format!(
        "There are {} names: {} recipes, and {aliases} aliases, which use the signatures of another recipe. {} requests test \
         them.\n{} of these requests were made or verified with an official package of the provider; {} packages, whose \
         versions stand beside\nthe requests. The others are published, or were signed by the published scheme.\n",
        all.len(),
        all.len() - aliases,
        samples().count(),
        samples().filter(|sample| sample.sdk.is_some()).count(),
        sdk.len(),
    )
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
