//! Subscriptions as awork documents them: its webhooks API
//! (<https://developers.awork.com/webhooks>), with its pages, filters and errors.
//!
//! What the documentation leaves open is decided in `docs/delivery.md`.

mod answers;
mod forms;
mod logs;
mod page;
mod webhooks;

use super::call::{Answer, Fault};
use super::operation::{Group, Kind, Operation, Parameter, Success};

/// A fault in the form that awork documents (<https://developers.awork.com/error-handling>); a
/// missing permission is 401 too.
pub(super) fn fault(fault: &Fault) -> Answer {
    let (status, code) = match fault {
        Fault::Unauthenticated | Fault::Forbidden(_) => (401, "unauthorized"),
        Fault::NotFound(_) => (404, "not-found"),
        Fault::Model(_) => (400, "invalid-model"),
        Fault::Members(_) => (400, "validation-failed"),
        Fault::Filter(_) => (400, "invalid-filter-or-order"),
        Fault::Body(413, _) => (413, "request-body-too-large"),
        Fault::Body(status, _) => (*status, "invalid-model"),
        Fault::Changed => (409, "concurrency-violation"),
        Fault::Many(_) | Fault::Store(_) => (503, "server-error"),
        Fault::Server(_) => (500, "server-error"),
    };
    let body = answers::ErrorResponse::of(code, fault);
    // Texts and lists of them always have a form as JSON.
    Answer::text(status, "application/json", serde_json::to_string(&body).unwrap_or_default())
}

const PAGE: &[Parameter] = &[
    Parameter { name: "page", kind: Kind::Count(1, 1_000_000), doc: "Which page, from 1." },
    Parameter {
        name: "pageSize",
        kind: Kind::Count(1, 1000),
        doc: "How many on a page; 10 if left out.",
    },
    Parameter { name: "orderby", kind: Kind::Text, doc: "Members to order by: `Name desc`." },
    Parameter { name: "filterby", kind: Kind::Text, doc: "A filter: `isActive eq true`." },
];

const WEBHOOK: Success = Success {
    status: 200,
    content: "application/json",
    schema: Some(|schemas| schemas.subschema_for::<answers::WebhookConfig>()),
    doc: "The webhook.",
};

const TYPES: Success = Success {
    status: 200,
    content: "application/json",
    schema: Some(|schemas| schemas.subschema_for::<Vec<String>>()),
    doc: "The types.",
};

const READ: &[&str] = &["workspace-manage-config:read"];
const WRITE: &[&str] = &["workspace-manage-config:write"];

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "GetWebhooks",
        group: Group::Awork,
        method: "get",
        path: "/api/v1/webhooks",
        aliases: &[],
        summary: "Webhooks",
        permissions: READ,
        public: false,
        parameters: PAGE,
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<Vec<answers::WebhookConfig>>()),
            doc: "A page of webhooks; headers say which, and of how many.",
        },
        errors: &[400],
        run: |call| Box::pin(webhooks::list(call)),
    },
    Operation {
        id: "PostWebhook",
        group: Group::Awork,
        method: "post",
        path: "/api/v1/webhooks",
        aliases: &[],
        summary: "Make a webhook",
        permissions: WRITE,
        public: false,
        parameters: &[],
        request: Some(|schemas| schemas.subschema_for::<forms::WebhookConfigForm>()),
        success: WEBHOOK,
        errors: &[400, 408, 413],
        run: |call| Box::pin(webhooks::create(call)),
    },
    Operation {
        id: "GetWebhookEventTypes",
        group: Group::Awork,
        method: "get",
        path: "/api/v1/webhooks/eventtypes",
        aliases: &["/api/v1/webhooks/eventTypes"],
        summary: "The types of events that webhooks may choose from",
        permissions: &[],
        public: false,
        parameters: &[],
        request: None,
        success: TYPES,
        errors: &[],
        run: |call| Box::pin(webhooks::types(call)),
    },
    Operation {
        id: "GetSlackEventTypes",
        group: Group::Awork,
        method: "get",
        path: "/api/v1/webhooks/eventtypes/slack",
        aliases: &["/api/v1/webhooks/eventTypes/slack"],
        summary: "The types of events that webhooks to Slack may choose from",
        permissions: &[],
        public: false,
        parameters: &[],
        request: None,
        success: TYPES,
        errors: &[],
        run: |call| Box::pin(webhooks::slack_types(call)),
    },
    Operation {
        id: "GetWebhook",
        group: Group::Awork,
        method: "get",
        path: "/api/v1/webhooks/{webhookId}",
        aliases: &[],
        summary: "A webhook",
        permissions: READ,
        public: false,
        parameters: &[],
        request: None,
        success: WEBHOOK,
        errors: &[404],
        run: |call| Box::pin(webhooks::fetch(call)),
    },
    Operation {
        id: "PutWebhook",
        group: Group::Awork,
        method: "put",
        path: "/api/v1/webhooks/{webhookId}",
        aliases: &[],
        summary: "Change a webhook: the form is given as a whole",
        permissions: WRITE,
        public: false,
        parameters: &[],
        request: Some(|schemas| schemas.subschema_for::<forms::WebhookConfigForm>()),
        success: WEBHOOK,
        errors: &[400, 404, 408, 409, 413],
        run: |call| Box::pin(webhooks::update(call)),
    },
    Operation {
        id: "DeleteWebhook",
        group: Group::Awork,
        method: "delete",
        path: "/api/v1/webhooks/{webhookId}",
        aliases: &[],
        summary: "Delete a webhook, with its logs",
        permissions: WRITE,
        public: false,
        parameters: &[],
        request: None,
        success: Success { status: 204, content: "", schema: None, doc: "It is gone." },
        errors: &[404],
        run: |call| Box::pin(webhooks::delete(call)),
    },
    Operation {
        id: "GetWebhookLogs",
        group: Group::Awork,
        method: "get",
        path: "/api/v1/webhooks/{webhookId}/logs",
        aliases: &[],
        summary: "What was sent to a webhook: a row an attempt, the newest first",
        permissions: READ,
        public: false,
        parameters: PAGE,
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<Vec<answers::WebhookLog>>()),
            doc: "A page of attempts; headers say which, and of how many.",
        },
        errors: &[400, 404],
        run: |call| Box::pin(logs::list(call)),
    },
];

/// The form of errors, for the description.
pub(super) fn error_schema(schemas: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemas.subschema_for::<answers::ErrorResponse>()
}
