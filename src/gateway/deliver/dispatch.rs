//! Which lanes run: those with something to do, now or when its time comes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};

use super::client::{Clients, ClientsError};
use super::lane::{Ended, Lane, Next, Rhythm, Shared};
use crate::gateway::app::App;
use crate::gateway::clock::Steady;
use crate::gateway::settings::Delivery;

/// How often the store is asked who has something to do, besides those who tell: what another
/// process wrote, and what is due.
const LOOK: Duration = Duration::from_secs(1);

/// Delivers until told to stop, and then finishes what is in flight, for as long as that may take.
pub(in crate::gateway) async fn run(
    app: Arc<App>,
    clients: Clients,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) {
    if let Err(error) = app.store.end_leases(app.clock.micros()).await {
        tracing::warn!(%error, "deliveries that were in flight wait for their leases to end");
    }
    let settings = Arc::new(app.configuration().settings.delivery.clone());
    let permits = Arc::new(Semaphore::new(settings.in_flight));
    let mut dispatch = Dispatch {
        app: Arc::clone(&app),
        shared: Arc::new(Shared { current: RwLock::new((settings, clients)), permits }),
        stop: stop.clone(),
        lanes: JoinSet::new(),
        names: HashMap::new(),
        running: HashMap::new(),
        due: HashMap::new(),
        resting: HashMap::new(),
        rhythms: HashMap::new(),
        refused: None,
        steady: Steady::new(app.clock.clone()),
        set_back: 0,
    };
    let mut look = tokio::time::interval(LOOK);
    loop {
        let until_due = dispatch.until_due();
        tokio::select! {
            woken = app.arrivals.next() => {
                for subscription in woken {
                    dispatch.wake(subscription);
                }
            }
            Some(ended) = dispatch.lanes.join_next_with_id() => dispatch.ended(ended),
            () = tokio::time::sleep(until_due) => dispatch.begin_due(),
            _ = look.tick() => dispatch.look().await,
            () = told(&mut stop) => break,
        }
    }
    let finished = async { while dispatch.lanes.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!("deliveries that were still in flight are sent again at the next start");
    }
}

/// Waits until told to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // Whoever would tell is gone where waiting fails, which says the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Dispatch {
    app: Arc<App>,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    lanes: JoinSet<Ended>,
    /// Whose lane a task is, should it end without a word.
    names: HashMap<Id, String>,
    running: HashMap<String, Running>,
    /// When lanes that do not run have something to do, in microseconds since the epoch.
    due: HashMap<String, i64>,
    /// Until when lanes are left alone, whatever they have to do.
    resting: HashMap<String, i64>,
    /// How receivers are treated whose lanes do not run.
    rhythms: HashMap<String, Rhythm>,
    /// Settings that were not taken over.
    refused: Option<Delivery>,
    steady: Steady,
    /// Microseconds that the clock was set back by, and the store was not told of.
    set_back: i64,
}

/// A lane that runs.
struct Running {
    wake: Arc<Notify>,
    /// Whether it was woken since it began: it may have looked before.
    again: bool,
}

impl Dispatch {
    fn settings(&self) -> Arc<Delivery> {
        let current = self.shared.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.0)
    }

    fn wake(&mut self, subscription: String) {
        if let Some(running) = self.running.get_mut(&subscription) {
            running.again = true;
            running.wake.notify_one();
            return;
        }
        if self.resting.get(&subscription).is_some_and(|until| *until > self.app.clock.micros()) {
            return;
        }
        self.resting.remove(&subscription);
        self.due.remove(&subscription);
        let wake = Arc::new(Notify::new());
        let running = Running { wake: Arc::clone(&wake), again: false };
        self.running.insert(subscription.clone(), running);
        let rhythm = self.rhythms.remove(&subscription);
        let rhythm = rhythm.unwrap_or_else(|| Rhythm::new(&self.settings()));
        let lane = Lane {
            app: Arc::clone(&self.app),
            shared: Arc::clone(&self.shared),
            subscription: subscription.clone(),
            stop: self.stop.clone(),
        };
        let task = self.lanes.spawn(lane.run(wake, rhythm));
        self.names.insert(task.id(), subscription);
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, ended) = match ended {
            Ok((id, ended)) => (id, Some(ended)),
            Err(error) => {
                tracing::error!(%error, "a lane of deliveries broke");
                (error.id(), None)
            }
        };
        let Some(subscription) = self.names.remove(&id) else {
            return;
        };
        let again = self.running.remove(&subscription).is_some_and(|running| running.again);
        match ended {
            Some(Ended { rhythm, next: Next::Rest(until), .. }) => {
                self.rhythms.insert(subscription.clone(), rhythm);
                self.resting.insert(subscription.clone(), until);
                self.due.insert(subscription, until);
            }
            Some(Ended { rhythm, next: Next::Due(due), .. }) => {
                self.rhythms.insert(subscription.clone(), rhythm);
                match due {
                    _ if again => self.wake(subscription),
                    Some(due) => drop(self.due.insert(subscription, due)),
                    None => {}
                }
            }
            // It is looked for again with all others.
            None => {}
        }
    }

    fn until_due(&self) -> Duration {
        let Some(next) = self.due.values().min() else {
            return LOOK;
        };
        let wait = next.saturating_sub(self.app.clock.micros());
        Duration::from_micros(u64::try_from(wait).unwrap_or(0)).min(LOOK)
    }

    fn begin_due(&mut self) {
        let now = self.app.clock.micros();
        let due = self.due.iter().filter(|(_, at)| **at <= now);
        let due: Vec<String> = due.map(|(subscription, _)| subscription.clone()).collect();
        for subscription in due {
            self.wake(subscription);
        }
    }

    async fn look(&mut self) {
        self.take_over_settings();
        self.follow_clock().await;
        let settings = self.settings();
        self.rhythms.retain(|_, rhythm| !rhythm.is_fresh(&settings));
        let now = self.app.clock.micros();
        match self.app.store.upcoming(now).await {
            Ok(upcoming) => {
                for (subscription, at) in upcoming {
                    match self.running.get(&subscription) {
                        // It may wait for an attempt that takes long.
                        Some(running) if at <= now => running.wake.notify_one(),
                        Some(_) => {}
                        None => {
                            let rest = self.resting.get(&subscription).copied().unwrap_or(at);
                            self.due.insert(subscription, at.max(rest));
                        }
                    }
                }
                self.begin_due();
            }
            Err(error) => tracing::warn!(%error, "the store was not asked what is to be sent"),
        }
    }

    /// Where the clock was set back, what was planned by it as it was would come that much later.
    async fn follow_clock(&mut self) {
        let by = self.steady.was_set().unwrap_or(0);
        let seconds = by.saturating_abs() / 1_000_000;
        if by > 0 {
            tracing::warn!(seconds, "the clock was set forward");
        }
        if by < 0 {
            tracing::warn!(seconds, "the clock was set back: what waits is sent that much earlier");
            self.set_back = self.set_back.saturating_sub(by);
            self.due.clear();
            self.resting.clear();
        }
        if self.set_back == 0 {
            return;
        }
        match self.app.store.set_back(self.set_back, self.app.clock.micros()).await {
            Ok(()) => self.set_back = 0,
            Err(error) => tracing::warn!(%error, "what waits was not brought forward"),
        }
    }

    /// Takes over settings that changed.
    fn take_over_settings(&mut self) {
        let configuration = self.app.configuration();
        let now = &configuration.settings.delivery;
        if *now == *self.settings() || self.refused.as_ref() == Some(now) {
            return;
        }
        match clients(&self.app) {
            Ok(clients) => {
                let mut current =
                    self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = (Arc::new(now.clone()), clients);
            }
            Err(error) => {
                tracing::error!(%error, "the old settings of deliveries stay");
                self.refused = Some(now.clone());
            }
        }
    }
}

/// The clients of the configuration.
pub(in crate::gateway) fn clients(app: &App) -> Result<Clients, ClientsError> {
    let configuration = app.configuration();
    let delivery = &configuration.settings.delivery;
    let authorities = delivery.authorities.as_ref().map(|path| configuration.path(path));
    Clients::new(delivery, authorities.as_deref())
}
