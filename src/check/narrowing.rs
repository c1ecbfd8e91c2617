//! Null narrowing: the expressions that earlier conditions prove not to be null. Does not know
//! which conditions prove it.

use std::hash::{BuildHasher, Hash, Hasher};

use super::Table;
use crate::syntax::{ExprId, Tree};

/// The expressions that are not null, compared by their form.
#[derive(Clone)]
pub(super) struct Narrowing<'t> {
    tree: &'t Tree,
    fingerprints: Vec<Fingerprint<'t>>,
    /// The number of times each occurs in `fingerprints`. A rule may have thousands of conditions.
    times: Table<Fingerprint<'t>, usize>,
}

/// An expression, equal to others of the same form. The hash is computed from the form. The forms
/// are compared only if two hashes are equal.
#[derive(Clone, Copy)]
struct Fingerprint<'t> {
    tree: &'t Tree,
    id: ExprId,
    hash: u64,
}

impl PartialEq for Fingerprint<'_> {
    fn eq(&self, other: &Self) -> bool {
        let same = || self.tree.same(self.id, other.tree, other.id);
        self.hash == other.hash && (self.id == other.id || same())
    }
}

impl Eq for Fingerprint<'_> {}

impl Hash for Fingerprint<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<'t> Narrowing<'t> {
    /// Returns an empty set for a tree.
    pub(super) fn of(tree: &'t Tree) -> Self {
        Self { tree, fingerprints: Vec::new(), times: Table::default() }
    }

    /// Returns the tree of the expressions.
    pub(super) fn tree(&self) -> &'t Tree {
        self.tree
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    pub(super) fn contains(&self, id: ExprId) -> bool {
        self.times.contains_key(&self.fingerprint(id))
    }

    pub(super) fn push(&mut self, id: ExprId) {
        let fingerprint = self.fingerprint(id);
        *self.times.entry(fingerprint).or_default() += 1;
        self.fingerprints.push(fingerprint);
    }

    fn fingerprint(&self, id: ExprId) -> Fingerprint<'t> {
        let mut hasher = self.times.hasher().build_hasher();
        self.tree.hash_fingerprint(id, &mut hasher);
        Fingerprint { tree: self.tree, id, hash: hasher.finish() }
    }

    /// Returns the number of recorded expressions, for [`Narrowing::truncate`].
    pub(super) fn len(&self) -> usize {
        self.fingerprints.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        for fingerprint in self.fingerprints.drain(length.min(self.fingerprints.len())..) {
            forget(&mut self.times, &fingerprint);
        }
    }

    /// Forgets the expressions that contain a name, because the name now means something else.
    pub(super) fn forget(&mut self, name: &str) {
        let times = &mut self.times;
        self.fingerprints.retain(|fingerprint| {
            let stays = !fingerprint.tree.fingerprint(fingerprint.id).contains(name);
            if !stays {
                forget(times, fingerprint);
            }
            stays
        });
    }
}

fn forget<'t>(times: &mut Table<Fingerprint<'t>, usize>, fingerprint: &Fingerprint<'t>) {
    if let Some(left) = times.get_mut(fingerprint) {
        *left -= 1;
        if *left == 0 {
            times.remove(fingerprint);
        }
    }
}
