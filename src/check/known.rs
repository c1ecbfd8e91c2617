//! What earlier conditions say: the expressions that are not null where one is looked at.

use std::rc::Rc;

use super::Table;

/// The expressions that are not null, by how they are written.
#[derive(Clone, Default)]
pub(super) struct Known {
    shapes: Vec<Rc<str>>,
    /// How often each is among them: a rule may have thousands of conditions.
    times: Table<Rc<str>, usize>,
}

impl Known {
    pub(super) fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    pub(super) fn contains(&self, shape: &str) -> bool {
        self.times.contains_key(shape)
    }

    pub(super) fn push(&mut self, shape: String) {
        let shape = Rc::<str>::from(shape);
        *self.times.entry(Rc::clone(&shape)).or_default() += 1;
        self.shapes.push(shape);
    }

    /// How much is known, to come back to with [`Known::truncate`].
    pub(super) fn len(&self) -> usize {
        self.shapes.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        for shape in self.shapes.drain(length.min(self.shapes.len())..) {
            forget(&mut self.times, &shape);
        }
    }

    /// Forgets what has a name in it, which now means something else.
    pub(super) fn forget(&mut self, name: &str) {
        let times = &mut self.times;
        self.shapes.retain(|shape| {
            let stays = !shape.contains(name);
            if !stays {
                forget(times, shape);
            }
            stays
        });
    }
}

fn forget(times: &mut Table<Rc<str>, usize>, shape: &Rc<str>) {
    if let Some(left) = times.get_mut(shape) {
        *left -= 1;
        if *left == 0 {
            times.remove(shape);
        }
    }
}
