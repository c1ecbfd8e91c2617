//! The tree as an outline for people: one line for each node, indented by depth. Does not format
//! sources.

use std::fmt::Write;

use crate::source::Span;
use crate::syntax::{Expr, ExprId, Parsed, Part, StepKind};

/// The maximum length of a node's source excerpt, in characters.
const EXCERPT: usize = 60;

/// The maximum indentation, in levels.
const MAX_LEVEL: usize = 40;

/// Returns the outline of a tree: the kind of each node, its byte range, and an excerpt of its
/// source. The steps of a chain are listed like nodes.
///
/// ```
/// use hookgate::format::show_tree;
/// use hookgate::source::Source;
/// use hookgate::syntax::{SyntaxLimits, parse};
///
/// let parsed = parse(Source::new("rule", "NOT a.b"), SyntaxLimits::default()).unwrap();
/// assert_eq!(
///     show_tree(&parsed),
///     "not            0..7  NOT a.b\n  chain        4..7  a.b\n    name       4..5  a\n    member     5..7  .b\n"
/// );
/// ```
pub fn show_tree(parsed: &Parsed) -> String {
    let mut outline = Outline { parsed, out: String::new() };
    outline.node(parsed.tree.root(), 0);
    outline.out
}

struct Outline<'s> {
    parsed: &'s Parsed,
    out: String,
}

impl Outline<'_> {
    fn node(&mut self, id: ExprId, level: usize) {
        let node = self.parsed.tree.node(id);
        self.line(kind(&node.expr), node.span, level);
        match &node.expr {
            Expr::Chain { base, steps } => {
                self.node(*base, level + 1);
                for step in steps {
                    self.line(step_kind(&step.kind), step.own, level + 1);
                    step.kind.each_child(&mut |child| self.node(child, level + 2));
                }
            }
            Expr::Template(parts) => self.parts(parts, level + 1),
            other => other.each_child(|child| self.node(child, level + 1)),
        }
    }

    fn parts(&mut self, parts: &[Part], level: usize) {
        for part in parts {
            match part {
                Part::Text(_, span) => self.line("text", *span, level),
                Part::Value(id) => self.node(*id, level),
            }
        }
    }

    fn line(&mut self, kind: &str, span: Span, level: usize) {
        let indent = 2 * level.min(MAX_LEVEL);
        let place = format!("{}..{}", span.start, span.end);
        let head = format!("{:indent$}{kind}", "");
        let words = excerpt(self.parsed.source.slice(span));
        // Writing to a `String` never fails.
        let _ = writeln!(self.out, "{head:<14} {place:<5} {words}");
    }
}

fn kind(expr: &Expr) -> &'static str {
    match expr {
        Expr::Null => "null",
        Expr::Bool(_) => "boolean",
        Expr::Number(_) | Expr::BigNumber(_) => "number",
        Expr::Text(_) => "text",
        Expr::Template(_) => "template",
        Expr::Name(_) => "name",
        Expr::List(_) => "list",
        Expr::Object(_) => "object",
        Expr::Group(_) => "group",
        Expr::Negate(_) => "negate",
        Expr::Not(_) => "not",
        Expr::Run { .. } => "run",
        Expr::And(_) => "and",
        Expr::Or(_) => "or",
        Expr::If { .. } => "if",
        Expr::Call { .. } => "call",
        Expr::Chain { .. } => "chain",
        Expr::Lambda { .. } => "lambda",
        Expr::Let { .. } => "let",
        Expr::Error => "error",
    }
}

fn step_kind(step: &StepKind) -> &'static str {
    match step {
        StepKind::Member(_) => "member",
        StepKind::Index(_) => "index",
        StepKind::Slice(..) => "slice",
        StepKind::Call(_) => "call",
    }
}

/// Returns the start of a source excerpt, on one line.
fn excerpt(words: &str) -> String {
    let mut characters = words.chars();
    let mut shown: String = characters.by_ref().take(EXCERPT).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}
