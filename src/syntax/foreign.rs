//! Signs from other languages, reported with the correct spelling. Does not know where a sign may
//! occur.

use super::token::Token;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// The handling of a sign from another language.
pub(super) struct Foreign {
    /// The diagnostic. `None` if the parser reports the sign.
    pub(super) diagnostic: Option<Diagnostic>,
    /// The token to read instead, so that the rest of the source is read too. `None` for none.
    pub(super) token: Option<Token<'static>>,
}

/// The signs, the tokens to read instead, and the advice to the author.
const OPERATORS: &[(&str, Option<Token<'static>>, &str)] = &[
    ("&&", Some(Token::And), "write `AND`: `a AND b`"),
    ("||", Some(Token::Or), "write `OR`: `a OR b`"),
    ("!", Some(Token::Not), "write `NOT`: `NOT a`"),
    ("=", Some(Token::Equal), "write `==` to compare; nothing is assigned here"),
    ("<>", Some(Token::NotEqual), "write `!=`"),
    ("===", Some(Token::Equal), "write `==`; it never converts one side"),
    ("!==", Some(Token::NotEqual), "write `!=`; it never converts one side"),
    ("=~", Some(Token::Equal), "write `$MATCH(text, \"regex\")`"),
    (
        "??",
        Some(Token::Or),
        "write `$COALESCE(a, b)`, or `a OR b` where an empty text counts as missing too",
    ),
    ("?.", Some(Token::Dot), "write `.`: a member of null is null"),
    ("->", Some(Token::Arrow), "write `=>`: `x => x.id`"),
    ("%", Some(Token::Slash), "there is no remainder; `x - $FLOOR(x / n) * n` is one"),
    ("^", Some(Token::Star), "there is no power; multiply"),
    ("**", Some(Token::Star), "there is no power; multiply"),
    ("|", Some(Token::Or), "write `OR`; a function is applied with a dot: `x.$TRIM()`"),
    ("&", Some(Token::And), "write `AND`"),
    (";", Some(Token::Error), "an expression has no end sign; remove it"),
    ("//", None, "a comment begins with `#`"),
    ("/*", None, "a comment begins with `#` and ends with its line"),
];

/// Returns the diagnostic and the replacement for a sign of another language. `?` is left to the
/// parser, which knows both branches.
pub(super) fn operator(sign: &str, span: Span) -> Foreign {
    let Some((_, token, advice)) = OPERATORS.iter().find(|(known, ..)| *known == sign) else {
        return Foreign { diagnostic: None, token: Some(Token::Question) };
    };
    let diagnostic =
        Diagnostic::new(Code::E0014, span, format!("`{sign}` is not an operator here"))
            .help(*advice);
    Foreign { diagnostic: Some(diagnostic), token: token.clone() }
}

/// Returns the diagnostic for a character that starts no token.
pub(super) fn unknown_character(character: char, span: Span) -> Diagnostic {
    let advice = match character {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}' => {
            Some("write a straight quote: `\"`")
        }
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '`' => Some("write a straight quote: `'` or `\"`"),
        '\u{2264}' => Some("write `<=`"),
        '\u{2265}' => Some("write `>=`"),
        '\u{2260}' => Some("write `!=`"),
        '\u{2212}' | '\u{2013}' | '\u{2014}' => Some("write a hyphen: `-`"),
        '\u{d7}' => Some("write `*`"),
        '\u{2026}' => Some("remove it, or write the part that it replaces"),
        '$' => Some("a function is written `$NAME(…)`; `${ }` stands inside a string"),
        '~' | '@' | '\\' => Some("keys with such characters stand in brackets: `headers[\"x-y\"]`"),
        _ => None,
    };
    let shown = if character.is_control() || character.is_whitespace() {
        format!("the character U+{:04X}", character as u32)
    } else {
        format!("`{character}`")
    };
    Diagnostic::new(Code::E0001, span, format!("{shown} is not part of the language"))
        .maybe_help(advice)
}

/// Returns the diagnostic for `${` in an interpolation but outside a string.
pub(super) fn inner_interpolation(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "`${` begins here while another `${` is open")
        .help("is the `}` of the one before missing? Inside an interpolation, a name is enough: `${a + b}`")
}

/// Returns the diagnostic for a malformed number.
pub(super) fn number(words: &str, span: Span) -> Diagnostic {
    if words.starts_with('.') {
        return Diagnostic::new(
            Code::E0003,
            span,
            format!("`{words}` has no digit before its dot"),
        )
        .help(format!("write `0{words}`; a place in a list stands in brackets: `list[0]`"));
    }
    let diagnostic =
        Diagnostic::new(Code::E0003, span, format!("`{words}` is neither a number nor a name"));
    if words.starts_with("0x") || words.starts_with("0X") {
        return diagnostic.help("write the number in decimal");
    }
    diagnostic.help("put a space or an operator between them; a string has quotes; a key that begins with a digit stands in brackets: `data[\"1st\"]`")
}
