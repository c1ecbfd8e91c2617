//! The checker: from a tree to a tree whose names are known and whose kinds fit.
//!
//! What cannot run is an error; everything else that is probably not meant is a warning. An
//! operation that always fails is an error only where it always runs.
//!
//! Knows what the host offers and the rows of functions, and nothing of bytecode.

mod calls;
mod host;
mod infer;
mod known;
mod lints;
mod operators;
mod schema_type;
mod scope;
mod shape;

use std::collections::HashMap;

pub use host::{Host, RootDeclaration, Strangers};
pub use shape::{Shape, Type};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::program::{Callee, Root};
use crate::syntax::{ExprId, Parsed, Place};

/// A table by parts of a source. It is hashed quickly, and with a seed of its own, so that who
/// writes a source cannot make its parts collide.
pub type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A source whose names are known and whose kinds fit: the second stage of a program.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The source and its tree.
    pub parsed: Parsed,
    /// What is worth telling, though it runs.
    pub warnings: Vec<Diagnostic>,
    /// How many more warnings there were.
    pub more_warnings: usize,
    /// What the names in the tree are.
    pub names: Table<ExprId, Name>,
    /// The functions that calls in the tree call.
    pub callees: Table<Place, Callee>,
    /// The first local of each loop's parameters, by its call, and of each `Let`.
    pub frames: Table<Place, u16>,
    /// The names of the secrets that calls read.
    pub secrets: Table<Place, Box<str>>,
    /// The roots that the names refer to.
    pub roots: Vec<Root>,
    /// How many locals there are at most at a time.
    pub locals: u16,
    /// What the whole may answer.
    pub answer: Type,
}

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A root of the context, by its place in the roots.
    Root(u16),
    /// A local.
    Local(u16),
}

/// Checks a source against what the host offers.
///
/// # Errors
/// The diagnostics, where one of them is an error; warnings among them.
pub fn check(parsed: Parsed, host: &Host) -> Result<Checked, Diagnostics> {
    let mut checker = infer::Checker::new(&parsed, host);
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
