//! The response bodies of the Socotra API. Does not read the store.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use super::forms::RetryType;
use crate::delivery::{Definition, Endpoint, Pattern, Policy, Suspend};
use crate::gateway::manage::MASK;
use crate::gateway::manage::subscriptions::OpenedSubscription;
use crate::gateway::ops::clock::{UnixMicros, time_of};
use crate::gateway::ops::ids::display_locator;
use crate::gateway::store::DivertedRecord;

/// Socotra's `WebhookResponse`. `filter` and `transform` are Hookgate extensions, present only if
/// set.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookResponse {
    #[schemars(extend("format" = "ulid", "readOnly" = true))]
    locator: String,
    name: String,
    enabled: bool,
    endpoint: EndpointResponse,
    failure_handling: FailureHandlingResponse,
    #[schemars(extend("readOnly" = true))]
    suspended: bool,
    #[schemars(extend("format" = "date-time", "readOnly" = true))]
    suspended_at: Option<String>,
    event_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transform: Option<String>,
}

/// Socotra's `EndpointResponse`. Header values and the secret are masked. Sending a mask back keeps
/// the stored value.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EndpointResponse {
    url: String,
    headers: BTreeMap<String, Vec<String>>,
    secure_ssl: bool,
    hmac_enabled: bool,
    secret: Option<String>,
    tag: Option<String>,
}

/// Socotra's `FailureHandlingResponse`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FailureHandlingResponse {
    triggers: Vec<String>,
    retry_strategy: Option<RetryStrategyResponse>,
    alert_endpoint: Option<EndpointResponse>,
    divert: bool,
    suspend: bool,
}

/// Socotra's `RetryStrategyResponse`.
#[derive(Debug, Serialize, JsonSchema)]
struct RetryStrategyResponse {
    #[serde(rename = "type")]
    kind: RetryType,
    interval: u64,
    attempts: u32,
}

/// List of webhooks: an array, or with `extended=true` Socotra's `WebhookListResponse`.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used: lists are written item by item")]
pub(super) enum WebhookList {
    Plain(Vec<WebhookResponse>),
    Extended(WebhookListResponse),
}

/// Socotra's `WebhookListResponse`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookListResponse {
    /// True if the list ends with this page.
    pub list_completed: bool,
    pub items: Vec<WebhookResponse>,
}

/// Socotra's `DivertedEventResponse`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DivertedEventResponse {
    #[schemars(extend("format" = "ulid"))]
    event_locator: String,
    #[schemars(extend("format" = "ulid"))]
    request_locator: String,
    failure_message: String,
    #[schemars(extend("format" = "date-time"))]
    failure_timestamp: String,
    failure_trigger: String,
}

/// Socotra's `EventResponse`, as deliveries contain it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventResponse {
    #[schemars(extend("format" = "ulid"))]
    locator: String,
    #[schemars(extend("format" = "ulid"))]
    request_id: String,
    #[schemars(extend("format" = "uuid"))]
    user_locator: String,
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    #[serde(rename = "type")]
    kind: String,
    #[schemars(schema_with = "any")]
    data: serde_json::Value,
}

/// Returns the schema of any JSON value. Generators of clients do not read the schema `true`.
fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "description": "The data of the event: any JSON value." })
}

/// Socotra's `EventStreamResponse`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventStreamResponse {
    pub paging_token: String,
    #[schemars(with = "Vec<EventResponse>")]
    pub events: Vec<Box<RawValue>>,
}

/// Empty object.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Nothing {}

impl WebhookResponse {
    /// Returns the answer for a webhook. `fresh` selects the new secrets that are shown, which
    /// happens only once: that of the endpoint, and that of the alert endpoint.
    pub(super) fn of(found: &OpenedSubscription, fresh: [bool; 2]) -> Self {
        let (record, definition) = (&found.record, &found.definition);
        Self {
            locator: display_locator(&record.id),
            name: definition.name.clone(),
            enabled: record.enabled,
            endpoint: EndpointResponse::of(&definition.endpoint, fresh[0]),
            failure_handling: FailureHandlingResponse::of(definition, fresh[1]),
            suspended: record.health.suspended_at.is_some(),
            suspended_at: record
                .health
                .suspended_at
                .map(|at| time_of(UnixMicros::new(at)).to_string()),
            event_types: definition.events.clone(),
            filter: definition.filter.clone(),
            transform: definition.transform.clone(),
        }
    }
}

impl EndpointResponse {
    fn of(endpoint: &Endpoint, fresh: bool) -> Self {
        let headers = endpoint
            .headers
            .iter()
            .map(|(name, values)| (name.clone(), vec![MASK.to_owned(); values.len()]));
        let secret = endpoint.secret.as_ref();
        let shown = |secret: &crate::delivery::SigningSecret| match fresh {
            true => secret.reveal().to_owned(),
            false => MASK.to_owned(),
        };
        Self {
            url: endpoint.url.clone(),
            headers: headers.collect(),
            secure_ssl: endpoint.verify_tls,
            hmac_enabled: endpoint.signed,
            secret: secret.map(shown),
            tag: endpoint.tag.clone(),
        }
    }
}

impl FailureHandlingResponse {
    fn of(definition: &Definition, fresh: bool) -> Self {
        let Policy { triggers, retry, divert, suspend } = &definition.policy;
        let retry = retry.map(|retry| RetryStrategyResponse {
            kind: match retry.pattern {
                Pattern::Linear => RetryType::Linear,
                Pattern::Exponential => RetryType::Exponential,
            },
            interval: retry.interval,
            attempts: retry.attempts,
        });
        Self {
            triggers: triggers.iter().map(ToString::to_string).collect(),
            retry_strategy: retry,
            alert_endpoint: definition
                .alert
                .as_ref()
                .map(|alert| EndpointResponse::of(alert, fresh)),
            divert: *divert,
            suspend: *suspend != Suspend::Never,
        }
    }
}

impl DivertedEventResponse {
    pub(super) fn of(record: &DivertedRecord) -> Self {
        Self {
            event_locator: display_locator(&record.event_id),
            request_locator: display_locator(&record.request_id),
            failure_message: record.message.clone(),
            failure_timestamp: time_of(record.at).to_string(),
            failure_trigger: record.cause.name(),
        }
    }
}
