//! What every engine has to offer to be compared.

use serde_json::Value;

use crate::workloads::{Clause, Filter, Request, Rule};

/// An engine that answers rules. A program is compiled once, and runs for many requests.
pub trait Peer: Sized {
    const NAME: &'static str;

    /// A compiled rule.
    type Program;

    /// A request as the engine reads it.
    type Prepared<'r>
    where
        Self: 'r;

    /// The engine with all that it shares between its programs.
    fn new() -> Self;

    /// The rule that all of the clauses hold.
    fn conjunction(clauses: &[Clause]) -> String;

    /// A filter in the engine's language, if it has words for it without the host's help.
    fn filter(filter: Filter) -> Option<&'static str>;

    fn compile(&self, source: &str) -> Result<Self::Program, String>;

    fn prepare<'r>(
        &'r self,
        programs: &'r [Self::Program],
        request: &'r Request,
    ) -> Self::Prepared<'r>;

    fn holds<'r>(&'r self, program: &'r Self::Program, prepared: &mut Self::Prepared<'r>) -> bool;

    /// How many of the rules hold.
    fn holding<'r>(
        &'r self,
        programs: &'r [Self::Program],
        prepared: &mut Self::Prepared<'r>,
    ) -> usize {
        programs.iter().filter(|program| self.holds(program, prepared)).count()
    }

    fn source(rule: &Rule) -> Option<String> {
        match rule {
            Rule::All(clauses) => Some(Self::conjunction(clauses)),
            Rule::Filter(filter) => Self::filter(*filter).map(str::to_owned),
        }
    }

    /// The programs of a workload; nothing where one of its rules cannot be said.
    fn programs(&self, rules: &[Rule]) -> Option<Vec<Self::Program>> {
        let sources: Option<Vec<String>> = rules.iter().map(Self::source).collect();
        Some(sources?.iter().map(|source| self.compile(source).expect(Self::NAME)).collect())
    }
}

/// An engine that makes an answer out of a request, too.
pub trait Shaper: Peer {
    /// The answer to the challenge by which Zoom finds out whether a webhook is ours.
    const CHALLENGE: &'static str;

    /// Makes the answer in the engine's own values, and drops it.
    fn shape<'r>(&'r self, program: &'r Self::Program, prepared: &mut Self::Prepared<'r>);

    /// The answer as JSON.
    fn shaped<'r>(&'r self, program: &'r Self::Program, prepared: &mut Self::Prepared<'r>)
    -> Value;
}

/// Clauses in the syntax that most of the engines share.
pub fn clauses(clauses: &[Clause], prefix: &str, and: &str) -> String {
    let written = clauses.iter().map(|Clause { path, text }| format!("{prefix}{path} == {text:?}"));
    written.collect::<Vec<_>>().join(and)
}
