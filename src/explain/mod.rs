//! Explanations: which parts of a source had which values, which did not run, and which of them
//! decided.
//!
//! The program is compiled once more with marks, and the machine notes each part's value as it
//! runs: what is explained is a run, not a guess at one. An ordinary program has no marks, and
//! pays nothing.

mod decide;
mod json;
mod print;
mod trace;

pub use json::to_json;
pub use print::to_text;

use crate::check::Checked;
use crate::compile::{Options, compile};
use crate::program::Malformed;
use crate::source::{Source, Span};
use crate::value::OwnedValue;
use crate::vm::{Context, Machine, Trap};

/// What a run of a source came to, part by part.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The source.
    pub source: Source,
    /// The answer, or what stopped the run.
    pub answer: Result<OwnedValue, Trap>,
    /// The whole, with its parts in it.
    pub root: Part,
}

/// A part of a source in a run.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub role: Role,
    /// What became of it.
    pub state: State,
    /// Whether it decided the answer: of a false `AND` the first operand that was false, of a
    /// true one all of them; of an `OR` the other way round.
    pub decides: bool,
    /// The run of a loop's body that is shown, where it is one.
    pub turn: Option<Turn>,
    /// The parts in it; literals only where they may decide.
    pub parts: Vec<Part>,
}

/// What a part is, as far as explaining goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `AND`, `OR`, `NOT`, `IF` and parentheses: what decides is in it.
    Connective,
    /// Anything else: a comparison, a call, a path.
    Clause,
    /// The body of a lambda.
    Body,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It had a value.
    Value(OwnedValue),
    /// It had a value that is not shown.
    Secret,
    /// It had a value that is too large to show.
    Large,
    /// It did not run.
    Skipped,
    /// It stopped the run, or what a `$TRY` caught.
    Failed,
}

/// Which run of a loop's body is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The run, counted from zero.
    pub at: usize,
    /// How many runs there were.
    pub of: usize,
    /// The runs whose answer counted as true.
    pub passed: Vec<usize>,
}

impl Explanation {
    /// The smallest parts that decided, in the order of the source.
    pub fn deciding(&self) -> Vec<&Part> {
        let mut found = Vec::new();
        gather(&self.root, &mut found);
        found
    }
}

fn gather<'p>(part: &'p Part, found: &mut Vec<&'p Part>) {
    if !part.decides {
        return;
    }
    let inner = part.parts.iter().any(|inner| inner.decides);
    if inner {
        part.parts.iter().for_each(|inner| gather(inner, found));
    } else {
        found.push(part);
    }
}

/// Runs a checked source against a context, and explains what came out.
///
/// # Errors
/// Where the program would be larger than a program may be.
///
/// ```
/// use hookgate::engine::{Context, Engine, Machine, Source};
/// use hookgate::explain::explain;
///
/// let engine = Engine::new();
/// let checked = engine.check(Source::new("rule", "a > 1 AND b > 1"))?;
/// let (a, b) = (serde_json::json!(5), serde_json::json!(0));
/// let mut context = Context::new();
/// context.set("a", &a).set("b", &b);
///
/// let explanation = explain(&checked, &context, &mut Machine::default())?;
/// let deciding = explanation.deciding();
/// assert_eq!(explanation.source.slice(deciding[0].span), "b > 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(
    checked: &Checked,
    context: &Context<'_>,
    machine: &mut Machine,
) -> Result<Explanation, Malformed> {
    let options = Options {
        fold: false,
        mark: true,
        direct: false,
        pattern_bytes: machine.limits().pattern,
        patterns_bytes: machine.limits().patterns,
    };
    let compiled = compile(checked, options)?;
    let context: Context<'_> = context.clone();
    let (marks, answer) = machine.trace(&compiled.program, &context);
    let trap = answer.as_ref().err().cloned();
    let trace = trace::Trace::new(checked, &compiled.places, &marks, trap.as_ref());
    let mut root = trace.root();
    decide::decide(&checked.parsed.tree, &mut root);
    Ok(Explanation {
        source: checked.parsed.source.clone(),
        answer: answer.map(|answer| answer.to_owned_value().unwrap_or(OwnedValue::Null)),
        root: root.part,
    })
}
