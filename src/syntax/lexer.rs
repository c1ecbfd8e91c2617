//! The lexer: logos splits the source into raw tokens, and this module combines them into tokens.
//! Does not know the grammar.
//!
//! There are two modes: expression and string. Each has a logos enum. A stack holds the modes,
//! because strings contain expressions that contain strings. The lexer also matches brackets, so a
//! missing bracket is reported where it is missing, and the parser always sees a balanced source.

use std::borrow::Cow;
use std::collections::VecDeque;

use logos::Logos;

use super::brackets::{Bracket, Brackets, too_deep};
use super::foreign;
use super::nesting::NestingStack;
use super::recovery_limit::MAX_DIAGNOSTICS;
use super::token::Token;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A raw token of an expression.
#[derive(Logos, Debug, Clone, Copy, PartialEq)]
#[logos(skip r"[\p{White_Space}\u{feff}]+")]
enum Piece {
    #[regex(r"#[^\n]*", allow_greedy = true)]
    Comment,
    #[regex(r"[\p{XID_Start}_][\p{XID_Continue}]*")]
    Word,
    #[regex(r"\$[A-Za-z_][A-Za-z0-9_]*")]
    Function,
    #[regex(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", priority = 10)]
    Number,
    #[regex(
        r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?[\p{XID_Start}_][\p{XID_Continue}]*",
        priority = 5
    )]
    #[regex(r"\.[0-9]+", priority = 5)]
    BadNumber,
    #[token("\"")]
    #[token("'")]
    Quote,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<=")]
    LessEqual,
    #[token("<")]
    Less,
    #[token(">=")]
    GreaterEqual,
    #[token(">")]
    Greater,
    #[token("=>")]
    Arrow,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("(")]
    ParenOpen,
    #[token(")")]
    ParenClose,
    #[token("[")]
    BracketOpen,
    #[token("]")]
    BracketClose,
    #[token("{")]
    BraceOpen,
    #[token("}")]
    BraceClose,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("&&")]
    #[token("||")]
    #[token("!")]
    #[token("=")]
    #[token("<>")]
    #[token("===")]
    #[token("!==")]
    #[token("=~")]
    #[token("??")]
    #[token("?.")]
    #[token("?")]
    #[token("->")]
    #[token("%")]
    #[token("^")]
    #[token("**")]
    #[token("//")]
    #[token("/*")]
    #[token("|")]
    #[token("&")]
    #[token(";")]
    Foreign,
}

/// A raw token of a string.
#[derive(Logos, Debug, Clone, Copy, PartialEq)]
enum TextPiece {
    #[regex(r#"[^"'\\$]+"#)]
    Plain,
    #[token("$")]
    Dollar,
    #[token("${")]
    Interpolation,
    #[token("\"")]
    #[token("'")]
    Quote,
    #[regex(r#"\\["'\\/nrt]"#)]
    #[token("\\${")]
    Escape,
    #[regex(r"\\u[0-9a-fA-F]{4}")]
    Unicode,
    #[token("\\u")]
    BadUnicode,
    #[token("\\")]
    Backslash,
}

/// The state of one open string.
#[derive(Debug, Clone, Copy)]
struct StringMode {
    /// The quote that ends it. `None` in a template, which ends with the source.
    quote: Option<char>,
    /// The offset of its first byte.
    start: usize,
    /// The number of open brackets at its start. An interpolation ends when the count is equal
    /// again.
    brackets: usize,
}

/// The results of the lexer besides tokens.
#[derive(Debug, Default)]
pub(super) struct LexicalFindings {
    /// The diagnostics.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The spans of the comments.
    pub(super) comments: Vec<Span>,
    /// True if the lexer stopped before the end.
    pub(super) stopped: bool,
}

/// A token with the offsets of its first byte and of the byte after its last.
pub(super) type Spanned<'s> = (usize, Token<'s>, usize);

/// Splits a source into tokens.
pub(super) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    texts: Vec<StringMode>,
    /// True inside the innermost string, false in an interpolation of it.
    in_text: bool,
    brackets: Brackets,
    pending: NestingStack,
    max_depth: usize,
    ready: VecDeque<Spanned<'s>>,
    after_dot: bool,
    /// True if a string of plain characters is emitted as one token.
    whole_texts: bool,
    done: bool,
    pub(super) findings: LexicalFindings,
}

impl<'s> Lexer<'s> {
    /// Returns a lexer for an expression. `max_depth` limits the nesting of brackets.
    pub(super) fn new(source: &'s str, max_depth: usize) -> Self {
        Self {
            source,
            at: 0,
            texts: Vec::new(),
            in_text: false,
            brackets: Brackets::new(max_depth),
            pending: NestingStack::new(),
            max_depth,
            ready: VecDeque::new(),
            after_dot: false,
            whole_texts: false,
            done: false,
            findings: LexicalFindings::default(),
        }
    }

    /// Returns a lexer for a string template: the content of a string, without quotes.
    pub(super) fn template(source: &'s str, max_depth: usize) -> Self {
        let mut lexer = Self::new(source, max_depth);
        lexer.texts.push(StringMode { quote: None, start: 0, brackets: 0 });
        lexer.in_text = true;
        lexer.ready.push_back((0, Token::TextStart, 0));
        lexer
    }

    /// Emits one token for a string without escapes and interpolations. Most strings have neither.
    pub(super) fn with_whole_texts(mut self) -> Self {
        self.whole_texts = true;
        self
    }

    /// Reports a diagnostic. Stops at [`MAX_DIAGNOSTICS`], because more are not useful.
    fn report(&mut self, diagnostic: Diagnostic) {
        self.findings.diagnostics.push(diagnostic);
        if self.findings.diagnostics.len() >= MAX_DIAGNOSTICS {
            self.give_up();
        }
    }

    /// Stops the lexer. Later parser errors come from the missing tokens, not from the source.
    fn give_up(&mut self) {
        self.findings.stopped = true;
        self.done = true;
        self.ready.clear();
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn emit(&mut self, start: usize, token: Token<'s>, end: usize) {
        if self.done {
            return;
        }
        self.after_dot = matches!(token, Token::Dot);
        if self.pending.after(&token) > self.max_depth {
            return self.stop(too_deep(Span::new(start, end), self.max_depth));
        }
        self.ready.push_back((start, token, end));
    }

    /// Reads until a token is ready or the source ends.
    fn advance(&mut self) {
        if self.in_text {
            self.text_piece();
        } else {
            self.expression_piece();
        }
    }

    fn expression_piece(&mut self) {
        let mut pieces = Piece::lexer(self.rest());
        let Some(piece) = pieces.next() else {
            self.at = self.source.len();
            return self.end();
        };
        let start = self.at + pieces.span().start;
        let end = self.at + pieces.span().end;
        let words = pieces.slice();
        self.at = end;
        match piece {
            Err(()) => self.unknown(start, words),
            Ok(piece) => self.piece(piece, start, words, end),
        }
    }

    fn piece(&mut self, piece: Piece, start: usize, words: &'s str, end: usize) {
        let token = match piece {
            Piece::Comment => return self.comment(start, end),
            Piece::Quote => return self.open_text(start, words, end),
            Piece::Foreign => return self.foreign(start, words, end),
            Piece::BadNumber => return self.bad_number(start, words, end),
            Piece::ParenOpen => return self.open(Bracket::Paren, start, end),
            Piece::BracketOpen => return self.open(Bracket::Square, start, end),
            Piece::BraceOpen => return self.open(Bracket::Brace, start, end),
            Piece::ParenClose => return self.close(Bracket::Paren, start, end),
            Piece::BracketClose => return self.close(Bracket::Square, start, end),
            Piece::BraceClose => return self.close(Bracket::Brace, start, end),
            Piece::Word if self.after_dot => Token::Name(words),
            Piece::Word => Token::keyword(words).unwrap_or(Token::Name(words)),
            Piece::Function => Token::Function(words.get(1..).unwrap_or("")),
            Piece::Number => Token::Number(words),
            Piece::Equal => Token::Equal,
            Piece::NotEqual => Token::NotEqual,
            Piece::LessEqual => Token::LessEqual,
            Piece::Less => Token::Less,
            Piece::GreaterEqual => Token::GreaterEqual,
            Piece::Greater => Token::Greater,
            Piece::Arrow => Token::Arrow,
            Piece::Plus => Token::Plus,
            Piece::Minus => Token::Minus,
            Piece::Star => Token::Star,
            Piece::Slash => Token::Slash,
            Piece::Comma => Token::Comma,
            Piece::Colon => Token::Colon,
            Piece::Dot => Token::Dot,
        };
        self.emit(start, token, end);
    }

    /// Reads a comment up to the end of its line. Comments are not allowed in an interpolation.
    fn comment(&mut self, start: usize, end: usize) {
        if self.texts.is_empty() {
            self.findings.comments.push(Span::new(start, end));
            return;
        }
        // Skips all adjacent `#`: otherwise each would be read to the end of its line again.
        let run = self.source.get(start..).unwrap_or("").bytes().take_while(|byte| *byte == b'#');
        self.at = start + run.count();
        self.report(
            Diagnostic::new(
                Code::E0001,
                Span::new(start, self.at),
                "a comment cannot stand inside `${ }`",
            )
            .help("put the comment outside the string"),
        );
        self.emit(start, Token::Error, self.at);
    }

    fn unknown(&mut self, start: usize, words: &'s str) {
        let character = words.chars().next().unwrap_or(' ');
        // Skips one character only: the next one may be readable.
        self.at = start + character.len_utf8();
        let span = Span::new(start, self.at);
        let inner = character == '$' && !self.texts.is_empty() && self.rest().starts_with('{');
        self.report(if inner {
            foreign::inner_interpolation(span)
        } else {
            foreign::unknown_character(character, span)
        });
        self.emit(start, Token::Error, self.at);
    }

    fn foreign(&mut self, start: usize, words: &'s str, end: usize) {
        let found = foreign::operator(words, Span::new(start, end));
        if matches!(words, "//" | "/*") {
            let line = self.rest().find('\n').unwrap_or(self.rest().len());
            self.at += line;
        }
        if let Some(diagnostic) = found.diagnostic {
            self.report(diagnostic);
        }
        if let Some(token) = found.token {
            self.emit(start, token, end);
        }
    }

    fn bad_number(&mut self, start: usize, words: &'s str, end: usize) {
        self.report(foreign::number(words, Span::new(start, end)));
        // `xs.0` may be an attempt to index a list; `12ab` is certainly an operand.
        let token = if words.starts_with('.') { Token::Error } else { Token::Number("0") };
        self.emit(start, token, end);
    }

    fn open(&mut self, bracket: Bracket, start: usize, end: usize) {
        match self.brackets.open(bracket, Span::new(start, end)) {
            Ok(()) => self.emit(start, bracket.opening(), end),
            Err(diagnostic) => self.stop(diagnostic),
        }
    }

    fn stop(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
        self.give_up();
    }

    fn close(&mut self, bracket: Bracket, start: usize, end: usize) {
        let floor = self.texts.last().map_or(0, |text| text.brackets);
        let closing = self.brackets.close(bracket, Span::new(start, end), floor);
        for diagnostic in closing.diagnostics {
            self.report(diagnostic);
        }
        for missing in closing.missing {
            self.emit(start, missing.closing(), start);
        }
        match closing.closed {
            Some(Bracket::Interpolation) => {
                self.emit(start, Token::InterpolationEnd, end);
                self.in_text = true;
            }
            Some(bracket) => self.emit(start, bracket.closing(), end),
            None => {}
        }
    }

    fn open_text(&mut self, start: usize, quote: &str, end: usize) {
        if self.whole_texts
            && let Some(text) = plain_text(self.rest(), quote)
        {
            self.at = end + text.len() + quote.len();
            return self.emit(start, Token::Text(text), self.at);
        }
        self.texts.push(StringMode {
            quote: quote.chars().next(),
            start,
            brackets: self.brackets.depth(),
        });
        self.in_text = true;
        self.emit(start, Token::TextStart, end);
    }

    fn text_piece(&mut self) {
        let Some(ground) = self.texts.last().copied() else {
            self.in_text = false;
            return;
        };
        let start = self.at;
        let mut chunk: Cow<'s, str> = Cow::Borrowed("");
        loop {
            let mut pieces = TextPiece::lexer(self.rest());
            let Some(piece) = pieces.next() else {
                self.chunk(start, chunk);
                return self.end_of_source_in_text(ground);
            };
            let words = pieces.slice();
            match piece {
                Ok(TextPiece::Interpolation) => {
                    self.chunk(start, chunk);
                    return self.open_interpolation();
                }
                Ok(TextPiece::Quote) if words.chars().next() == ground.quote => {
                    self.chunk(start, chunk);
                    return self.close_text();
                }
                _ => {}
            }
            let content = self.text_content(piece.ok(), words, ground.quote.is_none());
            append(&mut chunk, content);
        }
    }

    /// Returns the content of a raw token of a string, and moves past it.
    fn text_content(
        &mut self,
        piece: Option<TextPiece>,
        words: &'s str,
        raw: bool,
    ) -> Cow<'s, str> {
        let start = self.at;
        self.at += words.len();
        // A template has no quotes to escape, so a backslash in it only keeps `${` literal.
        if raw && words != "\\${" {
            return Cow::Borrowed(words);
        }
        match piece {
            Some(TextPiece::Escape) => Cow::Borrowed(escaped(words)),
            Some(TextPiece::Unicode) => self.unicode(start, words),
            Some(TextPiece::BadUnicode) => {
                self.report(
                    Diagnostic::new(
                        Code::E0004,
                        Span::new(start, self.at),
                        "`\\u` takes four hexadecimal digits",
                    )
                    .help("to write the two characters `\\u`, write `\\\\u`"),
                );
                Cow::Borrowed(words)
            }
            _ => Cow::Borrowed(words),
        }
    }

    /// Decodes `\uXXXX`, with the second half of a surrogate pair after a first half.
    fn unicode(&mut self, start: usize, words: &'s str) -> Cow<'s, str> {
        let mut units = vec![hex_unit(words)];
        let mut next = TextPiece::lexer(self.rest());
        if (0xd800..0xdc00).contains(&hex_unit(words))
            && next.next() == Some(Ok(TextPiece::Unicode))
        {
            units.push(hex_unit(next.slice()));
        }
        match String::from_utf16(&units) {
            Ok(text) => {
                self.at = start + 6 * units.len();
                Cow::Owned(text)
            }
            Err(_) => {
                self.report(
                    Diagnostic::new(
                        Code::E0004,
                        Span::new(start, self.at),
                        format!("`{words}` is half of a surrogate pair"),
                    )
                    .help("a character beyond U+FFFF takes both halves: `\\ud83d\\ude00`"),
                );
                Cow::Borrowed("\u{fffd}")
            }
        }
    }

    fn chunk(&mut self, start: usize, content: Cow<'s, str>) {
        if !content.is_empty() {
            self.emit(start, Token::Chunk(content), self.at);
        }
    }

    fn open_interpolation(&mut self) {
        let start = self.at;
        self.at += 2;
        match self.brackets.open(Bracket::Interpolation, Span::new(start, self.at)) {
            Ok(()) => {
                if let Some(ground) = self.texts.last_mut() {
                    ground.brackets = self.brackets.depth() - 1;
                }
                self.in_text = false;
                self.emit(start, Token::InterpolationStart, self.at);
            }
            Err(diagnostic) => self.stop(diagnostic),
        }
    }

    fn close_text(&mut self) {
        let start = self.at;
        self.at += 1;
        self.texts.pop();
        self.in_text = false;
        self.emit(start, Token::TextEnd, self.at);
    }

    fn end_of_source_in_text(&mut self, ground: StringMode) {
        let end = self.source.len();
        if ground.quote.is_some() {
            let opening = Span::new(ground.start, ground.start + 1);
            let mut diagnostic = Diagnostic::new(Code::E0002, opening, "this text is never closed")
                .label("the string begins here and reaches to the end of the source");
            if let Some(outer) = self.brackets.innermost(Bracket::Interpolation) {
                diagnostic =
                    diagnostic.also(outer, "inside this interpolation: is its `}` missing?");
            }
            let quote = ground.quote.unwrap_or('"');
            self.report(diagnostic.help(format!("close it with `{quote}`")));
            self.findings.stopped = true;
        }
        self.texts.pop();
        self.in_text = false;
        self.emit(end, Token::TextEnd, end);
        if ground.quote.is_none() {
            self.done = true;
        }
    }

    /// Ends the source in expression mode. Open brackets are reported and closed.
    fn end(&mut self) {
        let end = self.source.trim_end().len();
        while let Some((bracket, opening)) = self.brackets.pop() {
            if !self.findings.stopped {
                self.report(super::brackets::never_closed(bracket, opening, Span::new(end, end)));
            }
            match bracket {
                Bracket::Interpolation => {
                    self.emit(end, Token::InterpolationEnd, end);
                    self.emit(end, Token::TextEnd, end);
                    self.texts.pop();
                }
                other => self.emit(end, other.closing(), end),
            }
        }
        self.done = true;
    }
}

impl<'s> Iterator for Lexer<'s> {
    type Item = Spanned<'s>;

    fn next(&mut self) -> Option<Spanned<'s>> {
        while self.ready.is_empty() && !self.done {
            self.advance();
        }
        self.ready.pop_front()
    }
}

/// Returns the tokens of an expression with their spans, to inspect this stage. [`super::parse`]
/// reports the errors.
pub fn tokens(source: &str) -> Vec<(Span, Token<'_>)> {
    let lexer = Lexer::new(source, usize::from(u16::MAX));
    lexer.map(|(start, token, end)| (Span::new(start, end), token)).collect()
}

/// Returns the content of a plain string up to its closing quote. `None` if it is not plain.
fn plain_text<'s>(rest: &'s str, quote: &str) -> Option<&'s str> {
    let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b'$'))?;
    let (text, after) = rest.split_at_checked(length)?;
    after.starts_with(quote).then_some(text)
}

fn append<'s>(chunk: &mut Cow<'s, str>, content: Cow<'s, str>) {
    if chunk.is_empty() {
        *chunk = content;
    } else {
        chunk.to_mut().push_str(&content);
    }
}

fn escaped(words: &str) -> &str {
    match words {
        "\\n" => "\n",
        "\\r" => "\r",
        "\\t" => "\t",
        other => other.get(1..).unwrap_or(""),
    }
}

fn hex_unit(words: &str) -> u16 {
    let digits = words.get(2..).unwrap_or("");
    u16::from_str_radix(digits, 16).unwrap_or(0)
}
