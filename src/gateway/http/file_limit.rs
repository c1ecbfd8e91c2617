//! The limit on open files, and the number of connections that it allows. Knows only the numbers,
//! not the files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors for the store, the log and the configuration files.
const RESERVED_FILES: usize = 64;

/// Raises the soft limit on open files of this process to its hard limit. Returns the limit.
pub(in crate::gateway) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// Returns the number of connections: as many as `wanted`, but few enough to leave file descriptors
/// for the store and for deliveries. Senders that only connect must not use those up.
pub(in crate::gateway) fn connections(wanted: usize, files: usize, in_flight: usize) -> usize {
    let others = in_flight.saturating_add(RESERVED_FILES).min(files / 2);
    wanted.min(files - others).max(1)
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn connection_limit_reserves_file_descriptors_for_deliveries_and_the_store() {
        assert_eq!(connections(12_000, usize::MAX, 512), 12_000);
        assert_eq!(connections(12_000, 20_000, 512), 12_000);
        assert_eq!(connections(12_000, 4096, 512), 4096 - 512 - 64);
        assert_eq!(connections(12_000, 100, 512), 50);
        assert_eq!(connections(12_000, 0, 512), 1);
    }
}
