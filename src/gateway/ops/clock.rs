//! The clock of the gateway: the system clock, or a clock that a test sets. Also detects clock
//! skew.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::engine::Time;

/// Keeps ids of the same moment in order of creation.
static ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A time in microseconds since the epoch, UTC, in the years 0 to 9999. Arithmetic stays in this
/// range, so every value has a [`Time`]. Spans are plain microseconds, or a [`Duration`].
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMicros(i64);

impl UnixMicros {
    /// The first microsecond of the year 0.
    pub const MIN: Self = Self(-62_167_219_200_000_000);

    /// The last microsecond of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// Returns the time of a number of microseconds; the nearest one if it is out of range.
    pub const fn new(micros: i64) -> Self {
        match micros {
            below if below < Self::MIN.0 => Self::MIN,
            above if above > Self::MAX.0 => Self::MAX,
            _ => Self(micros),
        }
    }

    /// Returns the time of a number of microseconds; `None` if it is out of range.
    pub fn checked(micros: i64) -> Option<Self> {
        Some(Self::new(micros)).filter(|at| at.0 == micros)
    }

    /// Returns the microseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the time a span later, in microseconds.
    #[must_use]
    pub fn saturating_add(self, span: i64) -> Self {
        Self::new(self.0.saturating_add(span))
    }

    /// Returns the time a span earlier, in microseconds.
    #[must_use]
    pub fn saturating_sub(self, span: i64) -> Self {
        Self::new(self.0.saturating_sub(span))
    }

    /// Returns the microseconds since an earlier time; negative if that is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

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
            micros.store(micros_of(at).get(), Ordering::SeqCst);
        }
    }

    /// Returns the time in microseconds since the epoch.
    pub fn micros(&self) -> UnixMicros {
        UnixMicros::new(match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                micros_in(since)
            }
            Self::Pinned(micros) => micros.load(Ordering::SeqCst),
        })
    }

    /// Returns a new id: a UUID version 7. The id begins with the time, so ids sort by time.
    pub fn id(&self) -> Uuid {
        // Ids begin at the epoch.
        let micros = u64::try_from(self.micros().get()).unwrap_or(0);
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
    micros: UnixMicros,
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
        let by = micros.since(self.micros).saturating_sub(passed);
        (self.at, self.micros) = (at, micros);
        (by.saturating_abs() >= SKEW_THRESHOLD_MICROS).then_some(by)
    }
}

/// Converts a time to microseconds since the epoch.
pub fn micros_of(time: Time) -> UnixMicros {
    UnixMicros::new(time.get().timestamp_micros())
}

/// Converts a duration to microseconds; `i64::MAX` if it is too long.
pub fn micros_in(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Converts microseconds since the epoch to a time in UTC.
pub fn time_of(at: UnixMicros) -> Time {
    let at = DateTime::from_timestamp_micros(at.get()).map(|at| at.fixed_offset());
    // The range of `UnixMicros` is that of `Time`.
    at.and_then(Time::new).unwrap_or(Time::EPOCH)
}

#[cfg(test)]
mod tests {
    use super::{UnixMicros, micros_of, time_of};

    #[test]
    fn every_time_in_microseconds_has_a_time_and_arithmetic_stays_in_the_range() {
        for at in [UnixMicros::MIN, UnixMicros::new(0), UnixMicros::MAX] {
            assert_eq!(micros_of(time_of(at)), at);
            assert_eq!(UnixMicros::checked(at.get()), Some(at));
        }
        assert_eq!(time_of(UnixMicros::MIN).to_string(), "0000-01-01T00:00:00Z");
        assert_eq!(UnixMicros::MAX.saturating_add(1), UnixMicros::MAX);
        assert_eq!(UnixMicros::MIN.saturating_sub(i64::MAX), UnixMicros::MIN);
        assert_eq!(UnixMicros::new(i64::MAX), UnixMicros::MAX);
        assert_eq!(UnixMicros::checked(UnixMicros::MAX.get() + 1), None);
        assert_eq!(UnixMicros::new(3).since(UnixMicros::new(5)), -2);
    }
}
