//! Events as a stream, for whoever cannot be reached: server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), that go on where the last
//! one ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::body::Bytes;
use tokio::sync::watch;

use super::call::{Answer, Call, Fault};
use super::operation::{Group, Kind, Operation, Parameter, Success};
use super::subscriptions::check_programs_of;
use crate::delivery::{Api, Programs, Wanted, engine, envelope, locator};
use crate::engine::Machine;
use crate::gateway::app::App;
use crate::gateway::credentials::is_still_good;
use crate::gateway::deliver::with_event;
use crate::gateway::identity::uuid_of;
use crate::gateway::store::{EventFilter, EventRecord};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    id: "streamEvents",
    group: Group::Hookgate,
    method: "get",
    path: "/events/stream",
    summary: "Events as they come, as server-sent events; `Last-Event-ID` goes on after one",
    permissions: Some(&["events:read", "events:list"]),
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

/// So many of one tenant may follow at a time.
const STREAMS: usize = 50;

/// A stream ends after so long; its client comes back, and goes on where it was.
const LONGEST: Duration = Duration::from_secs(3600);

/// How often something is sent, that a connection which is gone is noticed.
const BEAT: Duration = Duration::from_secs(15);

/// So many events are read at a time.
const BATCH: usize = 100;

/// Streams that are open, by tenant.
static OPEN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// A stream that is open; one less when it is dropped.
struct Place(String);

impl Place {
    fn take(tenant: &str) -> Result<Self, Fault> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.entry(tenant.to_owned()).or_default();
        if *own >= STREAMS {
            return Err(Fault::Many("too many follow events; try again later"));
        }
        *own += 1;
        Ok(Self(tenant.to_owned()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.0) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.0);
            }
        }
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
    key: String,
    began: Instant,
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
        key: call.caller.key.clone(),
        began: Instant::now(),
        _place: Place::take(&call.caller.tenant)?,
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
    if definition.events.is_empty() {
        return Err(Fault::member("subscription", "wants no types of events"));
    }
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
                () = tokio::time::sleep(BEAT) => {
                    return self.may_go_on().await.then(|| Bytes::from_static(b":\n\n"));
                }
            }
        }
    }

    /// Whether the key is still good, and the stream not so old that its client should come back
    /// with one that is.
    async fn may_go_on(&mut self) -> bool {
        let good = is_still_good(&self.app, &self.key).await.unwrap_or(false);
        good && self.began.elapsed() < LONGEST
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
        // What comes later than this is looked for the next time.
        let last = self.app.store.last_place().await?;
        let records = self.app.store.events(&filter).await?;
        for record in &records {
            self.after = record.place;
            let part = self.part(record);
            self.waiting.extend(part);
        }
        if records.is_empty() {
            self.after = self.after.max(last);
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
