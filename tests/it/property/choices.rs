//! The choices that a generated case is made of: one list of numbers, so that proptest shrinks
//! any case by dropping and lowering them. The lowest choice is always the plainest.

use proptest::collection::vec;
use proptest::prelude::*;

/// A list of choices that is used up from its start; past its end every choice is the plainest.
pub(super) struct Choices {
    list: Vec<u32>,
    at: usize,
}

impl Choices {
    pub(super) fn of(list: &List) -> Self {
        Self { list: list.0.clone(), at: 0 }
    }

    /// One of so many ways.
    pub(super) fn pick(&mut self, ways: usize) -> usize {
        let choice = self.list.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        choice as usize % ways.max(1)
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.pick(times) == times - 1
    }

    /// One of these.
    pub(super) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.pick(of.len())]
    }

    /// Whether the list is used up.
    pub(super) fn spent(&self) -> bool {
        self.at >= self.list.len()
    }
}

/// The numbers of a case. A failure shows what was made of them instead.
#[derive(Clone)]
pub(super) struct List(pub(super) Vec<u32>);

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} choices", self.0.len())
    }
}

/// The choices of a case, at most so many.
pub(super) fn choices(most: usize) -> impl Strategy<Value = List> {
    vec(any::<u32>(), 0..most).prop_map(List)
}
