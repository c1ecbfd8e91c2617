//! The reserve: a file beside the store whose space is given up when the volume is full.
//!
//! A checkpoint may have to make the database longer, and a deletion writes to the log first. Both
//! need space, and on a full volume there is none but this.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::lock::beside;
use super::space::Measured;
use crate::gateway::file_modes::private;

/// Bytes of the reserve, on a volume that is not small.
const BYTES: u64 = 4 << 20;

/// Which part of a small volume the reserve may have.
const SHARE: u64 = 16;

/// How long until it is tried again to make a reserve that could not be made.
const PAUSE: Duration = Duration::from_secs(60);

/// The reserve of a store.
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    state: Mutex<State>,
}

/// Whether the reserve has its space.
enum State {
    Held,
    GivenUp,
    /// It could not be made.
    Failed(Instant),
}

impl Reserve {
    /// The reserve of a database on a volume. It is not made yet.
    pub(super) fn of(database: &Path, measured: &Measured) -> Self {
        let path = beside(database, ".reserve");
        let limit = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX) / 4;
        let bytes = BYTES.min(measured.total / SHARE).min(limit);
        let held = std::fs::metadata(&path).is_ok_and(|file| file.len() >= bytes);
        let state = if held { State::Held } else { State::GivenUp };
        Self { path, bytes, state: Mutex::new(state) }
    }

    /// Bytes that the reserve lacks.
    pub(super) fn missing(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::GivenUp) { self.bytes } else { 0 }
    }

    /// Gives the space up. The name stays. Returns whether there was space to give up.
    pub(super) fn release(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Held) {
            return false;
        }
        match File::options().write(true).open(&self.path).and_then(|file| file.set_len(0)) {
            Ok(()) => {
                *state = State::GivenUp;
                tracing::warn!(bytes = self.bytes, "the volume is full: the reserve is given up");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the reserve cannot be given up");
                false
            }
        }
    }

    /// Takes the space again if there is enough of it.
    pub(super) fn restore(&self, measured: &Measured) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = match *state {
            State::Held => false,
            State::GivenUp => true,
            State::Failed(at) => at.elapsed() > PAUSE,
        };
        // A quarter more, so that it is not taken and given up in turn.
        if !wanted || measured.free < self.bytes.saturating_add(self.bytes / 4) {
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

/// Makes a file of so many bytes that have their place on the volume.
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
