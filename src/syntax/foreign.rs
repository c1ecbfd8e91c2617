//! Signs and words from other languages, reported with the correct spelling. Does not know where
//! one may occur.

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
    ("&", Some(Token::And), "write `AND`; strings are joined by `a + b`"),
    (";", Some(Token::Error), "an expression has no end sign; remove it"),
    ("//", None, "a comment begins with `#`"),
    ("/*", None, "a comment begins with `#` and ends with its line"),
];

/// The words that other languages write between two operands or before a conditional, in lower case,
/// and the advice to the author. The first row whose words the source has counts, so `is null` stands
/// before `is`.
const WORDS: &[(&str, &str)] = &[
    ("is null", "write `== NULL`: `a == NULL`"),
    ("is not null", "write `!= NULL`: `a != NULL`"),
    ("is not", "write `!=`: `a != b`"),
    ("is", "write `==`: `a == b`"),
    ("isnt", "write `!=`: `a != b`"),
    ("equals", "write `==`: `a == b`"),
    ("eq", "write `==`: `a == b`"),
    ("ne", "write `!=`: `a != b`"),
    ("neq", "write `!=`: `a != b`"),
    ("lt", "write `<`: `a < b`"),
    ("lte", "write `<=`: `a <= b`"),
    ("le", "write `<=`: `a <= b`"),
    ("gt", "write `>`: `a > b`"),
    ("gte", "write `>=`: `a >= b`"),
    ("ge", "write `>=`: `a >= b`"),
    ("exists", "write `!= NULL`: `a != NULL`"),
    ("contains", CONTAINS),
    ("includes", CONTAINS),
    ("has", CONTAINS),
    ("matches", MATCHES),
    ("match", MATCHES),
    ("regex", MATCHES),
    ("regexp", MATCHES),
    ("rlike", MATCHES),
    ("like", LIKE),
    ("ilike", LIKE),
    ("startswith", STARTS),
    ("starts_with", STARTS),
    ("starts with", STARTS),
    ("begins_with", STARTS),
    ("begins with", STARTS),
    ("endswith", ENDS),
    ("ends_with", ENDS),
    ("ends with", ENDS),
    ("between", "write two comparisons: `a >= 1 AND a <= 5`"),
    ("mod", "there is no remainder; `x - $FLOOR(x / n) * n` is one"),
    ("div", "write `$FLOOR(a / b)`"),
    ("plus", "write `+`: `a + b`"),
    ("when", CONDITIONAL),
    ("unless", CONDITIONAL),
];

const CONTAINS: &str = "the part stands first: `\"b\" IN a`";
const MATCHES: &str = "write `$MATCH(a, \"regex\")`";
const LIKE: &str = "write `$MATCH(a, \"regex\")`, or `\"b\" IN a` for a part of a string";
const STARTS: &str = "write `$STARTS_WITH(a, \"b\")`";
const ENDS: &str = "write `$ENDS_WITH(a, \"b\")`";
const CONDITIONAL: &str = "a conditional is written `IF a THEN b ELSE c`";

/// Returns the advice for a word of another language at the start of a text.
pub(super) fn word(rest: &str) -> Option<&'static str> {
    let is_start = |words: &str| {
        let mut given = rest.split(|c: char| !c.is_alphanumeric() && c != '_');
        let mut given = given.by_ref().filter(|word| !word.is_empty());
        words.split(' ').all(|word| given.next().is_some_and(|one| one.eq_ignore_ascii_case(word)))
    };
    WORDS.iter().find(|(words, _)| is_start(words)).map(|(_, advice)| *advice)
}

/// Returns the advice for a comma between two values, with their texts before and after it: a list
/// in parentheses, a decimal comma, or a list without brackets.
pub(super) fn comma(before: &str, after: &str) -> String {
    let is_even = |text: &str, quote| text.matches(quote).count().is_multiple_of(2);
    let item = |text: &str| {
        !text.contains(['(', ')', '[', ']', '{', '}']) && is_even(text, '"') && is_even(text, '\'')
    };
    let inside = before.rsplit_once('(').zip(after.split_once(')'));
    if let Some(((_, first), (last, _))) = inside
        && item(first)
        && item(last)
    {
        return format!("a list stands in brackets: `[{first}, {}]`", last.trim_start());
    }
    let whole = digits_at_end(before);
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = after.get(..after.len() - rest.len()).unwrap_or("");
    if !whole.is_empty() && !digits.is_empty() {
        return format!("a decimal number has a dot: `{whole}.{digits}`");
    }
    "several values are a list: `[a, b]`".to_owned()
}

/// Returns the digits that a text ends in.
pub(super) fn digits_at_end(text: &str) -> &str {
    let start = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    text.get(start..).unwrap_or("")
}

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
        '$' => Some(
            "a function is written `$NAME(…)`; `${ }` stands inside a string; the body is `parsed_body`",
        ),
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

#[cfg(test)]
mod tests {
    use super::{OPERATORS, WORDS, word};
    use crate::source::Source;
    use crate::syntax::{SyntaxLimits, parse};

    #[test]
    fn every_word_has_its_own_row() {
        for (words, advice) in WORDS {
            assert_eq!(word(&format!("{} 1", words.to_uppercase())), Some(*advice), "{words}");
        }
        assert_eq!(word("isle"), None);
        assert_eq!(word(""), None);
    }

    #[test]
    fn advice_for_words_of_other_languages_is_an_expression() {
        let all = WORDS.iter().map(|(_, advice)| *advice);
        for advice in all.chain(OPERATORS.iter().map(|(.., advice)| *advice)) {
            // An expression has a space; a sign alone has none.
            let quoted = advice.split('`').skip(1).step_by(2);
            let examples = quoted.filter(|code| code.contains(' ') && !code.starts_with("== "));
            for example in examples.filter(|code| !code.starts_with(['!', 'x'])) {
                let parsed = parse(Source::new("advice", example), SyntaxLimits::default());
                assert!(parsed.is_ok(), "{example}");
            }
        }
    }
}
