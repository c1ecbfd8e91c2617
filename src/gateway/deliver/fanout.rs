//! Fan-out: from stored events to deliveries, a bounded step at a time, each tenant in its turn.
//!
//! What a step writes, the store says; here is in which order tenants are served, and who is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::dispatch::told;
use super::sending::with_event;
use crate::gateway::app::App;
use crate::gateway::clock::micros_in;
use crate::gateway::configuration::Configuration;
use crate::gateway::store::{BacklogLimits, EventRecord, FanOutTurn, FannedOut, StoreError};

/// Events and deliveries that one transaction writes.
const ROWS: usize = 512;

/// Tenants that share a transaction.
const TENANTS: usize = 16;

/// Events of a tenant whose filters are asked before those of others.
const EVENTS: usize = 32;

/// What the filters of these events may take together; the rest is asked in the next turn.
const FILTERING: Duration = Duration::from_millis(20);

/// Tenants whose filters are asked at a time.
const FILTERED_TENANTS: usize = 4;

/// How often the store is asked for tenants with events to fan out, besides those who tell: after a
/// start, and where whoever stored an event was gone before it could tell.
const LOOK: Duration = Duration::from_secs(1);

/// How often all backlogs are looked at.
const TRIM: Duration = Duration::from_secs(5);

/// How often a tenant without subscriptions has a turn, which only moves its mark.
const QUIET: Duration = Duration::from_millis(50);

/// How long nobody is listened to after tenants that have no subscriptions.
const REST: Duration = Duration::from_millis(2);

/// How long a store that does not answer is left alone.
const STORE_WAIT: Duration = Duration::from_millis(500);

/// Transactions in a row that make backlogs smaller.
const TRIMS: usize = 4;

/// The bounds of what waits, as the settings have them.
pub(in crate::gateway) fn limits(configuration: &Configuration) -> BacklogLimits {
    let (delivery, kept) = (&configuration.settings.delivery, &configuration.settings.retention);
    BacklogLimits {
        rows: delivery.waiting_rows,
        bytes: delivery.waiting_bytes,
        age_us: micros_in(delivery.waiting_age),
        tenant_rows: delivery.waiting_rows_per_tenant,
        total_rows: delivery.waiting_rows_total,
        diverted_rows: kept.diverted_rows,
        diverted_rows_per_tenant: kept.diverted_rows_per_tenant,
    }
}

/// Fans events out until told to stop. What is left then is done after the next start.
pub(in crate::gateway) async fn fan_out(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut fan = FanOut::new(Arc::clone(&app));
    let mut look = tokio::time::interval(LOOK);
    let mut trim = tokio::time::interval(TRIM);
    loop {
        let (ready, quiet) = (fan.is_ready(), fan.quiet_until());
        let resting = fan.rests_until;
        tokio::select! {
            biased;
            () = told(&mut stop) => return,
            tenants = app.arrivals.next_tenants(), if resting.is_none() => fan.add_all(tenants),
            () = tokio::time::sleep_until(resting.unwrap_or(quiet).into()), if resting.is_some() => {
                fan.rests_until = None;
            }
            Some(asked) = fan.asking.join_next() => fan.asked(asked),
            _ = look.tick() => fan.look().await,
            _ = trim.tick() => fan.trim().await,
            () = tokio::time::sleep_until(quiet.into()) => fan.wake_quiet(),
            () = std::future::ready(()), if ready => fan.step().await,
        }
    }
}

/// Where tenants stand.
struct FanOut {
    app: Arc<App>,
    /// Tenants with something to do, none of them twice.
    known: BTreeSet<String>,
    /// Those whose turn comes, in this order.
    queue: VecDeque<String>,
    /// Those whose filters are to be asked.
    to_ask: VecDeque<String>,
    /// Those whose filters are being asked.
    asking: JoinSet<FanOutTurn>,
    /// Those whose filters were asked.
    turns: VecDeque<FanOutTurn>,
    /// Tenants without subscriptions: when they have a turn again.
    quiet: BTreeMap<String, Instant>,
    /// Until when nobody is listened to: those who told last have no subscriptions.
    rests_until: Option<Instant>,
    alarms: Alarms,
}

impl FanOut {
    fn new(app: Arc<App>) -> Self {
        Self {
            app,
            known: BTreeSet::new(),
            queue: VecDeque::new(),
            to_ask: VecDeque::new(),
            asking: JoinSet::new(),
            turns: VecDeque::new(),
            quiet: BTreeMap::new(),
            rests_until: None,
            alarms: Alarms::default(),
        }
    }

    /// A tenant has something to do.
    fn add(&mut self, tenant: String) {
        if self.known.insert(tenant.clone()) && !self.quiet.contains_key(&tenant) {
            self.queue.push_back(tenant);
        }
    }

    /// Tenants have something to do. Where none of them has subscriptions, the next ones are heard
    /// a moment later, so that each event of theirs does not wake this task.
    fn add_all(&mut self, tenants: impl Iterator<Item = String>) {
        let mut all_quiet = true;
        for tenant in tenants {
            all_quiet &= self.quiet.contains_key(&tenant);
            self.add(tenant);
        }
        self.rests_until = all_quiet.then(|| Instant::now() + REST);
    }

    /// Whether a step can be made now.
    fn is_ready(&self) -> bool {
        let may_ask = self.asking.len() < FILTERED_TENANTS;
        !self.turns.is_empty() || !self.queue.is_empty() || (may_ask && !self.to_ask.is_empty())
    }

    /// When a tenant without subscriptions has a turn again.
    fn quiet_until(&self) -> Instant {
        self.quiet.values().min().copied().unwrap_or_else(|| Instant::now() + LOOK)
    }

    fn wake_quiet(&mut self) {
        let now = Instant::now();
        let over: Vec<String> =
            self.quiet.iter().filter(|(_, at)| **at <= now).map(|(one, _)| one.clone()).collect();
        for tenant in over {
            self.quiet.remove(&tenant);
            if self.known.contains(&tenant) {
                self.queue.push_back(tenant);
            }
        }
    }

    /// Takes tenants whose turn it is: those with filters have them asked first, aside.
    fn begin(&mut self) {
        while self.turns.len() < TENANTS
            && let Some(tenant) = self.queue.pop_front()
        {
            match self.app.filters.any(&tenant) {
                true => self.to_ask.push_back(tenant),
                false => self.turns.push_back(FanOutTurn::without_filters(tenant)),
            }
        }
        while self.asking.len() < FILTERED_TENANTS
            && let Some(tenant) = self.to_ask.pop_front()
        {
            self.asking.spawn(ask_filters(Arc::clone(&self.app), tenant));
        }
    }

    fn asked(&mut self, asked: Result<FanOutTurn, JoinError>) {
        match asked {
            Ok(turn) => self.turns.push_back(turn),
            Err(error) => {
                tracing::error!(%error, "the filters of a tenant were not asked");
                // Whose they were is found again with all others.
                let waiting = self.queue.iter().chain(&self.to_ask).cloned();
                self.known =
                    waiting.chain(self.turns.iter().map(|one| one.tenant.clone())).collect();
            }
        }
    }

    /// One transaction for the tenants whose turn it is.
    async fn step(&mut self) {
        self.begin();
        let number = self.turns.len().min(TENANTS);
        let turns: Vec<FanOutTurn> = self.turns.drain(..number).collect();
        if turns.is_empty() {
            return;
        }
        let tenants: Vec<String> = turns.iter().map(|turn| turn.tenant.clone()).collect();
        // What comes from now on is for the next turn.
        for tenant in &tenants {
            self.known.remove(tenant);
        }
        let (limits, now) = (limits(&self.app.configuration()), self.app.clock.micros());
        match self.app.store.fan_out(turns, limits, ROWS, now).await {
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
                tokio::time::sleep(STORE_WAIT).await;
            }
        }
    }

    fn fanned_out(&mut self, fanned: FannedOut) {
        self.app.metrics.deliveries("filtered", fanned.filtered);
        self.count_diverted(fanned.diverted);
        if !fanned.subscriptions.is_empty() {
            self.app.arrivals.wake_of(&fanned.tenant, fanned.subscriptions);
        }
        if !fanned.subscribed {
            self.quiet.insert(fanned.tenant.clone(), Instant::now() + QUIET);
        }
        if fanned.more {
            self.add(fanned.tenant);
        }
    }

    fn count_diverted(&mut self, diverted: Vec<(String, usize)>) {
        for (subscription, number) in diverted {
            self.app.metrics.deliveries("backlog", number);
            self.alarms.count(subscription, number);
        }
        self.alarms.tell();
    }

    /// Asks the store which tenants have events to fan out.
    async fn look(&mut self) {
        match self.app.store.pending_tenants().await {
            Ok(tenants) => tenants.into_iter().for_each(|tenant| self.add(tenant)),
            Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::warn!(%error, "the store was not asked what is to be fanned out")
            }
        }
        self.alarms.tell();
    }

    /// Makes backlogs smaller that have too much.
    async fn trim(&mut self) {
        let limits = limits(&self.app.configuration());
        for _ in 0..TRIMS {
            match self.app.store.trim(limits, ROWS / 2, self.app.clock.micros()).await {
                Ok(trimmed) => {
                    self.count_diverted(trimmed.diverted);
                    self.app.metrics.deliveries("deleted", trimmed.deleted);
                    if !trimmed.more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "backlogs were not made smaller");
                    break;
                }
            }
        }
        if let Ok(waiting) = self.app.store.waiting_rows().await {
            self.app.metrics.waiting(waiting);
        }
    }
}

/// Asks the filters of a tenant about its next events. Where that cannot be done, lanes ask them.
async fn ask_filters(app: Arc<App>, tenant: String) -> FanOutTurn {
    let events = match app.store.pending_events(&tenant, EVENTS).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(%error, "the events to fan out were not read for the filters");
            return FanOutTurn::without_filters(tenant);
        }
    };
    let unasked = FanOutTurn::without_filters(tenant.clone());
    let asking = tokio::task::spawn_blocking(move || ask(&app, tenant, &events));
    asking.await.unwrap_or(unasked)
}

fn ask(app: &App, tenant: String, events: &[EventRecord]) -> FanOutTurn {
    let (began, hops) = (Instant::now(), app.configuration().settings.delivery.hops);
    let mut turn = FanOutTurn { tenant, upto: Some(0), unwanted: Vec::new() };
    for event in events {
        // One that goes round in a loop ends for that reason, wanted or not.
        if event.hops < hops {
            let json = || with_event(event, |event| event.to_json());
            let unwanted = app.filters.unwanted(&turn.tenant, &event.event_type, json);
            turn.unwanted.extend(unwanted.into_iter().map(|one| (event.place, one)));
        }
        turn.upto = Some(event.place);
        if began.elapsed() > FILTERING {
            break;
        }
    }
    turn
}

/// Tells of backlogs that were too large: once in a period, however often it happens.
#[derive(Default)]
struct Alarms {
    counted: HashMap<String, usize>,
    told: Option<Instant>,
}

/// How often it is told.
const ALARM: Duration = Duration::from_secs(60);

/// Subscriptions that are named in one period.
const NAMED: usize = 20;

impl Alarms {
    fn count(&mut self, subscription: String, number: usize) {
        let full = self.counted.len() >= 10 * NAMED;
        match self.counted.get_mut(&subscription) {
            Some(counted) => *counted += number,
            None if full => *self.counted.entry(String::new()).or_default() += number,
            None => drop(self.counted.insert(subscription, number)),
        }
    }

    fn tell(&mut self) {
        if self.counted.is_empty() || self.told.is_some_and(|told| told.elapsed() < ALARM) {
            return;
        }
        self.told = Some(Instant::now());
        let all: usize = self.counted.values().sum();
        for (subscription, deliveries) in self.counted.drain().take(NAMED) {
            tracing::warn!(
                subscription,
                deliveries,
                "its oldest waiting deliveries became dead letters: the backlog is over its limit"
            );
        }
        tracing::warn!(deliveries = all, "dead letters of backlogs, in all subscriptions");
    }
}
