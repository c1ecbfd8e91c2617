//! Deduplication in the store against a model: a table of who was first with which key, and when.

use std::collections::HashMap;

use hookgate::gateway::store::{Entry, Kept, Store};
use proptest::collection::vec;
use proptest::prelude::*;

use super::store::{entry, open, run};

const SECOND: i64 = 1_000_000;

/// What is remembered of a key.
#[derive(Clone, Debug, PartialEq)]
struct First {
    request: String,
    at: i64,
}

/// Deduplication as one explains it.
#[derive(Default)]
struct Model {
    firsts: HashMap<(u8, u8), First>,
}

impl Model {
    /// The firsts that are still remembered of one of the keys; where there is none, this request is
    /// the first of all of them.
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

/// A request: after how long it comes, to which listener, and by which keys it is recognised.
type Arrival = (i64, u8, Vec<u8>);

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let wait = prop_oneof![Just(0), Just(1), 0..SECOND, 0..4 * SECOND, Just(10 * SECOND)];
    vec((wait, 0..2u8, vec(0..5u8, 1..3)), 1..25)
}

fn asked(id: &str, listener: u8, keys: &[u8], window: i64, now: i64) -> Entry {
    let mut asked = entry(id, Some(0), now);
    asked.request.listener_id = format!("listener-{listener}");
    let claim = asked.dedup.as_mut().unwrap();
    claim.keys = keys.iter().map(|key| [*key; 32]).collect();
    claim.window_us = window;
    asked
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_window_of_deduplication_takes_what_the_model_takes(arrivals in arrivals(), window in 1..8i64) {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut model = Model::default();
        let (mut now, window) = (0, window * SECOND);
        for (at, (wait, listener, keys)) in arrivals.into_iter().enumerate() {
            now += wait;
            let id = format!("r{at}");
            let known = model.keep(listener, &keys, window, &id, now);
            match run(store.keep(asked(&id, listener, &keys, window, now), now)).unwrap() {
                Kept::New { .. } => prop_assert!(known.is_empty(), "{id}: {known:?}"),
                Kept::Duplicate { first_request, first_at } => {
                    let first = First { request: first_request, at: first_at };
                    prop_assert!(known.contains(&first), "{id}: {first:?}, not {known:?}");
                }
            }
        }
    }
}
