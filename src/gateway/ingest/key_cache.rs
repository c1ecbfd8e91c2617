//! The cache of key documents: the keys that listeners take from URLs. One fetch is in flight for a
//! URL, an unknown key causes at most one fetch a minute, and the last good keys stay in use. Does
//! not decide which URLs are allowed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::deliver::{Clients, fetch};
use super::super::ops::metrics::KeyFetches;
use crate::listener::{GivenKeys, KeyDocument, KeyDocuments, KeySet, NeedsKey};

/// Shortest time between two fetches of a URL: for keys that are unknown, and after a failure.
const FETCH_INTERVAL: Duration = Duration::from_secs(60);

/// Age after which keys are fetched again while they stay in use, so that a revoked key ends.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// Maximum number of requests that wait for one fetch. Each holds its body.
const MAX_WAITING: usize = 8;

/// Maximum number of documents.
const MAX_DOCUMENTS: usize = 1024;

/// Maximum number of fetches in a minute of URLs that requests to one listener name. A provider has
/// a handful of them.
const MAX_NAMED_FETCHES: usize = 16;

/// The key documents of a gateway.
pub(in crate::gateway) struct KeyCache(Arc<Shared>);

struct Shared {
    source: Source,
    state: Mutex<State>,
    fetches: KeyFetches,
}

/// The source of documents.
enum Source {
    /// The network.
    Network(Box<Clients>),
    /// The documents of a test, by URL. There is no network.
    Given(GivenKeys),
}

#[derive(Default)]
struct State {
    documents: HashMap<Box<str>, Document>,
    /// The fetches of URLs that requests named, by listener: since when, and how many.
    named: HashMap<Box<str>, (Instant, usize)>,
}

/// A document of the cache.
#[derive(Default)]
struct Document {
    /// The last good keys, with the time of their fetch.
    good: Option<(Arc<KeySet>, Instant)>,
    /// The last failure after them, with its time.
    failed: Option<(String, Instant)>,
    /// Set while a fetch is in flight. It reports the end.
    flight: Option<watch::Receiver<()>>,
    waiting: usize,
}

impl Document {
    /// Returns what a decision may use.
    fn found(&self, now: Instant) -> Option<KeyDocument> {
        let may_fetch = self.is_in_flight() || self.may_fetch(now);
        match (&self.good, &self.failed) {
            (Some((keys, _)), _) if may_fetch => Some(KeyDocument::Cached(Arc::clone(keys))),
            (Some((keys, _)), _) => Some(KeyDocument::Current(Arc::clone(keys))),
            (None, Some((reason, _))) if !may_fetch => {
                Some(KeyDocument::Unavailable(reason.clone()))
            }
            (None, _) => None,
        }
    }

    /// Returns true if the last fetch was long enough ago.
    fn may_fetch(&self, now: Instant) -> bool {
        let times = [self.good.as_ref().map(|good| good.1), self.failed.as_ref().map(|one| one.1)];
        let last = times.into_iter().flatten().max();
        last.is_none_or(|last| now.saturating_duration_since(last) >= FETCH_INTERVAL)
    }

    /// Returns true if the keys in use are old enough to be fetched again.
    fn is_old(&self, now: Instant) -> bool {
        let fetched = self.good.as_ref().map(|good| good.1);
        fetched.is_some_and(|fetched| now.saturating_duration_since(fetched) >= MAX_AGE)
    }

    fn is_in_flight(&self) -> bool {
        // An error says that the task ended without a report.
        self.flight.as_ref().is_some_and(|flight| flight.has_changed().is_ok())
    }

    /// Records the end of a fetch. A failure keeps the last good keys.
    fn settle(&mut self, result: Result<Arc<KeySet>, String>, now: Instant) {
        self.flight = None;
        match result {
            Ok(keys) => (self.good, self.failed) = (Some((keys, now)), None),
            Err(reason) => self.failed = Some((reason, now)),
        }
    }

    /// Returns true if nothing is lost without the document.
    fn is_idle(&self, now: Instant) -> bool {
        self.good.is_none() && !self.is_in_flight() && self.may_fetch(now)
    }
}

impl KeyCache {
    /// Creates the cache of a gateway that fetches documents.
    pub(in crate::gateway) fn new(clients: Clients, fetches: KeyFetches) -> Self {
        Self::with(Source::Network(Box::new(clients)), fetches)
    }

    /// Creates a cache without a network. It has the given documents.
    pub(in crate::gateway) fn given(documents: &[(String, String)], fetches: KeyFetches) -> Self {
        Self::with(Source::Given(GivenKeys::new(documents)), fetches)
    }

    fn with(source: Source, fetches: KeyFetches) -> Self {
        Self(Arc::new(Shared { source, state: Mutex::default(), fetches }))
    }

    /// Returns the document of a URL as a decision may use it. Keys that are old are fetched again
    /// meanwhile.
    fn find(&self, tenant: &str, url: &str) -> Option<KeyDocument> {
        let clients = match &self.0.source {
            Source::Network(clients) => clients,
            Source::Given(documents) => return documents.find(url),
        };
        let now = Instant::now();
        let mut state = self.0.lock();
        let document = state.documents.get_mut(url)?;
        let found = document.found(now);
        if document.is_old(now) && document.may_fetch(now) && !document.is_in_flight() {
            self.0.start(document, clients, tenant, url);
        }
        found
    }

    /// Fetches a document, or waits for a fetch in flight.
    ///
    /// # Errors
    /// Returns the reason why this request does not wait.
    async fn obtain(&self, listener: &str, tenant: &str, needed: &NeedsKey) -> Result<(), String> {
        let Source::Network(clients) = &self.0.source else {
            return Ok(());
        };
        let (mut flight, _waiting) = {
            let now = Instant::now();
            let mut state = self.0.lock();
            let known = state.documents.contains_key(&*needed.url);
            let is_due = state.documents.get(&*needed.url).is_none_or(|one| one.may_fetch(now));
            let in_flight = state.documents.get(&*needed.url).is_some_and(Document::is_in_flight);
            if !in_flight && !is_due {
                // Another request fetched it meanwhile.
                return Ok(());
            }
            if !in_flight && needed.of_request && !state.admits(listener, now) {
                return Err(format!(
                    "requests named more than {MAX_NAMED_FETCHES} URLs of keys in a minute"
                ));
            }
            if !known && !state.has_room(now) {
                return Err(format!("{MAX_DOCUMENTS} key documents are cached already"));
            }
            let document = state.documents.entry(needed.url.clone()).or_default();
            if document.waiting >= MAX_WAITING {
                return Err(format!("{MAX_WAITING} requests wait for these keys already"));
            }
            if !in_flight {
                self.0.start(document, clients, tenant, &needed.url);
            }
            document.waiting += 1;
            let waiting = Waiting { shared: &self.0, url: &needed.url };
            (document.flight.clone(), waiting)
        };
        if let Some(flight) = &mut flight {
            // An error says that the fetch ended, too.
            let _ = flight.changed().await;
        }
        Ok(())
    }
}

/// Counts a request that waits, until it is dropped.
struct Waiting<'w> {
    shared: &'w Shared,
    url: &'w str,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(document) = self.shared.lock().documents.get_mut(self.url) {
            document.waiting = document.waiting.saturating_sub(1);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The maps are complete at any time, so a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a fetch. It goes on if the request that asked for it ends.
    fn start(
        self: &Arc<Self>,
        document: &mut Document,
        clients: &Clients,
        tenant: &str,
        url: &str,
    ) {
        let (report, flight) = watch::channel(());
        document.flight = Some(flight);
        let (shared, clients) = (Arc::clone(self), clients.clone());
        let (tenant, url) = (tenant.to_owned(), url.to_owned());
        tokio::spawn(async move {
            let fetched = fetch(&clients, &tenant, &url).await.map_err(|error| error.to_string());
            let keys = fetched.and_then(|document| KeySet::read(&document)).map(Arc::new);
            shared.fetches.count(keys.is_ok());
            match &keys {
                Ok(_) => tracing::info!(url, "keys fetched"),
                Err(reason) => tracing::warn!(url, reason, "key fetch failed"),
            }
            if let Some(document) = shared.lock().documents.get_mut(url.as_str()) {
                document.settle(keys, Instant::now());
            }
            drop(report);
        });
    }
}

impl State {
    /// Takes one of the fetches of URLs that requests to a listener name.
    fn admits(&mut self, listener: &str, now: Instant) -> bool {
        let (since, count) = self.named.entry(listener.into()).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= FETCH_INTERVAL {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MAX_NAMED_FETCHES
    }

    /// Returns true if another document has room. Failures that are over make room.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.documents.len() >= MAX_DOCUMENTS {
            self.documents.retain(|_, document| !document.is_idle(now));
        }
        self.documents.len() < MAX_DOCUMENTS
    }
}

/// The key documents for the decisions on one request.
pub(in crate::gateway) struct RequestKeys {
    cache: Arc<KeyCache>,
    listener: Box<str>,
    tenant: Box<str>,
    /// The documents for which this request does not wait, with the reason.
    refused: Vec<(Box<str>, String)>,
}

impl RequestKeys {
    pub(in crate::gateway) fn new(cache: &Arc<KeyCache>, listener: &str, tenant: &str) -> Self {
        let (listener, tenant) = (listener.into(), tenant.into());
        Self { cache: Arc::clone(cache), listener, tenant, refused: Vec::new() }
    }

    /// Fetches a document, as far as the limits allow it. The next decision uses the result.
    pub(in crate::gateway) async fn obtain(&mut self, needed: &NeedsKey) {
        if let Err(reason) = self.cache.obtain(&self.listener, &self.tenant, needed).await {
            self.refused.push((needed.url.clone(), reason));
        }
    }

    /// Ends the fetches of this request.
    pub(in crate::gateway) fn refuse(&mut self, url: &str) {
        self.refused.push((url.into(), "it was fetched too often for one request".to_owned()));
    }
}

impl KeyDocuments for RequestKeys {
    fn find(&self, url: &str) -> Option<KeyDocument> {
        match self.refused.iter().find(|(refused, _)| **refused == *url) {
            Some((_, reason)) => Some(KeyDocument::Unavailable(reason.clone())),
            None => self.cache.find(&self.tenant, url),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{Document, FETCH_INTERVAL, MAX_AGE, MAX_DOCUMENTS, MAX_NAMED_FETCHES, State};
    use crate::listener::{KeyDocument, KeySet};

    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn keys() -> Arc<KeySet> {
        Arc::new(KeySet::read(KEY.as_bytes()).unwrap())
    }

    #[test]
    fn a_failure_is_cached_for_a_minute() {
        let (mut document, now) = (Document::default(), Instant::now());
        assert!(document.found(now).is_none());
        document.settle(Err("no answer".to_owned()), now);
        let soon = now + FETCH_INTERVAL - Duration::from_secs(1);
        assert!(matches!(document.found(soon), Some(KeyDocument::Unavailable(_))));
        assert!(document.found(now + FETCH_INTERVAL).is_none());
    }

    #[test]
    fn an_unknown_key_asks_for_new_keys_once_a_minute() {
        let (mut document, now) = (Document::default(), Instant::now());
        document.settle(Ok(keys()), now);
        let soon = now + Duration::from_secs(59);
        assert!(matches!(document.found(soon), Some(KeyDocument::Current(_))));
        let later = now + FETCH_INTERVAL;
        assert!(matches!(document.found(later), Some(KeyDocument::Cached(_))));
        document.settle(Ok(keys()), later);
        assert!(matches!(document.found(later), Some(KeyDocument::Current(_))));
    }

    #[test]
    fn the_last_good_keys_stay_in_use_after_a_failure() {
        let (mut document, now) = (Document::default(), Instant::now());
        document.settle(Ok(keys()), now);
        let later = now + MAX_AGE;
        assert!(document.is_old(later) && document.may_fetch(later));
        document.settle(Err("no answer".to_owned()), later);
        assert!(matches!(document.found(later), Some(KeyDocument::Current(_))));
        assert!(!document.may_fetch(later + Duration::from_secs(59)));
        assert!(matches!(document.found(later + FETCH_INTERVAL), Some(KeyDocument::Cached(_))));
    }

    #[test]
    fn requests_cannot_name_any_number_of_urls() {
        let (mut state, now) = (State::default(), Instant::now());
        assert!((0..MAX_NAMED_FETCHES).all(|_| state.admits("a", now)));
        assert!(!state.admits("a", now) && state.admits("b", now));
        assert!(state.admits("a", now + FETCH_INTERVAL));
        for number in 0..MAX_DOCUMENTS {
            let mut document = Document::default();
            document.settle(Err("no answer".to_owned()), now);
            state.documents.insert(number.to_string().into(), document);
        }
        assert!(!state.has_room(now));
        assert!(state.has_room(now + FETCH_INTERVAL));
    }
}
