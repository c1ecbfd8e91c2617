//! The formatter: a source in its canonical layout, and its tree as an outline for people.
//!
//! Knows syntax alone: not what names mean, nor which functions there are. `walk` turns the tree
//! into a document, token by token in the order of the source, so that `cursor` meets every
//! comment on the way; `layout` decides where the document's lines end.

mod cursor;
mod document;
mod layout;
mod outline;
mod walk;
mod writer;

pub use outline::show_tree;

use crate::syntax::{Expr, Parsed, Part};

/// How many characters a line may have, where it can be broken.
const COLUMNS: usize = 100;

/// Lays a source out anew. It means the same, keeps its comments, and formatting it again
/// changes nothing. It ends with a newline, except a text template, where one would be content.
///
/// ```
/// use hookgate::format::format;
/// use hookgate::source::Source;
/// use hookgate::syntax::{SyntaxLimits, parse};
///
/// let source = Source::new("rule", "$lowercase( headers.['X-Kind'])==\"ping\" # a test\n and not a");
/// let parsed = parse(source, SyntaxLimits::default()).unwrap();
/// assert_eq!(format(&parsed), "$LOWERCASE(headers['X-Kind']) == \"ping\" # a test\nAND NOT a\n");
/// ```
pub fn format(parsed: &Parsed) -> String {
    let template = is_template(parsed);
    let mut out = layout::print(&walk::document(parsed, template));
    if !template {
        out.push('\n');
    }
    out
}

/// Whether the source is the inside of a text rather than an expression.
fn is_template(parsed: &Parsed) -> bool {
    let root = parsed.tree.node(parsed.tree.root());
    let words = parsed.source.slice(root.span);
    match &root.expr {
        // A text in quotes is shorter than its words by the quotes at least.
        Expr::Text(text) => *words.replace("\\${", "${") == **text,
        Expr::Template(parts) => match parts.first() {
            Some(Part::Text(_, span)) => span.start == root.span.start,
            _ => words.starts_with("${"),
        },
        _ => false,
    }
}
