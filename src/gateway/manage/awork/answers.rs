//! The response bodies of the awork API, and the list members that can be filtered and ordered.
//! Does not read the store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::delivery::Receiver;
use crate::gateway::manage::MASK;
use crate::gateway::manage::call::Call;
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::subscriptions::OpenedSubscription;
use crate::gateway::ops::clock::time_of;
use crate::gateway::store::AttemptRecord;

/// awork's `WebhookConfig`. `filter` and `transform` are Hookgate extensions, present only if set.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookConfig {
    name: String,
    uri: String,
    events: String,
    pub is_active: bool,
    authentication_type: AuthenticationType,
    language: Option<String>,
    only_trigger_for_main_entity_changes: bool,
    /// Name of the header, and its masked value. Sending the mask back keeps the value.
    authentication: Option<String>,
    #[schemars(extend("format" = "uuid", "readOnly" = true))]
    pub id: String,
    #[schemars(extend("readOnly" = true))]
    pub receiver_type: &'static str,
    #[schemars(extend("readOnly" = true))]
    pub last_failure_reason: Option<String>,
    #[schemars(extend("format" = "date-time", "readOnly" = true))]
    pub created_on: String,
    #[schemars(extend("format" = "uuid", "readOnly" = true))]
    pub created_by: String,
    #[schemars(extend("format" = "date-time", "readOnly" = true))]
    pub updated_on: String,
    #[schemars(extend("format" = "uuid", "readOnly" = true))]
    pub updated_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transform: Option<String>,
}

/// Method by which a receiver authenticates the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum AuthenticationType {
    None,
    Header,
}

/// Members of a webhook that lists can be filtered and ordered by: all except the secret one.
pub(super) const WEBHOOK_MEMBERS: &[&str] = &[
    "name",
    "uri",
    "events",
    "isActive",
    "authenticationType",
    "language",
    "onlyTriggerForMainEntityChanges",
    "id",
    "receiverType",
    "lastFailureReason",
    "createdOn",
    "createdBy",
    "updatedOn",
    "updatedBy",
];

/// Members of a log entry that lists can be filtered and ordered by. `message` is not included: the
/// gateway would have to read the body of every row.
pub(super) const LOG_MEMBERS: &[&str] =
    &["webhookId", "responseCode", "createdOn", "reason", "isSuccessful"];

impl WebhookConfig {
    pub(super) fn of(call: &Call, found: &OpenedSubscription) -> Self {
        let (record, definition) = (&found.record, &found.definition);
        let header = definition.endpoint.headers.first();
        let user = call.app.configuration().settings.delivery.actor_id.to_string();
        Self {
            name: definition.name.clone(),
            uri: definition.endpoint.url.clone(),
            events: definition.events.join(","),
            is_active: record.enabled && record.health.suspended_at.is_none(),
            authentication_type: match header {
                Some(_) => AuthenticationType::Header,
                None => AuthenticationType::None,
            },
            language: definition.language.clone(),
            only_trigger_for_main_entity_changes: definition.main_entity_only,
            authentication: header.map(|(name, _)| format!("{name}={MASK}")),
            id: record.id.to_string(),
            receiver_type: match definition.receiver {
                Receiver::Slack => "slack",
                Receiver::Custom | Receiver::File => "custom",
            },
            last_failure_reason: record.last_failure.clone(),
            created_on: time_of(record.created_at).to_string(),
            created_by: user.clone(),
            updated_on: time_of(record.updated_at).to_string(),
            updated_by: user,
            filter: definition.filter.clone(),
            transform: definition.transform.clone(),
        }
    }
}

/// awork's `WebhookLog`: one attempt.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookLog {
    /// Body that was sent, shortened to at most 64 KiB.
    message: Option<String>,
    #[schemars(extend("format" = "uuid"))]
    webhook_id: String,
    /// HTTP status of the response; 0 if there was no response.
    response_code: u16,
    #[schemars(extend("format" = "date-time"))]
    created_on: String,
    /// Reason of the failure.
    reason: Option<String>,
    is_successful: bool,
}

impl WebhookLog {
    pub(super) fn of(webhook: &str, attempt: &AttemptRecord, message: Option<String>) -> Self {
        Self {
            message,
            webhook_id: webhook.to_owned(),
            response_code: attempt.status,
            created_on: time_of(attempt.at).to_string(),
            reason: attempt.reason.clone(),
            is_successful: attempt.ok,
        }
    }
}

/// awork's `ErrorResponse`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorResponse {
    code: &'static str,
    description: String,
    link: &'static str,
    trace_id: Option<String>,
    details: Option<Vec<String>>,
    validation_errors: Option<Vec<ValidationErrorResponse>>,
}

/// awork's `ValidationErrorResponse`.
#[derive(Debug, Serialize, JsonSchema)]
struct ValidationErrorResponse {
    property: String,
    message: String,
}

impl ErrorResponse {
    pub(super) fn of(code: &'static str, fault: &Fault) -> Self {
        let is_parameter = matches!(fault, Fault::Parameters(_));
        // As in awork's samples: `Name`, and "'Name' should not be empty.".
        let told = |(property, message): (String, String)| {
            let property = if is_parameter { property } else { in_pascal_case(&property) };
            let message = format!("'{property}' {}.", message.trim_end_matches('.'));
            ValidationErrorResponse { property, message }
        };
        let validation_errors = fault.members().map(|all| all.into_iter().map(told).collect());
        Self {
            code,
            description: match fault {
                Fault::Members(_) | Fault::Parameters(_) => "The request is not valid.".to_owned(),
                fault => fault.message(),
            },
            link: "https://developers.awork.com/error-handling",
            trace_id: None,
            details: None,
            validation_errors,
        }
    }
}

fn in_pascal_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
