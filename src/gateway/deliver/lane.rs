//! A lane: what waits for one subscription is tried, a few at a time, whatever other lanes do.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::client::Clients;
use super::sending::{Attempted, Sending};
use super::shares::{Class, Permit, Shares};
use super::subscribed::Subscribed;
use crate::delivery::Receiver;
use crate::gateway::app::App;
use crate::gateway::clock::micros_in;
use crate::gateway::settings::Delivery;
use crate::gateway::store::StoreError;

/// A lane of one subscription.
pub(super) struct Lane {
    pub app: Arc<App>,
    pub shared: Arc<Shared>,
    pub subscription: String,
    /// The tenant of the subscription; empty where nobody told.
    pub tenant: String,
    pub stop: watch::Receiver<bool>,
}

/// What all lanes use, as the settings are now.
pub(super) struct Shared {
    /// Clients and the settings that they were made of.
    pub current: RwLock<(Arc<Delivery>, Clients)>,
    /// Attempts that may still begin, of all lanes.
    pub permits: Arc<Shares>,
    /// Looks at the store that may still begin, of all lanes: each has a thread and a connection.
    pub reads: Arc<Shares>,
}

impl Shared {
    fn now(&self) -> (Arc<Delivery>, Clients) {
        // A writer only swaps it, so a panic leaves nothing half written.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How a receiver is treated, which outlives its lane: how many attempts may run at a time, and
/// how many may begin.
pub(super) struct Rhythm {
    /// Attempts at a time: all that may while they succeed soon, one after a failure, so that a
    /// receiver that hangs holds little of what others need.
    window: usize,
    /// Attempts that failed with none between them that succeeded soon.
    failures: u32,
    /// No attempt begins before.
    not_before: Instant,
    /// Attempts that may begin at once; so many more in a second.
    left: f64,
    at: Instant,
}

/// The pause after the second failure in a row; each is twice the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// No pause between attempts is longer. What a delivery waits for its own retry is the policy's.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Rhythm {
    pub(super) fn new(settings: &Delivery) -> Self {
        let (rate, now) = (f64::from(settings.rate), Instant::now());
        Self { window: settings.concurrency, failures: 0, not_before: now, left: rate, at: now }
    }

    /// Whether it is as that of a receiver that nothing is known of.
    pub(super) fn is_fresh(&self, settings: &Delivery) -> bool {
        self.window >= settings.concurrency && self.at.elapsed() > Duration::from_secs(1)
    }

    /// What is known of the receiver, by its last attempts.
    fn class(&self) -> Class {
        if self.failures > 0 { Class::Failing } else { Class::Steady }
    }

    fn after(&mut self, ok: bool, settings: &Delivery) {
        if ok {
            self.window = (self.window * 2).min(settings.concurrency);
            self.failures = 0;
            return;
        }
        self.window = 1;
        // A single failure is no sign that the next attempt fails too.
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)) / 2;
        let pause = if self.failures == 0 { Duration::ZERO } else { doubled.min(LONGEST_PAUSE) };
        self.not_before = Instant::now() + pause;
        self.failures = self.failures.saturating_add(1);
    }

    fn allows(&mut self, settings: &Delivery) -> usize {
        let (now, rate) = (Instant::now(), f64::from(settings.rate));
        self.left = (now - self.at).as_secs_f64().mul_add(rate, self.left).min(rate);
        self.at = now;
        // Never negative, and at most a rate.
        if now < self.not_before { 0 } else { self.left.max(0.0) as usize }
    }

    fn begun(&mut self, number: usize) {
        self.left -= f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// How long until one more may begin.
    fn wait(&self, settings: &Delivery) -> Duration {
        let paced = (1.0 - self.left) / f64::from(settings.rate);
        let paced = Duration::from_secs_f64(paced.clamp(0.001, 1.0));
        paced.max(self.not_before.saturating_duration_since(Instant::now()))
    }
}

/// How a lane ended.
pub(super) struct Ended {
    pub rhythm: Rhythm,
    pub next: Next,
}

/// When a lane is to run again.
pub(super) enum Next {
    /// When there is something to do: then, if that is known.
    Due(Option<i64>),
    /// Not before, whatever there is to do: it cannot be done now.
    Rest(i64),
}

/// How long a store that does not answer is left alone.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// How long a subscription that cannot be read is left alone.
const UNREADABLE_WAIT: Duration = Duration::from_secs(60);

/// How long a file that cannot be written is left alone.
const FILE_WAIT: Duration = Duration::from_secs(5);

/// What came of looking for something to do.
enum Begun {
    /// So many attempts began.
    Some(usize),
    /// Nothing can be done for a while.
    Rest(Duration),
}

impl Lane {
    /// Tries everything that waits.
    pub(super) async fn run(mut self, wake: Arc<Notify>, mut rhythm: Rhythm) -> Ended {
        let mut flight = JoinSet::new();
        let mut stop = self.stop.clone();
        let mut known = None;
        loop {
            let (settings, _) = self.shared.now();
            let stopping = *stop.borrow();
            let mut begun = 0;
            if !stopping {
                match self.begin(&mut flight, &mut rhythm, &mut known).await {
                    Ok(Begun::Some(number)) => begun = number,
                    Ok(Begun::Rest(time)) => return self.rest(flight, rhythm, time).await,
                    Err(error) => {
                        tracing::warn!(subscription = self.subscription, %error, "no delivery");
                        tokio::time::sleep(STORE_WAIT).await;
                    }
                }
            }
            let paced = !stopping && rhythm.allows(&settings) == 0;
            if flight.is_empty() && begun == 0 && !paced {
                return Ended { rhythm, next: Next::Due(self.next_due().await) };
            }
            tokio::select! {
                Some(ended) = flight.join_next() => {
                    let came = ended.unwrap_or(Attempted { ok: Some(false), file: false });
                    if let Some(ok) = came.ok {
                        rhythm.after(ok, &settings);
                    }
                    if came.file && came.ok == Some(false) {
                        return self.rest(flight, rhythm, FILE_WAIT).await;
                    }
                }
                () = wake.notified() => {}
                () = tokio::time::sleep(rhythm.wait(&settings)), if paced => {}
                _ = stop.changed(), if !stopping => {}
            }
        }
    }

    /// Ends the lane for a while, once what is in flight has ended.
    async fn rest(&self, mut flight: JoinSet<Attempted>, rhythm: Rhythm, time: Duration) -> Ended {
        while flight.join_next().await.is_some() {}
        let until = self.app.clock.micros().saturating_add(micros_in(time));
        Ended { rhythm, next: Next::Rest(until) }
    }

    async fn next_due(&self) -> Option<i64> {
        let _read = self.shared.reads.acquire(&self.tenant, Class::Steady).await;
        let due = self.app.store.next_due(&self.subscription, self.app.clock.micros()).await;
        due.unwrap_or_else(|error| {
            let subscription = self.subscription.as_str();
            tracing::warn!(subscription, %error, "the next delivery is not known");
            None
        })
    }

    /// Begins as many attempts as may run.
    async fn begin(
        &mut self,
        flight: &mut JoinSet<Attempted>,
        rhythm: &mut Rhythm,
        known: &mut Option<Arc<Subscribed>>,
    ) -> Result<Begun, StoreError> {
        let (settings, clients) = self.shared.now();
        let free = rhythm.window.saturating_sub(flight.len()).min(rhythm.allows(&settings));
        // Its programs are compiled before it holds permits.
        if known.is_none() && free > 0 {
            match self.subscribed(known).await? {
                Known::Gone => return Ok(Begun::Some(0)),
                Known::Unreadable => return Ok(Begun::Rest(UNREADABLE_WAIT)),
                Known::Good(subscribed) => self.tenant.clone_from(&subscribed.record.tenant),
            }
        }
        let mut permits = self.permits(free, rhythm.class(), flight.is_empty()).await;
        if permits.is_empty() || *self.stop.borrow() {
            return Ok(Begun::Some(0));
        }
        let subscribed = match self.subscribed(known).await? {
            Known::Gone => return Ok(Begun::Some(0)),
            Known::Unreadable => return Ok(Begun::Rest(UNREADABLE_WAIT)),
            Known::Good(subscribed) => subscribed,
        };
        // A file is written by one at a time.
        if subscribed.definition.receiver == Receiver::File {
            permits.truncate(1_usize.saturating_sub(flight.len()));
        }
        let now = self.app.clock.micros();
        let lease = micros_in(settings.time.saturating_mul(2) + Duration::from_secs(60));
        let until = now.saturating_add(lease);
        let taken = match permits.len() {
            0 => Vec::new(),
            some => self.app.store.take(&self.subscription, now, until, some).await?,
        };
        let number = taken.len();
        rhythm.begun(number);
        for (work, permit) in taken.into_iter().zip(permits) {
            let sending = Sending {
                app: Arc::clone(&self.app),
                settings: Arc::clone(&settings),
                clients: clients.clone(),
                subscribed: Arc::clone(&subscribed),
            };
            flight.spawn(async move { sending.deliver(work, permit).await });
        }
        Ok(Begun::Some(number))
    }

    /// Takes up to so many of the permits of all lanes; with none in flight, waits for one.
    async fn permits(&self, most: usize, class: Class, wait: bool) -> Vec<Permit> {
        let all = &self.shared.permits;
        let at_once = std::iter::from_fn(|| all.try_acquire(&self.tenant, class));
        let mut permits: Vec<Permit> = at_once.take(most).collect();
        if permits.is_empty() && most > 0 && wait {
            let mut stop = self.stop.clone();
            tokio::select! {
                permit = all.acquire(&self.tenant, class) => permits.push(permit),
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        permits
    }

    /// The subscription as it is now. What is known is good as long as its version is.
    async fn subscribed(&self, known: &mut Option<Arc<Subscribed>>) -> Result<Known, StoreError> {
        let read = self.shared.reads.acquire(&self.tenant, Class::Steady).await;
        let Some(record) = self.app.store.subscription(&self.subscription).await? else {
            return Ok(Known::Gone);
        };
        drop(read);
        if let Some(known) = known.as_ref().filter(|one| one.record.version == record.version) {
            return Ok(Known::Good(Arc::clone(known)));
        }
        match Subscribed::open(&self.app.keyring, &self.app.patterns, record).await {
            Ok(subscribed) => {
                let subscribed = Arc::new(subscribed);
                self.app.filters.learn(&subscribed);
                *known = Some(Arc::clone(&subscribed));
                Ok(Known::Good(subscribed))
            }
            Err(error) => {
                tracing::error!(subscription = self.subscription, %error, "nothing is delivered");
                Ok(Known::Unreadable)
            }
        }
    }
}

/// What is known of a subscription.
enum Known {
    Good(Arc<Subscribed>),
    Gone,
    Unreadable,
}
