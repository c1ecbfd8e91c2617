//! The interface of an engine in the comparison.

use serde_json::Value;

use crate::workloads::{Clause, Filter, Request, Rule};

/// A rule engine. A program is compiled once and runs for many requests.
pub trait Peer: Sized {
    const NAME: &'static str;

    /// A compiled rule.
    type Program;

    /// A request in the form that the engine reads.
    type Prepared<'r>
    where
        Self: 'r;

    /// The engine, with everything that its programs share.
    fn new() -> Self;

    /// The rule that is true if all of the clauses hold.
    fn conjunction(clauses: &[Clause]) -> String;

    /// A filter in the language of the engine. `None` if it needs functions of the host.
    fn filter(filter: Filter) -> Option<&'static str>;

    fn compile(&self, source: &str) -> Result<Self::Program, String>;

    fn prepare<'r>(
        &'r self,
        programs: &'r [Self::Program],
        request: &'r Request,
    ) -> Self::Prepared<'r>;

    fn holds<'r>(&'r self, program: &'r Self::Program, prepared: &mut Self::Prepared<'r>) -> bool;

    /// Returns the number of rules that hold.
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

    /// The programs of a workload. `None` if the engine cannot express one of its rules.
    fn programs(&self, rules: &[Rule]) -> Option<Vec<Self::Program>> {
        let sources: Option<Vec<String>> = rules.iter().map(Self::source).collect();
        Some(sources?.iter().map(|source| self.compile(source).expect(Self::NAME)).collect())
    }
}

/// An engine that can also build an answer from a request.
pub trait Shaper: Peer {
    /// The answer to the challenge by which Zoom validates a webhook.
    const CHALLENGE: &'static str;

    /// Builds the answer as values of the engine, and drops it.
    fn shape<'r>(&'r self, program: &'r Self::Program, prepared: &mut Self::Prepared<'r>);

    /// Returns the answer as JSON.
    fn shaped<'r>(&'r self, program: &'r Self::Program, prepared: &mut Self::Prepared<'r>)
    -> Value;
}

/// Clauses in the syntax that most engines share.
pub fn clauses(clauses: &[Clause], prefix: &str, and: &str) -> String {
    let written = clauses.iter().map(|Clause { path, text }| format!("{prefix}{path} == {text:?}"));
    written.collect::<Vec<_>>().join(and)
}
