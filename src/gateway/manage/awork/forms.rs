//! The request bodies of the awork API, and their validation. Does not write to the store.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{AuthenticationType, WebhookConfig};
use crate::delivery::{
    AWORK_SLACK_TYPES, AWORK_TYPES, Definition, Endpoint, Policy, Receiver, receiver_of,
};
use crate::diagnostic::nearest;
use crate::gateway::manage::call::Call;
use crate::gateway::manage::fault::{Fault, MAX_MEMBERS};
use crate::gateway::manage::read_only::ReadOnly;
use crate::gateway::manage::subscriptions::{declared_types, fresh_secret, put_header, url};

/// awork's `WebhookConfigForm`. `filter` and `transform` are Hookgate extensions. An answer of the
/// API can be sent back with `PUT`: read-only members are accepted with their stored values.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WebhookConfigForm {
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    #[schemars(schema_with = "url")]
    pub uri: String,
    /// Event types, separated by commas.
    #[schemars(length(min = 1, max = 65536), example = "task_added,project_added")]
    pub events: String,
    pub is_active: bool,
    /// `none` or `header`.
    pub authentication_type: AuthenticationType,
    /// Header as `name=value`; required if the type is `header`. A masked value keeps the stored
    /// value.
    #[schemars(length(max = 16384), example = "Authorization=Bearer abc")]
    pub authentication: Option<String>,
    /// Language of messages.
    #[schemars(length(max = 32))]
    pub language: Option<String>,
    /// Stored without effect: every event concerns one entity.
    pub only_trigger_for_main_entity_changes: Option<bool>,
    /// Expression over `event`. Only events for which it is true are sent.
    pub filter: Option<String>,
    /// Expression over `event` that builds the body, instead of the envelope.
    pub transform: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub id: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub receiver_type: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub last_failure_reason: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub created_on: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub created_by: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub updated_on: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub updated_by: Option<String>,
}

/// The subscription that a form requests.
pub(super) struct RequestedChange {
    pub enabled: bool,
    pub definition: Definition,
}

impl WebhookConfigForm {
    /// Returns the subscription that the form requests. For an existing webhook, masked values keep
    /// the stored ones.
    pub(super) fn change(
        self,
        call: &Call,
        old: Option<&Definition>,
    ) -> Result<RequestedChange, Fault> {
        if self.name.trim().is_empty() {
            return Err(Fault::member("name", "should not be empty"));
        }
        let receiver = match old {
            Some(old) if old.endpoint.url == self.uri => old.receiver,
            _ => receiver_of(call.check_url("uri", &self.uri)?.host()),
        };
        let events = self::events(call, receiver, &self.events, old)?;
        let mut endpoint = match old {
            Some(old) => old.endpoint.clone(),
            None => Endpoint::new(self.uri.as_str()),
        };
        // A new destination keeps no value that was given for the old one.
        endpoint.change_destination(Some(self.uri), None);
        if endpoint.secret.is_none() {
            endpoint.secret = Some(fresh_secret()?);
        }
        authenticate(&mut endpoint, self.authentication_type, self.authentication.as_deref())?;
        let definition = Definition {
            name: self.name,
            receiver,
            endpoint,
            events,
            policy: Policy::awork(),
            alert: None,
            language: self.language.filter(|language| !language.is_empty()),
            main_entity_only: self.only_trigger_for_main_entity_changes.unwrap_or(false),
            filter: self.filter.filter(|text| !text.is_empty()),
            transform: self.transform.filter(|text| !text.is_empty()),
        };
        Ok(RequestedChange { enabled: self.is_active, definition })
    }

    /// Returns an error if a read-only member has another value than the stored one.
    pub(super) fn read_only(&self, shown: &WebhookConfig) -> Result<(), Fault> {
        let [id, created_by, updated_by] = [
            ("id", &self.id, &shown.id),
            ("createdBy", &self.created_by, &shown.created_by),
            ("updatedBy", &self.updated_by, &shown.updated_by),
        ]
        .map(|(name, given, shown)| ReadOnly(name).id(given.as_deref(), shown, shown.clone()));
        let [created_on, updated_on] = [
            ("createdOn", &self.created_on, &shown.created_on),
            ("updatedOn", &self.updated_on, &shown.updated_on),
        ]
        .map(|(name, given, shown)| ReadOnly(name).time(given.as_deref(), Some(shown)));
        let receiver_type =
            ReadOnly("receiverType").text(self.receiver_type.as_deref(), Some(shown.receiver_type));
        let reason = ReadOnly("lastFailureReason")
            .text(self.last_failure_reason.as_deref(), shown.last_failure_reason.as_deref());
        let all = [id, created_by, updated_by, created_on, updated_on, receiver_type, reason];
        Fault::all(all)
    }

    /// Returns an error if a form that creates a webhook has read-only members.
    pub(super) fn unset(&self) -> Result<(), Fault> {
        let members = [
            ("id", &self.id),
            ("receiverType", &self.receiver_type),
            ("lastFailureReason", &self.last_failure_reason),
            ("createdOn", &self.created_on),
            ("createdBy", &self.created_by),
            ("updatedOn", &self.updated_on),
            ("updatedBy", &self.updated_by),
        ];
        Fault::all(members.map(|(name, given)| ReadOnly(name).unset(given.as_deref())))
    }
}

/// Returns the event types that webhooks of a tenant may choose: those that awork documents, and
/// those that the tenant's listeners declare.
pub(super) fn allowed(call: &Call, receiver: Receiver) -> Vec<String> {
    let documented = match receiver {
        Receiver::Slack => AWORK_SLACK_TYPES,
        Receiver::Custom | Receiver::File => AWORK_TYPES,
    };
    let mut allowed: Vec<String> = documented.iter().map(ToString::to_string).collect();
    for kind in declared_types(&call.app, &call.caller) {
        if !allowed.contains(&kind) {
            allowed.push(kind);
        }
    }
    allowed
}

/// Returns the message about an unknown type. A suggestion takes time, so `suggests` is false for
/// messages that no answer lists.
fn unknown_type(event: &str, allowed: &[String], receiver: Receiver, suggests: bool) -> String {
    let near = nearest(event, allowed.iter().map(String::as_str).filter(|_| suggests));
    let near = near.map(|near| format!(" Did you mean '{near}'?")).unwrap_or_default();
    let list = match receiver {
        Receiver::Slack => "/api/v1/webhooks/eventtypes/slack",
        Receiver::Custom | Receiver::File => "/api/v1/webhooks/eventtypes",
    };
    format!(
        "has `{event}`, which is no type of an event for this receiver.{near} GET {list} lists the types."
    )
}

/// Returns the event types of a form. A webhook keeps the types that it has, also if no listener
/// declares them any more.
fn events(
    call: &Call,
    receiver: Receiver,
    text: &str,
    old: Option<&Definition>,
) -> Result<Vec<String>, Fault> {
    let allowed = allowed(call, receiver);
    let kept = old.filter(|old| old.receiver == receiver).map_or(&[][..], |old| &old.events);
    let mut events: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for event in text.split(',').map(str::trim) {
        if !allowed.iter().chain(kept).any(|known| known == event) {
            let message = unknown_type(event, &allowed, receiver, wrong.len() < MAX_MEMBERS);
            wrong.push(("events".to_owned(), message));
        } else if !events.iter().any(|known| known == event) {
            events.push(event.to_owned());
        }
    }
    if wrong.is_empty() { Ok(events) } else { Err(Fault::Members(wrong)) }
}

/// Sets the header by which a receiver authenticates the gateway.
fn authenticate(
    endpoint: &mut Endpoint,
    kind: AuthenticationType,
    authentication: Option<&str>,
) -> Result<(), Fault> {
    let property = "authentication";
    if kind == AuthenticationType::None {
        endpoint.headers.clear();
        return Ok(());
    }
    let Some(text) = authentication.filter(|text| !text.is_empty()) else {
        let wrong =
            "is required where `authenticationType` is `header`: `name=value` of the header";
        return Err(Fault::member(property, wrong));
    };
    let Some((name, value)) = text.split_once('=') else {
        return Err(Fault::member(property, "should be `name=value` of a header"));
    };
    let name = name.trim();
    endpoint.headers.retain(|(key, _)| key.eq_ignore_ascii_case(name));
    put_header(endpoint, property, name, vec![value.to_owned()])
}
