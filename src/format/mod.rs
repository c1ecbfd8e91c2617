//! The formatter: a source in its canonical layout, and its tree as an outline for people.
//!
//! Knows only syntax, not the meaning of names or the functions. `walk` turns the tree into a
//! document, token by token in source order, so that `cursor` finds every comment. `layout` breaks
//! the document into lines.

mod cursor;
mod document;
mod layout;
mod outline;
mod walk;
mod writer;

pub use outline::show_tree;

use crate::syntax::{Expr, Parsed, Part};

/// The maximum line width, in characters, if a line can be broken.
const COLUMNS: usize = 100;

/// Formats a source. The result has the same meaning and comments, and formatting it again changes
/// nothing. It ends with a newline, except for a string template, where a newline would be content.
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

/// Returns true if the source is a string template, not an expression.
fn is_template(parsed: &Parsed) -> bool {
    let root = parsed.tree.node(parsed.tree.root());
    let words = parsed.source.slice(root.span);
    match &root.expr {
        // A quoted string is shorter than its source by at least the quotes.
        Expr::Text(text) => *words.replace("\\${", "${") == **text,
        Expr::Template(parts) => match parts.first() {
            Some(Part::Text(_, span)) => span.start == root.span.start,
            _ => words.starts_with("${"),
        },
        _ => false,
    }
}
