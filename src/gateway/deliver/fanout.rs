//! The fan-out loop: events become deliveries in bounded steps, and tenants take turns.
//!
//! The store decides which deliveries a step writes. This module decides the order of the tenants
//! and notifies the workers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::shutdown::stopped;
use super::task::with_event;
use crate::engine::Projection;
use crate::gateway::app::App;
use crate::gateway::config::configuration::Configuration;
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::clock::micros_in;
use crate::gateway::store::{BacklogLimits, EventRecord, FanOutTurn, FannedOut, StoreError};

/// Maximum events and deliveries that one transaction writes.
const BATCH_ROWS: usize = 512;

/// Maximum tenants in one transaction.
const MAX_TENANTS: usize = 16;

/// Maximum events of a tenant whose filters are evaluated in one turn.
const MAX_EVENTS: usize = 32;

/// Time limit for the filters of these events. The rest is evaluated in the next turn.
const FILTER_TIME: Duration = Duration::from_millis(20);

/// Maximum tenants whose filters are evaluated at a time. A parsed event may be forty times as large
/// as its JSON.
const MAX_FILTERED_TENANTS: usize = 2;

/// Poll interval for tenants with events to fan out. Polling finds events of an earlier run, and
/// events without a notification because the caller stopped waiting.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Interval between two checks of all backlogs.
const TRIM_INTERVAL: Duration = Duration::from_secs(5);

/// Time between two turns of a tenant without subscriptions. Such a turn only advances the
/// progress.
const QUIET_TENANT_INTERVAL: Duration = Duration::from_millis(50);

/// Pause of the notifications after those of tenants without subscriptions, so that not each event
/// of such a tenant wakes this task.
const QUIET_NOTIFICATION_PAUSE: Duration = Duration::from_millis(2);

/// Pause after an error of the store.
const STORE_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Maximum trimming transactions in a row.
const MAX_TRIMS: usize = 4;

/// Returns the backlog limits of the settings.
pub(in crate::gateway) fn limits(configuration: &Configuration) -> BacklogLimits {
    let (delivery, kept) = (&configuration.settings.delivery, &configuration.settings.retention);
    BacklogLimits {
        rows: delivery.waiting_rows,
        bytes: delivery.waiting_bytes,
        age_us: micros_in(delivery.waiting_age),
        tenant_rows: delivery.waiting_rows_per_tenant,
        total_rows: delivery.waiting_rows_total,
        dead_letter_rows: kept.dead_letter_rows,
        dead_letter_rows_per_tenant: kept.dead_letter_rows_per_tenant,
    }
}

/// Fans out events until the shutdown. The rest is fanned out after the next start.
pub(in crate::gateway) async fn fan_out(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut fan = FanOut::new(Arc::clone(&app));
    let mut look = tokio::time::interval(POLL_INTERVAL);
    let mut trim = tokio::time::interval(TRIM_INTERVAL);
    loop {
        let (ready, quiet) = (fan.is_ready(), fan.quiet_until());
        let paused = fan.notifications_wait_until;
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            tenants = app.notifier.next_tenants(), if paused.is_none() => fan.add_all(tenants),
            () = tokio::time::sleep_until(paused.unwrap_or(quiet).into()), if paused.is_some() => {
                fan.notifications_wait_until = None;
            }
            Some(evaluated) = fan.filtering.join_next() => fan.filters_evaluated(evaluated),
            _ = look.tick() => fan.poll().await,
            _ = trim.tick() => fan.trim().await,
            () = tokio::time::sleep_until(quiet.into()) => fan.wake_quiet(),
            () = std::future::ready(()), if ready => fan.step().await,
        }
    }
}

/// The queues of the fan-out loop.
struct FanOut {
    app: Arc<App>,
    /// Tenants with events to fan out.
    known: BTreeSet<TenantId>,
    /// Tenants that wait for their turn, in order.
    queue: VecDeque<TenantId>,
    /// Tenants whose filters have to be evaluated.
    to_filter: VecDeque<TenantId>,
    /// Tenants whose filters are being evaluated.
    filtering: JoinSet<FanOutTurn>,
    /// Tenants with evaluated filters.
    turns: VecDeque<FanOutTurn>,
    /// Tenants without subscriptions, with the time of their next turn.
    quiet: BTreeMap<TenantId, Instant>,
    /// Time until which notifications wait, because the last ones were of tenants without
    /// subscriptions.
    notifications_wait_until: Option<Instant>,
    warnings: BacklogWarnings,
}

impl FanOut {
    fn new(app: Arc<App>) -> Self {
        Self {
            app,
            known: BTreeSet::new(),
            queue: VecDeque::new(),
            to_filter: VecDeque::new(),
            filtering: JoinSet::new(),
            turns: VecDeque::new(),
            quiet: BTreeMap::new(),
            notifications_wait_until: None,
            warnings: BacklogWarnings::default(),
        }
    }

    /// Adds a tenant with events to fan out.
    fn add(&mut self, tenant: TenantId) {
        if self.known.insert(tenant.clone()) && !self.quiet.contains_key(&tenant) {
            self.queue.push_back(tenant);
        }
    }

    /// Adds the tenants of some notifications. If none of them has subscriptions, the next
    /// notifications wait a moment.
    fn add_all(&mut self, tenants: impl Iterator<Item = TenantId>) {
        let mut all_quiet = true;
        for tenant in tenants {
            all_quiet &= self.quiet.contains_key(&tenant);
            self.add(tenant);
        }
        self.notifications_wait_until =
            all_quiet.then(|| Instant::now() + QUIET_NOTIFICATION_PAUSE);
    }

    /// Returns true if a step can run now.
    fn is_ready(&self) -> bool {
        let may_ask = self.filtering.len() < MAX_FILTERED_TENANTS;
        !self.turns.is_empty() || !self.queue.is_empty() || (may_ask && !self.to_filter.is_empty())
    }

    /// Returns the time of the next turn of a tenant without subscriptions.
    fn quiet_until(&self) -> Instant {
        self.quiet.values().min().copied().unwrap_or_else(|| Instant::now() + POLL_INTERVAL)
    }

    fn wake_quiet(&mut self) {
        let now = Instant::now();
        let over: Vec<TenantId> =
            self.quiet.iter().filter(|(_, at)| **at <= now).map(|(one, _)| one.clone()).collect();
        for tenant in over {
            self.quiet.remove(&tenant);
            if self.known.contains(&tenant) {
                self.queue.push_back(tenant);
            }
        }
    }

    /// Takes the next tenants. If a tenant has filters, they are evaluated first, in another task.
    fn begin(&mut self) {
        while self.turns.len() < MAX_TENANTS
            && let Some(tenant) = self.queue.pop_front()
        {
            match self.app.filters.any(&tenant) {
                true => self.to_filter.push_back(tenant),
                false => self.turns.push_back(FanOutTurn::without_filters(tenant)),
            }
        }
        while self.filtering.len() < MAX_FILTERED_TENANTS
            && let Some(tenant) = self.to_filter.pop_front()
        {
            self.filtering.spawn(evaluate_filters(Arc::clone(&self.app), tenant));
        }
    }

    fn filters_evaluated(&mut self, evaluated: Result<FanOutTurn, JoinError>) {
        match evaluated {
            Ok(turn) => self.turns.push_back(turn),
            Err(error) => {
                tracing::error!(%error, "filters of a tenant not evaluated");
                // The panicked task does not return its tenant. The next poll finds the tenant
                // again.
                let waiting = self.queue.iter().chain(&self.to_filter).cloned();
                self.known =
                    waiting.chain(self.turns.iter().map(|one| one.tenant.clone())).collect();
            }
        }
    }

    /// Runs one transaction for the tenants whose turn it is.
    async fn step(&mut self) {
        self.begin();
        let number = self.turns.len().min(MAX_TENANTS);
        let turns: Vec<FanOutTurn> = self.turns.drain(..number).collect();
        if turns.is_empty() {
            return;
        }
        let tenants: Vec<TenantId> = turns.iter().map(|turn| turn.tenant.clone()).collect();
        // New events belong to the next turn.
        for tenant in &tenants {
            self.known.remove(tenant);
        }
        let (limits, now) = (limits(&self.app.configuration()), self.app.clock.micros());
        match self.app.store.fan_out(turns, limits, BATCH_ROWS, now).await {
            Ok(all) => {
                let over = all.iter().any(|fanned| fanned.over);
                all.into_iter().for_each(|fanned| self.fanned_out(fanned));
                if over {
                    self.trim().await;
                }
            }
            Err(error) => {
                tenants.into_iter().for_each(|tenant| self.add(tenant));
                if !matches!(error, StoreError::Closed) {
                    tracing::warn!(%error, "events were not fanned out; it is tried again");
                }
                tokio::time::sleep(STORE_RETRY_DELAY).await;
            }
        }
    }

    fn fanned_out(&mut self, fanned: FannedOut) {
        self.app.metrics.deliveries("filtered", fanned.filtered);
        self.count_diverted(fanned.diverted);
        if !fanned.subscriptions.is_empty() {
            self.app.notifier.notify_subscriptions_of(&fanned.tenant, fanned.subscriptions);
        }
        if !fanned.subscribed {
            self.quiet.insert(fanned.tenant.clone(), Instant::now() + QUIET_TENANT_INTERVAL);
        }
        if fanned.more {
            self.add(fanned.tenant);
        }
    }

    fn count_diverted(&mut self, diverted: Vec<(SubscriptionId, usize)>) {
        for (subscription, number) in diverted {
            self.app.metrics.deliveries("backlog", number);
            self.warnings.count(subscription, number);
        }
        self.warnings.log();
    }

    /// Polls the store for tenants with events to fan out.
    async fn poll(&mut self) {
        match self.app.store.pending_tenants().await {
            Ok(tenants) => tenants.into_iter().for_each(|tenant| self.add(tenant)),
            Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::warn!(%error, "events for fan-out not read from the store")
            }
        }
        self.warnings.log();
    }

    /// Trims backlogs that are above their limits.
    async fn trim(&mut self) {
        let limits = limits(&self.app.configuration());
        for _ in 0..MAX_TRIMS {
            match self.app.store.trim(limits, BATCH_ROWS / 2, self.app.clock.micros()).await {
                Ok(trimmed) => {
                    self.count_diverted(trimmed.diverted);
                    self.app.metrics.deliveries("deleted", trimmed.deleted);
                    if !trimmed.more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "backlog not trimmed");
                    break;
                }
            }
        }
        if let Ok(waiting) = self.app.store.waiting_rows().await {
            self.app.metrics.waiting(waiting);
        }
    }
}

/// Evaluates the filters of a tenant for its next events. If that fails, the workers evaluate them.
async fn evaluate_filters(app: Arc<App>, tenant: TenantId) -> FanOutTurn {
    let events = match app.store.pending_events(&tenant, MAX_EVENTS).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(%error, "the events to fan out were not read for the filters");
            return FanOutTurn::without_filters(tenant);
        }
    };
    let unfiltered = FanOutTurn::without_filters(tenant.clone());
    let evaluating = tokio::task::spawn_blocking(move || evaluate(&app, tenant, &events));
    evaluating.await.unwrap_or(unfiltered)
}

fn evaluate(app: &App, tenant: TenantId, events: &[EventRecord]) -> FanOutTurn {
    let (began, hops) = (Instant::now(), app.configuration().settings.delivery.hops);
    let mut turn = FanOutTurn { tenant, upto: Some(0), unwanted: Vec::new() };
    for event in events {
        // An event in a loop ends for that reason, even if a filter does not hold.
        if event.hops < hops {
            let read = |wanted: &Projection| with_event(event, |event| event.to_value(wanted)).ok();
            let unwanted = app.filters.unwanted(&turn.tenant, &event.event_type, read);
            turn.unwanted.extend(unwanted.into_iter().map(|one| (event.place, one)));
        }
        turn.upto = Some(event.place);
        if began.elapsed() > FILTER_TIME {
            break;
        }
    }
    turn
}

/// Warnings about backlogs above their limits: at most once in a period.
#[derive(Default)]
struct BacklogWarnings {
    counted: HashMap<SubscriptionId, usize>,
    logged_at: Option<Instant>,
}

/// Time between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum subscriptions that one warning names.
const MAX_NAMED: usize = 20;

impl BacklogWarnings {
    fn count(&mut self, subscription: SubscriptionId, number: usize) {
        let full = self.counted.len() >= 10 * MAX_NAMED;
        match self.counted.get_mut(&subscription) {
            Some(counted) => *counted += number,
            None if full => *self.counted.entry(SubscriptionId::default()).or_default() += number,
            None => drop(self.counted.insert(subscription, number)),
        }
    }

    fn log(&mut self) {
        if self.counted.is_empty()
            || self.logged_at.is_some_and(|told| told.elapsed() < WARNING_INTERVAL)
        {
            return;
        }
        self.logged_at = Some(Instant::now());
        let all: usize = self.counted.values().sum();
        for (subscription, deliveries) in self.counted.drain().take(MAX_NAMED) {
            tracing::warn!(
                %subscription,
                deliveries,
                "its oldest waiting deliveries became dead letters: the backlog is over its limit"
            );
        }
        tracing::warn!(deliveries = all, "dead letters of backlogs, in all subscriptions");
    }
}
