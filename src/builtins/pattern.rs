//! Regular expressions: linear in time, limited in size, compiled once.

use std::cell::RefCell;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::places::weight;
use crate::value::{Fault, FaultKind, Heap};

/// A regular expression and the text it was written as.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Arc<str>,
    regex: Arc<Regex>,
    weight: usize,
}

impl Pattern {
    /// Compiles a pattern within a limit, in bytes of its compiled form.
    ///
    /// # Errors
    /// A fault where the pattern does not compile, or is larger than the limit.
    pub fn new(text: &str, limit: usize) -> Result<Self, Fault> {
        let regex = RegexBuilder::new(text)
            .size_limit(limit)
            .dfa_size_limit(limit)
            .build()
            .map_err(|error| refused(text, limit, &error))?;
        Ok(Self { text: text.into(), regex: Arc::new(regex), weight: weight(text) })
    }

    /// The text of the pattern.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The compiled form.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// How often each byte that is searched counts.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

fn refused(text: &str, limit: usize, error: &regex::Error) -> Fault {
    if let regex::Error::CompiledTooBig(_) = error {
        return Fault::new(
            FaultKind::PatternLimit,
            format!("this regular expression compiles to more than {limit} bytes"),
        )
        .help("large repetitions such as `\\w{1,1000}` are what makes them big");
    }
    // The crate's own message draws carets over several lines; its last line is the reason.
    let shown = error.to_string();
    let reason = shown.lines().last().unwrap_or("").trim();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    let fault =
        Fault::new(FaultKind::BadPattern, format!("this is not a regular expression: {reason}"));
    if text.contains("(?=")
        || text.contains("(?!")
        || text.contains("(?<=")
        || text.contains("(?<!")
    {
        return fault.help("look-around is not part of it: patterns run in linear time; combine two `$MATCH` with `AND`");
    }
    fault.help("the syntax is that of the Rust `regex` crate: like Perl's, without look-around and back-references")
}

/// Patterns that were no literals, kept for the next time they are met.
#[derive(Debug)]
pub struct PatternCache {
    limit: usize,
    recent: RefCell<Vec<Pattern>>,
}

/// How many patterns are kept. A rule that needs more builds them from data.
const KEPT_PATTERNS: usize = 16;

/// What compiling a pattern counts as, in steps. A short pattern can compile to all that the
/// limit allows, which takes some milliseconds whatever its length.
const COMPILING: usize = 5_000;

impl PatternCache {
    /// An empty cache, and the limit of each pattern in bytes of its compiled form.
    pub fn new(limit: usize) -> Self {
        Self { limit, recent: RefCell::new(Vec::new()) }
    }

    /// The pattern's compiled form: a literal's of the program, one met before, or a new one.
    /// Only a new one is work that counts.
    ///
    /// # Errors
    /// A fault where the pattern does not compile, is larger than the limit, or takes more steps
    /// than are left.
    pub fn get(&self, heap: &Heap, literals: &[Pattern], text: &str) -> Result<Pattern, Fault> {
        if let Some(literal) = literals.iter().find(|pattern| pattern.text() == text) {
            return Ok(literal.clone());
        }
        let mut recent = self.recent.borrow_mut();
        if let Some(at) = recent.iter().position(|pattern| pattern.text() == text) {
            let pattern = recent.remove(at);
            recent.push(pattern.clone());
            return Ok(pattern);
        }
        heap.work(COMPILING.saturating_add(text.len()))?;
        let pattern = Pattern::new(text, self.limit)?;
        if recent.len() == KEPT_PATTERNS {
            recent.remove(0);
        }
        recent.push(pattern.clone());
        Ok(pattern)
    }
}
