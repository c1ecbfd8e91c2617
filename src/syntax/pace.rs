//! How far reading has come: what the parser tells of it, and what the tokens are held back for.
//!
//! After a fault the parser drops tokens until one fits, and goes over its stack for each. It
//! cannot be told to give up; but the tokens can end.

use std::cell::Cell;

use super::token::Token;

/// After so many faults the rest are mostly echoes.
pub(super) const MAX_DIAGNOSTICS: usize = 20;

/// How many tokens the grammar takes at most between two of its actions, apart from those that
/// begin something.
const STRIDE: u32 = 8;

/// How many tokens may be dropped beyond that, in all.
const MAX_DROPPED: u32 = 64;

/// What tokens and actions share.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Tokens since the last action.
    since: Cell<u32>,
    dropped: Cell<u32>,
    told: Cell<usize>,
}

impl Pace {
    /// An action of the grammar has run.
    pub(super) fn acted(&self) {
        self.since.set(0);
    }

    /// The parser's actions have told of something.
    pub(super) fn tell(&self) {
        self.told.set(self.told.get() + 1);
    }

    /// Whether nothing more is to be told.
    pub(super) fn is_full(&self) -> bool {
        self.told.get() >= MAX_DIAGNOSTICS
    }

    /// Whether the parser may have another token.
    pub(super) fn allows(&self, token: &Token<'_>) -> bool {
        if !begins(token) {
            self.since.set(self.since.get().saturating_add(1));
        }
        if self.since.get() > STRIDE {
            self.dropped.set(self.dropped.get().saturating_add(1));
        }
        self.dropped.get() <= MAX_DROPPED && !self.is_full()
    }
}

/// Tokens that may follow each other with nothing complete in between; how many of them do is
/// limited where they are read.
fn begins(token: &Token<'_>) -> bool {
    matches!(
        token,
        Token::ParenOpen
            | Token::BracketOpen
            | Token::BraceOpen
            | Token::InterpolationStart
            | Token::TextStart
            | Token::Chunk(_)
            | Token::Not
            | Token::Minus
            | Token::If
    )
}
