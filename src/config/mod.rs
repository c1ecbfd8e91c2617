//! Configuration files in TOML: their schema, and their values with the position of each part.
//!
//! Knows neither listeners nor the server: each of them supplies the schema of its own files.

mod advice;
mod check;
pub mod duration;
mod masked;
pub mod reference;
pub mod schema;
mod section;
mod shape;

pub(crate) use advice::Neighbour;
pub(crate) use masked::{looks_like_name, mask};
pub(crate) use section::Section;
pub use shape::{Field, FieldType, KeyDefault, Table, optional, required};
pub(crate) use shape::{ID_FORM, is_id, quoted_list};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Format;
use crate::document::{self, Node};
use crate::source::Source;

/// Limit on the nesting of a configuration, in levels. No valid configuration nests this deep.
const DEPTH: u16 = 64;

/// A configuration file that was read and checked against its schema.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The text for messages: asterisks replace secrets that stand in the file.
    pub(crate) source: Source,
    pub(crate) root: Node,
}

impl Layer {
    /// Reads a file and collects all its errors. The document is returned even if it has errors, so
    /// that the caller can still use the valid parts.
    /// Keys of the neighbour are reported as such.
    pub(crate) fn read_all(
        source: Source,
        table: &'static Table,
        neighbour: Option<&Neighbour>,
    ) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        match document::read(source.text(), Format::Toml, DEPTH) {
            Ok(root) => {
                let found = check::check(&root, table, neighbour);
                Ok((Self { source: masked::masked(source, &root), root }, found))
            }
            Err(diagnostic) => {
                let source = masked::masked_text(source);
                Err(Diagnostics::new(source, vec![unreadable(diagnostic)]))
            }
        }
    }

    /// Reads a file. Returns an error if the file has any error.
    pub(crate) fn read(
        source: Source,
        table: &'static Table,
        neighbour: Option<&Neighbour>,
    ) -> Result<Self, Diagnostics> {
        let (layer, found) = Self::read_all(source, table, neighbour)?;
        layer.without(found)
    }

    /// Checks a document that was made of several files. Its positions are positions in `source`.
    pub(crate) fn checked(
        source: Source,
        root: Node,
        table: &'static Table,
    ) -> Result<Self, Diagnostics> {
        let found = check::check(&root, table, None);
        Self { source, root }.without(found)
    }

    fn without(self, found: Vec<Diagnostic>) -> Result<Self, Diagnostics> {
        if found.is_empty() { Ok(self) } else { Err(Diagnostics::new(self.source, found)) }
    }
}

/// Reads a file and checks it against its schema.
///
/// # Errors
/// Returns all errors of the file.
#[cfg(all(feature = "gateway", feature = "cli"))]
pub(crate) fn read_file(source: Source, table: &'static Table) -> Result<Node, Diagnostics> {
    Layer::read(source, table, None).map(|layer| layer.root)
}

/// Replaces the code and the words of a file that cannot be read: `crate::document` reports an
/// invalid mapper, and here the file is a configuration. The message has no value of the file: a
/// secret may stand there.
fn unreadable(mut diagnostic: Diagnostic) -> Diagnostic {
    match diagnostic.code {
        Code::E0003 => diagnostic.message = "this number is out of range".to_owned(),
        // Only a date has help.
        Code::E0501 if diagnostic.help.is_some() => {
            diagnostic.message = "a date of TOML has no meaning here".to_owned();
            diagnostic.help = Some("write it as a string, in quotes".to_owned());
        }
        _ => {}
    }
    if diagnostic.code == Code::E0501 {
        diagnostic.code = Code::E0600;
    }
    diagnostic
}
