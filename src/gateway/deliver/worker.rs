//! A worker: attempts the waiting deliveries of one subscription, a few at a time, independently of
//! other workers. The failure policy is in [`crate::delivery`].

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::client::Clients;
use super::shares::{Class, Permit, Shares};
use super::subscribed::Subscribed;
use super::task::{Attempted, DeliveryTask};
use crate::delivery::Receiver;
use crate::gateway::app::App;
use crate::gateway::clock::micros_in;
use crate::gateway::settings::Delivery;
use crate::gateway::store::StoreError;

/// The worker of one subscription.
pub(super) struct SubscriptionWorker {
    pub app: Arc<App>,
    pub shared: Arc<Shared>,
    pub subscription: String,
    /// The tenant of the subscription; empty if it is not known yet.
    pub tenant: String,
    pub stop: watch::Receiver<bool>,
}

/// The state that all workers share.
pub(super) struct Shared {
    /// The current settings, and the clients that were created from them.
    pub current: RwLock<(Arc<Delivery>, Clients)>,
    /// Permits for attempts of all workers.
    pub permits: Arc<Shares>,
    /// Memory for the content of deliveries, shared by tenants.
    pub memory: Arc<Shares>,
    /// Permits for reads of the store, of all workers. Each read uses a thread and a connection.
    pub reads: Arc<Shares>,
}

impl Shared {
    fn now(&self) -> (Arc<Delivery>, Clients) {
        // A writer only replaces the value, so a panic leaves it complete.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The throttle of a receiver: adaptive concurrency, rate limit and backoff. It outlives the
/// worker.
pub(super) struct Throttle {
    /// Maximum attempts at a time. It is 1 for a new receiver and after a failure, and doubles with
    /// each quick success up to the full concurrency (slow start). So a hanging receiver holds few
    /// of the shared permits.
    window: usize,
    /// Failed attempts since the last quick success.
    failures: u32,
    /// Time before which no attempt begins.
    not_before: Instant,
    /// Tokens of the token bucket: attempts that may begin now. The configured rate is both its
    /// capacity and its refill in a second.
    left: f64,
    at: Instant,
}

/// Time without an attempt after which a healthy receiver counts as new.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Backoff after the second failure in a row. Each further failure doubles it.
const BACKOFF_BASE: Duration = Duration::from_millis(10);

/// Maximum backoff between attempts to a receiver. The failure policy sets the retry time of a
/// single delivery.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

impl Throttle {
    pub(super) fn new(settings: &Delivery) -> Self {
        let (rate, now) = (f64::from(settings.rate), Instant::now());
        Self { window: 1, failures: 0, not_before: now, left: rate, at: now }
    }

    /// Returns true if the throttle can be forgotten: the receiver is healthy and idle.
    pub(super) fn is_idle(&self) -> bool {
        self.failures == 0 && self.at.elapsed() > IDLE_TIME
    }

    /// Returns the class of the receiver by its last attempts.
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
        // A single failure does not predict that the next attempt fails too.
        let doubled = BACKOFF_BASE.saturating_mul(1 << self.failures.min(10)) / 2;
        let pause = if self.failures == 0 { Duration::ZERO } else { doubled.min(MAX_BACKOFF) };
        self.not_before = Instant::now() + pause;
        self.failures = self.failures.saturating_add(1);
    }

    fn allows(&mut self, settings: &Delivery) -> usize {
        let (now, rate) = (Instant::now(), f64::from(settings.rate));
        self.left = (now - self.at).as_secs_f64().mul_add(rate, self.left).min(rate);
        self.at = now;
        // Between 0 and the rate.
        if now < self.not_before { 0 } else { self.left.max(0.0) as usize }
    }

    fn begun(&mut self, number: usize) {
        self.left -= f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// Returns the time until one more attempt may begin.
    fn wait(&self, settings: &Delivery) -> Duration {
        let paced = (1.0 - self.left) / f64::from(settings.rate);
        let paced = Duration::from_secs_f64(paced.clamp(0.001, 1.0));
        paced.max(self.not_before.saturating_duration_since(Instant::now()))
    }
}

/// The end of a worker run.
pub(super) struct WorkerExit {
    pub throttle: Throttle,
    pub next: Next,
}

/// The time of the next run.
pub(super) enum Next {
    /// Runs at this time, or at the next notification if no time is known.
    Due(Option<i64>),
    /// Runs not before this time, because no delivery is possible now.
    Rest(i64),
}

/// Pause after an error of the store.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Pause for a subscription that cannot be read.
const UNREADABLE_WAIT: Duration = Duration::from_secs(60);

/// Pause for a file that cannot be written.
const FILE_WAIT: Duration = Duration::from_secs(5);

/// The result of starting attempts.
enum Begun {
    /// The number of attempts that began.
    Some(usize),
    /// No attempt is possible for this time.
    Rest(Duration),
}

impl SubscriptionWorker {
    /// Attempts all due deliveries.
    pub(super) async fn run(mut self, wake: Arc<Notify>, mut throttle: Throttle) -> WorkerExit {
        let mut flight = JoinSet::new();
        let mut stop = self.stop.clone();
        let mut known = None;
        loop {
            let (settings, _) = self.shared.now();
            let stopping = *stop.borrow();
            let mut begun = 0;
            if !stopping {
                match self.begin(&mut flight, &mut throttle, &mut known).await {
                    Ok(Begun::Some(number)) => begun = number,
                    Ok(Begun::Rest(time)) => return self.rest(flight, throttle, time).await,
                    Err(error) => {
                        tracing::warn!(subscription = self.subscription, %error, "no delivery");
                        tokio::time::sleep(STORE_RETRY_DELAY).await;
                    }
                }
            }
            let paced = !stopping && throttle.allows(&settings) == 0;
            if flight.is_empty() && begun == 0 && !paced {
                return WorkerExit { throttle, next: Next::Due(self.next_due().await) };
            }
            tokio::select! {
                Some(ended) = flight.join_next() => {
                    let came = ended.unwrap_or(Attempted { ok: Some(false), file: false });
                    if let Some(ok) = came.ok {
                        throttle.after(ok, &settings);
                    }
                    if came.file && came.ok == Some(false) {
                        return self.rest(flight, throttle, FILE_WAIT).await;
                    }
                }
                () = wake.notified() => {}
                () = tokio::time::sleep(throttle.wait(&settings)), if paced => {}
                _ = stop.changed(), if !stopping => {}
            }
        }
    }

    /// Ends the run with a pause, after the attempts in flight have ended.
    async fn rest(
        &self,
        mut flight: JoinSet<Attempted>,
        throttle: Throttle,
        time: Duration,
    ) -> WorkerExit {
        while flight.join_next().await.is_some() {}
        let until = self.app.clock.micros().saturating_add(micros_in(time));
        WorkerExit { throttle, next: Next::Rest(until) }
    }

    async fn next_due(&self) -> Option<i64> {
        let _read = self.shared.reads.acquire(&self.tenant, Class::Steady).await;
        let due = self.app.store.next_due(&self.subscription, self.app.clock.micros()).await;
        due.unwrap_or_else(|error| {
            let subscription = self.subscription.as_str();
            tracing::warn!(subscription, %error, "time of the next delivery not read from the store");
            None
        })
    }

    /// Starts as many attempts as the limits allow.
    async fn begin(
        &mut self,
        flight: &mut JoinSet<Attempted>,
        throttle: &mut Throttle,
        known: &mut Option<Arc<Subscribed>>,
    ) -> Result<Begun, StoreError> {
        let (settings, clients) = self.shared.now();
        let free = throttle.window.saturating_sub(flight.len()).min(throttle.allows(&settings));
        // The programs are compiled before the worker holds permits.
        if known.is_none() && free > 0 {
            match self.subscribed(known).await? {
                Known::Gone => return Ok(Begun::Some(0)),
                Known::Unreadable => return Ok(Begun::Rest(UNREADABLE_WAIT)),
                Known::Good(subscribed) => self.tenant.clone_from(&subscribed.record.tenant),
            }
        }
        let mut permits = self.permits(free, throttle.class(), flight.is_empty()).await;
        if permits.is_empty() || *self.stop.borrow() {
            return Ok(Begun::Some(0));
        }
        let subscribed = match self.subscribed(known).await? {
            Known::Gone => return Ok(Begun::Some(0)),
            Known::Unreadable => return Ok(Begun::Rest(UNREADABLE_WAIT)),
            Known::Good(subscribed) => subscribed,
        };
        // A file has one writer at a time.
        if subscribed.definition.receiver == Receiver::File {
            permits.truncate(1_usize.saturating_sub(flight.len()));
        }
        let now = self.app.clock.micros();
        let lease = micros_in(settings.timeout.saturating_mul(2) + Duration::from_secs(60));
        let until = now.saturating_add(lease);
        let taken = match permits.len() {
            0 => Vec::new(),
            some => self.app.store.lease(&self.subscription, now, until, some).await?,
        };
        let number = taken.len();
        throttle.begun(number);
        for (work, permit) in taken.into_iter().zip(permits) {
            let task = DeliveryTask {
                app: Arc::clone(&self.app),
                settings: Arc::clone(&settings),
                clients: clients.clone(),
                subscribed: Arc::clone(&subscribed),
                shared: Arc::clone(&self.shared),
                class: throttle.class(),
            };
            flight.spawn(async move { task.deliver(work, permit).await });
        }
        Ok(Begun::Some(number))
    }

    /// Takes up to `most` of the shared permits. With no attempt in flight, waits for one.
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

    /// Returns the current subscription. Reuses the compiled one while its version is unchanged.
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

/// The state of a subscription.
enum Known {
    Good(Arc<Subscribed>),
    Gone,
    Unreadable,
}
