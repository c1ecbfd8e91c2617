//! Message bodies: an event in the envelope of the API that created the subscription. Knows no
//! transport.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::event::{Event, locator};
use super::subscription::{Api, Receiver};
use crate::value::{JsonError, Projection, Time, Value};

/// Returns the body for a subscription of an API. `user` stands for the actor, because a webhook
/// has no user of the gateway.
///
/// # Errors
/// Returns an error if the event data is not JSON: the store was damaged.
pub fn envelope(api: Api, event: &Event<'_>, user: Uuid) -> Result<String, JsonError> {
    // One line, for streams and files. JSON strings contain no line breaks, so these are only
    // whitespace.
    let data = match memchr::memchr2(b'\n', b'\r', event.data.as_bytes()) {
        Some(_) => Cow::Owned(event.data.replace(['\n', '\r'], "")),
        None => Cow::Borrowed(event.data),
    };
    match api {
        Api::Socotra | Api::Sink => {
            // Damaged data is an error here, not a broken body at the receiver.
            event.part(&Projection::default())?;
            Ok(with_data(&EventResponse::of(event, user), "data", &data, None))
        }
        Api::Awork => {
            let (head, tail) = awork_payload(event, user)?;
            Ok(with_data(&head, "entity", &data, Some(&tail)))
        }
    }
}

/// Returns the members of `head`, the event data under a name, and the members of `tail`, as one
/// JSON object. The data is copied as it is.
fn with_data(
    head: &impl Serialize,
    name: &str,
    data: &str,
    tail: Option<&AworkTail<'_>>,
) -> String {
    // Strings always have a form as JSON.
    let mut body = serde_json::to_string(head).unwrap_or_default();
    let tail = tail.and_then(|tail| serde_json::to_string(tail).ok());
    body.pop();
    body.reserve_exact(data.len() + name.len() + 6 + tail.as_ref().map_or(0, String::len));
    body.push_str(",\"");
    body.push_str(name);
    body.push_str("\":");
    body.push_str(data);
    match tail.as_deref().and_then(|tail| tail.strip_prefix('{')) {
        Some(tail) => {
            body.push(',');
            body.push_str(tail);
        }
        None => body.push('}'),
    }
    body
}

/// Socotra's `EventResponse`, the same in deliveries and in the list of events. The event data
/// follows as `data`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventResponse<'e> {
    locator: String,
    request_id: String,
    user_locator: Uuid,
    timestamp: String,
    #[serde(rename = "type")]
    kind: &'e str,
}

impl<'e> EventResponse<'e> {
    fn of(event: &Event<'e>, user: Uuid) -> Self {
        Self {
            locator: locator(event.id),
            request_id: locator(event.request),
            user_locator: user,
            timestamp: event.at.get().to_utc().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            kind: event.kind,
        }
    }
}

/// awork's payload, as in its guide: the members before the entity.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AworkHead<'e> {
    timestamp: String,
    event_type: &'e str,
}

/// awork's payload: the members after the entity.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AworkTail<'e> {
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

fn awork_payload<'e>(
    event: &Event<'e>,
    user: Uuid,
) -> Result<(AworkHead<'e>, AworkTail<'e>), JsonError> {
    let mut wanted = Projection::default();
    wanted.add(["id"]);
    wanted.add(["link"]);
    let entity = event.part(&wanted)?;
    let entity = entity.borrow().as_object();
    let text = |member| match entity.and_then(|entity| entity.get(member))? {
        Value::Text(text) => Some(text.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::BigNumber(number) => Some(number.to_string()),
        _ => None,
    };
    let head = AworkHead { timestamp: awork_time(event.at), event_type: event.kind };
    let tail = AworkTail {
        entity_id: text("id").unwrap_or_else(|| event.id.to_string()),
        entity_type: event.kind.split('_').next().unwrap_or(event.kind),
        entity_link: text("link"),
        trace_id: event.request.simple().to_string(),
        triggered_by: Actor { id: user, first_name: "Hookgate", last_name: "" },
        changes: [],
    };
    Ok((head, tail))
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
