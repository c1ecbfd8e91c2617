//! How old things are, for whoever deletes them: by a clock that may be wrong.
//!
//! A clock that is set far forward makes everything old at once. What would be deleted for it
//! waits a day, in which the clock can be put right.

use std::time::{Duration, Instant};

use super::clock::{Clock, Steady, micros_in};

/// A clock that is ahead by less than this makes little older than it is.
const LEAP: Duration = Duration::from_secs(3600);

/// What came while the gateway did not run is no leap, unless it was longer than this.
const PAUSE: Duration = Duration::from_secs(86_400);

/// How long a leap forward is not believed.
const DOUBT: Duration = Duration::from_secs(86_400);

/// The time that ages are counted from.
pub(super) struct Ages {
    clock: Clock,
    steady: Steady,
    /// By how many microseconds the clock leapt forward, and when.
    leap: Option<(i64, Instant)>,
}

impl Ages {
    /// By a clock, and the time of the last that is known to have happened.
    pub(super) fn new(clock: &Clock, newest: Option<i64>) -> Self {
        let mut ages =
            Self { clock: clock.clone(), steady: Steady::new(clock.clone()), leap: None };
        let since = newest.map_or(0, |newest| clock.micros().saturating_sub(newest));
        if since > micros_in(PAUSE) {
            ages.leapt(since);
        }
        ages
    }

    /// The time, without a leap that is not believed yet.
    pub(super) fn now(&mut self) -> i64 {
        if let Some(by) = self.steady.was_set() {
            self.leapt(by);
        }
        let now = self.clock.micros();
        match self.leap {
            Some((by, at)) if at.elapsed() < DOUBT => now.saturating_sub(by),
            _ => now,
        }
    }

    /// The clock was set: forward, or back from where it had leapt.
    fn leapt(&mut self, by: i64) {
        let before = self.leap.map_or(0, |(before, _)| before);
        let ahead = before.saturating_add(by);
        if ahead < micros_in(LEAP) {
            self.leap = None;
            return;
        }
        let hours = ahead / micros_in(LEAP);
        tracing::warn!(hours, "the clock leapt forward: what is old by it is deleted in a day");
        self.leap = Some((ahead, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::{Ages, Clock, micros_in};
    use crate::gateway::clock::time_of;
    use std::time::Duration;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn nothing_is_older_for_a_clock_that_was_set_forward_a_moment_ago() {
        let clock = Clock::pinned(time_of(1000 * HOUR));
        let mut ages = Ages::new(&clock, Some(999 * HOUR));
        assert_eq!(ages.now(), 1000 * HOUR);
        clock.set(time_of(9000 * HOUR));
        assert_eq!(ages.now(), 1000 * HOUR);
        clock.set(time_of(9001 * HOUR));
        assert_eq!(ages.now(), 1000 * HOUR);
        clock.set(time_of(1000 * HOUR));
        assert_eq!(ages.now(), 1000 * HOUR);
    }

    #[test]
    fn what_steers_a_clock_and_a_clock_that_is_set_back_are_believed() {
        let clock = Clock::pinned(time_of(1000 * HOUR));
        let mut ages = Ages::new(&clock, None);
        for at in [1000 * HOUR + micros_in(Duration::from_secs(60)), 900 * HOUR] {
            clock.set(time_of(at));
            assert_eq!(ages.now(), at);
        }
    }

    #[test]
    fn a_gateway_that_starts_long_after_its_last_request_deletes_nothing_at_once() {
        let clock = Clock::pinned(time_of(9000 * HOUR));
        assert_eq!(Ages::new(&clock, Some(1000 * HOUR)).now(), 1000 * HOUR);
        assert_eq!(Ages::new(&clock, Some(8990 * HOUR)).now(), 9000 * HOUR);
    }
}
