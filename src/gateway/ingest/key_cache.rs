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
pub(in crate::gateway) struct KeyCache(Arc<SharedCache>);

struct SharedCache {
    source: DocumentSource,
    state: Mutex<CacheState>,
    fetches: KeyFetches,
    /// [`FETCH_INTERVAL`], except in unit tests.
    interval: Duration,
}

/// The source of documents.
enum DocumentSource {
    /// The network.
    Network(Box<Clients>),
    /// The documents of a test, by URL. There is no network.
    Given(GivenKeys),
    /// The answers of a unit test.
    #[cfg(test)]
    Scripted(tests::Script),
}

impl DocumentSource {
    /// Fetches a document.
    async fn fetch(&self, tenant: &str, url: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Network(clients) => {
                fetch(clients, tenant, url).await.map_err(|error| error.to_string())
            }
            Self::Given(_) => Err("there is no network".to_owned()),
            #[cfg(test)]
            Self::Scripted(script) => script.answer().await,
        }
    }
}

#[derive(Default)]
struct CacheState {
    documents: HashMap<Box<str>, CachedDocument>,
    /// The fetches of URLs that requests named, by listener: since when, and how many.
    named: HashMap<Box<str>, (Instant, usize)>,
}

/// A document of the cache.
#[derive(Default)]
struct CachedDocument {
    /// The last good keys, with the time of their fetch.
    good: Option<(Arc<KeySet>, Instant)>,
    /// The last failure after them, with its time.
    failed: Option<(String, Instant)>,
    /// Set while a fetch is in flight. It reports the end.
    flight: Option<watch::Receiver<()>>,
    waiting: usize,
}

impl CachedDocument {
    /// Returns what a decision may use. `interval` is the shortest time between two fetches.
    fn found(&self, now: Instant, interval: Duration) -> Option<KeyDocument> {
        let may_fetch = self.is_in_flight() || self.may_fetch(now, interval);
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
    fn may_fetch(&self, now: Instant, interval: Duration) -> bool {
        let times = [self.good.as_ref().map(|good| good.1), self.failed.as_ref().map(|one| one.1)];
        let last = times.into_iter().flatten().max();
        last.is_none_or(|last| now.saturating_duration_since(last) >= interval)
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
}

impl KeyCache {
    /// Creates the cache of a gateway that fetches documents.
    pub(in crate::gateway) fn new(clients: Clients, fetches: KeyFetches) -> Self {
        Self::with(DocumentSource::Network(Box::new(clients)), fetches, FETCH_INTERVAL)
    }

    /// Creates a cache without a network. It has the given documents.
    pub(in crate::gateway) fn given(documents: &[(String, String)], fetches: KeyFetches) -> Self {
        Self::with(DocumentSource::Given(GivenKeys::new(documents)), fetches, FETCH_INTERVAL)
    }

    fn with(source: DocumentSource, fetches: KeyFetches, interval: Duration) -> Self {
        Self(Arc::new(SharedCache { source, state: Mutex::default(), fetches, interval }))
    }

    /// Returns the document of a URL as a decision may use it. Keys that are old are fetched again
    /// meanwhile.
    fn find(&self, tenant: &str, url: &str) -> Option<KeyDocument> {
        let shared = &self.0;
        if let DocumentSource::Given(documents) = &shared.source {
            return documents.find(url);
        }
        let now = Instant::now();
        let mut state = shared.lock();
        let document = state.documents.get_mut(url)?;
        let found = document.found(now, shared.interval);
        let is_due = document.is_old(now) && document.may_fetch(now, shared.interval);
        if is_due && !document.is_in_flight() {
            shared.start(document, tenant, url);
        }
        found
    }

    /// Fetches a document, or waits for a fetch in flight.
    ///
    /// # Errors
    /// Returns the reason why this request does not wait.
    async fn obtain(&self, listener: &str, tenant: &str, needed: &NeedsKey) -> Result<(), String> {
        if let Some((mut flight, _waiting)) = self.join(listener, tenant, needed)? {
            // An error says that the fetch ended, too.
            let _ = flight.changed().await;
        }
        Ok(())
    }

    /// Joins the fetch of a document, and starts it if none is in flight. Returns `None` if the
    /// document was fetched meanwhile.
    ///
    /// # Errors
    /// Returns the limit that is exceeded.
    fn join<'c>(
        &'c self,
        listener: &str,
        tenant: &str,
        needed: &'c NeedsKey,
    ) -> Result<Option<(watch::Receiver<()>, WaitingRequest<'c>)>, String> {
        let (shared, now) = (&self.0, Instant::now());
        let mut state = shared.lock();
        let known = state.documents.get(&*needed.url);
        let in_flight = known.is_some_and(CachedDocument::is_in_flight);
        if !in_flight {
            if known.is_some_and(|known| !known.may_fetch(now, shared.interval)) {
                return Ok(None);
            }
            state.admit(listener, needed, now, shared.interval)?;
        }
        let document = state.documents.entry(needed.url.clone()).or_default();
        if document.waiting >= MAX_WAITING {
            return Err(format!("{MAX_WAITING} requests wait for these keys already"));
        }
        if !in_flight {
            shared.start(document, tenant, &needed.url);
        }
        document.waiting += 1;
        let waiting = WaitingRequest { shared, url: &needed.url };
        Ok(document.flight.clone().map(|flight| (flight, waiting)))
    }
}

/// Counts a request that waits, until it is dropped.
struct WaitingRequest<'w> {
    shared: &'w SharedCache,
    url: &'w str,
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        if let Some(document) = self.shared.lock().documents.get_mut(self.url) {
            document.waiting = document.waiting.saturating_sub(1);
        }
    }
}

impl SharedCache {
    fn lock(&self) -> MutexGuard<'_, CacheState> {
        // The maps are complete at any time, so a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a fetch. It goes on if the request that asked for it ends.
    fn start(self: &Arc<Self>, document: &mut CachedDocument, tenant: &str, url: &str) {
        let (report, flight) = watch::channel(());
        document.flight = Some(flight);
        let shared = Arc::clone(self);
        let (tenant, url) = (tenant.to_owned(), url.to_owned());
        tokio::spawn(async move {
            let fetched = shared.source.fetch(&tenant, &url).await;
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

impl CacheState {
    /// Admits the fetch of a document.
    ///
    /// # Errors
    /// Returns the limit that is exceeded.
    fn admit(
        &mut self,
        listener: &str,
        needed: &NeedsKey,
        now: Instant,
        interval: Duration,
    ) -> Result<(), String> {
        if needed.of_request && !self.admits_named(listener, now) {
            return Err(format!(
                "requests named more than {MAX_NAMED_FETCHES} URLs of keys in a minute"
            ));
        }
        if !self.documents.contains_key(&*needed.url) && !self.has_room(now, interval) {
            return Err(format!("{MAX_DOCUMENTS} key documents are cached already"));
        }
        Ok(())
    }

    /// Takes one of the fetches of URLs that requests to a listener name.
    fn admits_named(&mut self, listener: &str, now: Instant) -> bool {
        let (since, count) = self.named.entry(listener.into()).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= FETCH_INTERVAL {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MAX_NAMED_FETCHES
    }

    /// Returns true if another document has room. Failures that are over make room.
    fn has_room(&mut self, now: Instant, interval: Duration) -> bool {
        if self.documents.len() >= MAX_DOCUMENTS {
            let is_used = |one: &CachedDocument| one.good.is_some() || one.is_in_flight();
            self.documents.retain(|_, one| is_used(one) || !one.may_fetch(now, interval));
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
        self.refused.push((url.into(), "one request causes no more fetches".to_owned()));
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::{
        CacheState, CachedDocument, DocumentSource, FETCH_INTERVAL, KeyCache, KeyFetches, MAX_AGE,
        MAX_DOCUMENTS, MAX_NAMED_FETCHES, MAX_WAITING,
    };
    use crate::listener::{KeyDocument, KeySet, NeedsKey};

    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const URL: &str = "https://keys.example.com/";

    /// Answers of a unit test: each after a while.
    #[derive(Clone, Default)]
    pub(super) struct Script {
        asked: Arc<AtomicUsize>,
        fails: Arc<Mutex<bool>>,
    }

    impl Script {
        pub(super) async fn answer(&self) -> Result<Vec<u8>, String> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            match *self.fails.lock().unwrap() {
                true => Err("no answer".to_owned()),
                false => Ok(KEY.into()),
            }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    /// The shortest time between two fetches in these tests.
    const SHORT: Duration = Duration::from_millis(100);

    fn cache() -> (KeyCache, Script) {
        let script = Script::default();
        let source = DocumentSource::Scripted(script.clone());
        (KeyCache::with(source, KeyFetches::default(), SHORT), script)
    }

    fn needed(unknown_key: bool) -> NeedsKey {
        NeedsKey { url: URL.into(), unknown_key, of_request: false }
    }

    fn keys() -> Arc<KeySet> {
        Arc::new(KeySet::read(KEY.as_bytes()).unwrap())
    }

    #[test]
    fn a_failure_is_cached_for_a_minute() {
        let (mut document, now) = (CachedDocument::default(), Instant::now());
        assert!(document.found(now, FETCH_INTERVAL).is_none());
        document.settle(Err("no answer".to_owned()), now);
        let found = |seconds| document.found(now + Duration::from_secs(seconds), FETCH_INTERVAL);
        assert!(matches!(found(59), Some(KeyDocument::Unavailable(_))));
        assert!(found(60).is_none());
    }

    #[test]
    fn keys_are_current_for_a_minute_after_each_fetch() {
        let (mut document, now) = (CachedDocument::default(), Instant::now());
        for fetched in [now, now + FETCH_INTERVAL] {
            document.settle(Ok(keys()), fetched);
            let soon = document.found(fetched + Duration::from_secs(59), FETCH_INTERVAL);
            assert!(matches!(soon, Some(KeyDocument::Current(_))));
            let later = document.found(fetched + FETCH_INTERVAL, FETCH_INTERVAL);
            assert!(matches!(later, Some(KeyDocument::Cached(_))));
        }
    }

    #[test]
    fn old_keys_are_due_and_stay_in_use() {
        let (mut document, now) = (CachedDocument::default(), Instant::now());
        document.settle(Ok(keys()), now);
        assert!(!document.is_old(now + MAX_AGE - Duration::from_secs(1)));
        let later = now + MAX_AGE;
        assert!(document.is_old(later) && document.may_fetch(later, FETCH_INTERVAL));
        document.settle(Err("no answer".to_owned()), later);
        let found = document.found(later, FETCH_INTERVAL);
        assert!(matches!(found, Some(KeyDocument::Current(_))));
        assert!(!document.may_fetch(later + Duration::from_secs(59), FETCH_INTERVAL));
    }

    #[test]
    fn requests_cannot_name_any_number_of_urls() {
        let (mut state, now) = (CacheState::default(), Instant::now());
        assert!((0..MAX_NAMED_FETCHES).all(|_| state.admits_named("a", now)));
        assert!(!state.admits_named("a", now) && state.admits_named("b", now));
        assert!(state.admits_named("a", now + FETCH_INTERVAL));
        for number in 0..MAX_DOCUMENTS {
            let mut document = CachedDocument::default();
            document.settle(Err("no answer".to_owned()), now);
            state.documents.insert(number.to_string().into(), document);
        }
        assert!(!state.has_room(now, FETCH_INTERVAL));
        assert!(state.has_room(now + FETCH_INTERVAL, FETCH_INTERVAL));
    }

    #[tokio::test]
    async fn one_fetch_is_in_flight_and_eight_requests_wait_for_it() {
        let (cache, script) = cache();
        let (cache, mut waiting) = (Arc::new(cache), tokio::task::JoinSet::new());
        for _ in 0..MAX_WAITING + 3 {
            let cache = Arc::clone(&cache);
            waiting.spawn(async move { cache.obtain("a", "acme", &needed(false)).await });
        }
        let refused = waiting.join_all().await.iter().filter(|one| one.is_err()).count();
        assert_eq!((refused, script.asked()), (3, 1));
        assert!(matches!(cache.find("acme", URL), Some(KeyDocument::Current(_))));
    }

    #[tokio::test]
    async fn an_unknown_key_is_fetched_once_an_interval_and_a_failure_keeps_the_last_good_keys() {
        let (cache, script) = cache();
        cache.obtain("a", "acme", &needed(false)).await.unwrap();
        cache.obtain("a", "acme", &needed(true)).await.unwrap();
        assert_eq!(script.asked(), 1, "fetched again at once");
        tokio::time::sleep(SHORT).await;
        assert!(matches!(cache.find("acme", URL), Some(KeyDocument::Cached(_))));
        *script.fails.lock().unwrap() = true;
        cache.obtain("a", "acme", &needed(true)).await.unwrap();
        cache.obtain("a", "acme", &needed(true)).await.unwrap();
        assert_eq!(script.asked(), 2);
        assert!(matches!(cache.find("acme", URL), Some(KeyDocument::Current(_))));
    }
}
