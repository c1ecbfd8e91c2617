//! The event operations of the Socotra API. Only reads.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::own_tenant;
use crate::delivery::{Api, envelope};
use crate::engine::Time;
use crate::gateway::deliver::with_event;
use crate::gateway::manage::call::{Answer, Call};
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::page::{JsonPage, PAGE_BYTES};
use crate::gateway::ops::clock::{UnixMicros, micros_of};
use crate::gateway::ops::ids::uuid_of;
use crate::gateway::store::{EventFilter, EventRecord};

/// Returns an event in the envelope that webhooks get.
fn response(call: &Call, record: &EventRecord) -> Result<Box<RawValue>, Fault> {
    let user = call.app.configuration().settings.delivery.actor_id;
    let text = with_event(record, |event| envelope(Api::Socotra, event, user));
    let text = text.map_err(|error| Fault::Server(error.to_string()))?;
    RawValue::from_string(text).map_err(|error| Fault::Server(error.to_string()))
}

/// Returns true if the caller may see an event.
fn is_visible(call: &Call, record: &EventRecord) -> bool {
    record.tenant == call.caller.tenant && call.caller.sees(&record.listener_id)
}

/// Returns a filter for the events that the caller may see.
fn visible(call: &Call) -> EventFilter {
    EventFilter {
        tenant: Some(call.caller.tenant.clone()),
        listeners: call.caller.listeners.clone(),
        bytes: Some(PAGE_BYTES),
        ..EventFilter::default()
    }
}

pub(super) async fn fetch(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let missing = Fault::NotFound("event");
    let Some(id) = uuid_of(call.part("locator")) else {
        return Err(missing);
    };
    let record = call.app.store.event(&id.into()).await?;
    let record = record.filter(|record| is_visible(&call, record)).ok_or(missing)?;
    Answer::json(&response(&call, &record)?)
}

pub(super) async fn of_request(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let Some(id) = uuid_of(call.part("locator")) else {
        return Answer::json(&[(); 0]);
    };
    let filter = EventFilter { request_id: Some(id.into()), limit: 1000, ..visible(&call) };
    let mut page = JsonPage::array();
    for record in call.app.store.events(&filter).await? {
        if !page.push(&response(&call, &record)?)? {
            break;
        }
    }
    Ok(page.answer())
}

/// The paging token: the end of the last page, and the parameters of the query.
#[derive(Serialize, Deserialize)]
struct PageToken {
    after: i64,
    since: Option<UnixMicros>,
    until: Option<UnixMicros>,
    kind: Option<String>,
    size: usize,
}

const OTHERS: &[&str] = &["startTimestamp", "endTimestamp", "type", "pageSize"];

fn token_of(call: &Call) -> Result<PageToken, Fault> {
    let Some(token) = call.parameter("pagingToken") else {
        return Ok(PageToken {
            after: 0,
            since: time(call, "startTimestamp")?,
            until: time(call, "endTimestamp")?,
            kind: call.parameter("type").map(ToOwned::to_owned),
            size: call.number("pageSize", 100, 1..=1000)?,
        });
    };
    if OTHERS.iter().any(|name| call.parameter(name).is_some()) {
        return Err(Fault::parameter("pagingToken", "cannot be combined with any other parameter"));
    }
    let json = URL_SAFE_NO_PAD.decode(token).ok();
    let token: Option<PageToken> = json.and_then(|json| serde_json::from_slice(&json).ok());
    let token = token.filter(|token| (1..=1000).contains(&token.size));
    token.ok_or_else(|| {
        Fault::parameter("pagingToken", "has to be the `pagingToken` of an answer, unchanged")
    })
}

fn time(call: &Call, name: &str) -> Result<Option<UnixMicros>, Fault> {
    let Some(text) = call.parameter(name) else {
        return Ok(None);
    };
    // A `+` that was not encoded arrives as a space.
    let time = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok();
    let time = time.and_then(Time::new).map(micros_of);
    time.map(Some).ok_or_else(|| Fault::parameter(name, "has to be a time: `2026-01-02T03:04:05Z`"))
}

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let asked = token_of(&call)?;
    let filter = EventFilter {
        types: asked.kind.iter().cloned().collect(),
        since: asked.since,
        until: asked.until,
        after: (asked.after > 0).then_some(asked.after),
        limit: asked.size,
        ..visible(&call)
    };
    let mut page = JsonPage::after("{\"events\":[");
    let mut after = asked.after;
    for record in call.app.store.events(&filter).await? {
        match response(&call, &record) {
            Ok(event) if !page.push(&event)? => break,
            Ok(_) => {}
            // Otherwise no caller would get past it.
            Err(error) => tracing::error!(%error, "an event is left out of a list"),
        }
        after = record.place;
    }
    // The token always serialises to JSON.
    let token = serde_json::to_vec(&PageToken { after, ..asked }).unwrap_or_default();
    let token = URL_SAFE_NO_PAD.encode(token);
    Ok(page.answer_before(&format!("],\"pagingToken\":\"{token}\"}}")))
}
