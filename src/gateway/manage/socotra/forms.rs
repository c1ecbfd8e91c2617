//! What is asked for. Members that are not here are refused, as a misspelt one would otherwise be
//! lost without a word.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::gateway::manage::subscriptions::url;

pub(super) type Headers = BTreeMap<String, Vec<String>>;

/// The form of headers: names as HTTP has them, and values of one line of ASCII.
fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "maxProperties": 50,
        "propertyNames": { "pattern": "^[A-Za-z0-9-]{1,256}$" },
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": { "type": "string", "maxLength": 8192, "pattern": "^([!-~]([ -~]*[!-~])?)?$" },
        },
        "examples": [{ "X-Team": ["billing"] }],
    })
}

/// The form of types of events.
fn types(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "maxItems": 1000,
        "items": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,256}$" },
        "examples": [["policy.quote.issue"]],
    })
}

/// The form of triggers.
fn triggers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": { "type": "string", "pattern": "^([45][0-9][0-9]|[45]xx|timeout)$" },
        "examples": [["404", "5xx", "timeout"]],
    })
}

/// Socotra's `CreateWebhookRequest`; `filter` and `transform` are Hookgate's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateWebhookRequest {
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Left out: true.
    pub enabled: Option<bool>,
    pub endpoint: CreateEndpointRequest,
    /// Left out: nothing is done about failures.
    pub failure_handling: Option<FailureHandlingCreateRequest>,
    #[schemars(schema_with = "types")]
    pub event_types: Option<Vec<String>>,
    /// Taken and left alone: there are no automation plugins here.
    #[serde(rename = "useAutomationPlugin")]
    pub _use_automation_plugin: Option<bool>,
    /// An expression over `event` that has to hold of what is sent.
    pub filter: Option<String>,
    /// An expression over `event` that makes the body, in place of the envelope.
    pub transform: Option<String>,
}

/// Socotra's `CreateEndpointRequest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateEndpointRequest {
    #[schemars(schema_with = "url")]
    pub url: String,
    #[schemars(schema_with = "headers")]
    pub headers: Option<Headers>,
    /// Whether the server's certificate has to be good. Left out: true.
    pub secure_ssl: Option<bool>,
    /// Whether what is sent is signed, as Standard Webhooks has it. Left out: true.
    pub hmac_enabled: Option<bool>,
    /// The signing secret: `whsec_` and Base64, or a text whose bytes are the key. Left out: one
    /// is made.
    pub secret: Option<String>,
    /// A label of the secret.
    #[schemars(length(max = 256))]
    pub tag: Option<String>,
}

/// Socotra's `FailureHandlingCreateRequest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FailureHandlingCreateRequest {
    /// Statuses (`404`), classes (`4xx`, `5xx`) and `timeout`. Left out: `4xx`, `5xx`, `timeout`.
    #[schemars(schema_with = "triggers")]
    pub triggers: Option<Vec<String>>,
    pub retry_strategy: Option<RetryStrategyRequest>,
    pub alert_endpoint: Option<CreateEndpointRequest>,
    pub divert: Option<bool>,
    pub suspend: Option<bool>,
}

/// Socotra's `RetryStrategyCreateRequest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetryStrategyRequest {
    #[serde(rename = "type")]
    pub kind: RetryType,
    /// Seconds before the first retry.
    #[schemars(range(min = 1, max = 86400))]
    pub interval: i64,
    /// How often it is tried again after the first time. Left out: 3.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<i64>,
}

/// How the times between retries grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum RetryType {
    Linear,
    Exponential,
}

/// Socotra's `UpdateWebhookRequest`: what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateWebhookRequest {
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub endpoint: Option<UpdateEndpointRequest>,
    pub failure_handling: Option<FailureHandlingUpdateRequest>,
    /// Whether the policy is dropped, before `failureHandling` is looked at.
    pub remove_failure_handling: Option<bool>,
    #[schemars(schema_with = "types")]
    pub add_event_types: Option<Vec<String>>,
    #[schemars(length(max = 1000))]
    pub remove_event_types: Option<Vec<String>>,
    /// Taken and left alone: there are no automation plugins here.
    #[serde(rename = "useAutomationPlugin")]
    pub _use_automation_plugin: Option<bool>,
    /// An empty text removes it.
    pub filter: Option<String>,
    /// An empty text removes it.
    pub transform: Option<String>,
}

/// Socotra's `UpdateEndpointRequest`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateEndpointRequest {
    /// Where it changes beyond its query, stored values of headers and the stored secret are
    /// dropped, unless they are given again in the same request.
    #[schemars(schema_with = "url")]
    pub url: Option<String>,
    /// A header that is there gets these values in place of its own.
    #[schemars(schema_with = "headers")]
    pub add_headers: Option<Headers>,
    #[schemars(length(max = 50))]
    pub remove_headers: Option<Vec<String>>,
    /// Where it becomes false, stored values are dropped as with another URL.
    pub secure_ssl: Option<bool>,
    pub hmac_enabled: Option<bool>,
    /// Signs from now on; the secret before it signs too for a while.
    pub secret: Option<String>,
    #[schemars(length(max = 256))]
    pub tag: Option<String>,
}

/// Socotra's `FailureHandlingUpdateRequest`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FailureHandlingUpdateRequest {
    pub remove_alert_endpoint: Option<bool>,
    pub alert_endpoint: Option<UpdateEndpointRequest>,
    #[schemars(schema_with = "triggers")]
    pub remove_triggers: Option<Vec<String>>,
    #[schemars(schema_with = "triggers")]
    pub add_triggers: Option<Vec<String>>,
    pub remove_retry_strategy: Option<bool>,
    pub retry_strategy: Option<RetryStrategyUpdateRequest>,
    pub divert: Option<bool>,
    pub suspend: Option<bool>,
}

/// Socotra's `RetryStrategyUpdateRequest`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetryStrategyUpdateRequest {
    #[serde(rename = "type")]
    pub kind: Option<RetryType>,
    #[schemars(range(min = 1, max = 86400))]
    pub interval: Option<i64>,
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<i64>,
}
