//! The stack of operators and conditionals that still need an operand. Does not know the tree.
//!
//! The parser keeps all of them on its stack, and scans the stack for each token that it drops
//! after an error. The lexer counts them here, so that it can stop a source with too many.

use super::token::Token;

/// The counts for each open bracket.
#[derive(Debug)]
pub(super) struct NestingStack {
    levels: Vec<Level>,
    /// The count outside the innermost bracket.
    outside: usize,
    /// True if the previous token ended an operand, so that a sign after it is a binary operator.
    after_operand: bool,
    after_else: bool,
}

/// The counts inside one bracket.
#[derive(Debug, Default)]
struct Level {
    /// `-`, up to the end of its operand.
    signs: usize,
    /// `NOT`, up to an operator that binds looser.
    nots: usize,
    /// `? :` and `=>`, up to the end of the item.
    rights: usize,
    conditionals: Vec<Stage>,
}

/// The part of a conditional that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    If,
    Then,
    Else,
}

impl Level {
    fn count(&self) -> usize {
        self.signs + self.nots + self.rights + self.conditionals.len()
    }

    /// Starts an `IF`. An `IF` after an `ELSE` continues the same ladder.
    fn begin_conditional(&mut self, after_else: bool) {
        match self.conditionals.last_mut() {
            Some(stage) if after_else && *stage == Stage::Else => *stage = Stage::If,
            _ => self.conditionals.push(Stage::If),
        }
    }

    /// Reads a `THEN` or an `ELSE`. Conditionals nested inside the one that it belongs to are
    /// complete.
    fn advance_conditional(&mut self, from: Stage, to: Stage) {
        if let Some(at) = self.conditionals.iter().rposition(|stage| *stage == from) {
            self.conditionals.truncate(at);
            self.conditionals.push(to);
        }
    }
}

impl NestingStack {
    pub(super) fn new() -> Self {
        let levels = vec![Level::default()];
        Self { levels, outside: 0, after_operand: false, after_else: false }
    }

    /// Processes a token, and returns the number of operators and conditionals that are now open.
    pub(super) fn after(&mut self, token: &Token<'_>) -> usize {
        match token {
            Token::ParenOpen
            | Token::BracketOpen
            | Token::BraceOpen
            | Token::InterpolationStart => self.open(),
            Token::ParenClose
            | Token::BracketClose
            | Token::BraceClose
            | Token::InterpolationEnd => self.close(),
            _ => {}
        }
        let (joins, ladder) = (self.after_operand, self.after_else);
        self.after_operand = ends_operand(token);
        self.after_else = matches!(token, Token::Else);
        let Some(level) = self.levels.last_mut() else {
            return self.outside;
        };
        if self.after_operand {
            level.signs = 0;
        }
        match token {
            Token::Minus if !joins => level.signs += 1,
            Token::Not if !joins => level.nots += 1,
            Token::Question | Token::Arrow => (level.nots, level.rights) = (0, level.rights + 1),
            Token::If => level.begin_conditional(ladder),
            Token::Then => level.advance_conditional(Stage::If, Stage::Then),
            Token::Else => level.advance_conditional(Stage::Then, Stage::Else),
            Token::Comma => *level = Level::default(),
            _ => {}
        }
        let binds_looser =
            matches!(token, Token::And | Token::Or | Token::Then | Token::Else | Token::Colon);
        if binds_looser {
            level.nots = 0;
        }
        self.outside + level.count()
    }

    fn open(&mut self) {
        self.outside += self.levels.last().map_or(0, Level::count);
        self.levels.push(Level::default());
    }

    /// Closes a bracket: everything inside it is complete.
    fn close(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
            self.outside -= self.levels.last().map_or(0, Level::count);
        }
    }
}

fn ends_operand(token: &Token<'_>) -> bool {
    matches!(
        token,
        Token::Name(_)
            | Token::Number(_)
            | Token::Text(_)
            | Token::TextEnd
            | Token::True
            | Token::False
            | Token::Null
            | Token::ParenClose
            | Token::BracketClose
            | Token::BraceClose
            | Token::Error
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::lexer::tokens;
    use super::NestingStack;

    fn most(source: &str) -> usize {
        let mut pending = NestingStack::new();
        tokens(source).iter().map(|(_, token)| pending.after(token)).max().unwrap()
    }

    #[test]
    fn nesting_ends_when_an_operator_has_its_operand() {
        assert_eq!(most("a AND NOT b AND NOT c OR NOT d"), 1);
        assert_eq!(most("-a - -b * -c"), 1);
        assert_eq!(most("a NOT IN b NOT IN c"), 0);
        assert_eq!(most("[-a, NOT b, IF c THEN d]"), 1);
        assert_eq!(most("IF a THEN 1 ELSE IF b THEN 2 ELSE IF c THEN 3"), 1);
        assert_eq!(most("IF a THEN IF b THEN 1 ELSE 2 ELSE IF c THEN IF d THEN 3 ELSE 4"), 2);
        assert_eq!(most("IF IF a THEN b ELSE c THEN d ELSE IF e THEN f"), 2);
    }

    #[test]
    fn nesting_counts_operators_that_wait_for_an_operand() {
        assert_eq!(most("NOT NOT - - a"), 4);
        assert_eq!(most("NOT (NOT (- (NOT a)))"), 4);
        assert_eq!(most("IF a THEN IF b THEN IF c"), 3);
        assert_eq!(most("a ? b : c ? d : e"), 2);
        assert_eq!(most("\"${NOT \"${-a}\"}\" == -b"), 2);
    }
}
