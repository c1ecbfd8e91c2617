//! Which lanes run: those with something to do, now or when its time comes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use super::client::{Clients, ClientsError};
use super::lane::Lane;
use crate::gateway::app::App;
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
    if let Err(error) = app.store.end_leases().await {
        tracing::warn!(%error, "deliveries that were in flight wait for their leases to end");
    }
    let settings = Arc::new(app.configuration().settings.delivery.clone());
    let permits = Arc::new(Semaphore::new(settings.in_flight));
    let mut dispatch = Dispatch {
        app: Arc::clone(&app),
        clients,
        settings,
        permits,
        stop: stop.clone(),
        lanes: JoinSet::new(),
        running: HashMap::new(),
        due: HashMap::new(),
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
            Some(ended) = dispatch.lanes.join_next() => {
                if let Ok((subscription, due)) = ended {
                    dispatch.ended(subscription, due);
                }
            }
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
    clients: Clients,
    settings: Arc<Delivery>,
    permits: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    lanes: JoinSet<(String, Option<i64>)>,
    running: HashMap<String, Running>,
    /// When lanes that do not run have something to do, in microseconds since the epoch.
    due: HashMap<String, i64>,
}

/// A lane that runs.
struct Running {
    wake: Arc<Notify>,
    /// Whether it was woken since it began: it may have looked before.
    again: bool,
}

impl Dispatch {
    fn wake(&mut self, subscription: String) {
        if let Some(running) = self.running.get_mut(&subscription) {
            running.again = true;
            running.wake.notify_one();
            return;
        }
        self.due.remove(&subscription);
        self.take_over_settings();
        let wake = Arc::new(Notify::new());
        self.running
            .insert(subscription.clone(), Running { wake: Arc::clone(&wake), again: false });
        let lane = Lane {
            app: Arc::clone(&self.app),
            clients: self.clients.clone(),
            settings: Arc::clone(&self.settings),
            permits: Arc::clone(&self.permits),
            subscription: subscription.clone(),
            stop: self.stop.clone(),
        };
        self.lanes.spawn(async move { (subscription, lane.run(wake).await) });
    }

    fn ended(&mut self, subscription: String, due: Option<i64>) {
        let running = self.running.remove(&subscription);
        if running.is_some_and(|running| running.again) {
            self.wake(subscription);
        } else if let Some(due) = due {
            self.due.insert(subscription, due);
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
        match self.app.store.upcoming(self.app.clock.micros()).await {
            Ok(upcoming) => {
                for (subscription, at) in upcoming {
                    if !self.running.contains_key(&subscription) {
                        self.due.insert(subscription, at);
                    }
                }
                self.begin_due();
            }
            Err(error) => tracing::warn!(%error, "the store was not asked what is to be sent"),
        }
    }

    /// Takes over settings that changed.
    fn take_over_settings(&mut self) {
        let configuration = self.app.configuration();
        let now = &configuration.settings.delivery;
        if *now == *self.settings {
            return;
        }
        match clients(&self.app) {
            Ok(clients) => {
                self.clients = clients;
                self.settings = Arc::new(now.clone());
            }
            Err(error) => tracing::error!(%error, "the old settings of deliveries stay"),
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
