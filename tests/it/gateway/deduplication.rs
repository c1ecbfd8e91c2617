//! Deduplication in the store compared with a model: a table of the first request and its time for
//! each key.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hookgate::gateway::UnixMicros;
use hookgate::gateway::store::{
    Entry, Kept, MaintenanceStore, Mode, RequestStore, Retention, SqliteOptions, SqliteStore,
    StoreError,
};
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::store::{entry, run};

const SECOND: i64 = 1_000_000;

/// The first request with a key.
#[derive(Clone, Debug, PartialEq)]
struct First {
    request: String,
    at: i64,
}

/// The model of deduplication.
#[derive(Default)]
struct Model {
    firsts: HashMap<(u8, u8), First>,
}

impl Model {
    /// Returns the first requests with one of the keys, within the window. Without one, this
    /// request is the first for all of its keys.
    fn keep(
        &mut self,
        listener: u8,
        keys: &[u8],
        window: i64,
        request: &str,
        now: i64,
    ) -> Vec<First> {
        let known = keys.iter().filter_map(|key| self.firsts.get(&(listener, *key)));
        let known: Vec<First> = known.filter(|first| now < first.at + window).cloned().collect();
        if known.is_empty() {
            for key in keys {
                let first = First { request: request.to_owned(), at: now };
                self.firsts.insert((listener, *key), first);
            }
        }
        known
    }
}

/// A request: the time since the previous one, its listener, and its deduplication keys.
type Arrival = (i64, u8, Vec<u8>);

/// An action on a store.
#[derive(Clone, Debug)]
enum Step {
    Request(Arrival),
    /// A request that cannot be stored.
    Fails(Arrival),
    /// Old rows are pruned.
    Prune,
    /// The store is closed and opened again.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![Just(0), Just(1), 0..SECOND, 0..4 * SECOND, Just(10 * SECOND)];
    let arrival = (wait, 0..2u8, vec(0..5u8, 1..3));
    let step = prop_oneof![
        12 => arrival.clone().prop_map(Step::Request),
        2 => arrival.prop_map(Step::Fails),
        1 => Just(Step::Prune),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..40)
}

fn request_entry(id: &str, listener: u8, keys: &[u8], window: i64, now: i64) -> Entry {
    let mut request_entry = entry(id, Some(0), now);
    request_entry.request.listener_id = format!("listener-{listener}").into();
    let claim = request_entry.dedup.as_mut().unwrap();
    claim.keys = keys.iter().map(|key| [*key; 32]).collect();
    claim.window_us = window;
    request_entry
}

/// Opens a store whose deduplication index in memory has this number of keys.
fn opened(folder: &Path, recent_keys: usize) -> SqliteStore {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut options = SqliteOptions::new(folder.join("store.db"), Mode::Serve);
        options.recent_keys = recent_keys;
        match SqliteStore::open(options) {
            // A child process of another test has every open file of this one for a moment,
            // including the lock of a closed store.
            Err(StoreError::Locked(_)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            store => return store.unwrap(),
        }
    }
}

/// Only keys are old.
const RETENTION: Retention = Retention {
    requests_us: i64::MAX,
    events_us: i64::MAX,
    deliveries_us: i64::MAX,
    diverted_us: i64::MAX,
    refused_us: i64::MAX,
    challenges_us: i64::MAX,
    audit_us: i64::MAX,
    max_bytes: None,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deduplication_in_the_store_agrees_with_the_model(
        steps in steps(),
        window in 1..8i64,
        recent in prop_oneof![Just(0), Just(3), Just(1000)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Some(opened(folder.path(), recent));
        let mut model = Model::default();
        let (mut now, window) = (0, window * SECOND);
        run(store.as_ref().unwrap().keep(request_entry("taken", 9, &[9], window, 0), UnixMicros::new(0))).unwrap();
        for (at, step) in steps.into_iter().enumerate() {
            let here = store.as_ref().unwrap();
            match step {
                Step::Request((wait, listener, keys)) => {
                    now += wait;
                    let id = format!("r{at}");
                    let known = model.keep(listener, &keys, window, &id, now);
                    match run(here.keep(request_entry(&id, listener, &keys, window, now), UnixMicros::new(now))).unwrap() {
                        Kept::New => prop_assert!(known.is_empty(), "{id}: {known:?}"),
                        Kept::Duplicate { first_request, first_at } => {
                            let first = First { request: first_request.to_string(), at: first_at.get() };
                            prop_assert!(known.contains(&first), "{id}: {first:?}, not {known:?}");
                        }
                    }
                }
                Step::Fails((wait, listener, keys)) => {
                    now += wait;
                    let twice = request_entry("taken", listener, &keys, window, now);
                    prop_assert!(run(here.keep(twice, UnixMicros::new(now))).is_err());
                }
                Step::Prune => {
                    let pruned = run(here.prune(&RETENTION, UnixMicros::new(now), 100)).unwrap();
                    prop_assert!(!pruned.more);
                }
                Step::Reopen => {
                    run(here.close()).unwrap();
                    drop(store.take());
                    store = Some(opened(folder.path(), recent));
                }
            }
        }
    }
}

/// An arbitrary hash.
fn hash(of: u64) -> [u8; 32] {
    Sha256::digest(of.to_le_bytes()).into()
}

#[test]
fn deduplication_keys_on_disk_are_found_and_expire_like_those_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let window = 60 * SECOND;
    let many = |id: &str, keys: std::ops::Range<u64>, now: i64| {
        let mut request_entry = request_entry(id, 1, &[], window, now);
        request_entry.dedup.as_mut().unwrap().keys = keys.map(hash).collect();
        request_entry
    };
    let store = opened(folder.path(), 500);
    run(async {
        for at in 0..600 {
            let keys = 10 * at..10 * (at + 1);
            let stored = store
                .keep(many(&format!("r{at}"), keys, SECOND), UnixMicros::new(SECOND))
                .await
                .unwrap();
            assert!(matches!(stored, Kept::New), "{at}");
        }
        store.close().await.unwrap();
    });
    drop(store);
    let rows = |table: &str| -> i64 {
        let connection = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
        connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap()
    };
    assert!(rows("dedup") > 1000, "{}", rows("dedup"));
    assert!(rows("dedup") + rows("dedup_recent") >= 6000);
    let store = opened(folder.path(), 500);
    run(async {
        for at in 0..6000 {
            let again = many(&format!("again {at}"), at..at + 1, 2 * SECOND);
            let Kept::Duplicate { first_request, .. } =
                store.keep(again, UnixMicros::new(2 * SECOND)).await.unwrap()
            else {
                panic!("{at} was not found");
            };
            assert_eq!(first_request, *format!("r{}", at / 10));
        }
        while store.prune(&RETENTION, UnixMicros::new(200 * SECOND), 1000).await.unwrap().more {}
        store.close().await.unwrap();
    });
    assert_eq!((rows("dedup"), rows("dedup_recent")), (0, 0));
}
