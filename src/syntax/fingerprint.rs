//! The fingerprint of an expression: a text that is equal for expressions that differ only in layout
//! and in their place in the source. Does not know the meaning of names.

use std::fmt::{self, Write};
use std::hash::Hasher;

use super::tree::{Expr, ExprId, Part, Step, StepKind, Tree};

impl Tree {
    /// Returns true if two nodes, possibly of two trees, are the same expression, regardless of
    /// spans.
    pub fn same(&self, id: ExprId, other: &Self, other_id: ExprId) -> bool {
        let fingerprint = self.fingerprint(id);
        let mut rest = Rest(&fingerprint);
        write(other, other_id, &mut rest).is_ok() && rest.0.is_empty()
    }

    /// Returns the fingerprint of an expression. It is equal for equal expressions of two trees.
    pub fn fingerprint(&self, id: ExprId) -> String {
        let mut out = String::new();
        // Writing to a `String` never fails.
        let _ = write(self, id, &mut out);
        out
    }

    /// Returns the fingerprint of a chain up to a step, counted from zero, without that step. It is
    /// equal to the fingerprint of the shorter expression.
    pub(crate) fn fingerprint_before(&self, id: ExprId, step: usize) -> String {
        let Expr::Chain { base, steps } = self.expr(id) else {
            return self.fingerprint(id);
        };
        if step == 0 {
            return self.fingerprint(self.ungrouped(*base));
        }
        let mut out = String::new();
        let _ = write_chain(self, *base, steps.get(..step).unwrap_or(steps), &mut out);
        out
    }

    /// Hashes the expression. Expressions that are [the same](Self::same) have equal hashes.
    pub(crate) fn hash_fingerprint(&self, id: ExprId, hasher: &mut impl Hasher) {
        let _ = write(self, id, &mut HashWriter(hasher));
    }
}

/// Writes the expression with every part in parentheses, without spans, ids and layout.
fn write<W: Write>(tree: &Tree, id: ExprId, out: &mut W) -> fmt::Result {
    match tree.expr(id) {
        Expr::Null => out.write_str("null"),
        Expr::Bool(value) => write!(out, "{value}"),
        Expr::BigNumber(number) => write!(out, "{}", number.borrow()),
        Expr::Number(number) => {
            // 2.0 and 2 are equal, but they are different nodes.
            let decimal = if number.as_integer().is_none() { "d" } else { "" };
            write!(out, "{number}{decimal}")
        }
        Expr::Text(text) => write!(out, "{text:?}"),
        Expr::Name(name) => out.write_str(name),
        Expr::Template(parts) => {
            out.write_str("(template")?;
            for part in parts {
                out.write_str(" ")?;
                match part {
                    Part::Text(text, _) => write!(out, "{text:?}")?,
                    Part::Value(id) => write(tree, *id, out)?,
                }
            }
            out.write_str(")")
        }
        Expr::List(items) => write_list(tree, "list", items.iter().copied(), out),
        Expr::Object(entries) => {
            let ids = entries.iter().flat_map(|(key, value)| [*key, *value]);
            write_list(tree, "object", ids, out)
        }
        Expr::Group(inner) => write_list(tree, "group", [*inner], out),
        Expr::Negate(inner) => write_list(tree, "-", [*inner], out),
        Expr::Not(inner) => write_list(tree, "not", [*inner], out),
        Expr::And(items) => write_list(tree, "and", items.iter().copied(), out),
        Expr::Or(items) => write_list(tree, "or", items.iter().copied(), out),
        Expr::Run { first, rest } => {
            out.write_str("(run ")?;
            write(tree, *first, out)?;
            for run in rest {
                write!(out, " {} ", run.operator.spelling())?;
                write(tree, run.operand, out)?;
            }
            out.write_str(")")
        }
        Expr::If { arms, otherwise } => {
            let ids = arms.iter().flat_map(|(a, b)| [*a, *b]).chain(*otherwise);
            write_list(tree, "if", ids, out)
        }
        Expr::Call { name, args, .. } => {
            let name = format!("${}", name.to_uppercase());
            write_list(tree, &name, args.iter().copied(), out)
        }
        Expr::Chain { base, steps } => write_chain(tree, *base, steps, out),
        Expr::Lambda { params, body } => {
            let names: Vec<&str> = params.iter().map(|param| &*param.name).collect();
            write_list(tree, &format!("lambda [{}]", names.join(" ")), [*body], out)
        }
        Expr::Let { bindings, body } => {
            out.write_str("(let")?;
            for binding in bindings {
                write!(out, " {} ", binding.name)?;
                write(tree, binding.value, out)?;
            }
            write_list(tree, "", [*body], out)?;
            out.write_str(")")
        }
        Expr::Error => out.write_str("error"),
    }
}

fn write_chain<W: Write>(tree: &Tree, base: ExprId, steps: &[Step], out: &mut W) -> fmt::Result {
    out.write_str("(chain ")?;
    write(tree, base, out)?;
    for step in steps {
        write_step(tree, &step.kind, out)?;
    }
    out.write_str(")")
}

fn write_step<W: Write>(tree: &Tree, step: &StepKind, out: &mut W) -> fmt::Result {
    match step {
        StepKind::Member(name) => {
            out.write_str(" .")?;
            out.write_str(name)
        }
        StepKind::Index(index) => write_list(tree, " index", [*index], out),
        StepKind::Slice(from, to) => {
            write!(out, " slice{}{}", from.is_some(), to.is_some())?;
            write_list(tree, "", from.iter().chain(to).copied(), out)
        }
        StepKind::Call(called) => {
            let name = format!(" .${}", called.name.to_uppercase());
            write_list(tree, &name, called.args.iter().copied(), out)
        }
    }
}

fn write_list<W: Write>(
    tree: &Tree,
    name: &str,
    ids: impl IntoIterator<Item = ExprId>,
    out: &mut W,
) -> fmt::Result {
    out.write_str("(")?;
    out.write_str(name)?;
    for id in ids {
        out.write_str(" ")?;
        write(tree, id, out)?;
    }
    out.write_str(")")
}

/// The rest of a string that is compared with the written parts.
struct Rest<'s>(&'s str);

impl Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// A writer that hashes its input.
struct HashWriter<'h, H>(&'h mut H);

impl<H: Hasher> Write for HashWriter<'_, H> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.write(part.as_bytes());
        Ok(())
    }
}
