//! Words for what the parser did not expect, and a tree's shape in words.

use std::fmt::Write;

use lalrpop_util::ParseError;

use super::token::Token;
use super::tree::{Expr, ExprId, Part, StepKind, Tree};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// The diagnostic of a token that the grammar has no place for, or nothing where it was told
/// already.
pub(super) fn unexpected(
    source: &str,
    error: &ParseError<usize, Token<'_>, ()>,
) -> Option<Diagnostic> {
    match error {
        ParseError::UnrecognizedToken { token: (start, token, end), expected } => {
            told(token, Span::new(*start, *end), expected)
        }
        ParseError::ExtraToken { token: (start, token, end) } => {
            told(token, Span::new(*start, *end), &[])
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

/// Whether a value could stand there.
fn expects_value(expected: &[String]) -> bool {
    expects(expected, "name") && expects(expected, "number")
}

/// What could stand there, in words rather than in tokens.
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
        Token::TextStart if expects(expected, "name") && !expects_value(expected) => {
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
        Token::Name(_) | Token::TextStart | Token::Number(_) | Token::Function(_)
            if expects(expected, "AND") =>
        {
            "join two conditions with `AND` or `OR`; a text with a quote in it needs `\\` before the quote".to_owned()
        }
        _ => return None,
    };
    Some(advice)
}

/// Writes the expression with every part in parentheses: no spans, no ids, no layout.
pub(super) fn write_shape(tree: &Tree, id: ExprId, out: &mut String) {
    let list = |name: &str, ids: &[ExprId], out: &mut String| {
        let _ = write!(out, "({name}");
        for id in ids {
            out.push(' ');
            write_shape(tree, *id, out);
        }
        out.push(')');
    };
    match tree.expr(id) {
        Expr::Null => out.push_str("null"),
        Expr::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        Expr::Number(number) => {
            // 2.0 and 2 are equal, but not the same node.
            let decimal = if number.as_integer().is_none() { "d" } else { "" };
            let _ = write!(out, "{number}{decimal}");
        }
        Expr::Text(text) => {
            let _ = write!(out, "{text:?}");
        }
        Expr::Name(name) => out.push_str(name),
        Expr::Template(parts) => {
            out.push_str("(template");
            for part in parts {
                out.push(' ');
                match part {
                    Part::Text(text, _) => {
                        let _ = write!(out, "{text:?}");
                    }
                    Part::Value(id) => write_shape(tree, *id, out),
                }
            }
            out.push(')');
        }
        Expr::List(items) => list("list", items, out),
        Expr::Object(entries) => {
            let ids: Vec<ExprId> = entries.iter().flat_map(|(key, value)| [*key, *value]).collect();
            list("object", &ids, out);
        }
        Expr::Group(inner) => list("group", &[*inner], out),
        Expr::Negate(inner) => list("-", &[*inner], out),
        Expr::Not(inner) => list("not", &[*inner], out),
        Expr::And(items) => list("and", items, out),
        Expr::Or(items) => list("or", items, out),
        Expr::Run { first, rest } => {
            out.push_str("(run ");
            write_shape(tree, *first, out);
            for run in rest {
                let _ = write!(out, " {} ", run.operator.spelling());
                write_shape(tree, run.operand, out);
            }
            out.push(')');
        }
        Expr::If { arms, otherwise } => {
            let ids: Vec<ExprId> =
                arms.iter().flat_map(|(a, b)| [*a, *b]).chain(*otherwise).collect();
            list("if", &ids, out);
        }
        Expr::Call { name, args, .. } => list(&format!("${}", name.to_uppercase()), args, out),
        Expr::Chain { base, steps } => {
            out.push_str("(chain ");
            write_shape(tree, *base, out);
            for step in steps {
                match &step.kind {
                    StepKind::Member(name) => {
                        let _ = write!(out, " .{name}");
                    }
                    StepKind::Index(index) => list(" index", &[*index], out),
                    StepKind::Slice(from, to) => {
                        let _ = write!(out, " slice{}{}", from.is_some(), to.is_some());
                        let ids: Vec<ExprId> = from.iter().chain(to).copied().collect();
                        list("", &ids, out);
                    }
                    StepKind::Call { name, args, .. } => {
                        list(&format!(" .${}", name.to_uppercase()), args, out);
                    }
                }
            }
            out.push(')');
        }
        Expr::Lambda { params, body } => {
            let names: Vec<&str> = params.iter().map(|param| &*param.name).collect();
            list(&format!("lambda [{}]", names.join(" ")), &[*body], out);
        }
        Expr::Let { bindings, body } => {
            out.push_str("(let");
            for binding in bindings {
                let _ = write!(out, " {} ", binding.name);
                write_shape(tree, binding.value, out);
            }
            list("", &[*body], out);
            out.push(')');
        }
        Expr::Error => out.push_str("error"),
    }
}
