//! One delivery: what is sent, what came of it, and what follows.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

use super::attempt::{Came, Message, send};
use super::client::{Clients, ConnectError};
use super::file;
use super::resolver::LookupError;
use super::shares::Permit;
use super::subscribed::Subscribed;
use crate::delivery::{
    Api, Ended, Event, History, Next, Notice, Policy, Receiver, UNWANTED, Verdict, Wanted, engine,
    envelope, locator, next_attempt, receiver_of, slack_message,
};
use crate::engine::Machine;
use crate::gateway::app::App;
use crate::gateway::clock::{micros_in, time_of};
use crate::gateway::settings::Delivery;
use crate::gateway::store::{
    AttemptRecord, End, EventRecord, SUSPENDED, Settlement, StoreError, Work,
};

thread_local! {
    /// A machine keeps its memory from event to event.
    static MACHINE: RefCell<Machine> = RefCell::new(engine().machine());
}

/// An answer that takes longer counts as one of a receiver that hangs.
const SOON: Duration = Duration::from_secs(5);

/// How long a delivery waits that could not begin for want of something of our own.
const POSTPONED: Duration = Duration::from_secs(2);

/// How long a store that does not answer is left alone.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// What came of one attempt, as far as the next ones go.
pub(super) struct Attempted {
    /// Whether it was taken, and soon; none where nothing was sent.
    pub ok: Option<bool>,
    /// Whether it went to a file.
    pub file: bool,
}

/// One delivery that is being tried.
pub(super) struct Sending {
    pub app: Arc<App>,
    pub settings: Arc<Delivery>,
    pub clients: Clients,
    pub subscribed: Arc<Subscribed>,
}

impl Sending {
    /// Tries one delivery and stores what came of it.
    pub(super) async fn deliver(self, work: Work, permit: Permit) -> Attempted {
        let _in_flight = permit;
        let subscribed = &self.subscribed;
        self.app.patterns.warm(&subscribed.record.tenant, &subscribed.programs).await;
        let settlement = match self.unwanted(&work) {
            Some(settlement) => settlement,
            None => self.attempt(&work).await,
        };
        let soon = u64::try_from(SOON.as_micros()).unwrap_or(u64::MAX);
        let attempt = settlement.attempt.as_ref();
        let ok = attempt.map(|attempt| attempt.ok && attempt.duration_us < soon);
        let file = self.subscribed.definition.receiver == Receiver::File;
        self.tell(&work, &settlement);
        let suspended = self.settle(settlement).await;
        // Nothing is sent to it any more, so there is no reason to wait with what comes next.
        Attempted { ok: ok.filter(|_| !suspended), file }
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
            return Some(ended(work, End::Filtered, UNWANTED));
        }
        // Or it was, when the event was fanned out.
        let marked = delivery.attempts == 0 && delivery.reason.as_deref() == Some(SUSPENDED);
        if record.standing.suspended_at.is_some() || marked {
            let end = match subscribed.definition.policy.divert {
                true => End::Diverted { trigger: "suspended".to_owned() },
                false => End::Dropped,
            };
            return Some(ended(work, end, SUSPENDED));
        }
        let disabled = || ended(work, End::Dropped, "the subscription is disabled");
        (!record.enabled).then(disabled)
    }

    async fn attempt(&self, work: &Work) -> Settlement {
        let at = self.app.clock.micros();
        let (body, came) = match self.body(work) {
            Ok(body) => {
                let came = self.send(work, &body, at).await;
                (Some(body), came)
            }
            Err(reason) => (None, Some(Came::unsent(Ended::Unmade, reason))),
        };
        match came {
            Some(came) => self.settled(work, at, body, came),
            None => self.postponed(work),
        }
    }

    /// A delivery that was not tried for want of something of our own: that is no failure of its
    /// receiver, and no attempt.
    fn postponed(&self, work: &Work) -> Settlement {
        let at = self.app.clock.micros().saturating_add(micros_in(POSTPONED));
        ended(work, End::Again { at }, &LookupError::Busy.to_string())
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

    /// Sends a message; none where that could not begin.
    async fn send(&self, work: &Work, body: &str, now: i64) -> Option<Came> {
        let definition = &self.subscribed.definition;
        if definition.receiver == Receiver::File && !work.delivery.notice {
            let configuration = self.app.configuration();
            let sinks = &configuration.settings.sinks;
            let sink = sinks.iter().find(|sink| sink.name == definition.name).cloned();
            return Some(match sink {
                Some(sink) => {
                    file::write(definition.endpoint.url.clone().into(), body.to_owned(), sink).await
                }
                None => Came::unsent(Ended::Unreachable, "the sink is gone".to_owned()),
            });
        }
        let (endpoint, id) = match (&definition.alert, work.delivery.notice) {
            (Some(alert), true) => (alert, format!("notice_{}", work.delivery.id)),
            _ => (&definition.endpoint, message_id(&work.delivery.event_id)),
        };
        let hops = work.event.as_ref().map_or(0, |event| event.hops).saturating_add(1);
        let message = Message { endpoint, id: &id, body, hops, now };
        // Before the attempt, whose time is the receiver's alone.
        let began = Instant::now();
        match self.clients.look_up(&self.subscribed.record.tenant, &endpoint.url).await {
            Ok(()) => Some(send(&self.clients, &message, self.settings.time).await),
            Err(LookupError::Busy) => None,
            Err(error) => {
                let ended = match error {
                    LookupError::Number => Ended::Forbidden,
                    _ => Ended::Unreachable,
                };
                let host = endpoint.url.parse::<hyper::Uri>().unwrap_or_default();
                let host = host.host().unwrap_or("").to_owned();
                let reason = ConnectError::Name { host, reason: error.to_string() }.to_string();
                let came = Came::unsent(ended, reason);
                Some(Came { took: began.elapsed(), ..came })
            }
        }
    }

    /// What follows from an attempt.
    fn settled(&self, work: &Work, at: i64, body: Option<String>, came: Came) -> Settlement {
        let delivery = &work.delivery;
        let number = delivery.attempts.saturating_add(1);
        let taken = came.ended.is_success();
        self.app.metrics.attempt(taken, came.took);
        let notices = Policy::notices();
        let policy = match delivery.notice {
            true => &notices,
            false => &self.subscribed.definition.policy,
        };
        let history =
            History { attempts: number, ended: came.ended, retry_after: came.retry_after };
        let next = next_attempt(policy, &history, self.app.clock.micros(), jitter());
        let given_up = matches!(next, Next::GivenUp { .. });
        let verdict = Verdict::of(policy, taken, given_up);
        let attempt = AttemptRecord {
            delivery_id: delivery.id,
            number,
            at,
            status: came.ended.status(),
            ok: taken,
            reason: came.reason.clone(),
            duration_us: u64::try_from(came.took.as_micros()).unwrap_or(u64::MAX),
        };
        Settlement {
            delivery_id: delivery.id,
            end: end(next),
            notice: self.notice(work, &attempt, next, verdict.suspends),
            attempt: Some(attempt),
            body,
            reason: came.reason,
            // A notice that is not taken says nothing of the webhook.
            verdict: (!delivery.notice).then_some(verdict),
        }
    }

    /// The notice for the alert endpoint, where a delivery is given up and there is one.
    fn notice(
        &self,
        work: &Work,
        attempt: &AttemptRecord,
        next: Next,
        suspended: bool,
    ) -> Option<String> {
        let Subscribed { record, definition, .. } = &self.subscribed.as_ref();
        let alert = definition.alert.as_ref().filter(|_| !work.delivery.notice)?;
        let Next::GivenUp { trigger, divert } = next else {
            return None;
        };
        let kind = work.event.as_ref().map(|event| event.event_type.clone());
        let notice = Notice {
            webhook_locator: match record.api {
                Api::Awork => record.id.clone(),
                Api::Socotra | Api::Sink => message_id(&record.id),
            },
            webhook_name: definition.name.clone(),
            event_locator: message_id(&work.delivery.event_id),
            event_type: kind.unwrap_or_default(),
            failure_timestamp: self.app.clock.now().to_string(),
            failure_trigger: trigger.to_string(),
            failure_message: attempt.reason.clone().unwrap_or_default(),
            attempts: attempt.number,
            diverted: divert,
            suspended,
        };
        let host = alert.url.parse::<hyper::Uri>().ok();
        let receiver = host.and_then(|uri| uri.host().map(receiver_of));
        Some(notice.body(receiver.unwrap_or(Receiver::Custom)))
    }

    /// Stores what came of a delivery. While the store does not answer, it is tried again: the
    /// lease keeps others away meanwhile. Answers whether the subscription became suspended by it.
    async fn settle(&self, settlement: Settlement) -> bool {
        let (app, subscription) = (&self.app, &self.subscribed.record.id);
        for _ in 0..30 {
            match app.store.settle(settlement.clone(), app.clock.micros()).await {
                Ok(suspended) => {
                    if suspended {
                        tracing::warn!(subscription, "it is suspended: too much failed");
                    }
                    if settlement.notice.is_some() {
                        app.arrivals.wake([subscription.clone()]);
                    }
                    return suspended;
                }
                Err(StoreError::Closed) => return false,
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
        false
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
        self.app.metrics.delivery(result);
        let (delivery, event) = (work.delivery.id, work.delivery.event_id.as_str());
        let subscription = self.subscribed.record.id.as_str();
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
        body: None,
        end,
        reason: Some(reason.to_owned()),
        notice: None,
        verdict: None,
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
    let data = record.data.as_deref().unwrap_or("null");
    run(&Event {
        id: record.id.parse().unwrap_or_default(),
        request: record.request_id.parse().unwrap_or_default(),
        kind: &record.event_type,
        at: time_of(record.created_at),
        data,
    })
}

/// The id of a message: that of its event, whatever subscription it goes to and however often.
fn message_id(event: &str) -> String {
    locator(event.parse().unwrap_or_default())
}

/// How a delivery ends, or does not, by what comes next.
fn end(next: Next) -> End {
    match next {
        Next::Delivered => End::Delivered,
        Next::Again { at, .. } => End::Again { at },
        Next::GivenUp { trigger, divert: true } => End::Diverted { trigger: trigger.to_string() },
        Next::GivenUp { divert: false, .. } | Next::Ignored => End::Dropped,
    }
}

/// A number from 0 to 1, by chance; without chance, none.
fn jitter() -> f64 {
    let mut byte = [0; 2];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => f64::from(u16::from_be_bytes(byte)) / f64::from(u16::MAX),
        Err(_) => 0.0,
    }
}
