//! Faults from outside: of the disk, of the store, of the clock, of the system, of who is at work
//! on the configuration. What holds in all of them: no 200 for what is not stored, no 500, the
//! process stays, a line in the log says what it is, and it ends with the fault.

mod clock;
mod descriptors;
mod disk;
mod log;
mod receiver;
mod reload;
mod restored;
mod secrets;
mod stopped;
mod store;
mod volume;
mod wal;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hookgate::gateway::store::{EventFilter, EventRecord, Mode, SqliteOptions, SqliteStore, Store};

use super::running::{Answer, Folder, Gateway, LISTENER, binary};

/// The listener's file: it takes anything, however much comes.
pub(super) const OPEN: &str = "name = \"Open\"\ntenant = \"acme\"\n\n[rate_limit]\n\
    requests = 1000000\nburst = 1000000\n";

/// A folder with a listener that takes anything, and what else its file and the settings say.
pub(super) fn open(settings: &str, more: &str) -> Folder {
    let folder = Folder::with_listener("");
    folder.settings(settings);
    std::fs::remove_file(folder.path().join("listeners/github.toml")).unwrap();
    folder.write("listeners/open.toml", &format!("id = \"{LISTENER}\"\n{OPEN}{more}"));
    folder
}

/// Posts an event with an id, and a text so long that nothing makes shorter.
pub(super) fn post(gateway: &Gateway, id: usize, length: usize) -> Answer {
    let body = serde_json::json!({ "id": id, "text": noise(id, length) }).to_string();
    gateway.post(&[("Content-Type", "application/json")], body.as_bytes())
}

/// A text that does not compress well.
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

/// Every event that is stored, in their order.
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

/// The ids that stand in their data.
pub(super) fn ids(path: &Path) -> Vec<usize> {
    let id = |event: EventRecord| {
        let data: serde_json::Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
        data["id"].as_u64().unwrap() as usize
    };
    events(path).into_iter().map(id).collect()
}

/// Runs the program under what a shell says first: limits that are its own.
pub(super) fn under(first: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{first}; exec \"$0\" \"$@\""), &binary()]);
    command
}

/// Asks until it holds, as what ends by itself does within moments.
pub(super) fn until(what: &str, holds: impl Fn() -> bool) {
    until_mut(what, holds);
}

/// The same, with something that changes each time.
fn until_mut(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
