//! Syntax-error messages, and the fingerprint of a tree. Does not know the meaning of names.

use std::fmt::{self, Write};
use std::hash::Hasher;

use lalrpop_util::ParseError;

use super::token::Token;
use super::tree::{Expr, ExprId, Part, StepKind, Tree};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// Returns the diagnostic for an unexpected token. `None` if it is already reported.
pub(super) fn unexpected(
    source: &str,
    error: &ParseError<usize, Token<'_>, ()>,
) -> Option<Diagnostic> {
    match error {
        ParseError::UnrecognizedToken { token: (start, token, end), expected } => {
            told(token, shown(*start, token, *end), expected)
        }
        ParseError::ExtraToken { token: (start, token, end) } => {
            told(token, shown(*start, token, *end), &[])
        }
        ParseError::UnrecognizedEof { location, expected } => {
            let end = source.trim_end().len().min(*location);
            Some(
                Diagnostic::new(Code::E0010, Span::new(end, end), "the source ends too early")
                    .label(wanted(expected)),
            )
        }
        ParseError::InvalidToken { .. } | ParseError::User { .. } => None,
    }
}

/// Returns the span to mark for a token. A string may be long, so only its quote is marked.
fn shown(start: usize, token: &Token<'_>, end: usize) -> Span {
    Span::new(start, if matches!(token, Token::Text(_)) { start + 1 } else { end })
}

fn told(token: &Token<'_>, span: Span, expected: &[String]) -> Option<Diagnostic> {
    if *token == Token::Error {
        return None;
    }
    let diagnostic =
        Diagnostic::new(Code::E0010, span, format!("{} does not fit here", token.describe()))
            .label(wanted(expected));
    Some(diagnostic.maybe_help(advice(token, expected)))
}

fn expects(expected: &[String], what: &str) -> bool {
    expected.iter().any(|one| one.trim_matches('"') == what)
}

/// Returns true if a value is allowed at this position.
fn expects_value(expected: &[String]) -> bool {
    expects(expected, "name") && expects(expected, "number")
}

/// Returns the description of the allowed input, in words instead of tokens.
fn wanted(expected: &[String]) -> String {
    let mut words = Vec::new();
    if expects_value(expected) {
        words.push("a value");
    } else if expects(expected, "name") {
        words.push("a name");
    }
    if expects(expected, "==") {
        words.push("an operator");
    }
    let signs = [
        ("(", "`(`"),
        (")", "`)`"),
        ("]", "`]`"),
        ("}", "`}`"),
        (",", "`,`"),
        (":", "`:`"),
        ("THEN", "`THEN`"),
    ];
    for (sign, word) in signs {
        let opens = sign == "(" && (expects_value(expected) || expects(expected, "=="));
        if expects(expected, sign) && !opens {
            words.push(word);
        }
    }
    if expects(expected, "}$") {
        words.push("`}`");
    }
    words.dedup();
    match words.split_last() {
        None => "the expression is complete before this".to_owned(),
        Some((last, [])) => format!("expected {last}"),
        Some((last, rest)) => format!("expected {} or {last}", rest.join(", ")),
    }
}

fn advice(token: &Token<'_>, expected: &[String]) -> Option<String> {
    let advice = match token {
        Token::If | Token::Not if expects_value(expected) => {
            format!("put it in parentheses: `({} …)`", token.spelling())
        }
        Token::Then | Token::Else => "a conditional is written `IF a THEN b ELSE c`".to_owned(),
        Token::In if expects(expected, "name") && !expects_value(expected) => {
            "a key that is no name stands in brackets: `data[\"in\"]`".to_owned()
        }
        Token::Arrow => "a lambda is an argument of a function: `list.$MAP(x => x.id)`".to_owned(),
        Token::Colon => "a slice is written `list[1:3]`, an object `{ \"key\": value }`".to_owned(),
        Token::Number(_) if expects(expected, "name") && !expects_value(expected) => {
            "a place in a list stands in brackets: `list[0]`".to_owned()
        }
        Token::Text(_) | Token::TextStart
            if expects(expected, "name") && !expects_value(expected) => {
            "a key as text stands in brackets: `data[\"key\"]`".to_owned()
        }
        _ if expects(expected, "(") && !expects_value(expected) && !expects(expected, "==") => {
            "a function is called with parentheses, also without arguments: `x.$LENGTH()`".to_owned()
        }
        _ if expects(expected, "AND") && expects(expected, ":") && !expects(expected, "]") => {
            "an entry of an object is written `\"key\": value`".to_owned()
        }
        _ if expects(expected, "AND") && expects(expected, ",") => {
            "put a `,` in between, or an operator".to_owned()
        }
        Token::Comma if expects(expected, "AND") => {
            "several values are a list: `[a, b]`".to_owned()
        }
        Token::Name(_)
        | Token::Text(_)
        | Token::TextStart
        | Token::Number(_)
        | Token::Function(_)
            if expects(expected, "AND") =>
        {
            "join two conditions with `AND` or `OR`; a text with a quote in it needs `\\` before the quote".to_owned()
        }
        _ => return None,
    };
    Some(advice)
}

/// Writes the expression with every part in parentheses, without spans, ids and layout.
pub(super) fn write_shape<W: Write>(tree: &Tree, id: ExprId, out: &mut W) -> fmt::Result {
    match tree.expr(id) {
        Expr::Null => out.write_str("null"),
        Expr::Bool(value) => write!(out, "{value}"),
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
                    Part::Value(id) => write_shape(tree, *id, out)?,
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
            write_shape(tree, *first, out)?;
            for run in rest {
                write!(out, " {} ", run.operator.spelling())?;
                write_shape(tree, run.operand, out)?;
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
        Expr::Chain { base, steps } => {
            out.write_str("(chain ")?;
            write_shape(tree, *base, out)?;
            for step in steps {
                write_step(tree, &step.kind, out)?;
            }
            out.write_str(")")
        }
        Expr::Lambda { params, body } => {
            let names: Vec<&str> = params.iter().map(|param| &*param.name).collect();
            write_list(tree, &format!("lambda [{}]", names.join(" ")), [*body], out)
        }
        Expr::Let { bindings, body } => {
            out.write_str("(let")?;
            for binding in bindings {
                write!(out, " {} ", binding.name)?;
                write_shape(tree, binding.value, out)?;
            }
            write_list(tree, "", [*body], out)?;
            out.write_str(")")
        }
        Expr::Error => out.write_str("error"),
    }
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
        write_shape(tree, id, out)?;
    }
    out.write_str(")")
}

/// The rest of a string that is compared with the written parts.
pub(super) struct Rest<'s>(pub(super) &'s str);

impl Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// A writer that hashes its input.
pub(super) struct Hashed<'h, H>(pub(super) &'h mut H);

impl<H: Hasher> Write for Hashed<'_, H> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.write(part.as_bytes());
        Ok(())
    }
}
