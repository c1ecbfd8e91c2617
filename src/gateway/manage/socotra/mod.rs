//! Subscriptions as Socotra documents them: its webhooks, diverted events and events APIs
//! (<https://docs.socotra.com/api/configuration-and-development/webhooks/>,
//! <https://docs.socotra.com/api/events/diverted-events>, <https://docs.socotra.com/api/events/events>).
//!
//! What the documentation leaves open is decided in `docs/delivery.md`.

mod answers;
mod changes;
mod diverted;
mod events;
mod forms;
mod webhooks;

use super::call::{Call, Fault};
use super::operation::{Group, Kind, Operation, Parameter, Success};
use crate::gateway::manage::tenant_locator;

/// Holds the tenant of the path to the caller's.
fn own_tenant(call: &Call) -> Result<(), Fault> {
    let asked = call.part("tenantLocator");
    let own = &call.caller.tenant;
    let same = asked == own || asked.parse() == Ok(tenant_locator(own));
    // The same for a tenant that there is not: who is there is nobody's business.
    let other = || Fault::Forbidden("the key is not one of this tenant".to_owned());
    if same { Ok(()) } else { Err(other()) }
}

const OFFSET: Parameter = Parameter {
    name: "offset",
    kind: Kind::Count(0, 1_000_000_000),
    doc: "How many are left out before the first.",
};
const COUNT: Parameter = Parameter {
    name: "count",
    kind: Kind::Count(1, 1000),
    doc: "How many at most; 100 if left out.",
};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "fetchWebhook",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}",
        aliases: &[],
        summary: "A webhook",
        permissions: &["webhooks:read"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::WebhookResponse>()),
            doc: "The webhook.",
        },
        errors: &[403, 404],
        run: |call| Box::pin(webhooks::fetch(call)),
    },
    Operation {
        id: "fetchWebhooks",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/list",
        aliases: &[],
        summary: "Webhooks",
        permissions: &["webhooks:read", "webhooks:list"],
        public: false,
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
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::WebhookList>()),
            doc: "The webhooks, the oldest first.",
        },
        errors: &[400, 403],
        run: |call| Box::pin(webhooks::list(call)),
    },
    Operation {
        id: "createWebhook",
        group: Group::Socotra,
        method: "post",
        path: "/event/{tenantLocator}/webhooks",
        aliases: &[],
        summary: "Make a webhook",
        permissions: &["webhooks:write"],
        public: false,
        parameters: &[],
        request: Some(|schemas| schemas.subschema_for::<forms::CreateWebhookRequest>()),
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::WebhookResponse>()),
            doc: "The webhook. Signing secrets that were made for it are shown here, and never again.",
        },
        errors: &[400, 403, 408, 413],
        run: |call| Box::pin(webhooks::create(call)),
    },
    Operation {
        id: "updateWebhook",
        group: Group::Socotra,
        method: "patch",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}",
        aliases: &[],
        summary: "Change a webhook: removals come first, then additions",
        permissions: &["webhooks:write"],
        public: false,
        parameters: &[],
        request: Some(|schemas| schemas.subschema_for::<forms::UpdateWebhookRequest>()),
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::WebhookResponse>()),
            doc: "The webhook as it is now.",
        },
        errors: &[400, 403, 404, 408, 409, 413],
        run: |call| Box::pin(webhooks::update(call)),
    },
    Operation {
        id: "unsuspendWebhook",
        group: Group::Socotra,
        method: "patch",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/unsuspend",
        aliases: &[],
        summary: "End the suspension of a webhook; what was diverted meanwhile is not sent",
        permissions: &["webhooks:write"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 204,
            content: "",
            schema: None,
            doc: "It is not suspended any more.",
        },
        errors: &[403, 404, 409],
        run: |call| Box::pin(webhooks::unsuspend(call)),
    },
    Operation {
        id: "deleteWebhook",
        group: Group::Socotra,
        method: "delete",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}",
        aliases: &[],
        summary: "Delete a webhook, with its deliveries and diverted events",
        permissions: &["webhooks:write"],
        public: false,
        parameters: &[],
        request: None,
        success: Success { status: 204, content: "", schema: None, doc: "It is gone." },
        errors: &[403, 404],
        run: |call| Box::pin(webhooks::delete(call)),
    },
    Operation {
        id: "fetchDivertedEvent",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted/{eventLocator}",
        aliases: &[],
        summary: "An event that was given up and is kept",
        permissions: &["diverted-events:read"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::DivertedEventResponse>()),
            doc: "Why it was given up.",
        },
        errors: &[403, 404],
        run: |call| Box::pin(diverted::fetch(call)),
    },
    Operation {
        id: "fetchMultipleDivertedEvents",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted",
        aliases: &[],
        summary: "Events that were given up and are kept",
        permissions: &["diverted-events:read", "diverted-events:list"],
        public: false,
        parameters: &[OFFSET, COUNT],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<Vec<answers::DivertedEventResponse>>()),
            doc: "The oldest first.",
        },
        errors: &[400, 403, 404],
        run: |call| Box::pin(diverted::list(call)),
    },
    Operation {
        id: "resendDivertedEvent",
        group: Group::Socotra,
        method: "post",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted/{eventLocator}/resend",
        aliases: &[],
        summary: "Send an event again; it is kept until the receiver takes it",
        permissions: &["diverted-events:resend"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::Nothing>()),
            doc: "It will be sent.",
        },
        errors: &[403, 404],
        run: |call| Box::pin(diverted::resend(call)),
    },
    Operation {
        id: "deleteDivertedEvent",
        group: Group::Socotra,
        method: "delete",
        path: "/event/{tenantLocator}/webhooks/{webhookLocator}/diverted/{eventLocator}",
        aliases: &[],
        summary: "Keep an event no longer",
        permissions: &["diverted-events:delete"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::Nothing>()),
            doc: "It is gone.",
        },
        errors: &[403, 404],
        run: |call| Box::pin(diverted::delete(call)),
    },
    Operation {
        id: "fetchEvent",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/events/{locator}",
        aliases: &[],
        summary: "An event",
        permissions: &["events:read"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::EventResponse>()),
            doc: "The event, as webhooks get it.",
        },
        errors: &[403, 404],
        run: |call| Box::pin(events::fetch(call)),
    },
    Operation {
        id: "fetchEventsForARequest",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/events/request/{locator}",
        aliases: &[],
        summary: "The events of a request",
        permissions: &["events:read"],
        public: false,
        parameters: &[],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<Vec<answers::EventResponse>>()),
            doc: "The events; none where there is no such request.",
        },
        errors: &[403],
        run: |call| Box::pin(events::of_request(call)),
    },
    Operation {
        id: "fetchMultipleEvents",
        group: Group::Socotra,
        method: "get",
        path: "/event/{tenantLocator}/events/list",
        aliases: &[],
        summary: "Events, the oldest first, a page at a time",
        permissions: &["events:read", "events:list"],
        public: false,
        parameters: &[
            Parameter { name: "startTimestamp", kind: Kind::Time, doc: "Not before." },
            Parameter { name: "endTimestamp", kind: Kind::Time, doc: "Before." },
            Parameter { name: "type", kind: Kind::Text, doc: "Of this type." },
            Parameter {
                name: "pageSize",
                kind: Kind::Count(1, 1000),
                doc: "How many at most; 100 if left out.",
            },
            Parameter {
                name: "pagingToken",
                kind: Kind::Text,
                doc: "Where the page before ended; by itself, as it holds the other parameters.",
            },
        ],
        request: None,
        success: Success {
            status: 200,
            content: "application/json",
            schema: Some(|schemas| schemas.subschema_for::<answers::EventStreamResponse>()),
            doc: "A page, and the token of the next.",
        },
        errors: &[400, 403],
        run: |call| Box::pin(events::list(call)),
    },
];
