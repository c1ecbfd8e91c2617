//! The state of a running check, its results, and the ways to report a diagnostic. Does not infer
//! types.

use std::collections::{BTreeMap, HashMap, HashSet};

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
    /// The spans of diagnostics that make others superfluous.
    pub(super) reported: Reported,
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

/// The spans of some diagnostics, ordered, so that a look-up does not read all diagnostics: a long
/// chain has thousands.
#[derive(Default)]
pub(super) struct Reported {
    /// The number of diagnostics read.
    read: usize,
    /// The undeclared names, by start. Names do not overlap.
    undeclared_names: BTreeMap<u32, u32>,
    /// The comparisons with a known result.
    decided_comparisons: HashSet<Span>,
}

impl Reported {
    /// Reads the diagnostics that were added since the last call.
    fn read(&mut self, diagnostics: &[Diagnostic]) {
        for one in diagnostics.iter().skip(self.read) {
            let span = one.span();
            match one.code {
                Code::E0102 => drop(self.undeclared_names.insert(span.start, span.end)),
                Code::W0103 => drop(self.decided_comparisons.insert(span)),
                _ => {}
            }
        }
        self.read = diagnostics.len();
    }

    fn has_undeclared_name(&self, span: Span) -> bool {
        let first = self.undeclared_names.range(span.start..).next();
        first.is_some_and(|(_, end)| *end <= span.end)
    }
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
            reported: Reported::default(),
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
        self.reported.read(&self.found.diagnostics);
        if !self.reported.has_undeclared_name(span) {
            self.report(diagnostic);
        }
    }

    /// Returns true if a comparison is reported to have a known result.
    pub(super) fn is_decided_comparison(&mut self, span: Span) -> bool {
        self.reported.read(&self.found.diagnostics);
        self.reported.decided_comparisons.contains(&span)
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
        self.fails_unless(code, span, (message, help), None);
    }

    /// Reports an operation that fails unless the named part is null, in which case it is null too.
    /// Without such a part it always fails.
    pub(super) fn fails_unless(
        &mut self,
        code: Code,
        span: Span,
        (message, help): (&str, Option<&str>),
        part: Option<&str>,
    ) {
        if self.caught {
            return;
        }
        let diagnostic = match part {
            Some(part) => {
                let message = format!("{message}: this fails unless {part} is null");
                Diagnostic::new(Code::W0108, span, message)
            }
            None if self.certain => Diagnostic::new(code, span, message),
            None => {
                let message = format!("{message}: this fails whenever it runs");
                Diagnostic::new(Code::W0108, span, message)
            }
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
