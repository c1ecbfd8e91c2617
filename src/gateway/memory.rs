//! The memory that bodies may take, all of them together.
//!
//! A body takes what its beginning needs from one part, and, where it is longer, all that it may
//! come to from another. So short bodies find room whatever long ones hold, and no two long ones
//! wait for what the other has.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::listener::Outcome;

/// Bytes of a body that are its beginning.
pub(super) const BEGINNING: usize = 16 << 10;

/// A permit stands for so many bytes.
const PERMIT: usize = 1024;

/// What there is of memory for bodies.
#[derive(Debug)]
pub struct Memory {
    beginnings: Part,
    long: Part,
}

#[derive(Debug)]
struct Part {
    free: Arc<Semaphore>,
    all: usize,
}

/// What a body holds of it, as long as it is there.
#[derive(Debug, Default)]
pub(super) struct Held {
    beginning: Option<OwnedSemaphorePermit>,
    long: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// So many bytes: a quarter is for beginnings.
    pub(super) fn new(bytes: usize) -> Self {
        Self { beginnings: Part::new(bytes / 4), long: Part::new(bytes - bytes / 4) }
    }

    /// Whether those who come soon have to wait.
    pub(super) fn is_scarce(&self) -> bool {
        self.beginnings.is_scarce() || self.long.is_scarce()
    }
}

impl Part {
    fn new(bytes: usize) -> Self {
        let all = permits(bytes).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    fn is_scarce(&self) -> bool {
        self.free.available_permits() < self.all / 8
    }

    /// Waits until there is so much; those that are being read will be done in their time. One
    /// that wants more than all there is gets all.
    async fn take(&self, wanted: usize) -> Result<OwnedSemaphorePermit, Outcome> {
        let wanted = u32::try_from(wanted.min(self.all)).map_err(|_| Outcome::BodyTooLarge)?;
        let taken = Arc::clone(&self.free).acquire_many_owned(wanted).await;
        taken.map_err(|_| Outcome::Unavailable)
    }
}

impl Held {
    /// Takes what the beginning of a body of this length needs beyond what it has.
    pub(super) async fn beginning(
        &mut self,
        memory: &Memory,
        length: usize,
    ) -> Result<(), Outcome> {
        let wanted = permits(length.min(BEGINNING));
        let have = self.beginning.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted > have {
            let more = memory.beginnings.take(wanted - have).await?;
            match &mut self.beginning {
                Some(held) => held.merge(more),
                None => self.beginning = Some(more),
            }
        }
        Ok(())
    }

    /// Takes all that a long body may come to, once.
    pub(super) async fn long(&mut self, memory: &Memory, bytes: usize) -> Result<(), Outcome> {
        if self.long.is_none() {
            self.long = Some(memory.long.take(permits(bytes)).await?);
        }
        Ok(())
    }
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT)
}
