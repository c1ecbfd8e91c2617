//! Fault injection: faults of the disk, the store, the clock, the system and the configuration. In
//! all of them: no 200 for an event that is not stored, no 500, the process stays alive, a log line
//! names the fault, and the gateway recovers when the fault ends.

mod clock;
mod descriptors;
mod disk;
mod log;
mod receiver;
mod reload;
mod restore;
mod secrets;
mod sigstop;
mod store;
mod volume;
mod wal;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hookgate::gateway::store::{
    EventFilter, EventRecord, Mode, RequestStore, SqliteOptions, SqliteStore,
};

use super::running::{Answer, Folder, Gateway, LISTENER, binary};

/// The file of a listener that accepts any request, with a high rate limit.
pub(super) const OPEN: &str = "name = \"Open\"\ntenant = \"acme\"\n\n[rate_limit]\n\
    requests = 1000000\nburst = 1000000\n";

/// Returns a folder with a listener that accepts any request, with additional settings and keys.
pub(super) fn open(settings: &str, more: &str) -> Folder {
    let folder = Folder::with_listener("");
    folder.settings(settings);
    std::fs::remove_file(folder.path().join("listeners/github.toml")).unwrap();
    folder.write("listeners/open.toml", &format!("id = \"{LISTENER}\"\n{OPEN}{more}"));
    folder
}

/// Posts an event with an id, and a random text of a length.
pub(super) fn post(gateway: &Gateway, id: usize, length: usize) -> Answer {
    let body = serde_json::json!({ "id": id, "text": noise(id, length) }).to_string();
    gateway.post(&[("Content-Type", "application/json")], body.as_bytes())
}

/// Returns a text that does not compress well.
fn noise(seed: usize, length: usize) -> String {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
                [(state >> 58) as usize],
        )
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Returns every stored event, in order.
pub(super) fn events(path: &Path) -> Vec<EventRecord> {
    let store = SqliteStore::open(SqliteOptions::new(path, Mode::Command)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut all = Vec::new();
    let mut filter = EventFilter { limit: 1000, ..EventFilter::default() };
    loop {
        let some = runtime.block_on(store.events(&filter)).unwrap();
        let Some(last) = some.last() else {
            return all;
        };
        filter.after = Some(last.place);
        all.extend(some);
    }
}

/// Returns the ids in the data of the stored events.
pub(super) fn ids(path: &Path) -> Vec<usize> {
    let id = |event: EventRecord| {
        let data: serde_json::Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
        data["id"].as_u64().unwrap() as usize
    };
    events(path).into_iter().map(id).collect()
}

/// Returns the program, started by a shell after a command that sets limits.
pub(super) fn with_shell_limits(first: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{first}; exec \"$0\" \"$@\""), &binary()]);
    command
}

/// Polls a condition. Panics after 20 seconds with a description of the state.
pub(super) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    wait_until_mut(what, holds);
}

/// The same, for a condition that changes a state.
fn wait_until_mut(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
