//! A worker: attempts the waiting deliveries of one subscription, a few at a time, independently of
//! other workers. The failure policy is in [`crate::delivery`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::shared::SharedByWorkers;
use super::task::{Attempted, DeliveryTask};
use super::throttle::Throttle;
use crate::delivery::Receiver;
use crate::gateway::app::App;
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::clock::{UnixMicros, micros_in};
use crate::gateway::ops::shares::{Class, Permit};
use crate::gateway::store::StoreError;
use crate::gateway::subscriptions::subscribed::Subscribed;

/// The worker of one subscription.
pub(super) struct SubscriptionWorker {
    pub app: Arc<App>,
    pub shared: Arc<SharedByWorkers>,
    pub subscription: SubscriptionId,
    /// The tenant of the subscription; empty if it is not known yet.
    pub tenant: TenantId,
    pub stop: watch::Receiver<bool>,
}

/// The end of a worker run.
pub(super) struct WorkerExit {
    pub throttle: Throttle,
    pub next: NextRun,
}

/// The time of the next run.
pub(super) enum NextRun {
    /// Runs at this time, or at the next notification if no time is known.
    Due(Option<UnixMicros>),
    /// Runs not before this time, because no delivery is possible now.
    Rest(UnixMicros),
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
                        tracing::warn!(subscription = %self.subscription, %error, "no delivery");
                        tokio::time::sleep(STORE_RETRY_DELAY).await;
                    }
                }
            }
            let paced = !stopping && throttle.allows(&settings) == 0;
            if flight.is_empty() && begun == 0 && !paced {
                return WorkerExit { throttle, next: NextRun::Due(self.next_due().await) };
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
        WorkerExit { throttle, next: NextRun::Rest(until) }
    }

    async fn next_due(&self) -> Option<UnixMicros> {
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
                SubscriptionState::Gone => return Ok(Begun::Some(0)),
                SubscriptionState::Unreadable => return Ok(Begun::Rest(UNREADABLE_WAIT)),
                SubscriptionState::Good(subscribed) => {
                    self.tenant.clone_from(&subscribed.record.tenant)
                }
            }
        }
        let mut permits = self.permits(free, throttle.class(), flight.is_empty()).await;
        if permits.is_empty() || *self.stop.borrow() {
            return Ok(Begun::Some(0));
        }
        let subscribed = match self.subscribed(known).await? {
            SubscriptionState::Gone => return Ok(Begun::Some(0)),
            SubscriptionState::Unreadable => return Ok(Begun::Rest(UNREADABLE_WAIT)),
            SubscriptionState::Good(subscribed) => subscribed,
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
    async fn subscribed(
        &self,
        known: &mut Option<Arc<Subscribed>>,
    ) -> Result<SubscriptionState, StoreError> {
        let read = self.shared.reads.acquire(&self.tenant, Class::Steady).await;
        let found = self.app.store.subscription(&self.subscription).await;
        drop(read);
        let record = match found {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(SubscriptionState::Gone),
            Err(error @ StoreError::BadRow { .. }) => return Ok(self.unreadable(&error)),
            Err(error) => return Err(error),
        };
        if let Some(known) = known.as_ref().filter(|one| one.record.version == record.version) {
            return Ok(SubscriptionState::Good(Arc::clone(known)));
        }
        match Subscribed::open(&self.app.keyring, &self.app.patterns, record).await {
            Ok(subscribed) => {
                let subscribed = Arc::new(subscribed);
                self.app.filters.learn(&subscribed);
                *known = Some(Arc::clone(&subscribed));
                Ok(SubscriptionState::Good(subscribed))
            }
            Err(error) => Ok(self.unreadable(&error)),
        }
    }

    fn unreadable(&self, error: &impl std::fmt::Display) -> SubscriptionState {
        tracing::error!(subscription = %self.subscription, %error, "nothing is delivered");
        SubscriptionState::Unreadable
    }
}

/// The state of a subscription.
enum SubscriptionState {
    Good(Arc<Subscribed>),
    Gone,
    Unreadable,
}
