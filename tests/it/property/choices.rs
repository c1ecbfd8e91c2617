//! The choices of a generated case: one list of numbers, so that proptest shrinks a case by
//! dropping and lowering them. The lowest choice is always the simplest.

use proptest::collection::vec;
use proptest::prelude::*;

/// A list of choices, consumed from its start. After its end every choice is the simplest.
pub(super) struct Choices {
    list: Vec<u32>,
    at: usize,
}

impl Choices {
    pub(super) fn of(list: &List) -> Self {
        Self { list: list.0.clone(), at: 0 }
    }

    /// Returns one of `ways` choices.
    pub(super) fn pick(&mut self, ways: usize) -> usize {
        let choice = self.list.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        choice as usize % ways.max(1)
    }

    /// Returns true once in `times` choices.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.pick(times) == times - 1
    }

    /// Returns one of these items.
    pub(super) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.pick(of.len())]
    }

    /// Returns true if the list is consumed.
    pub(super) fn spent(&self) -> bool {
        self.at >= self.list.len()
    }
}

/// The numbers of a case. The report of a failure shows the generated case instead.
#[derive(Clone)]
pub(super) struct List(pub(super) Vec<u32>);

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} choices", self.0.len())
    }
}

/// Generates the choices of a case, fewer than `most`.
pub(super) fn choices(most: usize) -> impl Strategy<Value = List> {
    vec(any::<u32>(), 0..most).prop_map(List)
}
