//! One delivery: builds the message, makes the attempt, and stores the result. The policy is in
//! [`crate::delivery`].

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use ring::rand::{SecureRandom, SystemRandom};

use super::attempt::{AttemptReport, Message, send};
use super::client::{Clients, ConnectError};
use super::content::{ContentError, ContentMemory};
use super::file_sink;
use super::resolver::LookupError;
use super::shared::SharedByWorkers;
use crate::delivery::{
    Api, AttemptEffect, AttemptResult, DestinationUrl, Event, History, Next, Notice, Policy,
    Programs, Receiver, UNWANTED, Wanted, engine, envelope, locator, next_attempt, receiver_of,
    slack_entity, slack_message,
};
use crate::engine::{JsonError, Machine, OwnedValue};
use crate::gateway::app::App;
use crate::gateway::config::settings::Delivery;
use crate::gateway::ids::EventId;
use crate::gateway::ops::clock::{UnixMicros, micros_in, time_of};
use crate::gateway::ops::ids::{InvalidId, display_locator, stored_id};
use crate::gateway::ops::memory_pool::Owner;
use crate::gateway::ops::offload::Load;
use crate::gateway::ops::shares::{Class, Permit};
use crate::gateway::store::{
    AttemptRecord, DeliveryOutcome, DeliveryUpdate, DivertCause, EventRecord, LeasedDelivery,
    SUSPENDED, StoreError,
};
use crate::gateway::subscriptions::subscribed::Subscribed;

thread_local! {
    /// The machine keeps its memory between events.
    static MACHINE: RefCell<Machine> = RefCell::new(engine().machine());
}

/// Response time above which a receiver counts as hanging.
const SLOW_RESPONSE: Duration = Duration::from_secs(5);

/// Delay of a delivery that could not begin because a resource of the gateway was busy.
const POSTPONE_TIME: Duration = Duration::from_secs(2);

/// Pause after an error of the store.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The result of one attempt, for the throttle of the receiver.
pub(super) struct Attempted {
    /// True if the receiver accepted quickly. `None` if the attempt must not affect the throttle.
    pub ok: Option<bool>,
    /// True if the receiver is a file.
    pub file: bool,
}

/// Largest content in bytes that programs run on where the delivery is: on a runtime thread.
const PROCESSED_IN_PLACE: usize = 64 << 10;

/// Longest wait for a permit to run programs on larger content.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(10);

/// The content of a delivery after its programs ran.
enum PreparedContent {
    /// The delivery needs no attempt.
    Ended(DeliveryUpdate),
    /// The body, or the reason why there is none.
    Body(Result<String, String>),
}

/// One delivery in progress.
#[derive(Clone)]
pub(super) struct DeliveryTask {
    pub app: Arc<App>,
    pub settings: Arc<Delivery>,
    pub clients: Clients,
    pub subscribed: Arc<Subscribed>,
    pub shared: Arc<SharedByWorkers>,
    /// The class of the receiver when the attempt began.
    pub class: Class,
}

impl DeliveryTask {
    /// Attempts one delivery and stores the result.
    pub(super) async fn deliver(self, mut work: LeasedDelivery, permit: Permit) -> Attempted {
        let _in_flight = permit;
        let subscribed = &self.subscribed;
        self.app.patterns.warm(&subscribed.record.tenant, &subscribed.programs).await;
        // Held until the result, which has the body, is stored.
        let mut memory = ContentMemory::default();
        let body = match self.prepared(&mut work, &mut memory).await {
            Ok(body) => body,
            Err(error) => PreparedContent::Ended(self.postponed(&work, &error.to_string())),
        };
        work.unload();
        let update = match body {
            PreparedContent::Ended(update) => update,
            PreparedContent::Body(body) => {
                memory.keep_body(body.as_ref().map_or(0, String::len));
                self.attempt(&work, body).await
            }
        };
        let soon = u64::try_from(SLOW_RESPONSE.as_micros()).unwrap_or(u64::MAX);
        let attempt = update.attempt.as_ref();
        let ok = attempt.map(|attempt| attempt.ok && attempt.duration_us < soon);
        let file = self.subscribed.definition.receiver == Receiver::File;
        self.log_result(&work, &update);
        let suspended = self.settle(update).await;
        // No further attempts follow to a suspended subscription, so it needs no backoff.
        Attempted { ok: ok.filter(|_| !suspended), file }
    }

    /// Reads the content of a delivery, and runs its programs.
    ///
    /// # Errors
    /// Returns an error if the content could not be read now.
    async fn prepared(
        &self,
        work: &mut LeasedDelivery,
        memory: &mut ContentMemory,
    ) -> Result<PreparedContent, ContentError> {
        let places = (&*self.shared, &*self.app.store);
        let owner = (&*self.subscribed.record.tenant, self.class);
        memory.load(places, owner, work, 0).await?;
        let prepared = self.process(work).await?;
        let bytes = match &prepared {
            PreparedContent::Body(Ok(body)) if !memory.holds(body) => body.len(),
            _ => return Ok(prepared),
        };
        // A transform can build more than it reads.
        drop(prepared);
        memory.load(places, owner, work, bytes).await?;
        self.process(work).await
    }

    /// Runs the programs of the subscription, outside the runtime threads if the content is large.
    async fn process(&self, work: &mut LeasedDelivery) -> Result<PreparedContent, ContentError> {
        if work.unread <= PROCESSED_IN_PLACE {
            return Ok(self.prepare(work));
        }
        let owner = Owner::Tenant(self.subscribed.record.tenant.clone());
        let permit = self.app.offload.acquire(Load::Delivery, &owner, PROCESS_TIMEOUT).await;
        let permit = permit.ok_or(ContentError::Busy)?;
        let (task, mut taken) = (self.clone(), work.take());
        let run = move || {
            let prepared = task.prepare(&mut taken);
            (taken, prepared)
        };
        let (done, prepared) = permit.run(run).await.ok_or(ContentError::Busy)?;
        *work = done;
        Ok(prepared)
    }

    fn prepare(&self, work: &mut LeasedDelivery) -> PreparedContent {
        let input = ProgramInput::default();
        if let Some(update) = self.without_attempt(work, &input) {
            return PreparedContent::Ended(update);
        }
        PreparedContent::Body(match (work.body.take(), &work.event) {
            (Some(body), _) => Ok(body),
            (None, Some(event)) => self.new_body(event, &input),
            (None, None) => Err("the event is kept no longer".to_owned()),
        })
    }

    /// Returns the result of a delivery that needs no attempt.
    fn without_attempt(
        &self,
        work: &LeasedDelivery,
        input: &ProgramInput,
    ) -> Option<DeliveryUpdate> {
        let subscribed = &self.subscribed;
        let (record, delivery) = (&subscribed.record, &work.delivery);
        if delivery.notice {
            let gone = subscribed.definition.alert.is_none();
            return gone.then(|| {
                end_of(work, DeliveryOutcome::Dropped, "there is no alert endpoint any more")
            });
        }
        let Some(event) = &work.event else {
            return Some(end_of(work, DeliveryOutcome::Dropped, "the event is kept no longer"));
        };
        if event.hops >= self.settings.hops {
            return Some(end_of(work, DeliveryOutcome::Dropped, "the event goes round in a loop"));
        }
        if delivery.resent {
            return None;
        }
        if delivery.attempts == 0 && !self.passes_filter(event, input) {
            return Some(end_of(work, DeliveryOutcome::Filtered, UNWANTED));
        }
        // The subscription may have been suspended when the event was fanned out.
        let marked = delivery.attempts == 0 && delivery.reason.as_deref() == Some(SUSPENDED);
        if record.health.suspended_at.is_some() || marked {
            let end = match subscribed.definition.policy.divert {
                true => DeliveryOutcome::Diverted { cause: DivertCause::Suspended },
                false => DeliveryOutcome::Dropped,
            };
            return Some(end_of(work, end, SUSPENDED));
        }
        let disabled = || end_of(work, DeliveryOutcome::Dropped, "the subscription is disabled");
        (!record.enabled).then(disabled)
    }

    /// Returns true if the filter of the subscription holds for an event.
    fn passes_filter(&self, event: &EventRecord, input: &ProgramInput) -> bool {
        let Subscribed { record, programs, .. } = &*self.subscribed;
        if !programs.filters() {
            return true;
        }
        let wanted = match input.value(event, programs) {
            Ok(value) => MACHINE.with_borrow_mut(|machine| programs.wants(machine, value)),
            Err(reason) => Wanted::Unknown(reason),
        };
        match wanted {
            Wanted::Yes => true,
            Wanted::No => false,
            Wanted::Unknown(reason) => {
                if let Some(suppressed) = self.app.log_limit.admit(&record.tenant, Instant::now()) {
                    let subscription = &*record.id;
                    tracing::warn!(
                        subscription,
                        reason,
                        suppressed,
                        "filter failed: the event is sent"
                    );
                }
                true
            }
        }
    }

    async fn attempt(&self, work: &LeasedDelivery, body: Result<String, String>) -> DeliveryUpdate {
        let at = self.app.clock.micros();
        let (body, report) = match body {
            Ok(body) => {
                let body = Bytes::from(body);
                let report = self.send(work, &body, at).await;
                // Not copied, unless the client still holds it.
                (String::from_utf8(body.into()).ok(), report)
            }
            Err(reason) => (None, Some(AttemptReport::unsent(AttemptResult::Unmade, reason))),
        };
        match report {
            Some(report) => self.after_attempt(work, at, body, report),
            None => self.postponed(work, &LookupError::Busy.to_string()),
        }
    }

    /// Postpones a delivery that could not begin because a resource of the gateway was busy. This
    /// is neither a failure of the receiver nor an attempt.
    fn postponed(&self, work: &LeasedDelivery, reason: &str) -> DeliveryUpdate {
        let at = self.app.clock.micros().saturating_add(micros_in(POSTPONE_TIME));
        end_of(work, DeliveryOutcome::Again { at }, reason)
    }

    /// Returns the body of the first attempt.
    fn new_body(&self, record: &EventRecord, input: &ProgramInput) -> Result<String, String> {
        let Subscribed { programs, definition, .. } = &*self.subscribed;
        let slack = definition.receiver == Receiver::Slack;
        if programs.transforms() {
            let value = input.value(record, programs)?;
            let made = MACHINE.with_borrow_mut(|machine| programs.body(machine, value));
            let made = made.unwrap_or_else(|| Ok(String::new()))?;
            // A string is the text of a message. Any other value is a complete message.
            let is_text = slack && made.starts_with('"');
            return Ok(if is_text { format!("{{\"text\":{made}}}") } else { made });
        }
        let made = with_event(record, |event| {
            if !slack {
                return envelope(self.subscribed.record.api, event, self.settings.actor_id);
            }
            let entity = slack_entity(event)?;
            Ok(slack_message(event.kind, &entity).to_string())
        });
        made.map_err(|error| error.to_string())
    }

    /// Sends a message. Returns `None` if the attempt could not begin.
    async fn send(
        &self,
        work: &LeasedDelivery,
        body: &Bytes,
        now: UnixMicros,
    ) -> Option<AttemptReport> {
        let definition = &self.subscribed.definition;
        if definition.receiver == Receiver::File && !work.delivery.notice {
            let configuration = self.app.configuration();
            let sinks = &configuration.settings.sinks;
            let sink = sinks.iter().find(|sink| sink.name == definition.name).cloned();
            return Some(match sink {
                Some(sink) => {
                    file_sink::write(definition.endpoint.url.clone().into(), body.clone(), sink)
                        .await
                }
                None => {
                    AttemptReport::unsent(AttemptResult::Unreachable, "the sink is gone".to_owned())
                }
            });
        }
        let (endpoint, id) = match (&definition.alert, work.delivery.notice) {
            (Some(alert), true) => (alert, format!("notice_{}", work.delivery.id)),
            _ => match message_id(&work.delivery.event_id) {
                Ok(id) => (&definition.endpoint, id),
                Err(error) => {
                    let reason = error.to_string();
                    return Some(AttemptReport::unsent(AttemptResult::Unmade, reason));
                }
            },
        };
        let hops = work.event.as_ref().map_or(0, |event| event.hops).saturating_add(1);
        let message = Message { endpoint, id: &id, body, hops, now };
        // The look-up comes before the attempt, so the time of the attempt is that of the receiver
        // alone.
        let began = Instant::now();
        match self.clients.look_up(&self.subscribed.record.tenant, &endpoint.url).await {
            Ok(()) => Some(send(&self.clients, &message, self.settings.timeout).await),
            Err(LookupError::Busy) => None,
            Err(error) => {
                let ended = match error {
                    LookupError::Number => AttemptResult::Forbidden,
                    _ => AttemptResult::Unreachable,
                };
                let url = DestinationUrl::parse(&endpoint.url);
                let host = url.map(|url| url.host().to_owned()).unwrap_or_default();
                let reason = ConnectError::Name { host, reason: error.to_string() }.to_string();
                let report = AttemptReport::unsent(ended, reason);
                Some(AttemptReport { took: began.elapsed(), ..report })
            }
        }
    }

    /// Returns the update of a delivery after an attempt.
    fn after_attempt(
        &self,
        work: &LeasedDelivery,
        at: UnixMicros,
        body: Option<String>,
        report: AttemptReport,
    ) -> DeliveryUpdate {
        let delivery = &work.delivery;
        let number = delivery.attempts.saturating_add(1);
        let taken = report.ended.is_success();
        self.app.metrics.attempt(taken, report.took);
        let notices = Policy::notices();
        let policy = match delivery.notice {
            true => &notices,
            false => &self.subscribed.definition.policy,
        };
        let history =
            History { attempts: number, ended: report.ended, retry_after: report.retry_after };
        let next = next_attempt(policy, &history, self.app.clock.micros().get(), jitter());
        let given_up = matches!(next, Next::GivenUp { .. });
        let effect = AttemptEffect::of(policy, taken, given_up);
        let attempt = AttemptRecord {
            delivery_id: delivery.id,
            number,
            at,
            status: report.ended.status(),
            ok: taken,
            reason: report.reason.clone(),
            duration_us: u64::try_from(report.took.as_micros()).unwrap_or(u64::MAX),
        };
        DeliveryUpdate {
            delivery_id: delivery.id,
            end: outcome(next),
            notice: self.notice(work, &attempt, next, effect.suspends),
            attempt: Some(attempt),
            body,
            body_bytes_per_tenant: self.settings.body_bytes_per_tenant,
            reason: report.reason,
            // A failed notice does not affect the webhook.
            effect: (!delivery.notice).then_some(effect),
        }
    }

    /// Returns the notice for the alert endpoint, if the delivery failed and the endpoint exists.
    fn notice(
        &self,
        work: &LeasedDelivery,
        attempt: &AttemptRecord,
        next: Next,
        suspended: bool,
    ) -> Option<String> {
        let Subscribed { record, definition, .. } = &self.subscribed.as_ref();
        let alert = definition.alert.as_ref().filter(|_| !work.delivery.notice)?;
        let Next::GivenUp { trigger, divert } = next else {
            return None;
        };
        // The event may have been deleted. The notice names it by its id.
        let kind = work.event.as_ref().map(|event| event.event_type.clone());
        let notice = Notice {
            webhook_locator: match record.api {
                Api::Awork => record.id.to_string(),
                Api::Socotra | Api::Sink => display_locator(&record.id),
            },
            webhook_name: definition.name.clone(),
            event_locator: display_locator(&work.delivery.event_id),
            event_type: kind.unwrap_or_default(),
            failure_timestamp: self.app.clock.now().to_string(),
            failure_trigger: trigger.to_string(),
            failure_message: attempt.reason.clone().unwrap_or_default(),
            attempts: attempt.number,
            diverted: divert,
            suspended,
        };
        let receiver = DestinationUrl::parse(&alert.url).map(|url| receiver_of(url.host()));
        Some(notice.body(receiver.unwrap_or(Receiver::Custom)))
    }

    /// Stores the result of a delivery. Retries while the store fails; the lease keeps other
    /// workers away meanwhile. Returns true if the result suspended the subscription.
    async fn settle(&self, update: DeliveryUpdate) -> bool {
        let (app, subscription) = (&self.app, &self.subscribed.record.id);
        for _ in 0..30 {
            match app.store.settle(update.clone(), app.clock.micros()).await {
                Ok(suspended) => {
                    if suspended {
                        tracing::warn!(%subscription, "subscription suspended: too many failures");
                    }
                    if update.notice.is_some() {
                        app.notifier.notify_subscriptions([subscription.clone()]);
                    }
                    return suspended;
                }
                Err(StoreError::Closed) => return false,
                Err(error) => {
                    tracing::warn!(delivery = update.delivery_id, %error, "not stored yet");
                    tokio::time::sleep(STORE_RETRY_DELAY).await;
                }
            }
        }
        tracing::error!(
            delivery = update.delivery_id,
            "the result of a delivery attempt was not stored, so it is sent again when its lease ends"
        );
        false
    }

    /// Writes a log line and updates the metrics.
    fn log_result(&self, work: &LeasedDelivery, update: &DeliveryUpdate) {
        let result = match &update.end {
            DeliveryOutcome::Again { .. } => "again",
            DeliveryOutcome::Delivered => "delivered",
            DeliveryOutcome::Diverted { .. } => "diverted",
            DeliveryOutcome::Dropped => "dropped",
            DeliveryOutcome::Filtered => "filtered",
        };
        self.app.metrics.delivery(result);
        let (delivery, event) = (work.delivery.id, work.delivery.event_id.as_str());
        let subscription = self.subscribed.record.id.as_str();
        let tenant = self.subscribed.record.tenant.as_str();
        let reason = update.reason.as_deref().unwrap_or("");
        match &update.end {
            DeliveryOutcome::Delivered | DeliveryOutcome::Filtered => {
                tracing::debug!(delivery, event, subscription, tenant, result, reason, "delivery");
            }
            _ => tracing::warn!(delivery, event, subscription, tenant, result, reason, "delivery"),
        }
    }
}

/// The event as the programs of a subscription see it. It is read on first use, once for both
/// programs.
#[derive(Default)]
struct ProgramInput(OnceCell<Result<OwnedValue, String>>);

impl ProgramInput {
    fn value(&self, record: &EventRecord, programs: &Programs) -> Result<&OwnedValue, String> {
        let read = || {
            let value = with_event(record, |event| event.to_value(programs.wanted()));
            value.map_err(|error| error.to_string())
        };
        self.0.get_or_init(read).as_ref().map_err(Clone::clone)
    }
}

/// Returns the update of a delivery that ends or waits without an attempt.
fn end_of(work: &LeasedDelivery, end: DeliveryOutcome, reason: &str) -> DeliveryUpdate {
    DeliveryUpdate {
        delivery_id: work.delivery.id,
        attempt: None,
        body: None,
        body_bytes_per_tenant: 0,
        end,
        reason: Some(reason.to_owned()),
        notice: None,
        effect: None,
    }
}

/// The reason why a stored event cannot be sent: the store was changed by another program.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum DamagedEvent {
    /// An id that is no UUID.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// Data that is not there.
    #[error("the data of the event `{0}` is missing in the store")]
    NoData(EventId),
    /// Data that cannot be parsed.
    #[error("the data of the event `{0}` in the store is not JSON: {1}")]
    Json(EventId, JsonError),
}

/// Runs a function with the event of a stored record.
///
/// # Errors
/// Returns an error if an id of the record is no UUID, if its data is missing, or if the function
/// finds that the data is no JSON.
pub(in crate::gateway) fn with_event<T>(
    record: &EventRecord,
    run: impl FnOnce(&Event<'_>) -> Result<T, JsonError>,
) -> Result<T, DamagedEvent> {
    let id = || record.id.clone();
    let data = record.data.as_deref().ok_or_else(|| DamagedEvent::NoData(id()))?;
    let done = run(&Event {
        id: stored_id(&record.id)?,
        request: stored_id(&record.request_id)?,
        kind: &record.event_type,
        at: time_of(record.created_at),
        data,
    });
    done.map_err(|error| DamagedEvent::Json(id(), error))
}

/// Returns the message id. It is that of the event, for all subscriptions and all attempts.
fn message_id(event: &EventId) -> Result<String, InvalidId> {
    stored_id(event).map(locator)
}

/// Converts the decision of the policy into the outcome of a delivery.
fn outcome(next: Next) -> DeliveryOutcome {
    match next {
        Next::Delivered => DeliveryOutcome::Delivered,
        Next::Again { at, .. } => DeliveryOutcome::Again { at: UnixMicros::new(at) },
        Next::GivenUp { trigger, divert: true } => {
            DeliveryOutcome::Diverted { cause: DivertCause::Trigger(trigger) }
        }
        Next::GivenUp { divert: false, .. } | Next::Ignored => DeliveryOutcome::Dropped,
    }
}

/// Returns a random number from 0 to 1, or 0 without random bytes.
fn jitter() -> f64 {
    let mut byte = [0; 2];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => f64::from(u16::from_be_bytes(byte)) / f64::from(u16::MAX),
        Err(_) => 0.0,
    }
}
