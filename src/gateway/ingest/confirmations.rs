//! Confirmations of subscriptions: fetches the URL that a verified request names, once for each URL.
//! Does not decide which URLs are allowed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::deliver::{Clients, fetch};

/// Time for which a URL that was fetched is not fetched again.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum number of remembered URLs.
const MAX_URLS: usize = 1024;

/// The confirmations of a gateway. Without clients there is no network, as in a dry run.
#[derive(Default)]
pub(in crate::gateway) struct Confirmations {
    clients: Option<Clients>,
    /// The URLs that are fetched (`None`), or were.
    urls: Mutex<HashMap<Box<str>, Option<Instant>>>,
}

impl Confirmations {
    pub(in crate::gateway) fn new(clients: Clients) -> Self {
        Self { clients: Some(clients), urls: Mutex::default() }
    }

    /// Fetches a URL, unless it was fetched before.
    ///
    /// # Errors
    /// Returns the reason why the subscription is not confirmed.
    pub(in crate::gateway) async fn confirm(&self, tenant: &str, url: &str) -> Result<(), String> {
        let Some(clients) = &self.clients else {
            return Ok(());
        };
        let Some(mut claim) = self.claim(url)? else {
            return Ok(());
        };
        let fetched = fetch(clients, tenant, url).await;
        fetched.map_err(|error| error.to_string())?;
        claim.done = true;
        Ok(())
    }

    /// Claims the fetch of a URL; `None` if it was fetched before.
    fn claim(&self, url: &str) -> Result<Option<ConfirmationClaim<'_>>, String> {
        let now = Instant::now();
        let mut urls = self.lock();
        let is_over = |at: Instant| now.saturating_duration_since(at) >= REMEMBERED;
        match urls.get(url) {
            Some(None) => return Err("its URL is fetched already".to_owned()),
            Some(Some(at)) if !is_over(*at) => return Ok(None),
            _ => {}
        }
        if urls.len() >= MAX_URLS {
            urls.retain(|_, at| at.is_none_or(|at| !is_over(at)));
        }
        if urls.len() >= MAX_URLS {
            return Err(format!("{MAX_URLS} subscriptions were confirmed already"));
        }
        urls.insert(url.into(), None);
        Ok(Some(ConfirmationClaim { confirmations: self, url: url.into(), done: false }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Option<Instant>>> {
        // The map is complete at any time, so a panic elsewhere leaves it usable.
        self.urls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fetch of a URL. If it does not end with success, the URL may be fetched again.
struct ConfirmationClaim<'c> {
    confirmations: &'c Confirmations,
    url: Box<str>,
    done: bool,
}

impl Drop for ConfirmationClaim<'_> {
    fn drop(&mut self) {
        let mut urls = self.confirmations.lock();
        if self.done {
            urls.insert(self.url.clone(), Some(Instant::now()));
        } else {
            urls.remove(&self.url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Confirmations;

    #[test]
    fn a_url_is_claimed_once_unless_its_fetch_fails() {
        let confirmations = Confirmations::default();
        let url = "https://a.example/";
        let claim = confirmations.claim(url).unwrap().unwrap();
        assert!(confirmations.claim(url).is_err(), "two at a time");
        drop(claim);
        let mut claim = confirmations.claim(url).unwrap().unwrap();
        claim.done = true;
        drop(claim);
        assert!(confirmations.claim(url).unwrap().is_none(), "fetched twice");
    }
}
