//! Null narrowing: the expressions that earlier conditions prove not to be null. Does not know
//! which conditions prove it.

use std::hash::{BuildHasher, Hash, Hasher};

use super::Table;
use crate::syntax::{ExprId, Tree};

/// The expressions that are not null, compared by their form.
#[derive(Clone)]
pub(super) struct Narrowing<'t> {
    tree: &'t Tree,
    shapes: Vec<Shape<'t>>,
    /// The number of times each occurs in `shapes`. A rule may have thousands of conditions.
    times: Table<Shape<'t>, usize>,
}

/// An expression, equal to others of the same form. The hash is computed from the form. The forms
/// are compared only if two hashes are equal.
#[derive(Clone, Copy)]
struct Shape<'t> {
    tree: &'t Tree,
    id: ExprId,
    hash: u64,
}

impl PartialEq for Shape<'_> {
    fn eq(&self, other: &Self) -> bool {
        let same = || self.tree.same(self.id, other.tree, other.id);
        self.hash == other.hash && (self.id == other.id || same())
    }
}

impl Eq for Shape<'_> {}

impl Hash for Shape<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<'t> Narrowing<'t> {
    /// Returns an empty set for a tree.
    pub(super) fn of(tree: &'t Tree) -> Self {
        Self { tree, shapes: Vec::new(), times: Table::default() }
    }

    /// Returns the tree of the expressions.
    pub(super) fn tree(&self) -> &'t Tree {
        self.tree
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    pub(super) fn contains(&self, id: ExprId) -> bool {
        self.times.contains_key(&self.shape(id))
    }

    pub(super) fn push(&mut self, id: ExprId) {
        let shape = self.shape(id);
        *self.times.entry(shape).or_default() += 1;
        self.shapes.push(shape);
    }

    fn shape(&self, id: ExprId) -> Shape<'t> {
        let mut hasher = self.times.hasher().build_hasher();
        self.tree.hash_shape(id, &mut hasher);
        Shape { tree: self.tree, id, hash: hasher.finish() }
    }

    /// Returns the number of recorded expressions, for [`Narrowing::truncate`].
    pub(super) fn len(&self) -> usize {
        self.shapes.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        for shape in self.shapes.drain(length.min(self.shapes.len())..) {
            forget(&mut self.times, &shape);
        }
    }

    /// Forgets the expressions that contain a name, because the name now means something else.
    pub(super) fn forget(&mut self, name: &str) {
        let times = &mut self.times;
        self.shapes.retain(|shape| {
            let stays = !shape.tree.shape(shape.id).contains(name);
            if !stays {
                forget(times, shape);
            }
            stays
        });
    }
}

fn forget<'t>(times: &mut Table<Shape<'t>, usize>, shape: &Shape<'t>) {
    if let Some(left) = times.get_mut(shape) {
        *left -= 1;
        if *left == 0 {
            times.remove(shape);
        }
    }
}
