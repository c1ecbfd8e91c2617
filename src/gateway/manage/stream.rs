//! Events as a stream, for whoever cannot be reached: server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), that go on where the last
//! one ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Bytes;
use tokio::sync::watch;

use super::call::{Answer, Call, Fault};
use super::operation::{Group, Kind, Operation, Parameter, Success};
use super::subscriptions::{check_programs_of, uuid_of};
use crate::delivery::{Api, Programs, Wanted, engine, envelope, locator};
use crate::engine::Machine;
use crate::gateway::app::App;
use crate::gateway::deliver::with_event;
use crate::gateway::store::{EventFilter, EventRecord};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    id: "streamEvents",
    group: Group::Hookgate,
    method: "get",
    path: "/events/stream",
    aliases: &[],
    summary: "Events as they come, as server-sent events; `Last-Event-ID` goes on after one",
    permissions: &["events:read", "events:list"],
    public: false,
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
        doc: "Events: `id` is the event's, `event` its type, `data` what a webhook would get.",
    },
    errors: &[400, 403, 404, 503],
    run: |call| Box::pin(stream(call)),
}];

/// So many may follow at a time.
const STREAMS: usize = 200;

/// How often something is sent, that a connection which is gone is noticed.
const BEAT: Duration = Duration::from_secs(15);

/// So many events are read at a time.
const BATCH: usize = 100;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A stream that is open; one less when it is dropped.
struct Place;

impl Place {
    fn take() -> Result<Self, Fault> {
        if OPEN.fetch_add(1, Ordering::SeqCst) >= STREAMS {
            OPEN.fetch_sub(1, Ordering::SeqCst);
            return Err(Fault::Many("too many follow events; try again later"));
        }
        Ok(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A follower: what it wants, and where it is.
struct Follower {
    app: Arc<App>,
    tenant: String,
    types: Vec<String>,
    programs: Programs,
    machine: Machine,
    api: Api,
    after: i64,
    waiting: VecDeque<Bytes>,
    arrivals: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    _place: Place,
}

async fn stream(call: Call) -> Result<Answer, Fault> {
    let (api, types, programs) = wanted(&call).await?;
    let after = after(&call).await?;
    let follower = Follower {
        tenant: call.caller.tenant.clone(),
        types,
        programs,
        machine: engine().machine(),
        api,
        after,
        // So that headers go out at once, and a client knows that it is heard.
        waiting: [Bytes::from_static(b": hello\n\n")].into(),
        arrivals: call.app.arrivals.events(),
        stop: call.app.stopping(),
        app: Arc::clone(&call.app),
        _place: Place::take()?,
    };
    let parts = futures_util::stream::unfold(follower, |mut follower| async move {
        let part = follower.next().await?;
        Some((Ok::<_, std::convert::Infallible>(part), follower))
    });
    let headers = vec![("content-type", "text/event-stream".to_owned())];
    Ok(Answer { status: 200, headers, body: Body::from_stream(parts) })
}

/// Which events, in which envelope.
async fn wanted(call: &Call) -> Result<(Api, Vec<String>, Programs), Fault> {
    let Some(id) = call.parameter("subscription") else {
        let programs = check_programs_of("filter", call.parameter("filter"), None)?;
        return Ok((Api::Socotra, call.list("types"), programs));
    };
    if call.parameter("types").is_some() || call.parameter("filter").is_some() {
        let wrong = "has types and a filter of its own; give those or these";
        return Err(Fault::member("subscription", wrong));
    }
    call.caller.may("webhooks:read")?;
    let found = match call.subscription(Api::Socotra, id).await {
        Err(Fault::NotFound(_)) => call.subscription(Api::Awork, id).await?,
        found => found?,
    };
    let definition = found.definition;
    let (filter, transform) = (definition.filter.as_deref(), definition.transform.as_deref());
    let programs = check_programs_of("subscription", filter, transform)?;
    Ok((found.record.api, definition.events, programs))
}

/// The place to go on after: of the event that is named, or of the last one there is.
async fn after(call: &Call) -> Result<i64, Fault> {
    let header = call.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let Some(named) = header.or(call.parameter("after")).filter(|named| !named.is_empty()) else {
        return Ok(call.app.store.last_place().await?);
    };
    let id = uuid_of(named).ok_or_else(|| Fault::member("after", "is no id of an event"))?;
    let event = call.app.store.event(&id.to_string()).await?;
    let event = event.filter(|event| event.tenant == call.caller.tenant);
    match event {
        Some(event) => Ok(event.place),
        // It is kept no longer: everything that is kept came after it.
        None => Ok(0),
    }
}

impl Follower {
    /// What to send next; none when the gateway stops.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(part) = self.waiting.pop_front() {
                return Some(part);
            }
            if *self.stop.borrow() {
                return None;
            }
            self.arrivals.mark_unchanged();
            match self.read().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "a stream of events ends");
                    return None;
                }
            }
            tokio::select! {
                _ = self.arrivals.changed() => {}
                _ = self.stop.changed() => return None,
                () = tokio::time::sleep(BEAT) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// Reads on; answers whether there was anything.
    async fn read(&mut self) -> Result<bool, crate::gateway::store::StoreError> {
        let filter = EventFilter {
            tenant: Some(self.tenant.clone()),
            types: self.types.clone(),
            after: Some(self.after),
            limit: BATCH,
            ..EventFilter::default()
        };
        let records = self.app.store.events(&filter).await?;
        for record in &records {
            self.after = record.place;
            let part = self.part(record);
            self.waiting.extend(part);
        }
        Ok(!records.is_empty())
    }

    /// An event as it is sent; none where it is not wanted.
    fn part(&mut self, record: &EventRecord) -> Option<Bytes> {
        let user = self.app.configuration().settings.delivery.user;
        let (programs, machine, api) = (&self.programs, &mut self.machine, self.api);
        with_event(record, |event| {
            let json = (programs.filters() || programs.transforms()).then(|| event.to_json());
            let json = json.unwrap_or_default();
            if programs.wants(machine, &json) == Wanted::No {
                return None;
            }
            let data = match programs.body(machine, &json) {
                Some(Ok(body)) => body,
                Some(Err(reason)) => {
                    tracing::warn!(event = record.id, reason, "an event is left out of a stream");
                    return None;
                }
                None => envelope(api, event, user),
            };
            // JSON on one line, and a type that has no line breaks.
            let kind = event.kind.replace(['\r', '\n'], " ");
            let id = locator(event.id);
            Some(Bytes::from(format!("id: {id}\nevent: {kind}\ndata: {data}\n\n")))
        })
    }
}
