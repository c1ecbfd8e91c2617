//! A place in the source that moves from token to token and picks up the comments between them.

use std::collections::VecDeque;

/// A comment that was passed and not printed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comment<'s> {
    /// The comment from its `#`, without the white space at its end.
    pub(super) words: &'s str,
    /// Whether it ended the line of the token printed last.
    pub(super) trailing: bool,
    /// Whether an empty line before it is kept.
    pub(super) apart: bool,
}

/// The place, and what was picked up on the way to it.
#[derive(Debug)]
pub(super) struct Cursor<'s> {
    source: &'s str,
    at: usize,
    /// Whether a line ended since the token printed last.
    line_ended: bool,
    /// Whether there was a token: only above the first one empty lines are kept.
    started: bool,
    /// Whether an empty line stands between the comments at the top and the first token.
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

    /// Past a token that is printed here.
    pub(super) fn take(&mut self, bytes: usize) {
        self.line_ended = false;
        self.hop(bytes);
    }

    /// Past a token that is printed later, or not at all: comments behind it are as if they
    /// stood before it.
    pub(super) fn hop(&mut self, bytes: usize) {
        self.raw(bytes);
        self.scan();
    }

    /// Past a part of a text, where white space and `#` are content.
    pub(super) fn raw(&mut self, bytes: usize) {
        self.started = true;
        self.at += bytes;
    }

    /// Whether a sign is next.
    pub(super) fn is_at(&self, sign: &str) -> bool {
        self.rest().starts_with(sign)
    }

    /// Whether there are comments that are not printed yet.
    pub(super) fn is_pending(&self) -> bool {
        !self.comments.is_empty()
    }

    /// The next comment to print.
    pub(super) fn next_comment(&mut self) -> Option<Comment<'s>> {
        self.comments.pop_front()
    }

    /// The next comment to print, if it ends the line of the token printed last.
    pub(super) fn next_trailing(&mut self) -> Option<Comment<'s>> {
        let trailing = self.comments.front().is_some_and(|comment| comment.trailing);
        if trailing { self.comments.pop_front() } else { None }
    }

    /// Whether an empty line is due before the first token; once.
    pub(super) fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.gap)
    }

    /// Past white space and comments.
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
        // Behind another comment it cannot end the line as well.
        let trailing = !self.line_ended && !self.is_pending();
        self.comments.push_back(Comment { words: words.trim_end(), trailing, apart });
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }
}
