//! The type checker: from a tree to a tree whose names are resolved and whose kinds fit.
//!
//! Code that cannot run is an error. Code that is probably a mistake is a warning. An operation
//! that always fails is an error only if it always runs.
//!
//! Knows the declarations of the host and the rows of functions, and nothing of bytecode.

mod calls;
mod checker;
mod host;
mod infer;
mod kind_names;
mod lints;
mod narrowing;
mod operators;
mod schema_type;
mod scope;
mod token;
mod types;

use std::collections::HashMap;

pub use host::{Host, RootDeclaration, UndeclaredRoots};
pub use types::{RecordType, Type};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::program::{Callee, Root};
use crate::syntax::{ExprId, Parsed, Place};

/// A table with parts of a source as keys. The hash is fast and has a random seed, so the author of
/// a source cannot cause collisions.
pub type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A source whose names are resolved and whose kinds fit: the second stage of a program.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The source and its tree.
    pub parsed: Parsed,
    /// The warnings.
    pub warnings: Vec<Diagnostic>,
    /// The number of warnings dropped from the list.
    pub more_warnings: usize,
    /// The resolved names in the tree.
    pub names: Table<ExprId, Name>,
    /// The functions that calls in the tree call.
    pub callees: Table<Place, Callee>,
    /// The first local of the parameters of each loop, by its call, and of each `Let`.
    pub frames: Table<Place, u16>,
    /// The names of the secrets that calls read.
    pub secrets: Table<Place, Box<str>>,
    /// The variables that the names refer to.
    pub roots: Vec<Root>,
    /// The maximum number of locals in use at a time.
    pub locals: u16,
    /// The type of the result.
    pub answer: Type,
}

/// The resolution of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A variable of the context, by its index in the roots.
    Root(u16),
    /// A local.
    Local(u16),
}

/// Checks a source against the declarations of the host.
///
/// # Errors
/// Returns all diagnostics, warnings included, if at least one is an error.
pub fn check(parsed: Parsed, host: &Host) -> Result<Checked, Diagnostics> {
    let mut checker = checker::Checker::new(&parsed, host);
    let answer = checker.whole();
    let found = checker.finish();
    let diagnostics = Diagnostics::new(parsed.source.clone(), found.diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(Checked {
        parsed,
        warnings: diagnostics.list,
        more_warnings: diagnostics.more,
        names: found.names,
        callees: found.callees,
        frames: found.frames,
        secrets: found.secrets,
        roots: found.roots,
        locals: found.locals,
        answer,
    })
}
