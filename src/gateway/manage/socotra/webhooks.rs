//! Webhooks.

use super::answers::{WebhookList, WebhookListResponse, WebhookResponse};
use super::forms::{CreateWebhookRequest, UpdateWebhookRequest};
use super::{changes, own_tenant};
use crate::delivery::{Api, Standing};
use crate::gateway::manage::call::{Answer, Call, Fault};
use crate::gateway::manage::subscriptions::Found;

const API: Api = Api::Socotra;

/// No secret is shown.
const NONE: [bool; 2] = [false; 2];

pub(super) async fn fetch(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let found = call.subscription(API, call.part("webhookLocator")).await?;
    Answer::json(&WebhookResponse::of(&found, NONE))
}

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let filter = Filter::of(&call)?;
    let offset = call.number("offset", 0, 0..=1_000_000_000)?;
    let count = call.number("count", 100, 1..=1000)?;
    let extended = call.flag("extended")? == Some(true);
    let all = call.subscriptions(API).await?;
    let mut wanted = all.iter().filter(|found| filter.holds(found)).skip(offset);
    let items: Vec<_> =
        wanted.by_ref().take(count).map(|found| WebhookResponse::of(found, NONE)).collect();
    let list_completed = wanted.next().is_none();
    Answer::json(&match extended {
        true => WebhookList::Extended(WebhookListResponse { list_completed, items }),
        false => WebhookList::Plain(items),
    })
}

/// Which webhooks: all of these together.
struct Filter {
    name: Option<String>,
    enabled: Option<bool>,
    suspended: Option<bool>,
    active: Option<bool>,
    types: Vec<String>,
}

impl Filter {
    fn of(call: &Call) -> Result<Self, Fault> {
        Ok(Self {
            name: call.parameter("name").map(ToOwned::to_owned),
            enabled: call.flag("enabled")?,
            suspended: call.flag("suspended")?,
            active: call.flag("active")?,
            types: call.list("eventTypes"),
        })
    }

    fn holds(&self, found: &Found) -> bool {
        let (enabled, suspended) =
            (found.record.enabled, found.record.standing.suspended_at.is_some());
        let events = &found.definition.events;
        self.name.as_ref().is_none_or(|name| *name == found.definition.name)
            && self.enabled.is_none_or(|wanted| wanted == enabled)
            && self.suspended.is_none_or(|wanted| wanted == suspended)
            && self.active.is_none_or(|wanted| wanted == (enabled && !suspended))
            && (self.types.is_empty() || self.types.iter().any(|kind| events.contains(kind)))
    }
}

pub(super) async fn create(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let form: CreateWebhookRequest = call.form()?;
    let enabled = form.enabled.unwrap_or(true);
    let alert = form.failure_handling.as_ref().and_then(|one| one.alert_endpoint.as_ref());
    let fresh = [form.endpoint.secret.is_none(), alert.is_some_and(|alert| alert.secret.is_none())];
    let definition = changes::definition(&call, form)?;
    let found = call.create(API, enabled, definition).await?;
    Answer::json(&WebhookResponse::of(&found, fresh))
}

pub(super) async fn update(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let id = call.part("webhookLocator");
    // Whose it is comes before what is wrong with the form.
    call.subscription(API, id).await?;
    let form: UpdateWebhookRequest = call.form()?;
    let change = |found: &mut Found| changes::update(&call, found, form.clone());
    let found = call.update(API, id, "subscriptions.update", change).await?;
    Answer::json(&WebhookResponse::of(&found, NONE))
}

pub(super) async fn unsuspend(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let change = |found: &mut Found| {
        found.record.standing = Standing::default();
        Ok(())
    };
    let id = call.part("webhookLocator");
    call.update(API, id, "subscriptions.unsuspend", change).await?;
    Ok(Answer::done())
}

pub(super) async fn delete(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    call.delete(API, call.part("webhookLocator")).await?;
    Ok(Answer::done())
}
