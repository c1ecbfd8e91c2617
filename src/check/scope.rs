//! Name resolution: the locals of lambdas and mappers, and the variables of the context. Does not
//! infer types.

use super::host::{Host, UndeclaredRoots};
use super::types::Type;
use super::{Name, Table};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::program::Root;
use crate::source::Span;
use crate::syntax::ExprId;
use crate::value::Kinds;

/// The visible names, and the resolutions so far.
pub(super) struct Scope {
    locals: Vec<(Box<str>, Type)>,
    deepest: usize,
    pub(super) names: Table<ExprId, Name>,
    pub(super) roots: Vec<Root>,
    root_places: Table<Box<str>, u16>,
    /// The first name beyond [`MAX_NAMES`].
    overflow: Option<Span>,
}

/// A resolved name.
pub(super) struct Resolved {
    pub(super) value: Type,
    pub(super) case_insensitive: bool,
}

impl Scope {
    pub(super) fn new() -> Self {
        Self {
            locals: Vec::new(),
            deepest: 0,
            names: Table::default(),
            roots: Vec::new(),
            root_places: Table::default(),
            overflow: None,
        }
    }

    /// Returns the slot of the next local.
    pub(super) fn next_slot(&mut self) -> u16 {
        // A loop without a lambda also needs a local.
        self.deepest = self.deepest.max(self.locals.len() + 1);
        slot(self.locals.len())
    }

    /// Makes a name visible.
    pub(super) fn push(&mut self, name: &str, value: Type) {
        self.locals.push((name.into(), value));
        self.deepest = self.deepest.max(self.locals.len());
    }

    /// Returns the number of visible locals, for [`Self::truncate`].
    pub(super) fn height(&self) -> usize {
        self.locals.len()
    }

    /// Removes the locals above a height.
    pub(super) fn truncate(&mut self, height: usize) {
        self.locals.truncate(height);
    }

    /// Returns the maximum number of locals in use at a time.
    pub(super) fn locals(&self) -> u16 {
        slot(self.deepest)
    }

    /// Returns the diagnostic for a source with more names than a program can number.
    pub(super) fn too_many(&self) -> Option<Diagnostic> {
        let locals = (self.deepest >= MAX_NAMES).then(Span::default);
        let message = format!("the source has more than {MAX_NAMES} names");
        let place = self.overflow.or(locals)?;
        Some(
            Diagnostic::new(Code::E0019, place, message)
                .help("put what belongs together under one name, and read its members"),
        )
    }

    /// Returns true if a local has the name.
    pub(super) fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| **local == *name)
    }

    /// Resolves a name and records the result. The diagnostic reports an undeclared name.
    pub(super) fn resolve(
        &mut self,
        id: ExprId,
        name: &str,
        span: Span,
        host: &Host,
    ) -> (Resolved, Option<Diagnostic>) {
        if let Some(at) = self.locals.iter().rposition(|(local, _)| **local == *name) {
            self.names.insert(id, Name::Local(slot(at)));
            let value = self.locals.get(at).map_or_else(Type::any, |(_, value)| value.clone());
            return (Resolved { value, case_insensitive: false }, None);
        }
        let declared = host.roots.iter().find(|root| *root.name == *name);
        let case_insensitive = declared.is_some_and(|root| root.case_insensitive);
        let root = self.root(name, case_insensitive, span);
        self.names.insert(id, Name::Root(root));
        match declared {
            Some(declared) => (Resolved { value: declared.value.clone(), case_insensitive }, None),
            None => {
                // Another context may contain the name, so its type is unknown.
                let value = Type::any();
                (Resolved { value, case_insensitive }, self.unknown(name, span, host))
            }
        }
    }

    fn root(&mut self, name: &str, case_insensitive: bool, span: Span) -> u16 {
        if let Some(known) = self.root_places.get(name) {
            return *known;
        }
        let place = slot(self.roots.len());
        if self.roots.len() >= MAX_NAMES {
            self.overflow.get_or_insert(span);
            return place;
        }
        self.roots.push(Root { name: name.into(), case_insensitive });
        self.root_places.insert(name.into(), place);
        place
    }

    fn unknown(&self, name: &str, span: Span, host: &Host) -> Option<Diagnostic> {
        let (code, message) = match host.strangers {
            UndeclaredRoots::Allow => return None,
            UndeclaredRoots::Warn => {
                (Code::W0101, format!("the context has no `{name}`, so it is null"))
            }
            UndeclaredRoots::Deny => (Code::E0102, format!("there is no `{name}` here")),
        };
        Some(Diagnostic::new(code, span, message).maybe_help(self.advice(name, host)))
    }

    fn advice(&self, name: &str, host: &Host) -> Option<String> {
        if ["nil", "none", "undefined"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Some("write `NULL`".to_owned());
        }
        let is_declared = |wanted: &str| host.roots.iter().any(|root| *root.name == *wanted);
        if matches!(name, "body" | "payload" | "json") && is_declared("parsed_body") {
            return Some(format!(
                "the body is `parsed_body`; a member `{name}` of it is `parsed_body.{name}`"
            ));
        }
        let roots = host.roots.iter().map(|root| &*root.name);
        let locals = self.locals.iter().map(|(name, _)| &**name);
        if let Some(near) = did_you_mean(name, locals.chain(roots)) {
            return Some(near);
        }
        for root in &host.roots {
            if root.value.member_names().any(|member| member == name) {
                return Some(format!("did you mean `{}.{name}`?", root.name));
            }
        }
        let unknown = host
            .roots
            .iter()
            .find(|root| root.value.kinds == Kinds::ANY && root.value.record.is_none());
        match (host.strangers, unknown) {
            (UndeclaredRoots::Deny, Some(root)) => Some(format!(
                "did you mean `{}.{name}`? a string has quotes: `\"{name}\"`",
                root.name
            )),
            (UndeclaredRoots::Deny, None) => Some(format!("a string has quotes: `\"{name}\"`")),
            _ => None,
        }
    }
}

/// The maximum number of variables, and of locals, of a program. The last number is reserved.
const MAX_NAMES: usize = u16::MAX as usize;

/// Returns the slot of a name. [`Scope::too_many`] reports names beyond the limit.
fn slot(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
