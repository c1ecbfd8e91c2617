//! Explanations: the values of the parts of a source in one run, the parts that did not run, and
//! the parts that decided. Does not know the command line.
//!
//! The program is compiled again with marks, and the machine records the value of each part. So an
//! explanation describes a real run. An ordinary program has no marks, and no cost.

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

/// The explanation of one run.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The source.
    pub source: Source,
    /// The result, or the trap that stopped the run.
    pub answer: Result<OwnedValue, Trap>,
    /// The root part, which contains all others.
    pub root: Part,
}

/// A part of a source in a run.
#[derive(Debug, Clone)]
pub struct Part {
    /// Span in the source.
    pub span: Span,
    /// Role in the explanation.
    pub role: Role,
    /// State after the run.
    pub state: State,
    /// True if it decided the result: in a false `AND` the first false operand, in a true one all
    /// operands; in an `OR` the reverse.
    pub decides: bool,
    /// The shown iteration, if the part is the body of a loop.
    pub turn: Option<Turn>,
    /// The parts inside it. Literals are included only if they may decide.
    pub parts: Vec<Part>,
}

/// The role of a part in an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `AND`, `OR`, `NOT`, `IF` and parentheses: the deciding parts are inside it.
    Connective,
    /// Any other part: a comparison, a call, a path.
    Clause,
    /// The body of a lambda.
    Body,
}

/// The state of a part after a run.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// A part with a value.
    Value(OwnedValue),
    /// A part with a secret value, which is hidden.
    Secret,
    /// A part with a value too large to show.
    Large,
    /// A part that did not run.
    Skipped,
    /// A part that stopped the run, or failed inside a `$TRY`.
    Failed,
}

/// The shown iteration of a loop's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The iteration, counted from zero.
    pub at: usize,
    /// The number of iterations.
    pub of: usize,
    /// The iterations with a result that counts as true.
    pub passed: Vec<usize>,
}

impl Explanation {
    /// Returns the smallest parts that decided, in source order.
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

/// Runs a checked source against a context, and explains the result.
///
/// # Errors
/// Returns an error if the program exceeds the size of a program.
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
        predicate: false,
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
