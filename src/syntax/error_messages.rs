//! The messages of syntax errors. Does not know the meaning of names.

use std::ops::Range;

use lalrpop_util::ParseError;

use super::foreign;
use super::token::Token;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// Returns the diagnostic for an unexpected token. `None` if it is already reported.
pub(super) fn unexpected(
    source: &str,
    error: &ParseError<usize, Token<'_>, ()>,
) -> Option<Diagnostic> {
    match error {
        ParseError::UnrecognizedToken { token: (start, token, end), expected } => {
            unexpected_token(source, token, *start..*end, expected)
        }
        ParseError::ExtraToken { token: (start, token, end) } => {
            unexpected_token(source, token, *start..*end, &[])
        }
        ParseError::UnrecognizedEof { location, expected } => {
            let end = source.trim_end().len().min(*location);
            Some(
                Diagnostic::new(Code::E0010, Span::new(end, end), "the source ends too early")
                    .label(expected_input(expected))
                    .maybe_help(advice_at_end(source.get(..end).unwrap_or(""), expected)),
            )
        }
        ParseError::InvalidToken { .. } | ParseError::User { .. } => None,
    }
}

/// Returns the span to mark for a token. A string may be long, so only its quote is marked.
fn marked(start: usize, token: &Token<'_>, end: usize) -> Span {
    Span::new(start, if matches!(token, Token::Text(_)) { start + 1 } else { end })
}

fn unexpected_token(
    source: &str,
    token: &Token<'_>,
    at: Range<usize>,
    expected: &[String],
) -> Option<Diagnostic> {
    if *token == Token::Error {
        return None;
    }
    let span = marked(at.start, token, at.end);
    let foreign = foreign_advice(source, token, at, expected);
    let diagnostic =
        Diagnostic::new(Code::E0010, span, format!("{} does not fit here", token.describe()))
            .label(expected_input(expected));
    Some(diagnostic.maybe_help(foreign.or_else(|| advice(token, expected))))
}

fn expects(expected: &[String], what: &str) -> bool {
    expected.iter().any(|one| one.trim_matches('"') == what)
}

/// Returns true if a value is allowed at this position.
fn expects_value(expected: &[String]) -> bool {
    expects(expected, "name") && expects(expected, "number")
}

/// Returns the description of the allowed input, in words instead of tokens.
fn expected_input(expected: &[String]) -> String {
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

/// Returns the advice for a spelling of another language: a word between operands, a decimal comma,
/// a list in parentheses.
fn foreign_advice(
    source: &str,
    token: &Token<'_>,
    at: Range<usize>,
    expected: &[String],
) -> Option<String> {
    let before = source.get(..at.start).unwrap_or("");
    let after = source.get(at.end..).unwrap_or("");
    match token {
        Token::Name(_) if assigns(before) => Some(ASSIGNMENT.to_owned()),
        // After a dot or a bracket a word is a name.
        Token::Name(_) if !expects_value(expected) && !before.trim_end().ends_with('.') => {
            foreign::word(source.get(at.start..).unwrap_or("")).map(ToOwned::to_owned)
        }
        Token::Comma if !expects_value(expected) && !expects(expected, ":") => {
            Some(foreign::comma(before, after))
        }
        _ => None,
    }
}

const ASSIGNMENT: &str = "nothing is assigned here: write the value where it is used; a listener names values in `[define]`";

/// Returns true if a word of an assignment stands before: `LET x = 1`.
fn assigns(before: &str) -> bool {
    let word = before.trim_end().rsplit(char::is_whitespace).next().unwrap_or("");
    ["let", "var", "const"].iter().any(|one| word.eq_ignore_ascii_case(one))
}

/// Returns the advice for a source that ends too early.
fn advice_at_end(source: &str, expected: &[String]) -> Option<String> {
    let number = source.strip_suffix('.').map(foreign::digits_at_end).unwrap_or("");
    if !number.is_empty() {
        return Some(format!("a decimal number has a digit after its dot: `{number}.0`"));
    }
    if expects(expected, "(") && !expects_value(expected) && !expects(expected, "==") {
        return Some(CALL.to_owned());
    }
    if expects(expected, "name") && !expects_value(expected) {
        return Some(
            "a key or a function follows the dot: `data.key`, `data.$LENGTH()`".to_owned(),
        );
    }
    expects(expected, "THEN").then(|| CONDITIONAL.to_owned())
}

const CALL: &str = "a function is called with parentheses, also without arguments: `x.$LENGTH()`";
const CONDITIONAL: &str = "a conditional is written `IF a THEN b ELSE c`";

fn advice(token: &Token<'_>, expected: &[String]) -> Option<String> {
    let advice = match token {
        Token::If | Token::Not if expects_value(expected) => {
            format!("put it in parentheses: `({} …)`", token.spelling())
        }
        Token::Then | Token::Else => CONDITIONAL.to_owned(),
        Token::Dot if expects_value(expected) => {
            "a path begins with a variable: `parsed_body.action`".to_owned()
        }
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
            "a key as a string stands in brackets: `data[\"key\"]`".to_owned()
        }
        _ if expects(expected, "(") && !expects_value(expected) && !expects(expected, "==") => {
            CALL.to_owned()
        }
        _ if expects(expected, "AND") && expects(expected, ":") && !expects(expected, "]") => {
            "an entry of an object is written `\"key\": value`".to_owned()
        }
        _ if expects(expected, "AND") && expects(expected, ",") => {
            "put a `,` in between, or an operator".to_owned()
        }
        _ if expects(expected, "THEN") => format!("{CONDITIONAL}; is `THEN` missing before this?"),
        Token::Name(_)
        | Token::Text(_)
        | Token::TextStart
        | Token::Number(_)
        | Token::Function(_)
            if expects(expected, "AND") =>
        {
            "join two conditions with `AND` or `OR`; a string with a quote in it needs `\\` before the quote".to_owned()
        }
        _ => return None,
    };
    Some(advice)
}
