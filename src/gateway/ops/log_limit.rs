//! The limit on log lines that others can cause in any number: about the requests of unverified
//! senders, for each listener, and about the failing programs of subscribers, for each tenant. Does
//! not know the lines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one listener or tenant in one `WINDOW`.
const MAX_LINES: u32 = 20;

/// Time in which the lines are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// The lines of each listener and tenant. Operators name them, so the map stays small.
#[derive(Debug, Default)]
pub(in crate::gateway) struct LogLimit(Mutex<HashMap<Box<str>, Lines>>);

#[derive(Debug)]
struct Lines {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl LogLimit {
    /// Returns the number of lines that were suppressed since the last one, if a line may be
    /// written now. Returns `None` if this line is suppressed too.
    pub(in crate::gateway) fn admit(&self, owner: &str, now: Instant) -> Option<u64> {
        // The map is consistent at any time, so a panic elsewhere leaves nothing half done.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(owner) {
            all.insert(owner.into(), Lines { since: now, lines: 0, suppressed: 0 });
        }
        let lines = all.get_mut(owner)?;
        if now.saturating_duration_since(lines.since) >= WINDOW {
            (lines.since, lines.lines) = (now, 0);
        }
        if lines.lines >= MAX_LINES {
            lines.suppressed = lines.suppressed.saturating_add(1);
            return None;
        }
        lines.lines += 1;
        Some(std::mem::take(&mut lines.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{LogLimit, MAX_LINES, WINDOW};

    #[test]
    fn log_lines_of_a_listener_are_rate_limited_and_suppressed_ones_counted() {
        let (limit, now) = (LogLimit::default(), Instant::now());
        let admitted = (0..100).filter_map(|_| limit.admit("a", now)).count();
        assert_eq!(admitted, MAX_LINES as usize);
        assert_eq!(limit.admit("b", now), Some(0), "another listener has lines of its own");
        assert_eq!(limit.admit("a", now + WINDOW), Some(80));
        assert_eq!(limit.admit("a", now + WINDOW), Some(0), "it is said once");
    }
}
