//! Subscriptions in the API that awork documents (<https://developers.awork.com/webhooks>), with
//! its pages, filters and errors. Knows nothing of the Socotra API.
//!
//! `docs/delivery.md` lists the decisions on points that awork does not document.

mod answers;
mod forms;
mod logs;
mod page;
mod webhooks;

use super::api::Api;
use super::call::Answer;
use super::caller::ListenerLimit;
use super::fault::Fault;
use super::operation::{Kind, Operation, Parameter, Success, Weight, form};
use crate::gateway::store::Scope;

/// Returns a fault in the format that awork documents
/// (<https://developers.awork.com/error-handling>). A missing permission is also 401 there.
fn fault(fault: &Fault) -> Answer {
    let (status, code) = match fault {
        Fault::Unauthenticated | Fault::Forbidden(_) => (401, "unauthorized"),
        Fault::NotFound(_) => (404, "not-found"),
        Fault::Model(_) => (400, "invalid-model"),
        Fault::Members(_) | Fault::Parameters(_) => (400, "validation-failed"),
        Fault::Filter(_) => (400, "invalid-filter-or-order"),
        Fault::Body(413, _) => (413, "request-body-too-large"),
        Fault::Body(status, _) => (*status, "invalid-model"),
        Fault::Changed => (409, "concurrency-violation"),
        Fault::Quota(_) => (409, "quota-exceeded"),
        Fault::Many(_) | Fault::Store(_) => (503, "server-error"),
        Fault::Server(_) => (500, "server-error"),
    };
    let body = answers::ErrorResponse::of(code, fault);
    // Strings and lists of strings always serialise to JSON.
    Answer::text(status, "application/json", serde_json::to_string(&body).unwrap_or_default())
}

const PAGE: &[Parameter] = &[
    Parameter { name: "page", kind: Kind::Count(1, 1_000_000), doc: "Which page, from 1." },
    Parameter {
        name: "pageSize",
        kind: Kind::Count(1, 1000),
        doc: "The number of rows on a page; 10 by default.",
    },
    Parameter { name: "orderby", kind: Kind::Text, doc: "Members to order by: `Name desc`." },
    Parameter { name: "filterby", kind: Kind::Text, doc: "A filter: `isActive eq true`." },
];

const WEBHOOK: Success = Success::json(form::<answers::WebhookConfig>, "The webhook.");

const TYPES: Success = Success::json(form::<Vec<String>>, "The types.");

const READ: &[Scope] = &[Scope::WorkspaceManageConfigRead];
const WRITE: &[Scope] = &[Scope::WorkspaceManageConfigWrite];

/// The API.
pub(super) static API: Api = Api {
    name: "awork",
    // Paths that awork's documentation spells in two ways.
    aliases: &[
        ("/api/v1/webhooks/eventtypes", "/api/v1/webhooks/eventTypes"),
        ("/api/v1/webhooks/eventtypes/slack", "/api/v1/webhooks/eventTypes/slack"),
    ],
    fault,
    error_schema: form::<answers::ErrorResponse>,
};

/// Operations of the awork API.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "GetWebhooks",
        api: &API,
        method: "get",
        path: "/api/v1/webhooks",
        summary: "Webhooks",
        permissions: Some(READ),
        limited: ListenerLimit::Refused,
        weight: Weight::Page,
        parameters: PAGE,
        request: None,
        success: Success::json(
            form::<Vec<answers::WebhookConfig>>,
            "A page of webhooks; headers say which, and of how many.",
        ),
        errors: &[400],
        run: |call| Box::pin(webhooks::list(call)),
    },
    Operation {
        id: "PostWebhook",
        api: &API,
        method: "post",
        path: "/api/v1/webhooks",
        summary: "Make a webhook",
        permissions: Some(WRITE),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: Some(form::<forms::WebhookConfigForm>),
        success: WEBHOOK,
        errors: &[400, 408, 409, 413],
        run: |call| Box::pin(webhooks::create(call)),
    },
    Operation {
        id: "GetWebhookEventTypes",
        api: &API,
        method: "get",
        path: "/api/v1/webhooks/eventtypes",
        summary: "The types of events that webhooks may choose from",
        permissions: Some(&[]),
        limited: ListenerLimit::Applied,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: TYPES,
        errors: &[],
        run: |call| Box::pin(webhooks::types(call)),
    },
    Operation {
        id: "GetSlackEventTypes",
        api: &API,
        method: "get",
        path: "/api/v1/webhooks/eventtypes/slack",
        summary: "The types of events that webhooks to Slack may choose from",
        permissions: Some(&[]),
        limited: ListenerLimit::Applied,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: TYPES,
        errors: &[],
        run: |call| Box::pin(webhooks::slack_types(call)),
    },
    Operation {
        id: "GetWebhook",
        api: &API,
        method: "get",
        path: "/api/v1/webhooks/{webhookId}",
        summary: "A webhook",
        permissions: Some(READ),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: WEBHOOK,
        errors: &[404],
        run: |call| Box::pin(webhooks::fetch(call)),
    },
    Operation {
        id: "PutWebhook",
        api: &API,
        method: "put",
        path: "/api/v1/webhooks/{webhookId}",
        summary: "Change a webhook: the form is given as a whole",
        permissions: Some(WRITE),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: Some(form::<forms::WebhookConfigForm>),
        success: WEBHOOK,
        errors: &[400, 404, 408, 409, 413],
        run: |call| Box::pin(webhooks::update(call)),
    },
    Operation {
        // awork's `DeleteWebhook`: generators of clients make one name of it and of Socotra's
        // `deleteWebhook`.
        id: "DeleteWebhookConfig",
        api: &API,
        method: "delete",
        path: "/api/v1/webhooks/{webhookId}",
        summary: "Delete a webhook, with its logs",
        permissions: Some(WRITE),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::done("It is gone."),
        errors: &[404],
        run: |call| Box::pin(webhooks::delete(call)),
    },
    Operation {
        id: "GetWebhookLogs",
        api: &API,
        method: "get",
        path: "/api/v1/webhooks/{webhookId}/logs",
        summary: "The attempts of a webhook, newest first",
        permissions: Some(READ),
        limited: ListenerLimit::Applied,
        weight: Weight::Page,
        parameters: PAGE,
        request: None,
        success: Success::json(
            form::<Vec<answers::WebhookLog>>,
            "A page of attempts; headers say which, and of how many.",
        ),
        errors: &[400, 404],
        run: |call| Box::pin(logs::list(call)),
    },
];
