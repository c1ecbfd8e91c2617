//! A lane: what waits for one subscription is tried, a few at a time, whatever other lanes do.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::attempt::{Came, Message, send};
use super::client::Clients;
use super::file;
use super::subscribed::Subscribed;
use crate::delivery::{
    Api, Ended, Event, History, Next, Notice, Policy, Receiver, Wanted, engine, envelope, locator,
    next_attempt, slack_message,
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
    pub clients: Clients,
    pub settings: Arc<Delivery>,
    /// Attempts that may still begin, of all lanes.
    pub permits: Arc<Semaphore>,
    pub subscription: String,
    pub stop: watch::Receiver<bool>,
}

/// How many attempts may run at a time: all that may while they succeed, one after a failure,
/// so that a receiver that hangs holds little of what others need.
struct Window {
    now: usize,
    most: usize,
}

impl Window {
    fn after(&mut self, ok: bool) {
        self.now = if ok { (self.now * 2).min(self.most) } else { 1 };
    }
}

/// How many attempts may begin: so many in a second, and as many at once.
struct Pace {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self { rate: f64::from(rate), left: f64::from(rate), at: Instant::now() }
    }

    fn allows(&mut self) -> usize {
        let now = Instant::now();
        self.left = (now - self.at).as_secs_f64().mul_add(self.rate, self.left).min(self.rate);
        self.at = now;
        // Never negative, and at most a rate.
        self.left.max(0.0) as usize
    }

    /// How long until one more may begin.
    fn wait(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.left) / self.rate).clamp(0.001, 1.0))
    }
}

/// How long a store that does not answer is left alone.
const STORE_WAIT: Duration = Duration::from_secs(1);

impl Lane {
    /// Tries everything that waits; answers when to come back, if there is something for then.
    pub(super) async fn run(self, wake: Arc<Notify>) -> Option<i64> {
        let most = self.settings.concurrency;
        let mut window = Window { now: most, most };
        let mut pace = Pace::new(self.settings.rate);
        let mut flight = JoinSet::new();
        let mut stop = self.stop.clone();
        let mut known = None;
        loop {
            let stopping = *stop.borrow();
            let mut begun = 0;
            if !stopping {
                match self.begin(&mut flight, &window, &mut pace, &mut known).await {
                    Ok(number) => begun = number,
                    Err(error) => {
                        tracing::warn!(subscription = self.subscription, %error, "no delivery");
                        tokio::time::sleep(STORE_WAIT).await;
                    }
                }
            }
            let paced = !stopping && pace.allows() == 0;
            if flight.is_empty() && begun == 0 && !paced {
                return self.next_due().await;
            }
            tokio::select! {
                Some(ended) = flight.join_next() => window.after(matches!(ended, Ok(true))),
                () = wake.notified() => {}
                () = tokio::time::sleep(pace.wait()), if paced => {}
                _ = stop.changed(), if !stopping => {}
            }
        }
    }

    async fn next_due(&self) -> Option<i64> {
        let due = self.app.store.next_due(&self.subscription, self.app.clock.micros()).await;
        due.unwrap_or_else(|error| {
            tracing::warn!(subscription = self.subscription, %error, "the next delivery is not known");
            None
        })
    }

    /// Begins as many attempts as may run; answers how many.
    async fn begin(
        &self,
        flight: &mut JoinSet<bool>,
        window: &Window,
        pace: &mut Pace,
        known: &mut Option<Arc<Subscribed>>,
    ) -> Result<usize, StoreError> {
        let free = window.now.saturating_sub(flight.len()).min(pace.allows());
        if free == 0 {
            return Ok(0);
        }
        let Some(subscribed) = self.subscribed(known).await? else {
            return Ok(0);
        };
        // A file is written by one at a time.
        let free = match subscribed.definition.receiver {
            Receiver::File => 1_usize.saturating_sub(flight.len()),
            _ => free,
        };
        let permits = self.permits(free, flight.is_empty()).await;
        let now = self.app.clock.micros();
        let lease = micros(self.settings.time.saturating_mul(2) + Duration::from_secs(60));
        let until = now.saturating_add(lease);
        let taken = match permits.len() {
            0 => Vec::new(),
            some => self.app.store.take(&self.subscription, now, until, some).await?,
        };
        let number = taken.len();
        pace.left -= f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        for (work, permit) in taken.into_iter().zip(permits) {
            let (lane, subscribed) = (self.clone(), Arc::clone(&subscribed));
            flight.spawn(async move { lane.deliver(&subscribed, work, permit).await });
        }
        Ok(number)
    }

    /// Takes up to so many of the permits of all lanes; with none in flight, waits for one.
    async fn permits(&self, most: usize, wait: bool) -> Vec<OwnedSemaphorePermit> {
        let mut permits = Vec::with_capacity(most);
        while permits.len() < most {
            match Arc::clone(&self.permits).try_acquire_owned() {
                Ok(permit) => permits.push(permit),
                Err(_) => break,
            }
        }
        if permits.is_empty() && most > 0 && wait {
            permits.extend(Arc::clone(&self.permits).acquire_owned().await.ok());
        }
        permits
    }

    /// The subscription as it is now; none where it is gone, or cannot be read. What is known is
    /// good as long as its version is.
    async fn subscribed(
        &self,
        known: &mut Option<Arc<Subscribed>>,
    ) -> Result<Option<Arc<Subscribed>>, StoreError> {
        let Some(record) = self.app.store.subscription(&self.subscription).await? else {
            return Ok(None);
        };
        if let Some(known) = known.as_ref().filter(|one| one.record.version == record.version) {
            return Ok(Some(Arc::clone(known)));
        }
        match Subscribed::open(&self.app.seal, record) {
            Ok(subscribed) => {
                let subscribed = Arc::new(subscribed);
                *known = Some(Arc::clone(&subscribed));
                Ok(Some(subscribed))
            }
            Err(error) => {
                tracing::error!(subscription = self.subscription, %error, "nothing is delivered");
                Ok(None)
            }
        }
    }

    /// Tries one delivery and stores what came of it; answers whether it went well.
    async fn deliver(
        &self,
        subscribed: &Subscribed,
        work: Work,
        permit: OwnedSemaphorePermit,
    ) -> bool {
        let _in_flight = permit;
        let settlement = match self.unwanted(subscribed, &work) {
            Some(settlement) => settlement,
            None => self.attempt(subscribed, &work).await,
        };
        let ok = settlement.attempt.as_ref().is_none_or(|attempt| attempt.ok);
        self.tell(subscribed, &work, &settlement);
        self.settle(settlement).await;
        ok
    }

    /// How a delivery ends that is not to be tried at all.
    fn unwanted(&self, subscribed: &Subscribed, work: &Work) -> Option<Settlement> {
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

    async fn attempt(&self, subscribed: &Subscribed, work: &Work) -> Settlement {
        let at = self.app.clock.micros();
        let (body, came) = match self.body(subscribed, work) {
            Ok(body) => {
                let came = self.send(subscribed, work, &body, at).await;
                (Some(body), came)
            }
            Err(reason) => (None, Came::unsent(Ended::Unmade, reason)),
        };
        self.settled(subscribed, work, at, body, came)
    }

    /// The body: of the first attempt, if there was one.
    fn body(&self, subscribed: &Subscribed, work: &Work) -> Result<String, String> {
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

    async fn send(&self, subscribed: &Subscribed, work: &Work, body: &str, now: i64) -> Came {
        let definition = &subscribed.definition;
        if definition.receiver == Receiver::File && !work.delivery.notice {
            let configuration = self.app.configuration();
            let sinks = &configuration.settings.sinks;
            let sink = sinks.iter().find(|sink| sink.name == definition.name).cloned();
            return match sink {
                Some(sink) => {
                    file::write(definition.endpoint.url.clone().into(), body.to_owned(), sink).await
                }
                None => Came::unsent(Ended::Unreachable, "the sink is gone".to_owned()),
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
    fn settled(
        &self,
        subscribed: &Subscribed,
        work: &Work,
        at: i64,
        body: Option<String>,
        came: Came,
    ) -> Settlement {
        let delivery = &work.delivery;
        let notices = Policy::notices();
        let policy = match delivery.notice {
            true => &notices,
            false => &subscribed.definition.policy,
        };
        let number = delivery.attempts.saturating_add(1);
        let Came { ended, reason, retry_after, took } = came;
        self.app.metrics.attempt(ended.is_success(), took);
        let history = History { attempts: number, ended, retry_after };
        let now = self.app.clock.micros();
        let next = next_attempt(policy, &history, now, jitter());
        let (end, suspend) = match next {
            Next::Delivered => (End::Delivered, false),
            Next::Again { at, .. } => (End::Again { at }, false),
            Next::Ignored => (End::Dropped, false),
            Next::GivenUp { trigger, divert: true, suspend } => {
                (End::Diverted { trigger: trigger.to_string() }, suspend)
            }
            Next::GivenUp { divert: false, suspend, .. } => (End::Dropped, suspend),
        };
        let notice = match next {
            Next::GivenUp { trigger, divert, suspend }
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
        for _ in 0..30 {
            match self.app.store.settle(settlement.clone(), self.app.clock.micros()).await {
                Ok(suspended) => {
                    if suspended && (settlement.suspend || settlement.pause_beyond.is_some()) {
                        tracing::warn!(
                            subscription = self.subscription,
                            "the subscription is suspended: too much failed"
                        );
                    }
                    if settlement.notice.is_some() {
                        self.app.arrivals.wake([self.subscription.clone()]);
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
    fn tell(&self, subscribed: &Subscribed, work: &Work, settlement: &Settlement) {
        let result = match &settlement.end {
            End::Again { .. } => "again",
            End::Delivered => "delivered",
            End::Diverted { .. } => "diverted",
            End::Dropped => "dropped",
            End::Filtered => "filtered",
        };
        self.app.metrics.delivery(result);
        let (delivery, event) = (work.delivery.id, work.delivery.event_id.as_str());
        let subscription = self.subscription.as_str();
        let tenant = subscribed.record.tenant.as_str();
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
