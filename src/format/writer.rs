//! Writes tokens with the comments between them into a document. Knows brackets and commas, and
//! nothing of expressions.

use std::borrow::Cow;

use super::cursor::{Comment, Cursor};
use super::document::{Document, Flat};
use crate::source::Span;
use crate::syntax::{Parsed, Token, Tree};

/// A pair of brackets, and the padding inside them.
#[derive(Debug)]
pub(super) struct Brackets {
    open: Token<'static>,
    close: Token<'static>,
    inside: Flat,
}

/// `( )`
pub(super) const PARENS: Brackets =
    Brackets { open: Token::ParenOpen, close: Token::ParenClose, inside: Flat::Nothing };
/// `[ ]`
pub(super) const SQUARES: Brackets =
    Brackets { open: Token::BracketOpen, close: Token::BracketClose, inside: Flat::Nothing };
/// `{ }`
pub(super) const BRACES: Brackets =
    Brackets { open: Token::BraceOpen, close: Token::BraceClose, inside: Flat::Space };

/// A writer from a source to a document.
pub(super) struct Writer<'s> {
    parsed: &'s Parsed,
    pub(super) cursor: Cursor<'s>,
    pub(super) document: Document<'s>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(parsed: &'s Parsed) -> Self {
        let cursor = Cursor::new(parsed.source.text());
        Self { parsed, cursor, document: Document::default() }
    }

    pub(super) fn tree(&self) -> &'s Tree {
        &self.parsed.tree
    }

    /// Writes a token that is `bytes` long in the source, after the comments before it.
    pub(super) fn token(&mut self, text: impl Into<Cow<'s, str>>, bytes: usize) {
        self.comments();
        self.document.text(text);
        self.cursor.take(bytes);
    }

    /// Writes a keyword or sign in its canonical spelling.
    pub(super) fn sign(&mut self, token: &Token<'static>) {
        let spelling = token.spelling();
        self.token(spelling, spelling.len());
    }

    /// Writes a part of the source unchanged.
    pub(super) fn verbatim(&mut self, span: Span) {
        let words = self.parsed.source.slice(span);
        self.token(words, words.len());
    }

    /// Writes a part of a string unchanged. The text after it is content too, so it is not scanned.
    pub(super) fn raw(&mut self, span: Span) {
        let words = self.parsed.source.slice(span);
        self.document.text(words);
        self.cursor.raw(words.len());
    }

    /// Moves past a keyword or sign, if it is next. It is printed later or not at all.
    pub(super) fn skip(&mut self, token: &Token<'static>) -> bool {
        let found = self.cursor.is_at(token.spelling());
        if found {
            self.cursor.hop(token.spelling().len());
        }
        found
    }

    pub(super) fn space(&mut self) {
        self.document.space();
    }

    /// Writes a possible line break, after a comment that ends the line in the source.
    pub(super) fn line(&mut self, flat: Flat) {
        if let Some(comment) = self.cursor.next_trailing() {
            self.document.trailing(comment.words);
        }
        self.document.line(flat);
    }

    /// Writes the comments before the next token.
    pub(super) fn comments(&mut self) {
        while let Some(Comment { words, trailing, apart }) = self.cursor.next_comment() {
            if apart {
                self.document.blank();
            }
            if trailing {
                self.document.trailing(words);
            } else {
                self.document.own(words);
            }
        }
        if self.cursor.take_gap() {
            self.document.blank();
        }
    }

    /// Writes a group, which stays on one line if it fits. Comments before it do not break it.
    pub(super) fn group(&mut self, inside: impl FnOnce(&mut Self)) {
        self.comments();
        self.document.open();
        inside(self);
        self.document.close();
    }

    pub(super) fn indent(&mut self, inside: impl FnOnce(&mut Self)) {
        self.document.indent();
        inside(self);
        self.document.dedent();
    }

    /// Writes a bracketed part, on lines of its own if it does not fit.
    pub(super) fn bracketed(&mut self, brackets: &Brackets, inside: impl FnOnce(&mut Self)) {
        self.group(|this| {
            this.sign(&brackets.open);
            this.document.align();
            this.indent(|this| {
                this.line(brackets.inside);
                inside(this);
                this.comments();
            });
            this.line(brackets.inside);
            this.document.dedent();
            this.sign(&brackets.close);
        });
    }

    /// Writes items in brackets, with commas.
    pub(super) fn items<T>(&mut self, brackets: &Brackets, items: &[T], each: fn(&mut Self, &T)) {
        if items.is_empty() {
            return self.no_items(brackets);
        }
        self.bracketed(brackets, |this| {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    this.line(Flat::Space);
                }
                each(this, item);
                this.comma(at + 1 < items.len());
            }
        });
    }

    /// Writes brackets that contain only comments or nothing.
    fn no_items(&mut self, brackets: &Brackets) {
        self.sign(&brackets.open);
        if self.cursor.is_pending() {
            self.document.align();
            self.indent(|this| {
                this.line(Flat::Nothing);
                this.comments();
            });
            self.line(Flat::Nothing);
            self.document.dedent();
        }
        self.sign(&brackets.close);
    }

    /// Writes a comma. After the last item it is written only at the end of a line. Comments before
    /// it are written after it.
    fn comma(&mut self, between: bool) {
        if between {
            self.document.text(Token::Comma.spelling());
        } else {
            self.document.if_broken(Token::Comma.spelling());
        }
        self.skip_comma();
    }

    /// Moves past a comma, if it is next. It is already printed, or not printed at all.
    pub(super) fn skip_comma(&mut self) {
        if self.cursor.is_at(Token::Comma.spelling()) {
            self.cursor.take(1);
        }
    }
}
