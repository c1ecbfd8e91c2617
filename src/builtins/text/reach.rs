//! How far a search may look beyond the match that it answers.
//!
//! A search answers the match that is preferred, so it goes on while a match that would be
//! preferred may still come: `.*z|a` looks for a `z` to the end of the text before each `a`.
//! Replacing all matches is then quadratic, though each search is linear.
//!
//! Most patterns cannot do that, and two kinds of them are told here by their text. Where no
//! repetition is open, the length of a match is bounded, and so is the look. And where single
//! characters, repeated or not, stand one after the other without alternatives, as in
//! `\s*,\s*`, an open repetition may run on behind a match, but every match in the part that it
//! ran over would have been an end for it as well. So it runs over a part without one, and over
//! each part once. Whatever is not certainly of these kinds counts as the worst.

use std::iter::Peekable;
use std::str::Chars;

/// What searches for a pattern look at beyond their matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// How often the whole text may be looked at, all searches together.
    pub(super) passes: usize,
    /// How many bytes each search may look at besides.
    pub(super) bytes: usize,
}

/// Bytes of a character, at most.
const CHARACTER: usize = 4;

/// The reach of a pattern that compiles; nothing where a search may look at all that is left.
pub(super) fn reach(pattern: &str) -> Option<Reach> {
    let mut reader = Reader { rest: pattern.chars().peekable(), open: 0, length: 0, forks: false };
    reader.read()?;
    let Reader { open, length, forks, .. } = reader;
    (open == 0 || !forks)
        .then(|| Reach { passes: open + 1, bytes: length.saturating_mul(CHARACTER) })
}

/// Reads a pattern, and gives up at what it does not know.
struct Reader<'p> {
    rest: Peekable<Chars<'p>>,
    /// How many repetitions have no end.
    open: usize,
    /// How many characters all the others come to at most.
    length: usize,
    /// Whether there is more than one way through the pattern.
    forks: bool,
}

impl Reader<'_> {
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

    /// The start of a group: none, a name, or flags that do not change how the pattern is read.
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

    /// A group may stand once or not at all. Repeated, its turns could be cut anywhere.
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

    /// A class up to its end. One in another is rare, and not read.
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

    /// How often the character before it is repeated.
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

    /// `2}`, `2,3}` and `2,}`: the greatest of the counts, or none where it is open.
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

    /// A repetition may be lazy, but not be repeated itself.
    fn lazy(&mut self) -> Option<()> {
        self.rest.next_if_eq(&'?');
        (!matches!(self.rest.peek(), Some('*' | '+' | '?' | '{'))).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, reach};

    #[test]
    fn everyday_patterns_look_no_further_than_their_matches() {
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
            assert_eq!(reach(pattern), Some(Reach { passes, bytes }), "{pattern}");
            assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn what_may_look_to_the_end_is_never_taken_for_less() {
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
