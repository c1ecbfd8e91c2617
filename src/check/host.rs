//! The host's declarations for programs: variables, functions, secrets. Does not know their values.

use std::sync::Arc;

use super::types::Type;
use crate::builtins::{self, Function, Role};
use crate::diagnostic::{Code, nearest};
use crate::program::Callee;
use crate::value::RepeatedKeys;

/// The declarations and limits of a host.
#[derive(Debug, Clone)]
pub struct Host {
    /// The variables of the context.
    pub roots: Vec<RootDeclaration>,
    /// The handling of names that are not declared.
    pub strangers: UndeclaredRoots,
    /// The host's own functions. They take precedence over built-in functions of the same name.
    pub functions: Vec<Arc<Function>>,
    /// The handling of repeated keys by `$PARSE_JSON`.
    pub repeated_keys: RepeatedKeys,
    /// True if programs may read secrets.
    pub secrets: bool,
    /// True if programs verify requests. Comparisons of two values that may be null, and timestamps
    /// in the future, then cause warnings.
    pub verification: bool,
    /// True if a source is a part of other programs: its result may be a secret, and it may stand
    /// where it does not run.
    pub fragment: bool,
    /// True if programs read requests that no verification has accepted. Decryption without
    /// authentication is then an error.
    pub unverified: bool,
    /// The maximum size of the compiled form of one regular expression, in bytes.
    pub pattern_bytes: usize,
    /// The maximum size of the compiled regular expressions of a program together, in bytes.
    pub patterns_bytes: usize,
    /// The warnings that are not reported.
    pub allowed: Vec<Code>,
}

/// The handling of a name that the host does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndeclaredRoots {
    /// An undeclared name is an error.
    Deny,
    /// An undeclared name is null, with a warning: the context is known and does not contain it.
    Warn,
    /// An undeclared name is read from the context of the evaluation.
    Allow,
}

/// A variable of the context.
#[derive(Debug, Clone)]
pub struct RootDeclaration {
    /// The name.
    pub name: Box<str>,
    /// The type of its value.
    pub value: Type,
    /// True if its members are case-insensitive, as HTTP headers are.
    pub case_insensitive: bool,
}

impl RootDeclaration {
    /// Declares a variable of unknown type.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), value: Type::any(), case_insensitive: false }
    }

    /// Sets the type of its value.
    #[must_use]
    pub fn of(mut self, value: Type) -> Self {
        self.value = value;
        self
    }

    /// Makes its members case-insensitive.
    #[must_use]
    pub fn case_insensitive(mut self) -> Self {
        self.case_insensitive = true;
        self
    }
}

impl Host {
    /// Returns the function with a name, in any case.
    pub(super) fn function(&self, name: &str) -> Option<Callee> {
        // The functions behind mappers have names that no expression can write, so a host's own
        // functions do not change a mapper.
        if let Some(plain) = name.strip_suffix("()") {
            return builtins::find(name).or_else(|| builtins::find(plain)).map(Callee::Builtin);
        }
        let own = self.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name));
        match own {
            Some(function) => Some(Callee::Host(Arc::clone(function))),
            None => builtins::find(name).map(|row| Callee::Builtin(self.reading(row))),
        }
    }

    /// Returns the row of a function with the host's handling of repeated keys.
    fn reading(&self, row: &'static Function) -> &'static Function {
        match (row.role, self.repeated_keys) {
            (Role::ParseJson, RepeatedKeys::LastCounts) => &builtins::PARSE_JSON_LAST_KEY,
            _ => row,
        }
    }

    /// Returns advice for a function name that does not exist, perhaps written without its `$`.
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

    /// Returns the names of all functions.
    fn function_names(&self) -> impl Iterator<Item = &str> {
        let own = self.functions.iter().map(|function| function.name);
        own.chain(builtins::all().map(|function| function.name))
    }
}
