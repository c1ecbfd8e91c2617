//! Copies one syntax tree into another. Nodes keep their order; ids and spans are adjusted. Does
//! not know what the trees mean.

use super::tree::{Expr, ExprId, Part, StepKind, Tree};
use crate::source::Span;

impl Tree {
    /// Appends the nodes of another tree, and maps its spans with `place`. Returns the new id of
    /// its root.
    ///
    /// ```
    /// use hookgate::source::Source;
    /// use hookgate::syntax::{SyntaxLimits, Tree, parse};
    ///
    /// let leaf = parse(Source::new("leaf", "a + 1"), SyntaxLimits::default())?;
    /// let mut tree = Tree::default();
    /// let root = tree.graft(leaf.tree, |span| span.shifted(10));
    /// assert_eq!(tree.span(root).range(), 10..15);
    /// # Ok::<(), hookgate::diagnostic::Diagnostics>(())
    /// ```
    pub fn graft(&mut self, other: Self, place: impl Fn(Span) -> Span) -> ExprId {
        let shift = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let moved = |id: ExprId| ExprId(id.0.saturating_add(shift));
        let root = moved(other.root());
        self.optional.extend(other.optional.iter().copied().map(moved));
        self.defined.extend(other.defined.iter().map(|(id, number)| (moved(*id), *number)));
        for mut node in other.nodes {
            node.span = place(node.span);
            node.expr.each_child_mut(&mut |child| *child = moved(*child));
            node.expr.each_span_mut(&mut |span| *span = place(*span));
            self.nodes.push(node);
        }
        root
    }
}

impl Expr {
    pub(super) fn each_child_mut(&mut self, call: &mut impl FnMut(&mut ExprId)) {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::BigNumber(_)
            | Self::Text(_)
            | Self::Name(_)
            | Self::Error => {}
            Self::Template(parts) => {
                for part in parts {
                    if let Part::Value(id) = part {
                        call(id);
                    }
                }
            }
            Self::List(items) | Self::And(items) | Self::Or(items) => {
                items.iter_mut().for_each(call)
            }
            Self::Object(entries) => {
                for (key, value) in entries {
                    call(key);
                    call(value);
                }
            }
            Self::Group(inner) | Self::Negate(inner) | Self::Not(inner) => call(inner),
            Self::Run { first, rest } => {
                call(first);
                rest.iter_mut().for_each(|run| call(&mut run.operand));
            }
            Self::If { arms, otherwise } => {
                for (condition, answer) in arms {
                    call(condition);
                    call(answer);
                }
                otherwise.iter_mut().for_each(call);
            }
            Self::Call { args, .. } => args.iter_mut().for_each(call),
            Self::Chain { base, steps } => {
                call(base);
                steps.iter_mut().for_each(|step| step.kind.each_child_mut(call));
            }
            Self::Lambda { body, .. } => call(body),
            Self::Let { bindings, body } => {
                bindings.iter_mut().for_each(|binding| call(&mut binding.value));
                call(body);
            }
        }
    }

    /// Calls `call` with each span inside the node, except the span of the node itself.
    fn each_span_mut(&mut self, call: &mut impl FnMut(&mut Span)) {
        match self {
            Self::Template(parts) => {
                for part in parts {
                    if let Part::Text(_, span) = part {
                        call(span);
                    }
                }
            }
            Self::Run { rest, .. } => rest.iter_mut().for_each(|run| call(&mut run.span)),
            Self::Call { name_span, .. } => call(name_span),
            Self::Chain { steps, .. } => {
                for step in steps {
                    call(&mut step.span);
                    call(&mut step.own);
                    if let StepKind::Call(called) = &mut step.kind {
                        call(&mut called.name_span);
                    }
                }
            }
            Self::Lambda { params, .. } => {
                params.iter_mut().for_each(|param| call(&mut param.span))
            }
            _ => {}
        }
    }
}

impl StepKind {
    fn each_child_mut(&mut self, call: &mut impl FnMut(&mut ExprId)) {
        match self {
            Self::Member(_) => {}
            Self::Index(index) => call(index),
            Self::Slice(from, to) => from.iter_mut().chain(to).for_each(call),
            Self::Call(called) => called.args.iter_mut().for_each(call),
        }
    }
}
