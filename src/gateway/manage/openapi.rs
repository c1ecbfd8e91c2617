//! The OpenAPI 3.1 description of the API (<https://spec.openapis.org/oas/v3.1.0>), built from the
//! operation rows and the types of their bodies. Runs no other operation.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::api::{Api, HOOKGATE};
use super::call::{Answer, Call};
use super::caller::ListenerLimit;
use super::fault::Fault;
use super::operation::{Kind, Operation, Parameter, Success, Weight};
use super::operations;
use crate::listener::all_outcomes;

/// Operation that answers with the description.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    id: "describe",
    api: &HOOKGATE,
    method: "get",
    path: "/openapi.json",
    summary: "This description",
    permissions: None,
    limited: ListenerLimit::Applied,
    weight: Weight::Object,
    parameters: &[],
    request: None,
    success: Success {
        status: 200,
        content: "application/json",
        schema: Some(|_| json!({ "type": "object" }).try_into().unwrap_or_default()),
        doc: "OpenAPI 3.1.",
    },
    errors: &[],
    run: |call| Box::pin(describe(call)),
}];

async fn describe(call: Call) -> Result<Answer, Fault> {
    Answer::json(&description(&call.app.configuration().settings.public_url))
}

/// Returns the description of all operations, of the routes for operators, and of the routes for
/// senders, which are at the public URL.
fn description(public_url: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .with_transform(RecursiveTransform(remove_null_default));
    let mut schemas = settings.into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations() {
        let described = described(operation, &mut schemas);
        let path = paths.entry(operation.path).or_default();
        path.insert(operation.method.to_owned(), Value::Object(described));
    }
    for (path, summary, kind, statuses) in OF_OPERATORS {
        let of_operators = of_operators(path, summary, kind, statuses);
        paths.entry(path).or_default().insert("get".to_owned(), of_operators);
    }
    let servers = json!([{ "url": public_url, "description": "The address for senders." }]);
    for (path, methods) in of_senders() {
        paths.entry(path).or_default().insert("servers".to_owned(), servers.clone());
        paths.entry(path).or_default().extend(methods);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hookgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Subscriptions to events, as Socotra and as awork document them.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The management address, which has this description." }],
        "tags": TAGS.map(|(name, doc)| json!({ "name": name, "description": doc })),
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// Removes the default null of a member that may be missing. Generators of clients read a member with
/// a default as one that is always there.
fn remove_null_default(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// Tags of operations, with their meaning.
const TAGS: [(&str, &str); 5] = [
    ("Socotra", "Webhooks, diverted events and events, as Socotra documents them."),
    ("awork", "Webhooks and their logs, as awork documents them."),
    ("Hookgate", "This description, and the stream of events."),
    ("senders", "Routes for senders of webhooks, at the public address."),
    ("operators", "Health and metrics."),
];

/// Links between operations: the operation that answers, an operation that can follow, its path
/// parameter, and the member of the answer that gives the value.
const LINKS: [(&str, &str, &str, &str); 13] = [
    ("createWebhook", "fetchWebhook", "webhookLocator", "locator"),
    ("createWebhook", "updateWebhook", "webhookLocator", "locator"),
    ("createWebhook", "unsuspendWebhook", "webhookLocator", "locator"),
    ("createWebhook", "fetchMultipleDivertedEvents", "webhookLocator", "locator"),
    ("createWebhook", "deleteWebhook", "webhookLocator", "locator"),
    ("updateWebhook", "fetchWebhook", "webhookLocator", "locator"),
    ("updateWebhook", "deleteWebhook", "webhookLocator", "locator"),
    ("fetchMultipleEvents", "fetchEvent", "locator", "events/0/locator"),
    ("fetchMultipleEvents", "fetchEventsForARequest", "locator", "events/0/requestId"),
    ("PostWebhook", "GetWebhook", "webhookId", "id"),
    ("PostWebhook", "PutWebhook", "webhookId", "id"),
    ("PostWebhook", "GetWebhookLogs", "webhookId", "id"),
    ("PostWebhook", "DeleteWebhookConfig", "webhookId", "id"),
];

fn links(operation: &Operation) -> Map<String, Value> {
    let own = LINKS.iter().filter(|(from, ..)| *from == operation.id);
    own.map(|(_, to, part, member)| {
        let mut parameters = Map::new();
        parameters.insert((*part).to_owned(), format!("$response.body#/{member}").into());
        if operation.path.contains("{tenantLocator}") {
            let tenant = "$request.path.tenantLocator";
            parameters.insert("tenantLocator".to_owned(), tenant.into());
        }
        ((*to).to_owned(), json!({ "operationId": to, "parameters": parameters }))
    })
    .collect()
}

/// Returns the routes for senders.
fn of_senders() -> [(&'static str, Map<String, Value>); 2] {
    let methods = [
        ("post", "notify", "Send a webhook"),
        ("get", "notifyByGet", "Ask by GET, as some challenges do"),
    ];
    let notify = methods.map(|(method, id, summary)| {
        let described = json!({
            "operationId": id,
            "summary": summary,
            "tags": ["senders"],
            "security": [],
            "parameters": path_parameters("/{id}").collect::<Vec<_>>(),
            "responses": outcomes(),
        });
        (method.to_owned(), described)
    });
    let form = json!({
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": { "type": "string", "const": "client_credentials" },
            "client_id": { "type": "string" },
            "client_secret": { "type": "string" },
        },
    });
    let errors = [400, 401, 408, 413, 429, 503].map(|status: u16| {
        let doc = "The client is none, or should wait (RFC 6749, section 5.2).";
        (status.to_string(), json!({ "description": doc }))
    });
    let mut responses: Map<String, Value> = errors.into_iter().collect();
    let token = json!({
        "type": "object",
        "required": ["access_token", "token_type", "expires_in"],
        "properties": {
            "access_token": { "type": "string" },
            "token_type": { "type": "string", "const": "Bearer" },
            "expires_in": { "type": "integer" },
        },
    });
    let granted = json!({
        "description": "A token.",
        "content": { "application/json": { "schema": token } },
    });
    responses.insert("200".to_owned(), granted);
    let token = json!({
        "operationId": "token",
        "summary": "Exchange a client's credentials for an access token (RFC 6749, section 4.4)",
        "tags": ["senders"],
        "security": [],
        "requestBody": {
            "required": true,
            "content": { "application/x-www-form-urlencoded": { "schema": form } },
        },
        "responses": responses,
    });
    [
        ("/webhooks/v1/listeners/{id}/notify", notify.into_iter().collect()),
        ("/oauth/v1/token", [("post".to_owned(), token)].into_iter().collect()),
    ]
}

/// Returns the responses to a webhook by status, from the table of outcomes. A response that the
/// listener sets, or that answers a challenge, may have another 2xx status.
fn outcomes() -> Value {
    let mut docs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in all_outcomes() {
        docs.entry(row.status.to_string()).or_default().push(row.doc);
    }
    docs.entry("2XX".to_owned()).or_default().push("As the listener's own response says.");
    let described =
        docs.into_iter().map(|(status, docs)| (status, json!({ "description": docs.join(" ") })));
    Value::Object(described.collect())
}

/// Routes for operators: path, summary, content type and statuses.
const OF_OPERATORS: [(&str, &str, &str, &[u16]); 3] = [
    ("/healthz", "Liveness: the process runs", "text/plain", &[200]),
    ("/readyz", "Readiness: the gateway accepts requests", "text/plain", &[200, 503]),
    ("/metrics", "Metrics for Prometheus", "application/openmetrics-text", &[200]),
];

fn of_operators(path: &str, summary: &str, kind: &str, statuses: &[u16]) -> Value {
    let text = json!({
        "description": summary,
        "content": { kind: { "schema": { "type": "string" } } },
    });
    let responses: Map<String, Value> =
        statuses.iter().map(|status| (status.to_string(), text.clone())).collect();
    json!({
        "operationId": path.trim_start_matches('/'),
        "summary": summary,
        "tags": ["operators"],
        "security": [],
        "responses": responses,
    })
}

fn described(operation: &Operation, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let parameters: Vec<Value> = path_parameters(operation.path)
        .chain(operation.parameters.iter().map(query_parameter))
        .collect();
    let mut described = Map::new();
    let mut say = |key: &str, value: Value| described.insert(key.to_owned(), value);
    say("operationId", operation.id.into());
    say("summary", operation.summary.into());
    say("tags", json!([operation.api.name]));
    say("parameters", parameters.into());
    say("responses", responses(operation, schemas));
    if operation.permissions.is_none() {
        say("security", json!([]));
    }
    if let Some(permissions) = operation.permissions {
        say("security", json!([{ "key": [] }]));
        say("x-permissions", json!(permissions));
        say("x-listener-limit", operation.limited.name().into());
    }
    if let Some(request) = operation.request {
        let content = json!({ "application/json": { "schema": request(schemas) } });
        say("requestBody", json!({ "required": true, "content": content }));
    }
    described
}

/// Returns the parameters of a path.
fn path_parameters(path: &str) -> impl Iterator<Item = Value> + '_ {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    })
}

fn query_parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Count(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
    };
    json!({ "name": parameter.name, "in": "query", "description": parameter.doc, "schema": schema })
}

fn responses(operation: &Operation, schemas: &mut SchemaGenerator) -> Value {
    let success = &operation.success;
    let described = match success.content {
        "" => json!({ "description": success.doc }),
        content => {
            let schema = success.schema.map(|schema| schema(schemas).to_value());
            let schema = schema.unwrap_or_else(|| json!({ "type": "string" }));
            let content = json!({ content: { "schema": schema } });
            json!({ "description": success.doc, "content": content, "links": links(operation) })
        }
    };
    let mut responses = Map::new();
    responses.insert(success.status.to_string(), described);
    // Every operation refuses unknown parameters of the query.
    let of_callers =
        if operation.permissions.is_some() { [400, 401, 503].as_slice() } else { &[400] };
    for status in operation.errors.iter().chain(of_callers) {
        responses.insert(status.to_string(), error(operation.api, *status, schemas));
    }
    Value::Object(responses)
}

fn error(api: &Api, status: u16, schemas: &mut SchemaGenerator) -> Value {
    let schema = (api.error_schema)(schemas).to_value();
    let doc = match status {
        400 => "The request is not valid.",
        401 => "There is no good key, or the key does not allow it.",
        403 => "The key does not allow it, or is another tenant's.",
        404 => "There is none, or it is another tenant's.",
        408 => "The body came too slowly.",
        409 => "Someone else changed it at the same time.",
        413 => "The body is too large.",
        _ => {
            "The gateway has too much to do, or its store does not answer; `Retry-After` says when to try again."
        }
    };
    json!({ "description": doc, "content": { "application/json": { "schema": schema } } })
}
