//! The event stream, for clients that cannot receive webhooks: server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). A client that reconnects
//! continues after its last event. The stream stores nothing about its clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::body::Bytes;
use tokio::sync::watch;

use super::api::HOOKGATE;
use super::budget::OpenStream;
use super::call::{Answer, Call, Content};
use super::caller::{Caller, ListenerLimit};
use super::fault::Fault;
use super::operation::{Kind, Operation, Parameter, Success, Weight};
use crate::delivery::{Api, Event, Programs, Wanted, engine, envelope, locator};
use crate::engine::{JsonError, Machine};
use crate::gateway::app::App;
use crate::gateway::deliver::with_event;
use crate::gateway::ingest::credentials::current_key;
use crate::gateway::ops::ids::uuid_of;
use crate::gateway::store::{EventFilter, EventRecord, Scope, StoreError};

/// Operation of the event stream.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    id: "streamEvents",
    api: &HOOKGATE,
    method: "get",
    path: "/events/stream",
    summary: "Events as they come, as server-sent events; `Last-Event-ID` goes on after one",
    permissions: Some(&[Scope::EventsRead, Scope::EventsList]),
    limited: ListenerLimit::Applied,
    weight: Weight::Object,
    parameters: &[
        Parameter {
            name: "subscription",
            kind: Kind::Text,
            doc: "A webhook whose types, filter, transform and envelope are used.",
        },
        Parameter {
            name: "types",
            kind: Kind::Texts,
            doc: "Of these types; repeated, or with commas between. Left out: of any.",
        },
        Parameter {
            name: "filter",
            kind: Kind::Text,
            doc: "An expression over `event` that has to hold.",
        },
        Parameter {
            name: "after",
            kind: Kind::Text,
            doc: "The id of the event to go on after, in place of `Last-Event-ID`.",
        },
    ],
    request: None,
    success: Success {
        status: 200,
        content: "text/event-stream",
        schema: None,
        doc: "Events: `id` is the id of the event, `event` its type, `data` the body that a webhook gets.",
    },
    errors: &[400, 403, 404, 503],
    run: |call| Box::pin(stream(call)),
}];

/// Longest duration of a stream. The client then reconnects and continues after its last event.
const MAX_STREAM_TIME: Duration = Duration::from_secs(3600);

/// Interval of heartbeats. A heartbeat detects a connection that is gone.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// Events that are read at a time.
const BATCH_EVENTS: usize = 20;

/// Bytes of events that are read at a time. Events of this size, or one larger event, are held
/// until the client takes them. No more are read until then (backpressure).
const BATCH_BYTES: usize = 64 << 10;

/// Bytes that a transform may produce for an event.
const TRANSFORM_BYTES: usize = 4 << 20;

/// A client of the stream: its selection of events and its position.
struct Follower {
    app: Arc<App>,
    caller: Caller,
    types: Vec<String>,
    programs: Programs,
    machine: Machine,
    api: Api,
    after: i64,
    /// First bytes. They send the response headers at once, so the client knows that it is
    /// connected.
    hello: Option<Bytes>,
    notifier: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    began: Instant,
    _open: OpenStream,
}

async fn stream(call: Call) -> Result<Answer, Fault> {
    let (api, types, programs) = selection(&call).await?;
    let after = after(&call).await?;
    let limits = call.app.configuration().settings.limits;
    let follower = Follower {
        _open: call.app.management.open_stream(&limits, &call.caller.tenant)?,
        types,
        programs,
        machine: engine().machine(),
        api,
        after,
        hello: Some(Bytes::from_static(b": hello\n\n")),
        notifier: call.app.notifier.events(),
        stop: call.app.stopping(),
        app: Arc::clone(&call.app),
        caller: call.caller,
        began: Instant::now(),
    };
    let parts = futures_util::stream::unfold(follower, |mut follower| async move {
        let part = follower.next().await?;
        Some((Ok::<_, std::convert::Infallible>(part), follower))
    });
    let headers = vec![("content-type", "text/event-stream".to_owned())];
    Ok(Answer { status: 200, headers, content: Content::Stream(Body::from_stream(parts)) })
}

/// Returns the envelope, the event types and the programs of the stream.
async fn selection(call: &Call) -> Result<(Api, Vec<String>, Programs), Fault> {
    let share = call.app.patterns.share(&call.caller.tenant);
    let Some(id) = call.parameter("subscription") else {
        let programs = call.compile(Some(share), None, call.parameter("filter"), None).await?;
        return Ok((Api::Socotra, call.list("types"), programs));
    };
    if call.parameter("types").is_some() || call.parameter("filter").is_some() {
        let wrong = "has types and a filter of its own; give those or these";
        return Err(Fault::parameter("subscription", wrong));
    }
    call.caller.may(Scope::WebhooksRead)?;
    call.caller.is_within(ListenerLimit::Refused)?;
    let found = match call.subscription(Api::Socotra, id).await {
        Err(Fault::NotFound(_)) => call.subscription(Api::Awork, id).await?,
        found => found?,
    };
    let definition = found.definition;
    if definition.events.is_empty() {
        return Err(Fault::parameter(
            "subscription",
            "has no types of events, so it selects none: name a webhook that has",
        ));
    }
    let (filter, transform) = (definition.filter.as_deref(), definition.transform.as_deref());
    let programs = call.compile(Some(share), Some("subscription"), filter, transform).await?;
    Ok((found.record.api, definition.events, programs))
}

/// Returns the position to continue after: that of the named event, or that of the latest event.
async fn after(call: &Call) -> Result<i64, Fault> {
    let header = call.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let Some(named) = header.or(call.parameter("after")).filter(|named| !named.is_empty()) else {
        return Ok(call.app.store.last_place().await?);
    };
    let id = uuid_of(named).ok_or_else(|| {
        Fault::parameter("after", "has to be the id of an event: a ULID or a UUID")
    })?;
    let event = call.app.store.event(&id.into()).await?;
    let event = event.filter(|event| event.tenant == call.caller.tenant);
    match event {
        Some(event) => Ok(event.place),
        // The event is no longer stored. All events that are still stored came later.
        None => Ok(0),
    }
}

impl Follower {
    /// Returns the next bytes to send, or `None` when the stream ends. The server calls it when the
    /// client has taken the previous bytes.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(hello) = self.hello.take() {
            return Some(hello);
        }
        let mut stop = self.stop.clone();
        while !*stop.borrow_and_update() {
            self.notifier.mark_unchanged();
            let memory = tokio::select! {
                memory = self.app.management.wait(&self.caller.tenant, self.batch_memory()) => memory,
                _ = stop.changed() => return None,
                () = tokio::time::sleep(HEARTBEAT_INTERVAL) => return self.beat().await,
            };
            match self.read().await {
                Ok(Some(text)) if text.is_empty() => continue,
                Ok(Some(text)) => return memory.ok().map(|memory| memory.hold(text)),
                Ok(None) => drop(memory),
                Err(error) => {
                    tracing::warn!(%error, "a stream of events ends");
                    return None;
                }
            }
            tokio::select! {
                _ = self.notifier.changed() => {}
                _ = stop.changed() => return None,
                () = tokio::time::sleep(HEARTBEAT_INTERVAL) => return self.beat().await,
            }
        }
        None
    }

    /// Returns the memory that reading and writing one batch of events can take.
    fn batch_memory(&self) -> usize {
        let limits = self.app.configuration().settings.limits;
        let transformed = if self.programs.transforms() { TRANSFORM_BYTES } else { 0 };
        BATCH_BYTES.max(limits.body).saturating_mul(4).saturating_add(transformed)
    }

    /// Returns a comment that keeps the connection open. Returns `None`, which ends the stream, if
    /// the key is no longer valid or has changed, or if the stream is older than `MAX_STREAM_TIME`.
    async fn beat(&mut self) -> Option<Bytes> {
        let key = current_key(&self.app, &self.caller.key).await.ok().flatten()?;
        let same = key.listeners == self.caller.listeners && key.scopes == self.caller.scopes;
        (same && self.began.elapsed() < MAX_STREAM_TIME).then(|| Bytes::from_static(b":\n\n"))
    }

    /// Reads the next batch. Returns the bytes to send, or `None` if there were no events.
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let filter = EventFilter {
            tenant: Some(self.caller.tenant.clone()),
            listeners: self.caller.listeners.clone(),
            types: self.types.clone(),
            after: Some(self.after),
            limit: BATCH_EVENTS,
            bytes: Some(BATCH_BYTES),
            ..EventFilter::default()
        };
        // Read before the events: an event that is stored in between is found the next time.
        let last = self.app.store.last_place().await?;
        let records = self.app.store.events(&filter).await?;
        if records.is_empty() {
            self.after = self.after.max(last);
            return Ok(None);
        }
        self.app.patterns.warm(&self.caller.tenant, &self.programs).await;
        Ok(Some(self.parts(records).await))
    }

    /// Returns the events in the format of the stream.
    async fn parts(&mut self, records: Vec<EventRecord>) -> Vec<u8> {
        let mut text = Vec::new();
        for record in records {
            self.after = record.place;
            text.extend(self.part(&record).unwrap_or_default().into_bytes());
            // Yields to other tasks after each event.
            tokio::task::yield_now().await;
        }
        text
    }

    /// Returns an event in the format of the stream; `None` if it is filtered out or its transform
    /// fails.
    fn part(&mut self, record: &EventRecord) -> Option<String> {
        let part = with_event(record, |event| {
            let Some(data) = self.data(record, event)? else {
                return Ok(None);
            };
            // The JSON is one line. The type must not contain line breaks.
            let kind = event.kind.replace(['\r', '\n'], " ");
            let id = locator(event.id);
            Ok(Some(format!("id: {id}\nevent: {kind}\ndata: {data}\n\n")))
        });
        part.unwrap_or_else(|error| {
            tracing::error!(%error, "an event is left out of a stream");
            None
        })
    }

    /// Returns the body of an event; `None` if the filter does not hold or the transform fails.
    ///
    /// # Errors
    /// Returns an error if the event data is not JSON.
    fn data(
        &mut self,
        record: &EventRecord,
        event: &Event<'_>,
    ) -> Result<Option<String>, JsonError> {
        let (programs, machine) = (&self.programs, &mut self.machine);
        if programs.filters() || programs.transforms() {
            let value = event.to_value(programs.wanted())?;
            if programs.wants(machine, &value) == Wanted::No {
                return Ok(None);
            }
            match programs.body(machine, &value) {
                Some(Ok(body)) => return Ok(Some(body)),
                Some(Err(reason)) => {
                    self.log_failure(record, &reason);
                    return Ok(None);
                }
                None => {}
            }
        }
        let user = self.app.configuration().settings.delivery.actor_id;
        envelope(self.api, event, user).map(Some)
    }

    fn log_failure(&self, record: &EventRecord, reason: &str) {
        let (event, tenant) = (&*record.id, &*self.caller.tenant);
        if let Some(suppressed) = self.app.log_limit.admit(tenant, Instant::now()) {
            tracing::warn!(
                event,
                tenant,
                reason,
                suppressed,
                "transform failed: the event is left out of a stream"
            );
        }
    }
}
