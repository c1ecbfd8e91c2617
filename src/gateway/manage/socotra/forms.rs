//! The request bodies of the Socotra API. Unknown members are refused: a misspelt member would
//! otherwise be ignored silently.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::gateway::manage::subscriptions::{url, url_or_null};

pub(super) type Headers = BTreeMap<String, Vec<String>>;

/// Returns the schema of headers: HTTP field names, and values of one line of ASCII.
fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "maxProperties": 50,
        "propertyNames": { "pattern": "^[A-Za-z0-9-]{1,256}$" },
        "additionalProperties": {
            "type": "array",
            "maxItems": 20,
            "items": { "type": "string", "maxLength": 8192, "pattern": "^([!-~]([ -~]*[!-~])?)?$" },
        },
        "examples": [{ "X-Team": ["billing"] }],
    })
}

/// Returns the schema of event types.
fn types(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "maxItems": 1000,
        "items": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,256}$" },
        "examples": [["policy.quote.issue"]],
    })
}

/// Returns the schema of triggers.
fn triggers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": { "type": "string", "pattern": "^([45][0-9][0-9]|[45]xx|timeout)$" },
        "examples": [["404", "5xx", "timeout"]],
    })
}

/// Socotra's `CreateWebhookRequest`. `filter` and `transform` are Hookgate extensions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateWebhookRequest {
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Default: true.
    pub enabled: Option<bool>,
    pub endpoint: CreateEndpointRequest,
    /// Failure policy. Default: failures have no consequence.
    pub failure_handling: Option<FailureHandlingCreateRequest>,
    #[serde(default)]
    #[schemars(schema_with = "types")]
    pub event_types: Option<Vec<String>>,
    /// Accepted and ignored: Hookgate has no automation plugins.
    #[serde(rename = "useAutomationPlugin")]
    pub _use_automation_plugin: Option<bool>,
    /// Expression over `event`. Only events for which it is true are sent.
    pub filter: Option<String>,
    /// Expression over `event` that builds the body, instead of the envelope.
    pub transform: Option<String>,
}

/// Socotra's `CreateEndpointRequest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateEndpointRequest {
    #[schemars(schema_with = "url")]
    pub url: String,
    #[serde(default)]
    #[schemars(schema_with = "headers")]
    pub headers: Option<Headers>,
    /// True to verify the server's certificate. Default: true.
    pub secure_ssl: Option<bool>,
    /// True to sign deliveries as in Standard Webhooks. Default: true.
    pub hmac_enabled: Option<bool>,
    /// Signing secret: `whsec_` and 24 to 64 bytes in Base64 (Standard Webhooks), or another string
    /// of 24 to 512 bytes, which are the key. Default: a generated secret.
    #[schemars(length(max = 512))]
    pub secret: Option<String>,
    /// Label of the secret.
    #[schemars(length(max = 256))]
    pub tag: Option<String>,
}

/// Socotra's `FailureHandlingCreateRequest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FailureHandlingCreateRequest {
    /// Statuses (`404`), classes (`4xx`, `5xx`) and `timeout`. Default: `4xx`, `5xx`, `timeout`.
    #[serde(default)]
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
    /// Retries after the first attempt. Default: 3.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<i64>,
}

/// Growth of the delay between retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum RetryType {
    Linear,
    Exponential,
}

/// Socotra's `UpdateWebhookRequest`. Missing members, null and empty collections change nothing. An
/// answer of the API can be sent back: read-only members are accepted with their stored values.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateWebhookRequest {
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub endpoint: Option<UpdateEndpointRequest>,
    pub failure_handling: Option<FailureHandlingUpdateRequest>,
    /// True to remove the failure policy, before `failureHandling` is applied.
    pub remove_failure_handling: Option<bool>,
    /// All event types, in place of the stored ones. Removals and additions come after it.
    #[serde(default)]
    #[schemars(schema_with = "types")]
    pub event_types: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(schema_with = "types")]
    pub add_event_types: Option<Vec<String>>,
    #[schemars(length(max = 1000))]
    pub remove_event_types: Option<Vec<String>>,
    /// Accepted and ignored: Hookgate has no automation plugins.
    #[serde(rename = "useAutomationPlugin")]
    pub _use_automation_plugin: Option<bool>,
    /// An empty string removes the filter.
    pub filter: Option<String>,
    /// An empty string removes the transform.
    pub transform: Option<String>,
    #[schemars(extend("readOnly" = true))]
    pub locator: Option<String>,
    /// Changed by `unsuspendWebhook`.
    #[schemars(extend("readOnly" = true))]
    pub suspended: Option<bool>,
    #[schemars(extend("readOnly" = true))]
    pub suspended_at: Option<String>,
}

/// Socotra's `UpdateEndpointRequest`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateEndpointRequest {
    /// New destination. If more than its query changes, the stored header values and the stored
    /// secret are dropped, unless the same request gives them again.
    #[serde(default)]
    #[schemars(schema_with = "url_or_null")]
    pub url: Option<String>,
    /// All headers, in place of the stored ones. A masked value keeps the stored value. Removals and
    /// additions come after it.
    #[serde(default)]
    #[schemars(schema_with = "headers")]
    pub headers: Option<Headers>,
    /// Headers to add. They replace headers of the same name.
    #[serde(default)]
    #[schemars(schema_with = "headers")]
    pub add_headers: Option<Headers>,
    #[schemars(length(max = 50))]
    pub remove_headers: Option<Vec<String>>,
    /// False also drops the stored header values and the stored secret, like a new destination.
    pub secure_ssl: Option<bool>,
    pub hmac_enabled: Option<bool>,
    /// New signing secret. The old secret also signs for a transition period. The mask of an answer
    /// keeps the stored secret.
    #[schemars(length(max = 512))]
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
    /// All triggers, in place of the stored ones. Removals and additions come after it.
    #[serde(default)]
    #[schemars(schema_with = "triggers")]
    pub triggers: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(schema_with = "triggers")]
    pub remove_triggers: Option<Vec<String>>,
    #[serde(default)]
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
