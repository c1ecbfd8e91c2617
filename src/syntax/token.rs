//! Tokens, as the parser sees them.

use std::borrow::Cow;

/// A token, borrowing its words from the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'s> {
    /// A name, or any word after a dot.
    Name(&'s str),
    /// `$NAME`, without the dollar sign.
    Function(&'s str),
    /// A number as it is written.
    Number(&'s str),
    /// A text without interpolations and escapes, with its quotes: only the parser gets one.
    Text(&'s str),
    /// The quote that begins a text.
    TextStart,
    /// A piece of text, its escapes resolved.
    Chunk(Cow<'s, str>),
    /// `${` in a text.
    InterpolationStart,
    /// The `}` that ends an interpolation.
    InterpolationEnd,
    /// The quote that ends a text.
    TextEnd,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `NOT`
    Not,
    /// `IN`
    In,
    /// `IF`
    If,
    /// `THEN`
    Then,
    /// `ELSE`
    Else,
    /// `TRUE`
    True,
    /// `FALSE`
    False,
    /// `NULL`
    Null,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `(`
    ParenOpen,
    /// `)`
    ParenClose,
    /// `[`
    BracketOpen,
    /// `]`
    BracketClose,
    /// `{`
    BraceOpen,
    /// `}`
    BraceClose,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `.`
    Dot,
    /// `=>`
    Arrow,
    /// `?`, which only other languages have.
    Question,
    /// Something that is no token, already reported.
    Error,
}

impl Token<'_> {
    /// What a message calls it: a name, or the sign itself in backticks.
    pub fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("the name `{name}`"),
            Self::Function(name) => format!("the function `${name}`"),
            Self::Number(digits) => format!("the number `{digits}`"),
            Self::Text(_) | Self::TextStart | Self::Chunk(_) | Self::TextEnd => "a text".to_owned(),
            Self::Error => "something unreadable".to_owned(),
            sign => format!("`{}`", sign.spelling()),
        }
    }

    /// The keyword of a word, in any case.
    pub fn keyword(word: &str) -> Option<Token<'static>> {
        const LONGEST: usize = 5;
        const KEYWORDS: [(&str, Token<'static>); 10] = [
            ("and", Token::And),
            ("or", Token::Or),
            ("not", Token::Not),
            ("in", Token::In),
            ("if", Token::If),
            ("then", Token::Then),
            ("else", Token::Else),
            ("true", Token::True),
            ("false", Token::False),
            ("null", Token::Null),
        ];
        // Most words are longer than any of them.
        if word.len() > LONGEST {
            return None;
        }
        let found = KEYWORDS.iter().find(|(keyword, _)| word.eq_ignore_ascii_case(keyword));
        found.map(|(_, token)| token.clone())
    }

    /// How the formatter spells a token that has one spelling; empty for the others.
    pub fn spelling(&self) -> &'static str {
        match self {
            Self::InterpolationStart => "${",
            Self::InterpolationEnd | Self::BraceClose => "}",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Not => "NOT",
            Self::In => "IN",
            Self::If => "IF",
            Self::Then => "THEN",
            Self::Else => "ELSE",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Null => "NULL",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::ParenOpen => "(",
            Self::ParenClose => ")",
            Self::BracketOpen => "[",
            Self::BracketClose => "]",
            Self::BraceOpen => "{",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::Dot => ".",
            Self::Arrow => "=>",
            Self::Question => "?",
            _ => "",
        }
    }
}
