//! Configuration: files in TOML, what may stand in them, and where each part stands.
//!
//! Knows no listener and no server: each brings the rows of its own files.

pub mod duration;
pub mod reference;
pub mod schema;
mod shape;

pub(crate) use shape::quoted_list;
pub use shape::{Field, Table, Takes, optional, required};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Format;
use crate::document::{self, Node};
use crate::source::Source;

/// How deep a configuration may nest: deeper than any that means something.
const DEPTH: u16 = 64;

/// A file that was read and held to what may stand in it.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) source: Source,
    pub(crate) root: Node,
}

impl Layer {
    /// Reads a file, and everything that is wrong with what stands in it; what is right can be
    /// looked at all the same.
    pub(crate) fn read_all(
        source: Source,
        table: &'static Table,
    ) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        match document::read(source.text(), Format::Toml, DEPTH) {
            Ok(root) => {
                let found = shape::check(&root, table);
                Ok((Self { source, root }, found))
            }
            Err(diagnostic) => Err(Diagnostics::new(source, vec![unreadable(diagnostic)])),
        }
    }

    /// Reads a file.
    pub(crate) fn read(source: Source, table: &'static Table) -> Result<Self, Diagnostics> {
        let (layer, found) = Self::read_all(source, table)?;
        let source = layer.source;
        let root = layer.root;
        if found.is_empty() {
            Ok(Self { source, root })
        } else {
            Err(Diagnostics::new(source, found))
        }
    }
}

/// Reads a file and holds it to what may stand in it.
///
/// # Errors
/// Everything that is wrong with it.
#[cfg(all(feature = "gateway", feature = "cli"))]
pub(crate) fn read_file(source: Source, table: &'static Table) -> Result<Node, Diagnostics> {
    Layer::read(source, table).map(|layer| layer.root)
}

/// A document says that it is no mapper; here it is no configuration.
fn unreadable(mut diagnostic: Diagnostic) -> Diagnostic {
    if diagnostic.code == Code::E0501 {
        diagnostic.code = Code::E0600;
    }
    diagnostic
}
