//! A cursor in the source: it moves from token to token, and collects the comments in between. Does
//! not know expressions.

use std::collections::VecDeque;

/// A collected comment that is not printed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comment<'s> {
    /// The comment from its `#`, without trailing white space.
    pub(super) words: &'s str,
    /// True if it ends the line of the token printed last.
    pub(super) trailing: bool,
    /// True if an empty line before it is kept.
    pub(super) apart: bool,
}

/// The position, and the comments collected so far.
#[derive(Debug)]
pub(super) struct Cursor<'s> {
    source: &'s str,
    at: usize,
    /// True if a line ended after the token printed last.
    line_ended: bool,
    /// True after the first token. Empty lines are kept only before it.
    started: bool,
    /// True if an empty line separates the comments at the top from the first token.
    gap: bool,
    comments: VecDeque<Comment<'s>>,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self {
            source,
            at: 0,
            line_ended: true,
            started: false,
            gap: false,
            comments: VecDeque::new(),
        }
    }

    /// Moves past a token that is printed here.
    pub(super) fn take(&mut self, bytes: usize) {
        self.line_ended = false;
        self.hop(bytes);
    }

    /// Moves past a token that is printed later or not at all. Comments after it are treated as
    /// before it.
    pub(super) fn hop(&mut self, bytes: usize) {
        self.raw(bytes);
        self.scan();
    }

    /// Moves past a part of a string, where white space and `#` are content.
    pub(super) fn raw(&mut self, bytes: usize) {
        self.started = true;
        self.at += bytes;
    }

    /// Returns true if a sign is next.
    pub(super) fn is_at(&self, sign: &str) -> bool {
        self.rest().starts_with(sign)
    }

    /// Returns true if comments are waiting to be printed.
    pub(super) fn is_pending(&self) -> bool {
        !self.comments.is_empty()
    }

    /// Returns the next comment to print.
    pub(super) fn next_comment(&mut self) -> Option<Comment<'s>> {
        self.comments.pop_front()
    }

    /// Returns the next comment, if it ends the line of the token printed last.
    pub(super) fn next_trailing(&mut self) -> Option<Comment<'s>> {
        let trailing = self.comments.front().is_some_and(|comment| comment.trailing);
        if trailing { self.comments.pop_front() } else { None }
    }

    /// Returns true once, if an empty line belongs before the first token.
    pub(super) fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.gap)
    }

    /// Moves past white space and comments.
    pub(super) fn scan(&mut self) {
        let mut newlines = 0;
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\n' => newlines += 1,
                '#' => {
                    self.comment(!self.started && newlines > 1);
                    newlines = 0;
                    continue;
                }
                ' ' | '\t' | '\r' | '\x0c' | '\u{feff}' | '\u{a0}' => {}
                _ => break,
            }
            self.at += next.len_utf8();
            self.line_ended |= next == '\n';
        }
        self.gap = !self.started && self.is_pending() && newlines > 1;
    }

    fn comment(&mut self, apart: bool) {
        let words = self.rest().split('\n').next().unwrap_or("");
        self.at += words.len();
        // After another comment it cannot end the same line.
        let trailing = !self.line_ended && !self.is_pending();
        self.comments.push_back(Comment { words: words.trim_end(), trailing, apart });
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }
}
