//! Message bodies: an event in the envelope of the API that created the subscription. Knows no
//! transport.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::Ulid;
use uuid::Uuid;

use super::subscription::{Api, Receiver};
use crate::value::Time;

/// An event to send.
#[derive(Debug, Clone, Copy)]
pub struct Event<'e> {
    /// The id of the event.
    pub id: Uuid,
    /// The request that carried the event.
    pub request: Uuid,
    /// The event type.
    pub kind: &'e str,
    /// The time of acceptance.
    pub at: Time,
    /// The event data, as JSON.
    pub data: &'e str,
}

/// Returns an id as a ULID, as Socotra writes ids (<https://github.com/ulid/spec>). The ids are
/// UUIDs of version 7, which begin with the time like ULIDs.
pub fn locator(id: Uuid) -> String {
    Ulid::from(id.as_u128()).to_string()
}

/// Returns the body for a subscription of an API. `user` stands for the actor, because a webhook
/// has no user of the gateway.
pub fn envelope(api: Api, event: &Event<'_>, user: Uuid) -> String {
    // One line, for streams and files. JSON strings contain no line breaks, so these are only
    // whitespace.
    let data = match event.data.contains(['\n', '\r']) {
        true => Cow::Owned(event.data.replace(['\n', '\r'], "")),
        false => Cow::Borrowed(event.data),
    };
    // Stored data is JSON. Null is better than a part of damaged data.
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
    // Strings and JSON always have a form as JSON.
    body.unwrap_or_default()
}

/// Socotra's `EventResponse`, the same in deliveries and in the list of events.
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

/// awork's payload, as in its guide.
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

/// The members of an entity that the awork payload needs.
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

/// Formats a time with seven decimal digits of the second.
fn awork_time(at: Time) -> String {
    let at = at.get().to_utc();
    let tenths_of_micros = at.timestamp_subsec_nanos() / 100;
    format!("{}.{tenths_of_micros:07}+00:00", at.format("%Y-%m-%dT%H:%M:%S"))
}

/// The notice that an alert endpoint gets when a delivery fails for good. The format is our own: no
/// vendor documents one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The subscription.
    pub webhook_locator: String,
    /// The name that the owner chose.
    pub webhook_name: String,
    /// The event.
    pub event_locator: String,
    /// The event type.
    pub event_type: String,
    /// The time of failure.
    pub failure_timestamp: String,
    /// The matching trigger of the policy.
    pub failure_trigger: String,
    /// The failure in words.
    pub failure_message: String,
    /// The number of attempts.
    pub attempts: u32,
    /// True if the event is in the dead-letter queue.
    pub diverted: bool,
    /// True if the subscription was suspended.
    pub suspended: bool,
}

impl Notice {
    /// Returns the body for a receiver: a message for Slack, JSON for others.
    pub fn body(&self, receiver: Receiver) -> String {
        match receiver {
            Receiver::Slack => serde_json::json!({ "text": self.in_words() }).to_string(),
            // Strings and numbers always have a form as JSON.
            Receiver::Custom | Receiver::File => serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// Returns the notice as text.
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
