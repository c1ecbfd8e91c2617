//! Bounds on the match lookahead: the number of bytes that a search may read beyond the match that
//! it returns.
//!
//! A search returns the preferred match, so it continues while a preferred match is still possible:
//! `.*z|a` looks for a `z` up to the end of the text before it returns each `a`. Replacing all
//! matches is then quadratic, although each search is linear.
//!
//! Most patterns cannot do this. This module recognises two classes of them from their text. First,
//! patterns without open repetitions: the length of a match is bounded, and so is the lookahead.
//! Second, sequences of single characters, with or without repetition but without alternatives,
//! such as `\s*,\s*`. An open repetition may read past a match, but any match inside the part that
//! it read would also have ended the search. So it reads only parts without a match, and each part
//! once. Any other pattern counts as the worst case.

use std::iter::Peekable;
use std::str::Chars;

/// The lookahead of all searches for a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lookahead {
    /// Number of passes over the whole text, for all searches together.
    pub(super) passes: usize,
    /// Number of bytes that each search may read in addition.
    pub(super) bytes: usize,
}

/// Maximum number of bytes of a character.
const CHARACTER: usize = 4;

/// Returns the reach of a valid pattern, or `None` if a search may read all the remaining text.
pub(super) fn reach(pattern: &str) -> Option<Lookahead> {
    let mut reader =
        ClassReader { rest: pattern.chars().peekable(), open: 0, length: 0, forks: false };
    reader.read()?;
    let ClassReader { open, length, forks, .. } = reader;
    (open == 0 || !forks)
        .then(|| Lookahead { passes: open + 1, bytes: length.saturating_mul(CHARACTER) })
}

/// A reader of a pattern that gives up at unknown syntax.
struct ClassReader<'p> {
    rest: Peekable<Chars<'p>>,
    /// Number of repetitions without an upper bound.
    open: usize,
    /// Maximum number of characters that all other parts match.
    length: usize,
    /// True if the pattern has alternatives or optional groups.
    forks: bool,
}

impl ClassReader<'_> {
    fn read(&mut self) -> Option<()> {
        while let Some(character) = self.rest.next() {
            match character {
                '|' => self.forks = true,
                '(' => self.group()?,
                ')' => self.after_group()?,
                '*' | '+' | '?' | '{' => return None,
                '[' => {
                    self.class()?;
                    self.repetition()?;
                }
                '\\' => {
                    self.rest.next()?;
                    self.repetition()?;
                }
                _ => self.repetition()?,
            }
        }
        Some(())
    }

    /// Reads the start of a group: plain, with a name, or with flags that do not change the syntax
    /// of the pattern.
    fn group(&mut self) -> Option<()> {
        if self.rest.next_if_eq(&'?').is_none() {
            return Some(());
        }
        self.rest.next_if_eq(&'P');
        if self.rest.next_if_eq(&'<').is_some() {
            return self.rest.find(|character| *character == '>').map(|_| ());
        }
        loop {
            match self.rest.next()? {
                ':' | ')' => return Some(()),
                'i' | 's' | 'm' | 'u' | 'U' | '-' => {}
                _ => return None,
            }
        }
    }

    /// Reads the end of a group. A group may be optional. A repeated group is rejected: a match
    /// could end after any of its repetitions.
    fn after_group(&mut self) -> Option<()> {
        match self.rest.peek() {
            Some('*' | '+' | '{') => None,
            Some('?') => {
                self.forks = true;
                self.rest.next();
                self.lazy()
            }
            _ => Some(()),
        }
    }

    /// Reads a character class up to its end. Nested classes are rare and not supported.
    fn class(&mut self) -> Option<()> {
        self.rest.next_if_eq(&'^');
        self.rest.next_if_eq(&']');
        loop {
            match self.rest.next()? {
                ']' => return Some(()),
                '[' => return None,
                '\\' => {
                    self.rest.next()?;
                }
                _ => {}
            }
        }
    }

    /// Reads the repetition of the preceding character.
    fn repetition(&mut self) -> Option<()> {
        let most = match self.rest.peek() {
            Some('*' | '+') => {
                self.rest.next();
                None
            }
            Some('?') => {
                self.rest.next();
                Some(1)
            }
            Some('{') => {
                self.rest.next();
                self.counts()?
            }
            _ => {
                self.length += 1;
                return Some(());
            }
        };
        self.open += usize::from(most.is_none());
        self.length = self.length.saturating_add(most.unwrap_or(1));
        self.lazy()
    }

    /// Reads `2}`, `2,3}` or `2,}`. Returns the upper bound, or `Some(None)` if there is no upper
    /// bound.
    fn counts(&mut self) -> Option<Option<usize>> {
        let (mut least, mut most) = (String::new(), None);
        loop {
            match self.rest.next()? {
                '}' => break,
                ',' if most.is_none() => most = Some(String::new()),
                digit if digit.is_ascii_digit() => most.as_mut().unwrap_or(&mut least).push(digit),
                _ => return None,
            }
        }
        let least = least.parse().ok()?;
        match most {
            None => Some(Some(least)),
            Some(most) if most.is_empty() => {
                self.length = self.length.saturating_add(least);
                Some(None)
            }
            Some(most) => most.parse().ok().map(Some),
        }
    }

    /// Reads the end of a repetition. It may be lazy, but it may not be repeated itself.
    fn lazy(&mut self) -> Option<()> {
        self.rest.next_if_eq(&'?');
        (!matches!(self.rest.peek(), Some('*' | '+' | '?' | '{'))).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Lookahead, reach};

    #[test]
    fn ordinary_patterns_need_no_lookahead() {
        let known = [
            (" ", 1, 4),
            (r"[^a-z0-9]+", 2, 4),
            (r"\s*,\s*", 3, 12),
            ("<[^>]*>", 2, 12),
            (r"(?i)(\d{4})-(?<month>\d{1,2})", 1, 28),
            ("a|bc|d?", 1, 16),
            ("(ab)?c", 1, 12),
            (r"[]\]]{2,}?x", 2, 16),
        ];
        for (pattern, passes, bytes) in known {
            assert_eq!(reach(pattern), Some(Lookahead { passes, bytes }), "{pattern}");
            assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn unbounded_match_lookahead_is_never_underestimated() {
        let far = [
            ".*z|a",
            "(?:.*z)?a",
            "a(.*z)?",
            "(?:a*z)*a",
            "(a{2})+",
            "a|b(c+)",
            "(?x)a b # |",
            "(?:a|b)+",
            r"(\s+|x)y",
            "[[:alpha:]]*|a",
            "[a&&[b]]+x|y",
            r"\p{L}+|a",
            "(.{2,}z|a)",
        ];
        for pattern in far {
            assert_eq!(reach(pattern), None, "{pattern}");
            assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
        }
    }
}
