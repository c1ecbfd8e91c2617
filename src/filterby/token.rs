//! The lexer of filters. Knows nothing of the grammar.

use logos::Logos;

/// A token of a filter.
#[derive(Debug, Clone, PartialEq, Logos)]
#[logos(skip r"[ \t]+")]
pub(crate) enum Token<'s> {
    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name(&'s str),
    #[regex("'([^']|'')*'", |lex| unquoted(lex.slice()))]
    Text(String),
    #[regex(r"-?[0-9]+(\.[0-9]+)?[LlMmFfDd]?", |lex| number(lex.slice()))]
    #[regex(r"0x[0-9A-Fa-f]+", |lex| hexadecimal(lex.slice()))]
    Number(f64),
    #[regex("datetime'[^']*'", |lex| quoted(lex.slice()))]
    Time(&'s str),
    #[regex("guid'[^']*'", |lex| quoted(lex.slice()))]
    Guid(&'s str),
    #[token("today", |_| 0)]
    #[regex(r"today[+-][0-9]{1,5}d", |lex| days(lex.slice()))]
    Today(i64),
    #[token("me.id", ignore(case))]
    Me,
    #[token("now", ignore(case))]
    Now,
    #[token("sow", ignore(case))]
    StartOfWeek,
    #[token("eow", ignore(case))]
    EndOfWeek,
    #[token("som", ignore(case))]
    StartOfMonth,
    #[token("eom", ignore(case))]
    EndOfMonth,
    #[token("null", ignore(case))]
    Null,
    #[token("true", ignore(case))]
    True,
    #[token("false", ignore(case))]
    False,
    #[token("and", ignore(case))]
    And,
    #[token("or", ignore(case))]
    Or,
    #[token("not", ignore(case))]
    Not,
    #[token("eq", ignore(case))]
    Equal,
    #[token("ne", ignore(case))]
    NotEqual,
    #[token("gt", ignore(case))]
    Greater,
    #[token("ge", ignore(case))]
    GreaterEqual,
    #[token("lt", ignore(case))]
    Less,
    #[token("le", ignore(case))]
    LessEqual,
    #[token("in", ignore(case))]
    In,
    #[token("any", ignore(case))]
    Any,
    #[token("count", ignore(case))]
    Count,
    #[token("startswith", ignore(case))]
    StartsWith,
    #[token("endswith", ignore(case))]
    EndsWith,
    #[token("substringof", ignore(case))]
    SubstringOf,
    #[token("tolower", ignore(case))]
    ToLower,
    #[token("(")]
    ParenOpen,
    #[token(")")]
    ParenClose,
    #[token(",")]
    Comma,
    #[token("/")]
    Slash,
    #[token(":")]
    Colon,
}

/// A character that begins no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` at {place} is no part of a filter")]
pub(crate) struct UnknownCharacter {
    found: String,
    place: usize,
}

/// Splits a filter into its tokens, each with its position.
pub(super) fn lex(
    text: &str,
) -> impl Iterator<Item = Result<(usize, Token<'_>, usize), UnknownCharacter>> + '_ {
    Token::lexer(text).spanned().map(move |(token, span)| match token {
        Ok(token) => Ok((span.start, token, span.end)),
        Err(()) => Err(UnknownCharacter {
            found: text.get(span.clone()).unwrap_or_default().to_owned(),
            place: span.start + 1,
        }),
    })
}

/// Returns the string between the quotes, with `''` read as a quote.
fn unquoted(text: &str) -> String {
    quoted(text).replace("''", "'")
}

fn quoted(text: &str) -> &str {
    let inner = text.split_once('\'').map_or("", |(_, rest)| rest);
    inner.strip_suffix('\'').unwrap_or(inner)
}

fn number(text: &str) -> Option<f64> {
    text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()
}

fn hexadecimal(text: &str) -> Option<f64> {
    let digits = text.strip_prefix("0x")?;
    u32::from_str_radix(digits, 16).ok().map(f64::from)
}

fn days(text: &str) -> Option<i64> {
    text.strip_prefix("today")?.strip_suffix('d')?.parse().ok()
}
