//! The dispatcher: starts a worker for each subscription with due deliveries. It does not send
//! anything itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};

use super::client::{Clients, ClientsError};
use super::content::units;
use super::fanout::fan_out;
use super::shared::SharedByWorkers;
use super::shutdown::stopped;
use super::throttle::Throttle;
use super::worker::{NextRun, SubscriptionWorker, WorkerExit};
use crate::gateway::app::App;
use crate::gateway::config::settings::Delivery;
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::clock::{ClockSkewDetector, UnixMicros};
use crate::gateway::ops::shares::Shares;
use crate::gateway::store::Upcoming;

/// Poll interval of the store. Polling finds deliveries that other processes wrote, and those that
/// became due.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum reads of the store at a time, for all workers.
const MAX_READS: usize = 8;

/// Delivers until the shutdown, then waits up to `drain` for the attempts in flight.
pub(in crate::gateway) async fn run(
    app: Arc<App>,
    clients: Clients,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) {
    if let Err(error) = app.store.end_leases(app.clock.micros()).await {
        tracing::warn!(%error, "deliveries that were in flight wait for their leases to end");
    }
    let fan_out_task = tokio::spawn(fan_out(Arc::clone(&app), stop.clone()));
    let settings = Arc::new(app.configuration().settings.delivery.clone());
    let permits = Shares::new(settings.in_flight);
    let memory = Shares::new(units(settings.memory));
    let mut dispatcher = Dispatcher {
        app: Arc::clone(&app),
        shared: Arc::new(SharedByWorkers {
            current: RwLock::new((settings, clients)),
            permits,
            memory,
            reads: Shares::new(MAX_READS),
        }),
        stop: stop.clone(),
        workers: JoinSet::new(),
        names: HashMap::new(),
        running: HashMap::new(),
        due: Due::default(),
        paused_until: HashMap::new(),
        throttles: HashMap::new(),
        rejected: None,
        clock_skew: ClockSkewDetector::new(app.clock.clone()),
        set_back: 0,
    };
    let mut poll_timer = tokio::time::interval(POLL_INTERVAL);
    loop {
        let until_due = dispatcher.until_due();
        tokio::select! {
            notified = app.notifier.next() => {
                for (subscription, tenant) in notified {
                    dispatcher.wake(subscription, tenant);
                }
            }
            Some(ended) = dispatcher.workers.join_next_with_id() => dispatcher.worker_ended(ended),
            () = tokio::time::sleep(until_due) => dispatcher.start_due(),
            _ = poll_timer.tick() => dispatcher.poll().await,
            () = stopped(&mut stop) => break,
        }
    }
    let finished = async {
        while dispatcher.workers.join_next().await.is_some() {}
        let _ = fan_out_task.await;
    };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!("deliveries that were still in flight are sent again at the next start");
    }
}

struct Dispatcher {
    app: Arc<App>,
    shared: Arc<SharedByWorkers>,
    stop: watch::Receiver<bool>,
    workers: JoinSet<WorkerExit>,
    /// The subscription and the tenant of each task, in case the task panics.
    names: HashMap<Id, (SubscriptionId, TenantId)>,
    running: HashMap<SubscriptionId, Running>,
    /// The next due time of workers that do not run.
    due: Due,
    /// The end of the pause of each worker.
    paused_until: HashMap<SubscriptionId, UnixMicros>,
    /// The throttles of receivers whose workers do not run.
    throttles: HashMap<SubscriptionId, Throttle>,
    /// Settings that could not be applied.
    rejected: Option<Delivery>,
    clock_skew: ClockSkewDetector,
    /// Microseconds by which the clock was set back and that the store has not corrected yet.
    set_back: i64,
}

/// The due times of workers, in microseconds since the epoch, indexed by subscription and by time.
#[derive(Default)]
struct Due {
    times: HashMap<SubscriptionId, (UnixMicros, TenantId)>,
    order: BTreeSet<(UnixMicros, SubscriptionId, TenantId)>,
}

impl Due {
    fn insert(&mut self, subscription: SubscriptionId, tenant: TenantId, at: UnixMicros) {
        self.remove(&subscription);
        self.times.insert(subscription.clone(), (at, tenant.clone()));
        self.order.insert((at, subscription, tenant));
    }

    fn remove(&mut self, subscription: &SubscriptionId) {
        if let Some((at, tenant)) = self.times.remove(subscription) {
            self.order.remove(&(at, subscription.clone(), tenant));
        }
    }

    fn first(&self) -> Option<UnixMicros> {
        self.order.first().map(|(at, ..)| *at)
    }

    /// Removes the first entry that is due. Returns its subscription and tenant.
    fn pop(&mut self, now: UnixMicros) -> Option<(SubscriptionId, TenantId)> {
        if self.first()? > now {
            return None;
        }
        let (_, subscription, tenant) = self.order.pop_first()?;
        self.times.remove(&subscription);
        Some((subscription, tenant))
    }
}

/// A running worker.
struct Running {
    wake: Arc<Notify>,
    /// True if a notification came since the worker started. The worker may have read the store
    /// before.
    again: bool,
}

impl Dispatcher {
    fn settings(&self) -> Arc<Delivery> {
        let current = self.shared.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.0)
    }

    fn wake(&mut self, subscription: SubscriptionId, tenant: TenantId) {
        if let Some(running) = self.running.get_mut(&subscription) {
            running.again = true;
            running.wake.notify_one();
            return;
        }
        if self
            .paused_until
            .get(&subscription)
            .is_some_and(|until| *until > self.app.clock.micros())
        {
            return;
        }
        self.paused_until.remove(&subscription);
        self.due.remove(&subscription);
        let wake = Arc::new(Notify::new());
        let running = Running { wake: Arc::clone(&wake), again: false };
        self.running.insert(subscription.clone(), running);
        let throttle = self.throttles.remove(&subscription);
        let throttle = throttle.unwrap_or_else(|| Throttle::new(&self.settings()));
        let worker = SubscriptionWorker {
            app: Arc::clone(&self.app),
            shared: Arc::clone(&self.shared),
            subscription: subscription.clone(),
            tenant: tenant.clone(),
            stop: self.stop.clone(),
        };
        let task = self.workers.spawn(worker.run(wake, throttle));
        self.names.insert(task.id(), (subscription, tenant));
    }

    fn worker_ended(&mut self, ended: Result<(Id, WorkerExit), JoinError>) {
        let (id, ended) = match ended {
            Ok((id, ended)) => (id, Some(ended)),
            Err(error) => {
                tracing::error!(%error, "delivery worker failed");
                (error.id(), None)
            }
        };
        let Some((subscription, tenant)) = self.names.remove(&id) else {
            return;
        };
        let again = self.running.remove(&subscription).is_some_and(|running| running.again);
        match ended {
            Some(WorkerExit { throttle, next: NextRun::Rest(until), .. }) => {
                self.throttles.insert(subscription.clone(), throttle);
                self.paused_until.insert(subscription.clone(), until);
                self.due.insert(subscription, tenant, until);
            }
            Some(WorkerExit { throttle, next: NextRun::Due(due), .. }) => {
                self.throttles.insert(subscription.clone(), throttle);
                match due {
                    _ if again => self.wake(subscription, tenant),
                    Some(due) => self.due.insert(subscription, tenant, due),
                    None => {}
                }
            }
            // The next poll finds its deliveries again.
            None => {}
        }
    }

    fn until_due(&self) -> Duration {
        let Some(next) = self.due.first() else {
            return POLL_INTERVAL;
        };
        let wait = next.since(self.app.clock.micros());
        // A delivery that is due already has waited enough.
        Duration::from_micros(u64::try_from(wait).unwrap_or(0)).min(POLL_INTERVAL)
    }

    fn start_due(&mut self) {
        let now = self.app.clock.micros();
        while let Some((subscription, tenant)) = self.due.pop(now) {
            self.wake(subscription, tenant);
        }
    }

    async fn poll(&mut self) {
        self.take_over_settings();
        self.follow_clock().await;
        self.throttles.retain(|_, throttle| !throttle.is_idle());
        let now = self.app.clock.micros();
        match self.app.store.upcoming(now).await {
            Ok(upcoming) => {
                for Upcoming { subscription_id: subscription, tenant, at } in upcoming {
                    match self.running.get(&subscription) {
                        // The worker may wait for a slow attempt.
                        Some(running) if at <= now => running.wake.notify_one(),
                        Some(_) => {}
                        None => {
                            let rest = self.paused_until.get(&subscription).copied().unwrap_or(at);
                            self.due.insert(subscription, tenant, at.max(rest));
                        }
                    }
                }
                self.start_due();
            }
            Err(error) => tracing::warn!(%error, "due deliveries not read from the store"),
        }
    }

    /// Corrects due times after the clock was set back. Otherwise deliveries would be late by that
    /// time.
    async fn follow_clock(&mut self) {
        let by = self.clock_skew.was_set().unwrap_or(0);
        let seconds = by.saturating_abs() / 1_000_000;
        if by > 0 {
            tracing::warn!(seconds, "the clock was set forward");
        }
        if by < 0 {
            tracing::warn!(
                seconds,
                "clock skew: the clock was set back, and waiting deliveries are adjusted"
            );
            self.set_back = self.set_back.saturating_sub(by);
            self.due = Due::default();
            self.paused_until.clear();
        }
        if self.set_back == 0 {
            return;
        }
        match self.app.store.set_back(self.set_back, self.app.clock.micros()).await {
            Ok(()) => self.set_back = 0,
            Err(error) => {
                tracing::warn!(%error, "delivery times not adjusted after a clock change")
            }
        }
    }

    /// Applies changed settings (hot reload).
    fn take_over_settings(&mut self) {
        let configuration = self.app.configuration();
        let now = &configuration.settings.delivery;
        if *now == *self.settings() || self.rejected.as_ref() == Some(now) {
            return;
        }
        match clients(&self.app) {
            Ok(clients) => {
                let mut current =
                    self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = (Arc::new(now.clone()), clients);
            }
            Err(error) => {
                tracing::error!(%error, "delivery settings not replaced: the old ones stay");
                self.rejected = Some(now.clone());
            }
        }
    }
}

/// Creates the HTTP clients of the configuration.
pub(in crate::gateway) fn clients(app: &App) -> Result<Clients, ClientsError> {
    let configuration = app.configuration();
    Clients::new(&configuration.settings.delivery, configuration.ca_file().as_deref())
}
