//! Memory and disk usage of the gateway, sampled four times a second.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::volume::used;

/// One sample; memory in KiB.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) resident: u64,
    pub(super) peak: u64,
    /// Bytes of the store's files, and of its write-ahead log.
    pub(super) disk: u64,
    pub(super) log: u64,
}

pub(super) struct Watch {
    pid: AtomicU32,
    folder: PathBuf,
    over: AtomicBool,
    seen: Mutex<Vec<Seen>>,
}

impl Watch {
    pub(super) fn new(pid: u32, folder: &Path) -> Self {
        Self {
            pid: AtomicU32::new(pid),
            folder: folder.to_owned(),
            over: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    /// Samples another process from now on.
    pub(super) fn follow(&self, pid: u32) {
        self.pid.store(pid, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn run(&self) {
        while !self.over.load(Ordering::SeqCst) {
            let pid = self.pid.load(Ordering::SeqCst);
            // The process may have been killed at this moment.
            if let Some([resident, peak]) = memory(pid) {
                let (disk, log) = used(&self.folder);
                self.seen.lock().unwrap().push(Seen { pid, resident, peak, disk, log });
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn most(&self, of: impl Fn(&Seen) -> u64) -> u64 {
        self.seen.lock().unwrap().iter().map(of).max().unwrap()
    }

    /// Returns the peak memory (`VmHWM`) of all processes, in MiB.
    pub(super) fn peak_mib(&self) -> u64 {
        self.most(|seen| seen.peak) >> 10
    }

    /// Returns the peak disk usage of the store, and of the write-ahead log, in MiB.
    pub(super) fn disk(&self) -> (u64, u64) {
        (self.most(|seen| seen.disk) >> 20, self.most(|seen| seen.log) >> 20)
    }

    /// Returns the peak of `VmRSS` of the last process, in MiB: in the second quarter of its life,
    /// and in the second half.
    pub(super) fn growth(&self) -> (u64, u64) {
        let seen = self.seen.lock().unwrap();
        let last = seen.last().unwrap().pid;
        let of_last: Vec<u64> =
            seen.iter().filter(|seen| seen.pid == last).map(|seen| seen.resident >> 10).collect();
        let [quarter, half] = [of_last.len() / 4, of_last.len() / 2];
        let most = |part: &[u64]| part.iter().max().copied().unwrap_or_default();
        (most(&of_last[quarter..half]), most(&of_last[half..]))
    }
}

/// Returns `VmRSS` and `VmHWM` of a process.
fn memory(pid: u32) -> Option<[u64; 2]> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some([number("VmRSS")?, number("VmHWM")?])
}
