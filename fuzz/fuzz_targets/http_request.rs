//! Sends any bytes on a connection to the sender port: no panic and no status 500, and no listener
//! with a secret accepts a request, because only this process has the secret.

#![no_main]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use hookgate::engine::Time;
use hookgate::gateway::store::Mode;
use hookgate::gateway::{App, Clock, Configuration, SETTINGS_FILE, app, converse, open_store};
use hookgate_fuzz::listeners::{Fixture, NOW, fixtures, id};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};

const SETTINGS: &str = r#"
public_url = "https://hooks.example.com"
[server]
trusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]
[limits]
body = 4096
headers = 20
header_bytes = 8192
failures_per_minute = 1000000
challenges_per_minute = 1000000
"#;

/// The answer to an accepted request.
const ACCEPTED: &[u8] = b"Event received successfully";

/// The number of inputs for one store, before a new one replaces it.
const LIFE: usize = 20_000;

struct Gateway {
    app: Arc<App>,
    runtime: Runtime,
    inputs: usize,
    _folder: tempfile::TempDir,
}

thread_local! {
    static GATEWAY: RefCell<Option<Gateway>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    GATEWAY.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|gateway| gateway.inputs == LIFE) {
            *slot = None;
            *slot = Some(gateway());
        }
        let Some(Gateway { app, runtime, inputs, .. }) = slot else {
            return;
        };
        *inputs += 1;
        let answer = runtime.block_on(answer(app, input));
        for status in statuses(&answer) {
            assert_ne!(status, 500, "{}", answer.escape_ascii());
        }
        let accepted = answer.windows(ACCEPTED.len()).any(|window| window == ACCEPTED);
        assert!(!accepted || names_an_open_listener(input), "forged: {}", input.escape_ascii());
    });
});

/// Sends the input, and the start of another request, so that the server answers the first one
/// before it sees the end of the connection.
async fn answer(app: &Arc<App>, input: &[u8]) -> Vec<u8> {
    let (ours, theirs) = duplex(1 << 20);
    let (mut read, mut write) = tokio::io::split(ours);
    let talk = async move {
        let _ = write.write_all(input).await;
        let _ = write.write_all(b"GET / HT").await;
        let _ = write.shutdown().await;
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
        answer
    };
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let ((), answer) = tokio::join!(converse(app, theirs, peer), talk);
    answer
}

/// Returns the statuses of the responses in an HTTP/1 conversation.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let mark = b"HTTP/1.1 ";
    let starts = answer.windows(mark.len()).enumerate().filter(|(_, window)| window == mark);
    let status = |at: usize| std::str::from_utf8(answer.get(at..at + 3)?).ok()?.parse().ok();
    starts.filter_map(|(at, _)| status(at + mark.len())).collect()
}

/// Returns true if an input names a listener without a secret.
fn names_an_open_listener(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input).to_ascii_lowercase();
    // A path may be percent-encoded, and HTTP/2 compresses it, so the answer is unknown for them.
    let plain = !text.contains('%') && !text.starts_with("pri ");
    !plain || (0..3).any(|number| text.contains(&id(number)))
}

fn gateway() -> Gateway {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("listeners")).expect("a folder");
    std::fs::write(folder.path().join(SETTINGS_FILE), SETTINGS).expect("a file");
    let mut configuration =
        Configuration::read(folder.path(), true).expect("the settings are valid");
    for Fixture { secured, listener } in fixtures() {
        assert_eq!(secured, !(0..3).any(|number| *listener.id == *id(number)));
        configuration.listeners.insert(listener.id.clone(), listener);
    }
    let store = open_store(&configuration, Mode::Serve).expect("a store");
    let clock = Clock::pinned(Time::from_epoch(NOW.into()).expect("a time"));
    let app = runtime.block_on(app(configuration, store, clock)).expect("the gateway starts");
    Gateway { app, runtime, inputs: 0, _folder: folder }
}
