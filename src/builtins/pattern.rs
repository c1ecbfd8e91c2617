//! Regular expressions: linear in time, limited in size, compiled once.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use super::pattern_cost::{PatternCost, cost_of, with_slack};
use super::pattern_pool::PatternShare;
use crate::value::{Fault, FaultKind, Heap};

/// A regular expression and the text it was written as. It is compiled when it is first used.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Arc<str>,
    cost: PatternCost,
    limit: usize,
    compiled: Compiled,
}

/// Where the compiled form of a pattern is kept.
#[derive(Debug, Clone)]
enum Compiled {
    /// With the pattern, as long as that is there.
    Here(Arc<OnceLock<Arc<Regex>>>),
    /// In a pool that many programs share.
    Pooled(PatternShare),
}

impl Pattern {
    /// Reads a pattern, whose compiled form has a limit in bytes. It is not compiled yet: its size
    /// is estimated.
    ///
    /// # Errors
    /// A fault where the pattern does not parse, or is larger than the limit.
    pub fn new(text: &str, limit: usize) -> Result<Self, Fault> {
        let parsed = regex_syntax::parse(text).map_err(|error| refused(text, &error))?;
        let cost = cost_of(&parsed);
        if cost.bytes > limit {
            return Err(too_large(limit));
        }
        Ok(Self { text: text.into(), cost, limit, compiled: Compiled::Here(Arc::default()) })
    }

    /// The same, whose compiled form is kept in a pool.
    #[must_use]
    pub fn pooled(self, share: &PatternShare) -> Self {
        Self { compiled: Compiled::Pooled(share.clone()), ..self }
    }

    /// The text of the pattern.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The compiled form.
    ///
    /// # Errors
    /// A fault where it is larger than the limit after all.
    pub fn regex(&self) -> Result<Arc<Regex>, Fault> {
        match &self.compiled {
            Compiled::Here(kept) => {
                if let Some(regex) = kept.get() {
                    return Ok(Arc::clone(regex));
                }
                let regex = Arc::new(self.compile(self.limit)?);
                Ok(Arc::clone(kept.get_or_init(|| regex)))
            }
            Compiled::Pooled(share) => {
                if let Some(regex) = share.find(&self.text) {
                    return Ok(regex);
                }
                let cache = self.cache_bytes();
                let regex = Arc::new(self.compile(cache)?);
                // States are kept for searches in both directions.
                let bytes = self.cost.bytes.saturating_mul(2).saturating_add(cache);
                share.keep(&self.text, &regex, bytes);
                Ok(regex)
            }
        }
    }

    /// Whether the compiled form is there.
    pub fn is_compiled(&self) -> bool {
        match &self.compiled {
            Compiled::Here(kept) => kept.get().is_some(),
            Compiled::Pooled(share) => share.find(&self.text).is_some(),
        }
    }

    /// How often each byte that is searched counts.
    pub fn weight(&self) -> usize {
        self.cost.weight
    }

    /// Bytes of the compiled form, estimated.
    pub fn bytes(&self) -> usize {
        self.cost.bytes
    }

    /// What the pattern counts as beside others: however small, it has a searcher of its own.
    pub fn held_bytes(&self) -> usize {
        self.cost.bytes.saturating_add(SEARCHER)
    }

    /// Bytes that searches may keep of what they found out: what a small pattern gains from.
    fn cache_bytes(&self) -> usize {
        self.cost.bytes.saturating_mul(2).clamp(LEAST_CACHE, self.limit.max(LEAST_CACHE))
    }

    fn compile(&self, cache: usize) -> Result<Regex, Fault> {
        RegexBuilder::new(&self.text)
            .size_limit(with_slack(self.limit))
            .dfa_size_limit(cache)
            .build()
            .map_err(|_| too_large(self.limit))
    }
}

/// Bytes of what belongs to any pattern, whatever its size.
const SEARCHER: usize = 2 << 10;

/// Bytes of a cache that even a small pattern needs to be searched for quickly.
const LEAST_CACHE: usize = 64 << 10;

fn too_large(limit: usize) -> Fault {
    Fault::new(
        FaultKind::PatternLimit,
        format!("this regular expression compiles to more than {limit} bytes"),
    )
    .help("large repetitions such as `\\w{1,1000}` are what makes them big")
}

fn refused(text: &str, error: &regex_syntax::Error) -> Fault {
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

/// Literals whose texts are compared in a step.
const LITERALS_PER_STEP: usize = 8;

/// Bytes of a pattern's compiled form that are a step, where it is a large one.
const BYTES_PER_STEP: usize = 64;

/// Bytes of the compiled forms that are kept for the next time.
const KEPT_BYTES: usize = 2 << 20;

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
        heap.work(literals.len() / LITERALS_PER_STEP)?;
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
        heap.work((pattern.bytes() / BYTES_PER_STEP).saturating_sub(COMPILING))?;
        let mut bytes: usize = recent.iter().map(Pattern::bytes).sum();
        while !recent.is_empty()
            && (recent.len() >= KEPT_PATTERNS || bytes + pattern.bytes() > KEPT_BYTES)
        {
            bytes -= recent.remove(0).bytes();
        }
        recent.push(pattern.clone());
        Ok(pattern)
    }
}
