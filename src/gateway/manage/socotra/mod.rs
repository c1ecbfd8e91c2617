//! Subscriptions in the APIs that Socotra documents: webhooks, diverted events and events
//! (<https://docs.socotra.com/api/configuration-and-development/webhooks/>,
//! <https://docs.socotra.com/api/events/diverted-events>,
//! <https://docs.socotra.com/api/events/events>). Knows nothing of the awork API.
//!
//! `docs/delivery.md` lists the decisions on points that Socotra does not document.

mod answers;
mod changes;
mod diverted;
mod events;
mod forms;
mod webhooks;

use super::api::Api;
use super::call::Call;
use super::caller::ListenerLimit;
use super::fault::Fault;
use super::operation::{Kind, Operation, Parameter, Success, Weight, form};
use crate::gateway::ops::ids::tenant_locator;
use crate::gateway::store::Scope;

/// Returns an error if the tenant of the path is not the tenant of the caller.
fn own_tenant(call: &Call) -> Result<(), Fault> {
    let asked = call.part("tenantLocator");
    let own = &call.caller.tenant;
    let same = *own == asked || asked.parse() == Ok(tenant_locator(own));
    // A tenant that does not exist gets the same answer, so the answer does not reveal which
    // tenants exist.
    let other = || Fault::Forbidden("the key is not one of this tenant".to_owned());
    if same { Ok(()) } else { Err(other()) }
}

const OFFSET: Parameter = Parameter {
    name: "offset",
    kind: Kind::Count(0, 1_000_000_000),
    doc: "The number of rows that are skipped.",
};
const COUNT: Parameter = Parameter {
    name: "count",
    kind: Kind::Count(1, 1000),
    doc: "The largest number of rows; 100 by default.",
};

/// The API. Socotra documents no format of errors.
pub(super) static API: Api = Api::plain("Socotra");

/// Operations of the Socotra API.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "fetchWebhook",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}",
        summary: "A webhook",
        permissions: Some(&[Scope::WebhooksRead]),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::json(form::<answers::WebhookResponse>, "The webhook."),
        errors: &[403, 404],
        run: |call| Box::pin(webhooks::fetch(call)),
    },
    Operation {
        id: "fetchWebhooks",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/list",
        summary: "Webhooks",
        permissions: Some(&[Scope::WebhooksRead, Scope::WebhooksList]),
        limited: ListenerLimit::Refused,
        weight: Weight::Page,
        parameters: &[
            OFFSET,
            COUNT,
            Parameter { name: "name", kind: Kind::Text, doc: "Of this name." },
            Parameter { name: "enabled", kind: Kind::Flag, doc: "Enabled, or not." },
            Parameter { name: "suspended", kind: Kind::Flag, doc: "Suspended, or not." },
            Parameter {
                name: "active",
                kind: Kind::Flag,
                doc: "Enabled and not suspended, or anything else.",
            },
            Parameter {
                name: "eventTypes",
                kind: Kind::Texts,
                doc: "With one of these types; repeated, or with commas between.",
            },
            Parameter {
                name: "extended",
                kind: Kind::Flag,
                doc: "With `true`, the list is in an envelope that says whether there is more.",
            },
        ],
        request: None,
        success: Success::json(form::<answers::WebhookList>, "The webhooks, the oldest first."),
        errors: &[400, 403],
        run: |call| Box::pin(webhooks::list(call)),
    },
    Operation {
        id: "createWebhook",
        api: &API,
        method: "post",
        path: "/event/{tenantLocator}/webhooks",
        summary: "Make a webhook",
        permissions: Some(&[Scope::WebhooksWrite]),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: Some(form::<forms::CreateWebhookRequest>),
        success: Success::json(
            form::<answers::WebhookResponse>,
            "The webhook. Signing secrets that were made for it are shown here, and never again.",
        ),
        errors: &[400, 403, 408, 409, 413],
        run: |call| Box::pin(webhooks::create(call)),
    },
    Operation {
        id: "updateWebhook",
        api: &API,
        method: "patch",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}",
        summary: "Change a webhook: removals come first, then additions",
        permissions: Some(&[Scope::WebhooksWrite]),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: Some(form::<forms::UpdateWebhookRequest>),
        success: Success::json(
            form::<answers::WebhookResponse>,
            "The webhook as it is now. Signing secrets that were made for a new destination are shown here, and never again.",
        ),
        errors: &[400, 403, 404, 408, 409, 413],
        run: |call| Box::pin(webhooks::update(call)),
    },
    Operation {
        id: "unsuspendWebhook",
        api: &API,
        method: "patch",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/unsuspend",
        summary: "End the suspension of a webhook; diverted events are not sent",
        permissions: Some(&[Scope::WebhooksWrite]),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::done("It is not suspended any more."),
        errors: &[403, 404, 409],
        run: |call| Box::pin(webhooks::unsuspend(call)),
    },
    Operation {
        id: "deleteWebhook",
        api: &API,
        method: "delete",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}",
        summary: "Delete a webhook, with its deliveries and diverted events",
        permissions: Some(&[Scope::WebhooksWrite]),
        limited: ListenerLimit::Refused,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::done("It is gone."),
        errors: &[403, 404],
        run: |call| Box::pin(webhooks::delete(call)),
    },
    Operation {
        id: "fetchDivertedEvent",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted/{eventLocator}",
        summary: "An event that was given up and is kept",
        permissions: Some(&[Scope::DivertedEventsRead]),
        limited: ListenerLimit::Applied,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::json(form::<answers::DivertedEventResponse>, "Why it was given up."),
        errors: &[403, 404],
        run: |call| Box::pin(diverted::fetch(call)),
    },
    Operation {
        id: "fetchMultipleDivertedEvents",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted",
        summary: "Events that were given up and are kept",
        permissions: Some(&[Scope::DivertedEventsRead, Scope::DivertedEventsList]),
        limited: ListenerLimit::Applied,
        weight: Weight::Page,
        parameters: &[OFFSET, COUNT],
        request: None,
        success: Success::json(form::<Vec<answers::DivertedEventResponse>>, "The oldest first."),
        errors: &[400, 403, 404],
        run: |call| Box::pin(diverted::list(call)),
    },
    Operation {
        id: "resendDivertedEvent",
        api: &API,
        method: "post",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted/{eventLocator}/resend",
        summary: "Send an event again; it is kept until the receiver takes it",
        permissions: Some(&[Scope::DivertedEventsResend]),
        limited: ListenerLimit::Applied,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::json(form::<answers::Nothing>, "It will be sent."),
        errors: &[403, 404, 409],
        run: |call| Box::pin(diverted::resend(call)),
    },
    Operation {
        id: "deleteDivertedEvent",
        api: &API,
        method: "delete",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted/{eventLocator}",
        summary: "Keep an event no longer",
        permissions: Some(&[Scope::DivertedEventsDelete]),
        limited: ListenerLimit::Applied,
        weight: Weight::Object,
        parameters: &[],
        request: None,
        success: Success::json(form::<answers::Nothing>, "It is gone."),
        errors: &[403, 404],
        run: |call| Box::pin(diverted::delete(call)),
    },
    Operation {
        id: "fetchEvent",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/events/{locator}",
        summary: "An event",
        permissions: Some(&[Scope::EventsRead]),
        limited: ListenerLimit::Applied,
        weight: Weight::Page,
        parameters: &[],
        request: None,
        success: Success::json(form::<answers::EventResponse>, "The event, as webhooks get it."),
        errors: &[403, 404],
        run: |call| Box::pin(events::fetch(call)),
    },
    Operation {
        id: "fetchEventsForARequest",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/events/request/{locator}",
        summary: "The events of a request",
        permissions: Some(&[Scope::EventsRead]),
        limited: ListenerLimit::Applied,
        weight: Weight::Page,
        parameters: &[],
        request: None,
        success: Success::json(
            form::<Vec<answers::EventResponse>>,
            "The events; none where there is no such request.",
        ),
        errors: &[403],
        run: |call| Box::pin(events::of_request(call)),
    },
    Operation {
        id: "fetchMultipleEvents",
        api: &API,
        method: "get",
        path: "/event/{tenantLocator}/events/list",
        summary: "Events, the oldest first, a page at a time",
        permissions: Some(&[Scope::EventsRead, Scope::EventsList]),
        limited: ListenerLimit::Applied,
        weight: Weight::Page,
        parameters: &[
            Parameter { name: "startTimestamp", kind: Kind::Time, doc: "Not before." },
            Parameter { name: "endTimestamp", kind: Kind::Time, doc: "Before." },
            Parameter { name: "type", kind: Kind::Text, doc: "Of this type." },
            Parameter {
                name: "pageSize",
                kind: Kind::Count(1, 1000),
                doc: "The largest number of rows; 100 by default.",
            },
            Parameter {
                name: "pagingToken",
                kind: Kind::Text,
                doc: "The cursor of the previous page. It contains the other parameters, so give it alone.",
            },
        ],
        request: None,
        success: Success::json(
            form::<answers::EventStreamResponse>,
            "A page, and the token of the next.",
        ),
        errors: &[400, 403],
        run: |call| Box::pin(events::list(call)),
    },
];
