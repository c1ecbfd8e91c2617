//! A pool of compiled patterns for many programs, bounded in bytes.
//!
//! The program of a subscriber stores only the text of its patterns. This pool stores their
//! compiled forms, with a limit for each owner and a limit for all owners. The least recently used
//! forms are evicted first and compiled again at their next use. Knows no programs and no
//! subscribers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regex::Regex;

/// Bytes of a compiled pattern in addition to its states: its text, its literal searcher, its
/// caches.
const OVERHEAD: usize = 16 << 10;

/// Compiled patterns of many owners.
#[derive(Debug)]
pub struct PatternPool {
    /// Maximum bytes for all owners.
    limit: usize,
    /// Maximum bytes for one owner.
    share: usize,
    kept: Mutex<PooledPattern>,
}

#[derive(Debug, Default)]
struct PooledPattern {
    owners: HashMap<Arc<str>, Owned>,
    bytes: usize,
    /// A counter of uses. The last use of each pattern gives the order of eviction.
    uses: u64,
}

/// The patterns of an owner, by their source text.
#[derive(Debug, Default)]
struct Owned {
    patterns: HashMap<Arc<str>, PoolEntry>,
    bytes: usize,
}

#[derive(Debug)]
struct PoolEntry {
    regex: Arc<Regex>,
    bytes: usize,
    used: u64,
}

/// The access of one owner to a pool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PatternShare {
    pool: Arc<PatternPool>,
    owner: Arc<str>,
}

impl PatternPool {
    /// Creates a pool that keeps up to `limit` bytes, and up to `share` bytes for one owner.
    pub fn new(limit: usize, share: usize) -> Arc<Self> {
        Arc::new(Self { limit, share, kept: Mutex::default() })
    }

    /// Returns the share of an owner.
    pub fn share(self: &Arc<Self>, owner: &str) -> PatternShare {
        PatternShare { pool: Arc::clone(self), owner: owner.into() }
    }

    /// Returns the estimated bytes of all compiled patterns in the pool.
    pub fn bytes(&self) -> usize {
        self.kept().bytes
    }

    fn kept(&self) -> MutexGuard<'_, PooledPattern> {
        // The content is consistent at any time, so a panic elsewhere leaves no partial update.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PatternShare {
    /// Returns the compiled form of a pattern if it is in the pool.
    pub(super) fn find(&self, text: &str) -> Option<Arc<Regex>> {
        let mut kept = self.pool.kept();
        kept.uses += 1;
        let used = kept.uses;
        let entry = kept.owners.get_mut(&*self.owner)?.patterns.get_mut(text)?;
        entry.used = used;
        Some(Arc::clone(&entry.regex))
    }

    /// Stores a compiled pattern and evicts others if necessary. A pattern larger than a limit is
    /// not stored.
    pub(super) fn keep(&self, text: &Arc<str>, regex: &Arc<Regex>, bytes: usize) {
        let bytes = bytes.saturating_add(OVERHEAD);
        if bytes > self.pool.share || bytes > self.pool.limit {
            return;
        }
        let mut kept = self.pool.kept();
        while kept.bytes_of(&self.owner) + bytes > self.pool.share {
            kept.evict(Some(&self.owner));
        }
        while kept.bytes + bytes > self.pool.limit {
            kept.evict(None);
        }
        kept.uses += 1;
        let entry = PoolEntry { regex: Arc::clone(regex), bytes, used: kept.uses };
        kept.insert(&self.owner, text, entry);
    }
}

impl PooledPattern {
    fn bytes_of(&self, owner: &str) -> usize {
        self.owners.get(owner).map_or(0, |owned| owned.bytes)
    }

    fn insert(&mut self, owner: &Arc<str>, text: &Arc<str>, entry: PoolEntry) {
        let bytes = entry.bytes;
        let owned = self.owners.entry(Arc::clone(owner)).or_default();
        let before = owned.patterns.insert(Arc::clone(text), entry).map_or(0, |entry| entry.bytes);
        owned.bytes = owned.bytes + bytes - before;
        self.bytes = self.bytes + bytes - before;
    }

    /// Removes the least recently used pattern, of one owner or of all.
    fn evict(&mut self, owner: Option<&Arc<str>>) {
        let owners = self.owners.iter().filter(|(name, _)| owner.is_none_or(|one| one == *name));
        let entries = owners.flat_map(|(name, owned)| {
            owned.patterns.iter().map(move |(text, entry)| (entry.used, name, text))
        });
        let Some((_, name, text)) = entries.min() else {
            // No patterns are left, so the size is zero.
            self.bytes = 0;
            return;
        };
        let (name, text) = (Arc::clone(name), Arc::clone(text));
        let Some(owned) = self.owners.get_mut(&name) else {
            return;
        };
        let freed = owned.patterns.remove(&text).map_or(0, |entry| entry.bytes);
        owned.bytes -= freed;
        if owned.patterns.is_empty() {
            self.owners.remove(&name);
        }
        self.bytes -= freed;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use regex::Regex;

    use super::{OVERHEAD, PatternPool};

    const SIZE: usize = 1 << 20;

    fn keep(pool: &Arc<PatternPool>, owner: &str, text: &str) {
        pool.share(owner).keep(&text.into(), &Arc::new(Regex::new(text).unwrap()), SIZE - OVERHEAD);
    }

    #[test]
    fn the_least_recently_used_pattern_of_an_owner_is_evicted() {
        let pool = PatternPool::new(8 * SIZE, 2 * SIZE);
        let share = pool.share("acme");
        keep(&pool, "acme", "a");
        keep(&pool, "acme", "b");
        assert!(share.find("a").is_some());
        keep(&pool, "acme", "c");
        assert!(share.find("a").is_some());
        assert!(share.find("b").is_none());
        assert!(share.find("c").is_some());
        assert_eq!(pool.bytes(), 2 * SIZE);
    }

    #[test]
    fn the_pattern_pool_is_bounded_over_all_owners() {
        let pool = PatternPool::new(3 * SIZE, 2 * SIZE);
        for owner in 0..20 {
            keep(&pool, &owner.to_string(), "a");
            keep(&pool, &owner.to_string(), "b");
            assert!(pool.bytes() <= 3 * SIZE);
        }
        assert!(pool.share("19").find("b").is_some());
        assert!(pool.share("0").find("a").is_none());
        assert!(pool.share("0").find("b").is_none());
    }

    #[test]
    fn an_owner_over_its_share_does_not_evict_patterns_of_another() {
        let pool = PatternPool::new(8 * SIZE, 2 * SIZE);
        keep(&pool, "quiet", "a");
        for text in ["b", "c", "d", "e", "f"] {
            keep(&pool, "loud", text);
        }
        assert!(pool.share("quiet").find("a").is_some());
        assert_eq!(pool.bytes(), 3 * SIZE);
    }
}
