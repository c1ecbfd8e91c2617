//! The Data Mapper: documents whose leaves are expressions.
//!
//! A document in JSON, TOML or YAML is lowered to the same syntax tree as an expression. The
//! checker, the compiler and the VM then process it like any expression. [`crate::document`] reads
//! the three formats, `keys` splits dotted keys, `operators` is the table of all operators
//! `NAME()`, and `lower` builds the tree.
//!
//! Knows the syntax and the operators; knows no bytecode and no runtime values.

mod elements;
mod forms;
mod keys;
mod lower;
mod operators;

pub use crate::document::Format;
pub use operators::{Example, Operator, Parameter, Shape, Takes, operators};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{self, Node};
use crate::source::{Source, Span};
use crate::syntax::{Parsed, SyntaxLimits};

/// Parses a mapper document. A string is an expression, any other scalar is a literal, and an
/// object with the single key `NAME()` is a call of an operator.
///
/// # Errors
/// Returns the errors of the document. If the document itself is valid, returns the errors of all
/// its expressions.
///
/// ```
/// use hookgate::mapper::{Format, parse};
/// use hookgate::source::Source;
/// use hookgate::syntax::SyntaxLimits;
///
/// let source = Source::new("body.yaml", "id: issue.id\nname: issue..name");
/// let faults = parse(source, Format::Yaml, SyntaxLimits::default()).unwrap_err();
/// assert!(faults.to_string().starts_with("body.yaml:2:13: error[E0010]"));
/// ```
pub fn parse(source: Source, format: Format, limits: SyntaxLimits) -> Result<Parsed, Diagnostics> {
    let limits = limits.bounded();
    if let Some(diagnostic) = refused(&source, limits) {
        return Err(Diagnostics::new(source, vec![diagnostic]));
    }
    let document = match document::read(source.text(), format, limits.depth) {
        Ok(document) => document,
        Err(diagnostic) => return Err(Diagnostics::new(source, vec![diagnostic])),
    };
    parse_part(source, &document, limits)
}

/// Parses a part of a document that was already read.
pub(crate) fn parse_part(
    source: Source,
    part: &Node,
    limits: SyntaxLimits,
) -> Result<Parsed, Diagnostics> {
    match lower::tree(part, limits.bounded()) {
        Ok(tree) => Ok(Parsed { source, tree, comments: Vec::new() }),
        Err(diagnostics) => Err(Diagnostics::new(source, diagnostics)),
    }
}

/// Returns an error if the source is too large or empty.
fn refused(source: &Source, limits: SyntaxLimits) -> Option<Diagnostic> {
    let length = source.text().len();
    if length > limits.bytes {
        let message =
            format!("the mapper has {length} bytes, more than the limit of {}", limits.bytes);
        return Some(Diagnostic::new(Code::E0019, Span::default(), message));
    }
    source.text().trim().is_empty().then(document::empty)
}
