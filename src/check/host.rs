//! What the host offers to programs: names, functions, secrets.

use std::sync::Arc;

use super::shape::Type;
use crate::builtins::{self, Function};
use crate::diagnostic::{Code, nearest};
use crate::program::Callee;

/// What the host offers.
#[derive(Debug, Clone)]
pub struct Host {
    /// The names of the context.
    pub roots: Vec<RootDeclaration>,
    /// What becomes of names that are not declared.
    pub strangers: Strangers,
    /// Functions of the host's own; they come before those of the language.
    pub functions: Vec<Arc<Function>>,
    /// Whether programs may read secrets.
    pub secrets: bool,
    /// Whether programs verify requests, where what may be null or in the future deserves a
    /// second look.
    pub verification: bool,
    /// How large a regular expression may be, in bytes of its compiled form.
    pub pattern_bytes: usize,
    /// How large all regular expressions of a program may be together.
    pub patterns_bytes: usize,
    /// Warnings that are not told.
    pub allowed: Vec<Code>,
}

/// What becomes of a name that the host does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// It is an error.
    Refused,
    /// It is null, with a warning: the context is known, and does not have it.
    Warned,
    /// It is taken from whatever context the program is run against.
    Taken,
}

/// A name of the context.
#[derive(Debug, Clone)]
pub struct RootDeclaration {
    /// The name.
    pub name: Box<str>,
    /// What is known of its value.
    pub value: Type,
    /// Whether its members are found in any case, as HTTP headers are.
    pub case_blind: bool,
}

impl RootDeclaration {
    /// A name of whose value nothing is known.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), value: Type::any(), case_blind: false }
    }

    /// The same, with what is known of its value.
    #[must_use]
    pub fn of(mut self, value: Type) -> Self {
        self.value = value;
        self
    }

    /// The same, with members that are found in any case.
    #[must_use]
    pub fn case_blind(mut self) -> Self {
        self.case_blind = true;
        self
    }
}

impl Host {
    /// The function of a name, in any case.
    pub(super) fn function(&self, name: &str) -> Option<Callee> {
        // What mappers are made of has names that no expression can write, so that a host's own
        // functions change nothing in it.
        if let Some(plain) = name.strip_suffix("()") {
            return builtins::find(name).or_else(|| builtins::find(plain)).map(Callee::Builtin);
        }
        let own = self.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name));
        match own {
            Some(function) => Some(Callee::Host(Arc::clone(function))),
            None => builtins::find(name).map(Callee::Builtin),
        }
    }

    /// What a function is called that somebody called by this name, without its `$` perhaps.
    pub(crate) fn function_advice(&self, name: &str) -> Option<String> {
        if let Some(function) = self.function(name) {
            return Some(format!("write `${}(…)`", function.name));
        }
        if let Some(advice) = builtins::foreign(name) {
            return Some(advice.to_owned());
        }
        let upper = name.to_uppercase();
        nearest(&upper, self.function_names()).map(|near| format!("did you mean `${near}`?"))
    }

    /// The names of all functions.
    fn function_names(&self) -> impl Iterator<Item = &str> {
        let own = self.functions.iter().map(|function| function.name);
        own.chain(builtins::all().map(|function| function.name))
    }
}
