//! How many files may be open, and how many connections that leaves room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the store, the log and the files of the configuration need besides connections.
const OWN: usize = 64;

/// Lets this process open as many files as it may let itself; answers how many that are.
pub(in crate::gateway) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// So many connections as are wanted, and no more than leave room for the store and for
/// deliveries: senders that only connect must not keep those from what they need.
pub(in crate::gateway) fn connections(wanted: usize, files: usize, in_flight: usize) -> usize {
    let others = in_flight.saturating_add(OWN).min(files / 2);
    wanted.min(files - others).max(1)
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn connections_leave_room_for_deliveries_and_the_store() {
        assert_eq!(connections(12_000, usize::MAX, 512), 12_000);
        assert_eq!(connections(12_000, 20_000, 512), 12_000);
        assert_eq!(connections(12_000, 4096, 512), 4096 - 512 - 64);
        assert_eq!(connections(12_000, 100, 512), 50);
        assert_eq!(connections(12_000, 0, 512), 1);
    }
}
