//! The state of a running check, its results, and the ways to report a diagnostic. Does not infer
//! types.

use std::collections::HashMap;

use super::host::Host;
use super::narrowing::Narrowing;
use super::scope::Scope;
use super::{Name, Table};
use crate::builtins::Role;
use crate::diagnostic::{Code, Diagnostic};
use crate::program::{Callee, Root};
use crate::source::Span;
use crate::syntax::{ExprId, Parsed, Place, Tree};

/// The state of a running check.
pub(super) struct Checker<'c> {
    pub(super) tree: &'c Tree,
    pub(super) parsed: &'c Parsed,
    pub(super) host: &'c Host,
    pub(super) scope: Scope,
    pub(super) found: Findings,
    /// True if the expression under inspection runs in every evaluation.
    pub(super) certain: bool,
    /// True if a failure here is caught by a `$TRY`.
    pub(super) caught: bool,
    /// The literal regular expressions so far, with the sizes of their compiled forms in bytes.
    pub(super) patterns: HashMap<&'c str, usize>,
    /// True if their total size is already reported.
    pub(super) patterns_reported: bool,
    /// The expressions that cannot be null here, because an earlier condition tested them.
    pub(super) known: Narrowing<'c>,
}

/// The results of a check.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) names: Table<ExprId, Name>,
    pub(super) callees: Table<Place, Callee>,
    pub(super) frames: Table<Place, u16>,
    pub(super) secrets: Table<Place, Box<str>>,
    pub(super) roots: Vec<Root>,
    pub(super) locals: u16,
}

impl<'c> Checker<'c> {
    pub(super) fn new(parsed: &'c Parsed, host: &'c Host) -> Self {
        Self {
            tree: &parsed.tree,
            parsed,
            host,
            scope: Scope::new(),
            found: Findings::default(),
            certain: !host.fragment,
            caught: false,
            patterns: HashMap::new(),
            patterns_reported: false,
            known: Narrowing::of(&parsed.tree),
        }
    }

    /// Returns the results, without the warnings that the host allows.
    pub(super) fn finish(self) -> Findings {
        let mut found = self.found;
        found.locals = self.scope.locals();
        found.names = self.scope.names;
        found.roots = self.scope.roots;
        let allowed = &self.host.allowed;
        found.diagnostics.retain(|one| one.is_error() || !allowed.contains(&one.code));
        found
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.diagnostics.push(diagnostic);
    }

    /// Reports an error inferred from kinds, unless an undeclared name inside it is already
    /// reported.
    pub(super) fn conclude(&mut self, diagnostic: Diagnostic) {
        let span = diagnostic.span();
        let inside = |one: &Diagnostic| {
            let at = one.span();
            one.code == Code::E0102 && span.start <= at.start && at.end <= span.end
        };
        if !self.found.diagnostics.iter().any(inside) {
            self.report(diagnostic);
        }
    }

    /// Reports an operation that always fails. It is an error in code that always runs, and a
    /// warning elsewhere. Inside a `$TRY` it is not reported.
    pub(super) fn always_fails(
        &mut self,
        code: Code,
        span: Span,
        message: &str,
        help: Option<&str>,
    ) {
        if self.caught {
            return;
        }
        let diagnostic = if self.certain {
            Diagnostic::new(code, span, message)
        } else {
            Diagnostic::new(Code::W0108, span, format!("{message}: this fails whenever it runs"))
        };
        self.report(diagnostic.maybe_help(help));
    }

    /// Checks a part that may not run.
    pub(super) fn uncertain<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.certain, false);
        let seen = look(self);
        self.certain = before;
        seen
    }

    /// Forgets the null narrowing of names that now mean something else. Returns the previous
    /// state, to restore it with [`Self::recall`].
    pub(super) fn forget<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> Narrowing<'c> {
        let before = self.known.clone();
        names.for_each(|name| self.known.forget(name));
        before
    }

    /// Restores a previous state of the null narrowing.
    pub(super) fn recall(&mut self, known: Narrowing<'c>) {
        self.known = known;
    }
}

/// Returns true if the callee is a built-in function with this role. A host may replace a function
/// with its own.
pub(super) fn has_role(callee: &Callee, role: Role) -> bool {
    matches!(callee, Callee::Builtin(row) if row.role == role)
}
