//! Aliases: recipes of providers that sign as another recipe says.
//!
//! An alias names the other recipe with `like`, and contains the keys in which it differs. The secrets
//! of the other recipe take the name of the alias's own, so two aliases of one recipe read different
//! secrets.

use super::FILES;
use crate::config::Layer;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Content, Node};
use crate::engine::Source;
use crate::listener::recipe_keys::RECIPE;
use crate::source::Span;

/// Lays the file of an alias over the recipe that it names.
pub(super) fn read(name: &str, text: &str, like: &Node) -> Result<Layer, Diagnostics> {
    let other = like.as_str().unwrap_or("");
    let Some(base) = text_of(other) else {
        let source = Source::new(format!("{name}.toml"), text);
        return Err(Diagnostics::new(source, vec![unknown(other, like.span)]));
    };
    let renamed = renamed(base, text)?;
    let mut layer = Layer::read(Source::new(format!("{other}.toml"), &*renamed), &RECIPE, None)?;
    // Spaces stand for the other recipe, so that the positions of both are positions in one text.
    let blank = " ".repeat(renamed.len());
    let own = Source::new(format!("{name}.toml"), format!("{blank}{text}"));
    let (own, _) = Layer::read_all(own, &RECIPE, None)?;
    lay_over(&mut layer.root, own.root);
    let both = Source::new(format!("{name}.toml"), format!("{renamed}{text}"));
    Layer::checked(both, layer.root, &RECIPE)
}

/// Returns the file of a recipe that is no alias itself.
fn text_of(name: &str) -> Option<&'static str> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(text).filter(|text| !text.contains("\nlike = ")).copied()
}

fn unknown(other: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::E0605,
        span,
        format!("`like` names a recipe that is not an alias, and `{other}` is unknown or an alias"),
    )
}

/// Returns the text of a recipe with its secrets under the names that the alias gives them: the main
/// secret is named like that of the alias, and `MAIN_MORE` becomes `ALIAS_MORE`.
fn renamed(base: &str, alias: &str) -> Result<String, Diagnostics> {
    let (old, new) = (secret_names(base)?, secret_names(alias)?);
    let (Some(main), Some(own)) = (old.first(), new.first()) else {
        return Ok(base.to_owned());
    };
    let names = old.iter().filter_map(|name| Some((name, name.strip_prefix(main.as_str())?)));
    Ok(names.fold(base.to_owned(), |text, (name, more)| {
        text.replace(&format!("[secrets.{name}]"), &format!("[secrets.{own}{more}]"))
            .replace(&format!("\"{name}\""), &format!("\"{own}{more}\""))
    }))
}

fn secret_names(text: &str) -> Result<Vec<String>, Diagnostics> {
    let (layer, _) = Layer::read_all(Source::new("recipe", text), &RECIPE, None)?;
    let secrets = layer.root.get("secrets").map(Node::entries).unwrap_or_default();
    Ok(secrets.iter().map(|entry| entry.key.text.clone()).collect())
}

/// Replaces the keys of a document by those of another. Tables merge key by key; a list replaces a
/// list.
fn lay_over(base: &mut Node, own: Node) {
    let Node { content: Content::Object(own), span } = own else {
        *base = own;
        return;
    };
    let Content::Object(entries) = &mut base.content else {
        *base = Node { content: Content::Object(own), span };
        return;
    };
    for entry in own {
        match entries.iter_mut().find(|known| known.key.text == entry.key.text) {
            Some(known) => lay_over(&mut known.value, entry.value),
            None => entries.push(entry),
        }
    }
}
