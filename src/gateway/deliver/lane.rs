//! A lane: what waits for one subscription is tried, a few at a time, whatever other lanes do.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::attempt::{Came, Message, send};
use super::client::Clients;
use super::file;
use super::subscribed::Subscribed;
use crate::delivery::{
    self, Api, Event, History, Notice, Policy, Receiver, Wanted, engine, envelope, locator,
    next_attempt, receiver_of, slack_message,
};
use crate::engine::Machine;
use crate::gateway::app::App;
use crate::gateway::clock::time_of;
use crate::gateway::settings::Delivery;
use crate::gateway::store::{AttemptRecord, End, EventRecord, Settlement, StoreError, Work};

thread_local! {
    /// A machine keeps its memory from event to event.
    static MACHINE: RefCell<Machine> = RefCell::new(engine().machine());
}

/// A lane of one subscription.
#[derive(Clone)]
pub(super) struct Lane {
    pub app: Arc<App>,
    pub shared: Arc<Shared>,
    pub subscription: String,
    pub stop: watch::Receiver<bool>,
}

/// What all lanes use, as the settings are now.
pub(super) struct Shared {
    /// Clients and the settings that they were made of.
    pub current: RwLock<(Arc<Delivery>, Clients)>,
    /// Attempts that may still begin, of all lanes.
    pub permits: Arc<Semaphore>,
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
    /// Attempts that may begin at once; so many more in a second.
    left: f64,
    at: Instant,
}

/// An answer that takes longer counts as one of a receiver that hangs.
const SOON: Duration = Duration::from_secs(5);

impl Rhythm {
    pub(super) fn new(settings: &Delivery) -> Self {
        let rate = f64::from(settings.rate);
        Self { window: settings.concurrency, left: rate, at: Instant::now() }
    }

    /// Whether it is as that of a receiver that nothing is known of.
    pub(super) fn is_fresh(&self, settings: &Delivery) -> bool {
        self.window >= settings.concurrency && self.at.elapsed() > Duration::from_secs(1)
    }

    fn after(&mut self, ok: bool, settings: &Delivery) {
        self.window = if ok { (self.window * 2).min(settings.concurrency) } else { 1 };
    }

    fn allows(&mut self, settings: &Delivery) -> usize {
        let (now, rate) = (Instant::now(), f64::from(settings.rate));
        self.left = (now - self.at).as_secs_f64().mul_add(rate, self.left).min(rate);
        self.at = now;
        // Never negative, and at most a rate.
        self.left.max(0.0) as usize
    }

    fn begun(&mut self, number: usize) {
        self.left -= f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// How long until one more may begin.
    fn wait(&self, settings: &Delivery) -> Duration {
        let wait = (1.0 - self.left) / f64::from(settings.rate);
        Duration::from_secs_f64(wait.clamp(0.001, 1.0))
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
    pub(super) async fn run(self, wake: Arc<Notify>, mut rhythm: Rhythm) -> Ended {
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
                    Ok(Begun::Rest(time)) => {
                        let until = self.app.clock.micros().saturating_add(micros(time));
                        return Ended { rhythm, next: Next::Rest(until) };
                    }
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
                    let came = ended.unwrap_or(Attempted { ok: false, file: false });
                    rhythm.after(came.ok, &settings);
                    if came.file && !came.ok {
                        let until = self.app.clock.micros().saturating_add(micros(FILE_WAIT));
                        return Ended { rhythm, next: Next::Rest(until) };
                    }
                }
                () = wake.notified() => {}
                () = tokio::time::sleep(rhythm.wait(&settings)), if paced => {}
                _ = stop.changed(), if !stopping => {}
            }
        }
    }

    async fn next_due(&self) -> Option<i64> {
        let due = self.app.store.next_due(&self.subscription, self.app.clock.micros()).await;
        due.unwrap_or_else(|error| {
            let subscription = self.subscription.as_str();
            tracing::warn!(subscription, %error, "the next delivery is not known");
            None
        })
    }

    /// Begins as many attempts as may run.
    async fn begin(
        &self,
        flight: &mut JoinSet<Attempted>,
        rhythm: &mut Rhythm,
        known: &mut Option<Arc<Subscribed>>,
    ) -> Result<Begun, StoreError> {
        let (settings, clients) = self.shared.now();
        let free = rhythm.window.saturating_sub(flight.len()).min(rhythm.allows(&settings));
        let mut permits = self.permits(free, flight.is_empty()).await;
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
        let lease = micros(settings.time.saturating_mul(2) + Duration::from_secs(60));
        let until = now.saturating_add(lease);
        let taken = match permits.len() {
            0 => Vec::new(),
            some => self.app.store.take(&self.subscription, now, until, some).await?,
        };
        let number = taken.len();
        rhythm.begun(number);
        for (work, permit) in taken.into_iter().zip(permits) {
            let sending = Sending {
                lane: self.clone(),
                settings: Arc::clone(&settings),
                clients: clients.clone(),
                subscribed: Arc::clone(&subscribed),
            };
            flight.spawn(async move { sending.deliver(work, permit).await });
        }
        Ok(Begun::Some(number))
    }

    /// Takes up to so many of the permits of all lanes; with none in flight, waits for one.
    async fn permits(&self, most: usize, wait: bool) -> Vec<OwnedSemaphorePermit> {
        let mut permits = Vec::with_capacity(most);
        let all = &self.shared.permits;
        while permits.len() < most {
            match Arc::clone(all).try_acquire_owned() {
                Ok(permit) => permits.push(permit),
                Err(_) => break,
            }
        }
        if permits.is_empty() && most > 0 && wait {
            let mut stop = self.stop.clone();
            tokio::select! {
                permit = Arc::clone(all).acquire_owned() => permits.extend(permit.ok()),
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        permits
    }

    /// The subscription as it is now. What is known is good as long as its version is.
    async fn subscribed(&self, known: &mut Option<Arc<Subscribed>>) -> Result<Known, StoreError> {
        let Some(record) = self.app.store.subscription(&self.subscription).await? else {
            return Ok(Known::Gone);
        };
        if let Some(known) = known.as_ref().filter(|one| one.record.version == record.version) {
            return Ok(Known::Good(Arc::clone(known)));
        }
        match Subscribed::open(&self.app.seal, record) {
            Ok(subscribed) => {
                let subscribed = Arc::new(subscribed);
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

/// What came of one attempt, as far as the next ones go.
struct Attempted {
    /// Whether it was taken, and soon.
    ok: bool,
    /// Whether it went to a file.
    file: bool,
}

/// One delivery that is being tried.
struct Sending {
    lane: Lane,
    settings: Arc<Delivery>,
    clients: Clients,
    subscribed: Arc<Subscribed>,
}

impl Sending {
    /// Tries one delivery and stores what came of it.
    async fn deliver(self, work: Work, permit: OwnedSemaphorePermit) -> Attempted {
        let _in_flight = permit;
        let settlement = match self.unwanted(&work) {
            Some(settlement) => settlement,
            None => self.attempt(&work).await,
        };
        let soon = u64::try_from(SOON.as_micros()).unwrap_or(u64::MAX);
        let attempt = settlement.attempt.as_ref();
        let ok = attempt.is_none_or(|attempt| attempt.ok && attempt.duration_us < soon);
        let file = self.subscribed.definition.receiver == Receiver::File;
        self.tell(&work, &settlement);
        self.settle(settlement).await;
        Attempted { ok, file }
    }

    /// How a delivery ends that is not to be tried at all.
    fn unwanted(&self, work: &Work) -> Option<Settlement> {
        let subscribed = &self.subscribed;
        let (record, delivery) = (&subscribed.record, &work.delivery);
        if delivery.notice {
            let gone = subscribed.definition.alert.is_none();
            return gone.then(|| ended(work, End::Dropped, "there is no alert endpoint any more"));
        }
        let Some(event) = &work.event else {
            return Some(ended(work, End::Dropped, "the event is kept no longer"));
        };
        if event.hops >= self.settings.hops {
            return Some(ended(work, End::Dropped, "the event goes round in a loop"));
        }
        if delivery.resent {
            return None;
        }
        if delivery.attempts == 0 && !wanted(subscribed, event) {
            return Some(ended(work, End::Filtered, "the filter does not hold"));
        }
        if record.suspended_at.is_some() {
            let end = match subscribed.definition.policy.divert {
                true => End::Diverted { trigger: "suspended".to_owned() },
                false => End::Dropped,
            };
            return Some(ended(work, end, "the subscription is suspended"));
        }
        let disabled = || ended(work, End::Dropped, "the subscription is disabled");
        (!record.enabled).then(disabled)
    }

    async fn attempt(&self, work: &Work) -> Settlement {
        let at = self.lane.app.clock.micros();
        let (body, came) = match self.body(work) {
            Ok(body) => {
                let came = self.send(work, &body, at).await;
                (Some(body), came)
            }
            Err(reason) => (None, Came::unsent(delivery::Ended::Unmade, reason)),
        };
        self.settled(work, at, body, came)
    }

    /// The body: of the first attempt, if there was one.
    fn body(&self, work: &Work) -> Result<String, String> {
        let subscribed = &self.subscribed;
        if let Some(body) = &work.body {
            return Ok(body.clone());
        }
        let Some(record) = &work.event else {
            return Err("the event is kept no longer".to_owned());
        };
        with_event(record, |event| {
            let slack = subscribed.definition.receiver == Receiver::Slack;
            if subscribed.programs.transforms() {
                let json = event.to_json();
                let made =
                    MACHINE.with_borrow_mut(|machine| subscribed.programs.body(machine, &json));
                let made = made.unwrap_or_else(|| Ok(String::new()))?;
                // A text is a message; anything else is one already.
                let is_text = slack && made.starts_with('"');
                return Ok(if is_text { format!("{{\"text\":{made}}}") } else { made });
            }
            if slack {
                let data = serde_json::from_str(event.data).unwrap_or_default();
                return Ok(slack_message(event.kind, &data).to_string());
            }
            Ok(envelope(subscribed.record.api, event, self.settings.user))
        })
    }

    async fn send(&self, work: &Work, body: &str, now: i64) -> Came {
        let definition = &self.subscribed.definition;
        if definition.receiver == Receiver::File && !work.delivery.notice {
            let configuration = self.lane.app.configuration();
            let sinks = &configuration.settings.sinks;
            let sink = sinks.iter().find(|sink| sink.name == definition.name).cloned();
            return match sink {
                Some(sink) => {
                    file::write(definition.endpoint.url.clone().into(), body.to_owned(), sink).await
                }
                None => Came::unsent(delivery::Ended::Unreachable, "the sink is gone".to_owned()),
            };
        }
        let (endpoint, id) = match (&definition.alert, work.delivery.notice) {
            (Some(alert), true) => (alert, format!("notice_{}", work.delivery.id)),
            _ => (&definition.endpoint, message_id(&work.delivery.event_id)),
        };
        let hops = work.event.as_ref().map_or(0, |event| event.hops).saturating_add(1);
        let message = Message { endpoint, id: &id, body, hops, now };
        send(&self.clients, &message, self.settings.time).await
    }

    /// What follows from an attempt.
    fn settled(&self, work: &Work, at: i64, body: Option<String>, came: Came) -> Settlement {
        let (subscribed, delivery) = (&self.subscribed, &work.delivery);
        let app = &self.lane.app;
        let notices = Policy::notices();
        let policy = match delivery.notice {
            true => &notices,
            false => &subscribed.definition.policy,
        };
        let number = delivery.attempts.saturating_add(1);
        let Came { ended, reason, retry_after, took } = came;
        app.metrics.attempt(ended.is_success(), took);
        let history = History { attempts: number, ended, retry_after };
        let now = app.clock.micros();
        let next = next_attempt(policy, &history, now, jitter());
        let (end, suspend) = match next {
            delivery::Next::Delivered => (End::Delivered, false),
            delivery::Next::Again { at, .. } => (End::Again { at }, false),
            delivery::Next::Ignored => (End::Dropped, false),
            delivery::Next::GivenUp { trigger, divert: true, suspend } => {
                (End::Diverted { trigger: trigger.to_string() }, suspend)
            }
            delivery::Next::GivenUp { divert: false, suspend, .. } => (End::Dropped, suspend),
        };
        let notice = match next {
            delivery::Next::GivenUp { trigger, divert, suspend }
                if subscribed.definition.alert.is_some() && !delivery.notice =>
            {
                let reason = reason.clone().unwrap_or_default();
                let trigger = trigger.to_string();
                Some(notice(subscribed, work, now, trigger, reason, number, (divert, suspend)))
            }
            _ => None,
        };
        let attempt = AttemptRecord {
            delivery_id: delivery.id,
            number,
            at,
            status: ended.status(),
            ok: ended.is_success(),
            reason: reason.clone(),
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            body,
        };
        Settlement {
            delivery_id: delivery.id,
            attempt: Some(attempt),
            end,
            reason,
            notice,
            suspend,
            pause_beyond: policy.pause_beyond(),
        }
    }

    /// Stores what came of a delivery. While the store does not answer, it is tried again: the
    /// lease keeps others away meanwhile.
    async fn settle(&self, settlement: Settlement) {
        let Lane { app, subscription, .. } = &self.lane;
        for _ in 0..30 {
            match app.store.settle(settlement.clone(), app.clock.micros()).await {
                Ok(suspended) => {
                    if suspended && (settlement.suspend || settlement.pause_beyond.is_some()) {
                        let subscription = subscription.as_str();
                        tracing::warn!(subscription, "it is suspended: too much failed");
                    }
                    if settlement.notice.is_some() {
                        app.arrivals.wake([subscription.clone()]);
                    }
                    return;
                }
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(delivery = settlement.delivery_id, %error, "not stored yet");
                    tokio::time::sleep(STORE_WAIT).await;
                }
            }
        }
        tracing::error!(
            delivery = settlement.delivery_id,
            "what came of a delivery was not stored, so it is sent again when its lease ends"
        );
    }

    /// One line of the gateway's own log, and the counters.
    fn tell(&self, work: &Work, settlement: &Settlement) {
        let result = match &settlement.end {
            End::Again { .. } => "again",
            End::Delivered => "delivered",
            End::Diverted { .. } => "diverted",
            End::Dropped => "dropped",
            End::Filtered => "filtered",
        };
        self.lane.app.metrics.delivery(result);
        let (delivery, event) = (work.delivery.id, work.delivery.event_id.as_str());
        let subscription = self.lane.subscription.as_str();
        let tenant = self.subscribed.record.tenant.as_str();
        let reason = settlement.reason.as_deref().unwrap_or("");
        match &settlement.end {
            End::Delivered | End::Filtered => {
                tracing::debug!(delivery, event, subscription, tenant, result, reason, "delivery");
            }
            _ => tracing::warn!(delivery, event, subscription, tenant, result, reason, "delivery"),
        }
    }
}

/// A delivery that ends without an attempt.
fn ended(work: &Work, end: End, reason: &str) -> Settlement {
    Settlement {
        delivery_id: work.delivery.id,
        attempt: None,
        end,
        reason: Some(reason.to_owned()),
        notice: None,
        suspend: false,
        pause_beyond: None,
    }
}

fn wanted(subscribed: &Subscribed, event: &EventRecord) -> bool {
    if !subscribed.programs.filters() {
        return true;
    }
    let json = with_event(event, |event| event.to_json());
    match MACHINE.with_borrow_mut(|machine| subscribed.programs.wants(machine, &json)) {
        Wanted::Yes => true,
        Wanted::No => false,
        Wanted::Unknown(reason) => {
            let subscription = subscribed.record.id.as_str();
            tracing::warn!(subscription, reason, "the filter failed, and the event is sent");
            true
        }
    }
}

/// An event as what is stored of it says.
pub(in crate::gateway) fn with_event<T>(
    record: &EventRecord,
    run: impl FnOnce(&Event<'_>) -> T,
) -> T {
    run(&Event {
        id: record.id.parse().unwrap_or_default(),
        request: record.request_id.parse().unwrap_or_default(),
        kind: &record.event_type,
        at: time_of(record.created_at),
        data: record.data.as_deref().unwrap_or("null"),
    })
}

/// The id of a message: that of its event, whatever subscription it goes to and however often.
fn message_id(event: &str) -> String {
    locator(event.parse().unwrap_or_default())
}

fn notice(
    subscribed: &Subscribed,
    work: &Work,
    now: i64,
    trigger: String,
    reason: String,
    attempts: u32,
    (diverted, suspended): (bool, bool),
) -> String {
    let record = &subscribed.record;
    let id = record.id.parse().unwrap_or_default();
    let notice = Notice {
        webhook_locator: match record.api {
            Api::Awork => record.id.clone(),
            Api::Socotra | Api::Sink => locator(id),
        },
        webhook_name: subscribed.definition.name.clone(),
        event_locator: message_id(&work.delivery.event_id),
        event_type: work.event.as_ref().map(|event| event.event_type.clone()).unwrap_or_default(),
        failure_timestamp: time_of(now).to_string(),
        failure_trigger: trigger,
        failure_message: reason,
        attempts,
        diverted,
        suspended,
    };
    let slack = subscribed.definition.alert.as_ref().is_some_and(|alert| {
        let host = alert.url.parse::<hyper::Uri>().ok();
        host.and_then(|uri| uri.host().map(receiver_of)) == Some(Receiver::Slack)
    });
    if slack {
        return serde_json::json!({ "text": notice.in_words() }).to_string();
    }
    // Texts and numbers always have a form as JSON.
    serde_json::to_string(&notice).unwrap_or_default()
}

/// A number from 0 to 1, by chance; without chance, none.
fn jitter() -> f64 {
    let mut byte = [0; 2];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => f64::from(u16::from_be_bytes(byte)) / f64::from(u16::MAX),
        Err(_) => 0.0,
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
