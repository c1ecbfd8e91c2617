//! Regular expressions: linear in time, limited in size, compiled once. Knows no function that uses
//! them.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use super::pattern_cost::{PatternCost, cost_of, with_slack};
use super::pattern_pool::PatternShare;
use crate::value::{Fault, FaultKind, Heap};

/// A regular expression with its source text. It is compiled at its first use.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Arc<str>,
    cost: PatternCost,
    limit: usize,
    compiled: Compiled,
}

/// The storage of the compiled form of a pattern.
#[derive(Debug, Clone)]
enum Compiled {
    /// In the pattern itself, for the lifetime of the pattern.
    Here(Arc<OnceLock<Arc<Regex>>>),
    /// In a pool that many programs share.
    Pooled(PatternShare),
}

impl Pattern {
    /// Parses a pattern whose compiled form may have at most `limit` bytes. Does not compile it;
    /// the size is an estimate.
    ///
    /// # Errors
    /// Returns a fault if the pattern does not parse, or if its estimate exceeds the limit.
    pub fn new(text: &str, limit: usize) -> Result<Self, Fault> {
        let parsed = regex_syntax::parse(text).map_err(|error| refused(text, &error))?;
        let cost = cost_of(&parsed);
        if cost.bytes > limit {
            return Err(too_large(limit));
        }
        Ok(Self { text: text.into(), cost, limit, compiled: Compiled::Here(Arc::default()) })
    }

    /// Returns the same pattern with its compiled form in a pool.
    #[must_use]
    pub fn pooled(self, share: &PatternShare) -> Self {
        Self { compiled: Compiled::Pooled(share.clone()), ..self }
    }

    /// Returns the source text of the pattern.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the compiled form. Compiles the pattern if necessary.
    ///
    /// # Errors
    /// Returns a fault if the compiled form exceeds the limit although the estimate did not.
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
                // The regex keeps states for searches in both directions.
                let bytes = self.cost.bytes.saturating_mul(2).saturating_add(cache);
                share.keep(&self.text, &regex, bytes);
                Ok(regex)
            }
        }
    }

    /// Returns true if the compiled form exists now.
    pub fn is_compiled(&self) -> bool {
        match &self.compiled {
            Compiled::Here(kept) => kept.get().is_some(),
            Compiled::Pooled(share) => share.find(&self.text).is_some(),
        }
    }

    /// Returns the number of times that each searched byte counts as work.
    pub fn weight(&self) -> usize {
        self.cost.weight
    }

    /// Returns the estimated size of the compiled form in bytes.
    pub fn bytes(&self) -> usize {
        self.cost.bytes
    }

    /// Returns the bytes that the pattern counts in a memory budget. Every pattern has a searcher
    /// of its own, however small it is.
    pub fn held_bytes(&self) -> usize {
        self.cost.bytes.saturating_add(SEARCHER)
    }

    /// Returns the size of the search cache in bytes. A small pattern gains from a cache that is
    /// larger than the pattern itself.
    fn cache_bytes(&self) -> usize {
        self.cost.bytes.saturating_mul(2).clamp(MIN_CACHE_BYTES, self.limit.max(MIN_CACHE_BYTES))
    }

    fn compile(&self, cache: usize) -> Result<Regex, Fault> {
        RegexBuilder::new(&self.text)
            .size_limit(with_slack(self.limit))
            .dfa_size_limit(cache)
            .build()
            .map_err(|_| too_large(self.limit))
    }
}

/// Bytes of the searcher that every pattern has, independent of its size.
const SEARCHER: usize = 2 << 10;

/// Minimum size of the search cache in bytes. Even a small pattern needs it for a fast search.
const MIN_CACHE_BYTES: usize = 64 << 10;

fn too_large(limit: usize) -> Fault {
    Fault::new(
        FaultKind::PatternLimit,
        format!("this regular expression compiles to more than {limit} bytes"),
    )
    .help("large repetitions such as `\\w{1,1000}` are what makes them big")
}

fn refused(text: &str, error: &regex_syntax::Error) -> Fault {
    // The message of the crate marks the position over several lines. Its last line is the reason.
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

/// Patterns that were compiled at run time because they are not literals, kept for their next use.
#[derive(Debug)]
pub struct PatternCache {
    limit: usize,
    recent: RefCell<Vec<Pattern>>,
}

/// Maximum number of patterns in the cache. A rule that needs more builds its patterns from data.
const KEPT_PATTERNS: usize = 16;

/// Cost of compiling a pattern, in steps. A short pattern can compile to the full size that the
/// limit allows, which takes some milliseconds.
const COMPILING: usize = 5_000;

/// Number of literals that are compared in one step.
const LITERALS_PER_STEP: usize = 8;

/// Bytes of the compiled form of a large pattern that count as one step.
const BYTES_PER_STEP: usize = 64;

/// Maximum size of the compiled forms in the cache, in bytes.
const KEPT_BYTES: usize = 2 << 20;

impl PatternCache {
    /// Creates an empty cache. `limit` bounds the compiled form of each pattern, in bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, recent: RefCell::new(Vec::new()) }
    }

    /// Returns a pattern: a literal of the program, a cached pattern, or a new one. Only a new one
    /// counts as compilation work.
    ///
    /// # Errors
    /// Returns a fault if the pattern does not parse, exceeds the size limit, or takes more steps
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
