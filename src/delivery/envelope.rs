//! What is sent: an event in the envelope of the API that a subscription was made by.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::Ulid;
use uuid::Uuid;

use super::subscription::{Api, Receiver};
use crate::value::Time;

/// An event on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Event<'e> {
    /// Its id.
    pub id: Uuid,
    /// The request that it came by.
    pub request: Uuid,
    /// Its type.
    pub kind: &'e str,
    /// When it was accepted.
    pub at: Time,
    /// Its data, as JSON.
    pub data: &'e str,
}

/// An id as Socotra writes it: a ULID (<https://github.com/ulid/spec>). Ids are UUIDs of version
/// 7, which begin with the time as ULIDs do.
pub fn locator(id: Uuid) -> String {
    Ulid::from(id.as_u128()).to_string()
}

/// The body that a subscription of an API gets. `user` stands for whoever acted: what arrives at
/// a listener has no user of ours.
pub fn envelope(api: Api, event: &Event<'_>, user: Uuid) -> String {
    // On one line, as streams and files have it: inside of texts JSON has no line breaks.
    let data = match event.data.contains(['\n', '\r']) {
        true => Cow::Owned(event.data.replace(['\n', '\r'], "")),
        false => Cow::Borrowed(event.data),
    };
    // What was stored is JSON; where it is not, nothing is better than half of it.
    let data = serde_json::from_str(&data).unwrap_or(RawValue::NULL);
    let body = match api {
        Api::Socotra | Api::Sink => serde_json::to_string(&EventResponse {
            locator: locator(event.id),
            request_id: locator(event.request),
            user_locator: user,
            timestamp: event.at.get().to_utc().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            kind: event.kind,
            data,
        }),
        Api::Awork => serde_json::to_string(&AworkEvent::of(event, data, user)),
    };
    // Texts and JSON always have a form as JSON.
    body.unwrap_or_default()
}

/// Socotra's `EventResponse`: the same in deliveries and in its list of events.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventResponse<'e> {
    locator: String,
    request_id: String,
    user_locator: Uuid,
    timestamp: String,
    #[serde(rename = "type")]
    kind: &'e str,
    data: &'e RawValue,
}

/// awork's payload, as its guide documents it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AworkEvent<'e> {
    timestamp: String,
    event_type: &'e str,
    entity: &'e RawValue,
    entity_id: String,
    entity_type: &'e str,
    entity_link: Option<String>,
    trace_id: String,
    triggered_by: Actor,
    changes: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    id: Uuid,
    first_name: &'static str,
    last_name: &'static str,
}

/// What an entity may say of itself.
#[derive(Default, Deserialize)]
struct Entity {
    id: Option<serde_json::Value>,
    link: Option<serde_json::Value>,
}

impl<'e> AworkEvent<'e> {
    fn of(event: &'e Event<'_>, data: &'e RawValue, user: Uuid) -> Self {
        let entity: Entity = serde_json::from_str(data.get()).unwrap_or_default();
        let text = |value: Option<serde_json::Value>| match value {
            Some(serde_json::Value::String(text)) => Some(text),
            Some(serde_json::Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        Self {
            timestamp: awork_time(event.at),
            event_type: event.kind,
            entity: data,
            entity_id: text(entity.id).unwrap_or_else(|| event.id.to_string()),
            entity_type: event.kind.split('_').next().unwrap_or(event.kind),
            entity_link: text(entity.link),
            trace_id: event.request.simple().to_string(),
            triggered_by: Actor { id: user, first_name: "Hookgate", last_name: "" },
            changes: [],
        }
    }
}

/// A time with seven digits of its second.
fn awork_time(at: Time) -> String {
    let at = at.get().to_utc();
    let tenths_of_micros = at.timestamp_subsec_nanos() / 100;
    format!("{}.{tenths_of_micros:07}+00:00", at.format("%Y-%m-%dT%H:%M:%S"))
}

/// What an alert endpoint is told when a delivery is given up. The form is ours: no vendor
/// documents one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The subscription.
    pub webhook_locator: String,
    /// What its owner calls it.
    pub webhook_name: String,
    /// The event.
    pub event_locator: String,
    /// Its type.
    pub event_type: String,
    /// When it was given up.
    pub failure_timestamp: String,
    /// What failed, as the policy has it.
    pub failure_trigger: String,
    /// What failed, in words.
    pub failure_message: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether the event is kept, to be sent again.
    pub diverted: bool,
    /// Whether the subscription was suspended.
    pub suspended: bool,
}

impl Notice {
    /// The body for a receiver: a message for Slack, JSON for any other.
    pub fn body(&self, receiver: Receiver) -> String {
        match receiver {
            Receiver::Slack => serde_json::json!({ "text": self.in_words() }).to_string(),
            // Texts and numbers always have a form as JSON.
            Receiver::Custom | Receiver::File => serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// The same for a person to read.
    fn in_words(&self) -> String {
        let Self { webhook_name, event_type, failure_message, attempts, .. } = self;
        let kept = if self.diverted { ", and it is kept to be sent again" } else { "" };
        let suspended = if self.suspended { ". The webhook is suspended" } else { "" };
        format!(
            "`{webhook_name}` did not get an event of type `{event_type}` after {attempts} \
             attempts: {failure_message}{kept}{suspended}."
        )
    }
}
