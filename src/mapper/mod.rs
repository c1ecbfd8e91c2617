//! The Data Mapper: documents whose leaves are expressions.
//!
//! A document in JSON, TOML or YAML becomes a tree like that of any expression, and goes through
//! the checker, the compiler and the machine as one: [`crate::document`] reads the three formats,
//! `keys` takes dotted keys apart, `operators` is the table of what stands in `NAME()`, and
//! `lower` makes the tree.
//!
//! Knows syntax and the words of operators; knows no bytecode and no values of a context.

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

/// Reads a mapper document: a text in it is an expression, another scalar is itself, an object
/// with the one key `NAME()` is an operator.
///
/// # Errors
/// The faults of the document; where it reads, those of all its expressions.
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

/// Makes a tree of a part of a document that was read.
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

/// What can be said before reading.
fn refused(source: &Source, limits: SyntaxLimits) -> Option<Diagnostic> {
    let length = source.text().len();
    if length > limits.bytes {
        let message =
            format!("the mapper has {length} bytes, more than the limit of {}", limits.bytes);
        return Some(Diagnostic::new(Code::E0019, Span::default(), message));
    }
    source.text().trim().is_empty().then(document::empty)
}
