//! The tokens that the parser reads. Does not know the grammar.

use std::borrow::Cow;

/// A token. It borrows its text from the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'s> {
    /// A name, or any word after a dot.
    Name(&'s str),
    /// `$NAME`, without the dollar sign.
    Function(&'s str),
    /// A number as written.
    Number(&'s str),
    /// A string without interpolations and escapes, with its quotes. Only the parser receives it.
    Text(&'s str),
    /// The quote that starts a string.
    TextStart,
    /// A part of a string, with its escapes resolved.
    Chunk(Cow<'s, str>),
    /// `${` in a string.
    InterpolationStart,
    /// The `}` that ends an interpolation.
    InterpolationEnd,
    /// The quote that ends a string.
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
    /// `?`, an operator of other languages.
    Question,
    /// An unreadable token that is already reported.
    Error,
}

impl Token<'_> {
    /// Returns the description for messages: a name, or the sign in backticks.
    pub fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("the name `{name}`"),
            Self::Function(name) => format!("the function `${name}`"),
            Self::Number(digits) => format!("the number `{digits}`"),
            Self::Text(_) | Self::TextStart | Self::Chunk(_) | Self::TextEnd => {
                "a string".to_owned()
            }
            Self::Error => "something unreadable".to_owned(),
            sign => format!("`{}`", sign.spelling()),
        }
    }

    /// Returns the keyword for a word, in any case.
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
        // Most words are longer than any keyword.
        if word.len() > LONGEST {
            return None;
        }
        let found = KEYWORDS.iter().find(|(keyword, _)| word.eq_ignore_ascii_case(keyword));
        found.map(|(_, token)| token.clone())
    }

    /// Returns the formatter's spelling of a token that has one spelling, and an empty string for
    /// the others.
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
