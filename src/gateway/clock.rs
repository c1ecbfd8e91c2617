//! The clock of the gateway: the system's, or one that a test sets.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::engine::Time;

/// Keeps ids of one moment in the order they were made.
static ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A clock.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that stands still where it was set, in microseconds since the epoch.
    Pinned(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still.
    pub fn pinned(at: Time) -> Self {
        let clock = Self::Pinned(Arc::default());
        clock.set(at);
        clock
    }

    /// Sets a clock that stands still; the system's is left alone.
    pub fn set(&self, at: Time) {
        if let Self::Pinned(micros) = self {
            micros.store(micros_of(at), Ordering::SeqCst);
        }
    }

    /// The time in microseconds since the epoch.
    pub fn micros(&self) -> i64 {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                micros_in(since)
            }
            Self::Pinned(micros) => micros.load(Ordering::SeqCst),
        }
    }

    /// A new id: a UUID of version 7, which begins with the time, so that ids sort by it.
    pub fn id(&self) -> Uuid {
        let micros = u64::try_from(self.micros()).unwrap_or(0);
        let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1000;
        // An order is whole at any time, so a panic elsewhere leaves nothing half done.
        let order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Timestamp::from_unix(&*order, micros / 1_000_000, nanos);
        Uuid::new_v7(at)
    }

    /// The time.
    pub fn now(&self) -> Time {
        time_of(self.micros())
    }
}

/// What steers a clock gently moves it by less than this between two looks.
const SET: i64 = 10 * 1_000_000;

/// Notices when a clock is set, by the time that went by.
#[derive(Debug)]
pub(super) struct Steady {
    clock: Clock,
    at: Instant,
    micros: i64,
}

impl Steady {
    /// Looks at a clock for the first time.
    pub(super) fn new(clock: Clock) -> Self {
        let micros = clock.micros();
        Self { clock, at: Instant::now(), micros }
    }

    /// By how many microseconds the clock was set since it was last looked at: forward, or back
    /// where they are negative; none where it only went on.
    pub(super) fn was_set(&mut self) -> Option<i64> {
        let (at, micros) = (Instant::now(), self.clock.micros());
        let passed = micros_in(at.saturating_duration_since(self.at));
        let by = micros.saturating_sub(self.micros).saturating_sub(passed);
        (self.at, self.micros) = (at, micros);
        (by.saturating_abs() >= SET).then_some(by)
    }
}

/// A time in microseconds since the epoch.
pub fn micros_of(time: Time) -> i64 {
    time.get().timestamp_micros()
}

/// A span in microseconds; what is longer than they can count is as long as they can.
pub fn micros_in(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// The time of microseconds since the epoch, in UTC; what no time can be is the epoch.
pub fn time_of(micros: i64) -> Time {
    let at = DateTime::from_timestamp_micros(micros).map(|at| at.fixed_offset());
    at.and_then(Time::new).unwrap_or(Time::EPOCH)
}
