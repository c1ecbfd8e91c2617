//! The clock by which retention deletes rows. The system clock may be wrong. Deletes nothing
//! itself.
//!
//! A clock that is set far forward makes all rows old at once. Deletion ignores the forward skew
//! for one day, in which an operator can correct the clock.

use std::time::{Duration, Instant};

use super::clock::{Clock, ClockSkewDetector, UnixMicros, micros_in};

/// Forward skew below which the clock is trusted: a small skew makes rows only slightly older.
const SKEW_THRESHOLD: Duration = Duration::from_secs(3600);

/// Longest downtime before a start. A longer gap is treated as forward skew.
const MAX_DOWNTIME: Duration = Duration::from_secs(86_400);

/// Time for which a forward skew is ignored.
const SKEW_QUARANTINE: Duration = Duration::from_secs(86_400);

/// The time by which rows age.
pub(in crate::gateway) struct RetentionClock {
    clock: Clock,
    skew: ClockSkewDetector,
    /// Forward skew in microseconds, and the time when it was detected.
    forward_skew: Option<(i64, Instant)>,
}

impl RetentionClock {
    /// Returns the clock. `newest` is the time of the latest stored request, if known.
    pub(in crate::gateway) fn new(clock: &Clock, newest: Option<UnixMicros>) -> Self {
        let mut retention_clock = Self {
            clock: clock.clone(),
            skew: ClockSkewDetector::new(clock.clone()),
            forward_skew: None,
        };
        let since = newest.map_or(0, |newest| clock.micros().since(newest));
        if since > micros_in(MAX_DOWNTIME) {
            retention_clock.record_skew(since);
        }
        retention_clock
    }

    /// Returns the time, without a forward skew that is still ignored.
    pub(in crate::gateway) fn now(&mut self) -> UnixMicros {
        if let Some(by) = self.skew.was_set() {
            self.record_skew(by);
        }
        let now = self.clock.micros();
        match self.forward_skew {
            Some((by, at)) if at.elapsed() < SKEW_QUARANTINE => now.saturating_sub(by),
            _ => now,
        }
    }

    /// Records that the clock was set: forward, or back after a forward skew.
    fn record_skew(&mut self, by: i64) {
        let before = self.forward_skew.map_or(0, |(before, _)| before);
        let ahead = before.saturating_add(by);
        if ahead < micros_in(SKEW_THRESHOLD) {
            self.forward_skew = None;
            return;
        }
        let hours = ahead / micros_in(SKEW_THRESHOLD);
        tracing::warn!(
            hours,
            "clock skew: the clock was set forward, and old rows are deleted in a day"
        );
        self.forward_skew = Some((ahead, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, RetentionClock, micros_in};
    use crate::gateway::ops::clock::{UnixMicros, time_of};
    use std::time::Duration;

    const HOUR: i64 = 3_600_000_000;

    /// The clock of the test stands still, and the time between two looks passes all the same.
    fn assert_near(found: i64, expected: i64) {
        assert!(found.abs_diff(expected) < 1_000_000, "{found} is not near {expected}");
    }

    #[test]
    fn retention_ignores_a_clock_that_was_just_set_forward() {
        let clock = Clock::pinned(time_of(UnixMicros::new(1000 * HOUR)));
        let mut retention_clock = RetentionClock::new(&clock, Some(UnixMicros::new(999 * HOUR)));
        assert_near(retention_clock.now().get(), 1000 * HOUR);
        clock.set(time_of(UnixMicros::new(9000 * HOUR)));
        assert_near(retention_clock.now().get(), 1000 * HOUR);
        clock.set(time_of(UnixMicros::new(9001 * HOUR)));
        assert_near(retention_clock.now().get(), 1000 * HOUR);
        clock.set(time_of(UnixMicros::new(1000 * HOUR)));
        assert_near(retention_clock.now().get(), 1000 * HOUR);
    }

    #[test]
    fn retention_follows_small_clock_steps_and_a_clock_set_back() {
        let clock = Clock::pinned(time_of(UnixMicros::new(1000 * HOUR)));
        let mut retention_clock = RetentionClock::new(&clock, None);
        for at in [1000 * HOUR + micros_in(Duration::from_secs(60)), 900 * HOUR] {
            clock.set(time_of(UnixMicros::new(at)));
            assert_eq!(retention_clock.now(), UnixMicros::new(at));
        }
    }

    #[test]
    fn retention_deletes_nothing_at_a_start_long_after_the_last_request() {
        let clock = Clock::pinned(time_of(UnixMicros::new(9000 * HOUR)));
        assert_eq!(
            RetentionClock::new(&clock, Some(UnixMicros::new(1000 * HOUR))).now(),
            UnixMicros::new(1000 * HOUR)
        );
        assert_eq!(
            RetentionClock::new(&clock, Some(UnixMicros::new(8990 * HOUR))).now(),
            UnixMicros::new(9000 * HOUR)
        );
    }
}
