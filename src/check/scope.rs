//! Names: the locals of lambdas and mappers, and the roots of the context.

use super::host::{Host, Strangers};
use super::shape::Type;
use super::{Name, Table};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::program::Root;
use crate::source::Span;
use crate::syntax::ExprId;
use crate::value::Kinds;

/// The names in sight, and what they turned out to be.
pub(super) struct Scope {
    locals: Vec<(Box<str>, Type)>,
    deepest: usize,
    pub(super) names: Table<ExprId, Name>,
    pub(super) roots: Vec<Root>,
    root_places: Table<Box<str>, u16>,
    /// The first name that a program has no number for.
    overflow: Option<Span>,
}

/// A name that was found.
pub(super) struct Found {
    pub(super) value: Type,
    pub(super) case_blind: bool,
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

    /// The slot of the next local.
    pub(super) fn next_slot(&mut self) -> u16 {
        // A loop without a lambda needs a local of its own too.
        self.deepest = self.deepest.max(self.locals.len() + 1);
        slot(self.locals.len())
    }

    /// Brings a name into sight.
    pub(super) fn push(&mut self, name: &str, value: Type) {
        self.locals.push((name.into(), value));
        self.deepest = self.deepest.max(self.locals.len());
    }

    /// How many names are in sight, to come back to.
    pub(super) fn height(&self) -> usize {
        self.locals.len()
    }

    /// Lets names go out of sight.
    pub(super) fn truncate(&mut self, height: usize) {
        self.locals.truncate(height);
    }

    /// How many locals there are at most at a time.
    pub(super) fn locals(&self) -> u16 {
        slot(self.deepest)
    }

    /// What is wrong where there are more names than a program can tell apart.
    pub(super) fn too_many(&self) -> Option<Diagnostic> {
        let locals = (self.deepest >= MOST_NAMES).then(Span::default);
        let message = format!("the source has more than {MOST_NAMES} names");
        let place = self.overflow.or(locals)?;
        Some(
            Diagnostic::new(Code::E0019, place, message)
                .help("put what belongs together under one name, and read its members"),
        )
    }

    /// Whether a local has the name.
    pub(super) fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| **local == *name)
    }

    /// Looks a name up, and notes what it is; what is wrong with it comes along.
    pub(super) fn resolve(
        &mut self,
        id: ExprId,
        name: &str,
        span: Span,
        host: &Host,
    ) -> (Found, Option<Diagnostic>) {
        if let Some(at) = self.locals.iter().rposition(|(local, _)| **local == *name) {
            self.names.insert(id, Name::Local(slot(at)));
            let value = self.locals.get(at).map_or_else(Type::any, |(_, value)| value.clone());
            return (Found { value, case_blind: false }, None);
        }
        let declared = host.roots.iter().find(|root| *root.name == *name);
        let case_blind = declared.is_some_and(|root| root.case_blind);
        let root = self.root(name, case_blind, span);
        self.names.insert(id, Name::Root(root));
        match declared {
            Some(declared) => (Found { value: declared.value.clone(), case_blind }, None),
            None => {
                // What is missing may come with another context: nothing is concluded from it.
                let value = Type::any();
                (Found { value, case_blind }, self.unknown(name, span, host))
            }
        }
    }

    fn root(&mut self, name: &str, case_blind: bool, span: Span) -> u16 {
        if let Some(known) = self.root_places.get(name) {
            return *known;
        }
        let place = slot(self.roots.len());
        if self.roots.len() >= MOST_NAMES {
            self.overflow.get_or_insert(span);
            return place;
        }
        self.roots.push(Root { name: name.into(), case_blind });
        self.root_places.insert(name.into(), place);
        place
    }

    fn unknown(&self, name: &str, span: Span, host: &Host) -> Option<Diagnostic> {
        let (code, message) = match host.strangers {
            Strangers::Taken => return None,
            Strangers::Warned => {
                (Code::W0101, format!("the context has no `{name}`, so it is null"))
            }
            Strangers::Refused => (Code::E0102, format!("there is no `{name}` here")),
        };
        Some(Diagnostic::new(code, span, message).maybe_help(self.advice(name, host)))
    }

    fn advice(&self, name: &str, host: &Host) -> Option<String> {
        if ["nil", "none", "undefined"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Some("write `NULL`".to_owned());
        }
        let roots = host.roots.iter().map(|root| &*root.name);
        let locals = self.locals.iter().map(|(name, _)| &**name);
        if let Some(near) = nearest(name, locals.chain(roots)) {
            return Some(format!("did you mean `{near}`?"));
        }
        for root in &host.roots {
            if root.value.member_names().any(|member| member == name) {
                return Some(format!("did you mean `{}.{name}`?", root.name));
            }
        }
        let unknown = host
            .roots
            .iter()
            .find(|root| root.value.kinds == Kinds::ANY && root.value.shape.is_none());
        match (host.strangers, unknown) {
            (Strangers::Refused, Some(root)) => Some(format!(
                "did you mean `{}.{name}`? a text has quotes: `\"{name}\"`",
                root.name
            )),
            (Strangers::Refused, None) => Some(format!("a text has quotes: `\"{name}\"`")),
            _ => None,
        }
    }
}

/// How many roots, and how many locals, a program may have; the last number stands for none.
const MOST_NAMES: usize = u16::MAX as usize;

/// The number of a name; past the last, [`Scope::too_many`] tells of it.
fn slot(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
