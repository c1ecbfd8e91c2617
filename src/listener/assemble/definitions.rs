//! The named expressions of a listener, `[define]`: each is checked after those that it reads, and
//! stands in the programs as if it were written there.

use std::collections::BTreeSet;

use super::Assembly;
use super::part::Part;
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{RootDeclaration, Source, request_roots};
use crate::source::Span;
use crate::syntax::Expr;

/// Maximum number of definitions of a listener.
const MAX_DEFINITIONS: usize = 100;

/// A definition that is not yet checked.
struct NamedExpression<'a> {
    name: &'a str,
    key: Span,
    part: Part<'a>,
    /// The names of other definitions and of variables in it.
    names: BTreeSet<Box<str>>,
}

impl<'a> Assembly<'a> {
    /// Makes the definitions known to all programs that are compiled later.
    pub(super) fn define(&mut self) {
        let entries = self.part("define").into_iter().flat_map(Part::entries);
        let entries: Vec<_> = entries.collect();
        if let Some((_, part)) = entries.get(MAX_DEFINITIONS) {
            return self
                .wrong(*part, format!("a listener has at most {MAX_DEFINITIONS} definitions"));
        }
        let mut waiting = Vec::new();
        for (entry, part) in entries {
            waiting.extend(self.definition(&entry.key.text, entry.key.span, part));
        }
        while let Some(at) = waiting.iter().position(|one| !one.reads_any(&waiting)) {
            let ready = waiting.remove(at);
            self.check_definition(&ready);
        }
        self.report_cycle(&waiting);
    }

    /// Parses a definition and declares its name.
    fn definition(
        &mut self,
        name: &'a str,
        key: Span,
        part: Part<'a>,
    ) -> Option<NamedExpression<'a>> {
        if let Some(message) = self.refused_name(name) {
            let wrong = Diagnostic::new(Code::E0605, key, message)
                .help("a name has letters, digits and `_`, and is no variable: `customer`");
            self.report(part, wrong);
            return None;
        }
        self.declare(RootDeclaration::new(name));
        self.definition_names.push(name.into());
        let text = part.node.as_text()?;
        match self.engine.parse(Source::new(self.name_of(part), text.value.as_str())) {
            Ok(parsed) => {
                let names = parsed.tree.free_names().into_iter().map(Into::into).collect();
                Some(NamedExpression { name, key, part, names })
            }
            Err(diagnostics) => {
                self.place(part, text, diagnostics.list, 0);
                None
            }
        }
    }

    fn refused_name(&self, name: &str) -> Option<String> {
        if request_roots().iter().any(|root| *root.name == *name) {
            return Some(format!("`{name}` is a variable of the request"));
        }
        let parsed = self.engine.parse(Source::new("name", name)).ok();
        let is_name = parsed.is_some_and(|parsed| {
            matches!(parsed.tree.expr(parsed.tree.root()), Expr::Name(read) if **read == *name)
        });
        let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit());
        match is_word {
            _ if is_name => None,
            true => Some(format!("`{name}` is a word of the language")),
            false => Some(format!("`{name}` is no name")),
        }
    }

    fn declare(&mut self, name: RootDeclaration) {
        self.engine = self.engine.clone().roots([name.clone()]);
        self.verifying = self.verifying.clone().roots([name]);
    }

    fn check_definition(&mut self, one: &NamedExpression<'a>) {
        let Some(text) = one.part.node.as_text() else {
            return;
        };
        let engine = self.engine.clone().fragment();
        let Some(checked) = self.checked_text(one.part, text, &engine, &text.value, 0) else {
            return;
        };
        let unknown = checked.secrets.values().filter(|name| !self.secret_names.contains(name));
        self.reported_secrets.extend(unknown.cloned().collect::<Vec<_>>());
        let told = checked.warnings.iter().map(|one| (one.code, one.message.clone()));
        self.told_of_definitions.extend(told);
        self.engine = self.engine.clone().define(one.name, &checked);
        self.verifying = self.verifying.clone().define(one.name, &checked);
    }

    fn report_cycle(&mut self, waiting: &[NamedExpression<'a>]) {
        let mut cycles = waiting.iter().filter_map(|one| Some((one, one.cycle(waiting)?)));
        let Some((first, cycle)) = cycles.next() else {
            return;
        };
        let message = match cycle.as_slice() {
            [only] => format!("the definition `{only}` reads itself"),
            names => format!(
                "the definition `{}` reads itself: `{}` → `{}`",
                first.name,
                names.join("` → `"),
                first.name
            ),
        };
        self.report(first.part, Diagnostic::new(Code::E0605, first.key, message));
    }

    /// Returns the warnings of a program, without those that its definitions have got themselves.
    pub(super) fn own_warnings(&self, checked: &Checked, verification: bool) -> Vec<Diagnostic> {
        let source = &checked.parsed.source;
        let is_own = |one: &&Diagnostic| {
            let shown = source.slice(one.span());
            let is_use = self.definition_names.iter().any(|name| **name == *shown);
            !(is_use && self.is_told(one, verification))
        };
        checked.warnings.iter().filter(is_own).cloned().collect()
    }

    fn is_told(&self, one: &Diagnostic, verification: bool) -> bool {
        let told = &self.told_of_definitions;
        // The claims of a token are verified in a rule: a mapping may read them without `exp`.
        (one.code == Code::W0113 && !verification)
            || told.iter().any(|(code, text)| *code == one.code && *text == one.message)
    }
}

impl NamedExpression<'_> {
    fn reads(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn reads_any(&self, others: &[Self]) -> bool {
        others.iter().any(|other| self.reads(other.name))
    }

    /// Returns the names on the shortest way from the definition to itself, if there is one.
    fn cycle<'n>(&'n self, all: &'n [Self]) -> Option<Vec<&'n str>> {
        // Each definition reached, with the place of the one that reads it.
        let mut reached: Vec<(&Self, usize)> = vec![(self, 0)];
        let mut at = 0;
        while let Some((one, _)) = reached.get(at).copied() {
            if one.reads(self.name) {
                return Some(names_to(&reached, at));
            }
            for other in all.iter().filter(|other| one.reads(other.name)) {
                if !reached.iter().any(|(known, _)| known.name == other.name) {
                    reached.push((other, at));
                }
            }
            at += 1;
        }
        None
    }
}

/// Returns the names from the first entry to the one at a place.
fn names_to<'n>(reached: &[(&'n NamedExpression<'_>, usize)], mut at: usize) -> Vec<&'n str> {
    let mut names = Vec::new();
    while let Some((one, from)) = reached.get(at) {
        names.push(one.name);
        if at == 0 {
            break;
        }
        at = *from;
    }
    names.reverse();
    names
}
