//! The reserve: a file beside the store that is emptied when the volume is full.
//!
//! A checkpoint may have to extend the database, and a deletion writes to the log first. Both need
//! space, and a full volume has only this. The reserve does not know what the space is used for.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::lock::beside;
use crate::gateway::ops::file_modes::private;

/// Bytes of the reserve on a volume that is not small.
const RESERVE_BYTES: u64 = 4 << 20;

/// Divisor of the volume size: the reserve takes at most this part of a small volume.
const VOLUME_SHARE_DIVISOR: u64 = 16;

/// Time until the next try after the reserve could not be created.
const RETRY_DELAY: Duration = Duration::from_secs(60);

/// The reserve of a store.
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    state: Mutex<State>,
}

/// The state of the reserve.
enum State {
    /// The file has its space.
    Held,
    /// The file is empty.
    GivenUp,
    /// The file could not be created, at this time.
    Failed(Instant),
}

impl Reserve {
    /// Returns the reserve of a database on a volume of `volume` bytes. Does not create the file.
    pub(super) fn of(database: &Path, volume: u64) -> Self {
        let path = beside(database, ".reserve");
        let limit = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX) / 4;
        let bytes = RESERVE_BYTES.min(volume / VOLUME_SHARE_DIVISOR).min(limit);
        let held = std::fs::metadata(&path).is_ok_and(|file| file.len() >= bytes);
        let state = if held { State::Held } else { State::GivenUp };
        Self { path, bytes, state: Mutex::new(state) }
    }

    /// Returns the bytes that the reserve lacks.
    pub(super) fn missing(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::GivenUp) { self.bytes } else { 0 }
    }

    /// Empties the file but keeps its name. Returns true if that freed space.
    pub(super) fn release(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Held) {
            return false;
        }
        match File::options().write(true).open(&self.path).and_then(|file| file.set_len(0)) {
            Ok(()) => {
                *state = State::GivenUp;
                tracing::warn!(bytes = self.bytes, "disk full: the reserve file is released");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the reserve file cannot be released");
                false
            }
        }
    }

    /// Allocates the space again if the volume has enough: `free` bytes.
    pub(super) fn restore(&self, free: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = match *state {
            State::Held => false,
            State::GivenUp => true,
            State::Failed(at) => at.elapsed() > RETRY_DELAY,
        };
        // A quarter more than needed, so that the reserve is not allocated and released in turn.
        if !wanted || free < self.bytes.saturating_add(self.bytes / 4) {
            return;
        }
        *state = match allocate(&self.path, self.bytes) {
            Ok(()) => State::Held,
            Err(error) => {
                let file = self.path.display();
                tracing::warn!(%error, "no space is reserved in {file}");
                State::Failed(Instant::now())
            }
        };
    }
}

/// Creates a file with allocated space on the volume.
fn allocate(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = private().create(true).truncate(true).write(true).open(path)?;
    let allocated = match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&mut file, bytes),
        allocated => allocated.map_err(io::Error::from),
    };
    if allocated.is_err() {
        file.set_len(0)?;
    }
    allocated
}

fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), file)?;
    file.flush()
}
