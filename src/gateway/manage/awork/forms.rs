//! The request bodies of the awork API, and their validation. Does not write to the store.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::delivery::{
    AWORK_SLACK_TYPES, AWORK_TYPES, Definition, Endpoint, Policy, Receiver, receiver_of,
};
use crate::diagnostic::nearest;
use crate::gateway::manage::call::Call;
use crate::gateway::manage::fault::{Fault, MAX_MEMBERS};
use crate::gateway::manage::subscriptions::{declared_types, fresh_secret, put_header, url};

/// awork's `WebhookConfigForm`. `filter` and `transform` are Hookgate extensions.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("required" = ["name", "uri", "events", "isActive", "authenticationType"]))]
pub(super) struct WebhookConfigForm {
    #[schemars(with = "String", length(min = 1, max = 256))]
    pub name: Option<String>,
    #[schemars(schema_with = "url")]
    pub uri: Option<String>,
    /// Event types, separated by commas.
    #[schemars(with = "String", length(min = 1), example = "task_added,project_added")]
    pub events: Option<String>,
    #[schemars(with = "bool")]
    pub is_active: Option<bool>,
    /// `none` or `header`.
    #[schemars(with = "AuthenticationType")]
    pub authentication_type: Option<String>,
    /// Header as `name=value`; required if the type is `header`.
    #[schemars(example = "Authorization=Bearer abc")]
    pub authentication: Option<String>,
    /// Language of messages.
    pub language: Option<String>,
    /// Stored without effect: every event concerns one entity.
    pub only_trigger_for_main_entity_changes: Option<bool>,
    /// Expression over `event`. Only events for which it is true are sent.
    pub filter: Option<String>,
    /// Expression over `event` that builds the body, instead of the envelope.
    pub transform: Option<String>,
}

/// Method by which a receiver authenticates the gateway.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used: errors are reported in awork's form")]
enum AuthenticationType {
    None,
    Header,
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
        self.complete()?;
        let uri = self.uri.unwrap_or_default();
        let receiver = receiver_of(&call.check_url("Uri", &uri)?);
        let events = self::events(call, receiver, &self.events.unwrap_or_default())?;
        let mut endpoint = match old {
            Some(old) => old.endpoint.clone(),
            None => Endpoint::new(uri.as_str()),
        };
        // A new destination keeps no value that was given for the old one.
        endpoint.change_destination(Some(uri), None);
        if endpoint.secret.is_none() {
            endpoint.secret = Some(fresh_secret()?);
        }
        let kind = self.authentication_type.unwrap_or_default();
        authenticate(&mut endpoint, &kind, self.authentication.as_deref())?;
        let definition = Definition {
            name: self.name.unwrap_or_default(),
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
        Ok(RequestedChange { enabled: self.is_active.unwrap_or(false), definition })
    }

    /// Checks the required members, and reports all missing ones together. For this, members are
    /// optional when the form is parsed.
    fn complete(&self) -> Result<(), Fault> {
        let texts = [
            ("Name", &self.name, 256),
            ("Uri", &self.uri, 2048),
            ("Events", &self.events, 65_536),
            ("AuthenticationType", &self.authentication_type, 32),
        ];
        let mut wrong = Vec::new();
        for (property, text, most) in texts {
            match text {
                Some(text) if text.trim().is_empty() => {
                    wrong.push((property.to_owned(), format!("'{property}' should not be empty.")));
                }
                Some(text) if text.len() > most => {
                    wrong.push((property.to_owned(), format!("'{property}' is too long.")));
                }
                Some(_) => {}
                None => wrong.push((property.to_owned(), format!("'{property}' is required."))),
            }
        }
        if self.is_active.is_none() {
            wrong.push(("IsActive".to_owned(), "'IsActive' is required.".to_owned()));
        }
        if self.language.as_ref().is_some_and(|language| language.len() > 32) {
            wrong.push(("Language".to_owned(), "'Language' is too long.".to_owned()));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Fault::Members(wrong)) }
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
    format!("'{event}' is no type of an event for this receiver.{near} GET {list} lists the types.")
}

fn events(call: &Call, receiver: Receiver, text: &str) -> Result<Vec<String>, Fault> {
    let allowed = allowed(call, receiver);
    let mut events: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for event in text.split(',').map(str::trim) {
        if !allowed.iter().any(|known| known == event) {
            let message = unknown_type(event, &allowed, receiver, wrong.len() < MAX_MEMBERS);
            wrong.push(("Events".to_owned(), message));
        } else if !events.iter().any(|known| known == event) {
            events.push(event.to_owned());
        }
    }
    if wrong.is_empty() { Ok(events) } else { Err(Fault::Members(wrong)) }
}

/// Sets the header by which a receiver authenticates the gateway.
fn authenticate(
    endpoint: &mut Endpoint,
    kind: &str,
    authentication: Option<&str>,
) -> Result<(), Fault> {
    let given = authentication.filter(|text| !text.is_empty());
    match (kind, given) {
        ("none", _) => {
            endpoint.headers.clear();
            Ok(())
        }
        ("header", None) => {
            let wrong = "'Authentication' is required where the type is 'header'.";
            Err(Fault::member("Authentication", wrong))
        }
        ("header", Some(text)) => {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                Fault::member(
                    "Authentication",
                    "'Authentication' should be 'headername=headervalue'.",
                )
            })?;
            let name = name.trim();
            endpoint.headers.retain(|(key, _)| key.eq_ignore_ascii_case(name));
            put_header(endpoint, "Authentication", name, vec![value.to_owned()])
        }
        _ => {
            let wrong = "'AuthenticationType' should be 'none' or 'header'.";
            Err(Fault::member("AuthenticationType", wrong))
        }
    }
}
