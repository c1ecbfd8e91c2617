//! The clock of the gateway: the system clock, or a clock that a test sets. Also detects clock
//! skew.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::engine::Time;

/// Keeps ids of the same moment in order of creation.
static ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A clock.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A clock that stands still, in microseconds since the epoch.
    Pinned(Arc<AtomicI64>),
}

impl Clock {
    /// Returns a clock that stands still.
    pub fn pinned(at: Time) -> Self {
        let clock = Self::Pinned(Arc::default());
        clock.set(at);
        clock
    }

    /// Sets a pinned clock. Has no effect on the system clock.
    pub fn set(&self, at: Time) {
        if let Self::Pinned(micros) = self {
            micros.store(micros_of(at), Ordering::SeqCst);
        }
    }

    /// Returns the time in microseconds since the epoch.
    pub fn micros(&self) -> i64 {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                micros_in(since)
            }
            Self::Pinned(micros) => micros.load(Ordering::SeqCst),
        }
    }

    /// Returns a new id: a UUID version 7. The id begins with the time, so ids sort by time.
    pub fn id(&self) -> Uuid {
        let micros = u64::try_from(self.micros()).unwrap_or(0);
        let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1000;
        // The context is valid at any time, so a panic elsewhere leaves no partial change.
        let order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Timestamp::from_unix(&*order, micros / 1_000_000, nanos);
        Uuid::new_v7(at)
    }

    /// Returns the time.
    pub fn now(&self) -> Time {
        time_of(self.micros())
    }
}

/// Deviation that counts as a clock that was set, in microseconds. Time synchronisation that slews
/// a clock moves it by less between two calls.
const SKEW_THRESHOLD_MICROS: i64 = 10 * 1_000_000;

/// A detector for clocks that are set: it compares the clock with the elapsed time.
#[derive(Debug)]
pub(in crate::gateway) struct ClockSkewDetector {
    clock: Clock,
    at: Instant,
    micros: i64,
}

impl ClockSkewDetector {
    /// Starts with the current time of a clock.
    pub(in crate::gateway) fn new(clock: Clock) -> Self {
        let micros = clock.micros();
        Self { clock, at: Instant::now(), micros }
    }

    /// Returns the microseconds by which the clock was set since the last call: positive for
    /// forward, negative for back. Returns `None` if the clock was not set.
    pub(in crate::gateway) fn was_set(&mut self) -> Option<i64> {
        let (at, micros) = (Instant::now(), self.clock.micros());
        let passed = micros_in(at.saturating_duration_since(self.at));
        let by = micros.saturating_sub(self.micros).saturating_sub(passed);
        (self.at, self.micros) = (at, micros);
        (by.saturating_abs() >= SKEW_THRESHOLD_MICROS).then_some(by)
    }
}

/// Converts a time to microseconds since the epoch.
pub fn micros_of(time: Time) -> i64 {
    time.get().timestamp_micros()
}

/// Converts a duration to microseconds; `i64::MAX` if it is too long.
pub fn micros_in(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Converts microseconds since the epoch to a time in UTC; the epoch if they are out of range.
pub fn time_of(micros: i64) -> Time {
    let at = DateTime::from_timestamp_micros(micros).map(|at| at.fixed_offset());
    at.and_then(Time::new).unwrap_or(Time::EPOCH)
}
