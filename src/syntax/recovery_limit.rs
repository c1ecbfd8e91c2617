//! The error-recovery limit. Does not know the errors themselves.
//!
//! After an error the parser drops tokens until one fits, and scans its stack for each. LALRPOP has
//! no way to abort, but the token stream can end.

use std::cell::Cell;

use super::token::Token;

/// The maximum number of errors in one report. Most later errors are consequences of earlier ones.
pub(super) const MAX_DIAGNOSTICS: usize = 20;

/// The maximum number of tokens between two actions of the grammar, without tokens that only begin
/// something.
const STRIDE: u32 = 8;

/// The maximum number of tokens beyond [`STRIDE`], in total for a source.
const MAX_DROPPED: u32 = 64;

/// The state shared by the token stream and the grammar's actions.
#[derive(Debug, Default)]
pub(super) struct RecoveryLimit {
    /// The number of tokens since the last action.
    since: Cell<u32>,
    dropped: Cell<u32>,
    told: Cell<usize>,
}

impl RecoveryLimit {
    /// Records that an action of the grammar ran.
    pub(super) fn acted(&self) {
        self.since.set(0);
    }

    /// Records that the parser's actions reported an error.
    pub(super) fn record(&self) {
        self.told.set(self.told.get() + 1);
    }

    /// Returns true if [`MAX_DIAGNOSTICS`] is reached.
    pub(super) fn is_full(&self) -> bool {
        self.told.get() >= MAX_DIAGNOSTICS
    }

    /// Returns true if the parser may read another token.
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

/// Returns true for tokens that may follow each other without a complete node between them. The
/// lexer limits their nesting.
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
