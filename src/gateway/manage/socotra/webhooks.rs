//! The webhook operations of the Socotra API. Validation is in `changes`.

use super::answers::WebhookResponse;
use super::forms::{CreateWebhookRequest, UpdateWebhookRequest};
use super::{changes, own_tenant};
use crate::delivery::{Api, SubscriptionHealth};
use crate::gateway::manage::call::{Answer, Call};
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::page::{JsonPage, Scan};
use crate::gateway::manage::subscriptions::OpenedSubscription;
use crate::gateway::store::{AuditAction, SubscriptionFilter};

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
    let extended = call.flag("extended")? == Some(true);
    let mut list = List::of(&call, if extended { "{\"items\":[" } else { "[" })?;
    let list_completed = list.fill(&call).await?;
    let next = list.offset.saturating_add(list.page.items());
    let answer = match (extended, list_completed) {
        (false, _) => list.page.answer(),
        (true, true) => list.page.answer_before("],\"listCompleted\":true}"),
        (true, false) => list.page.answer_before("],\"listCompleted\":false}"),
    };
    Ok(match list_completed {
        true => answer,
        false => answer.with("link", call.next_page(next)),
    })
}

/// A page of webhooks that is being built.
struct List {
    filter: SubscriptionFilter,
    /// Name to filter by. Only the encrypted definition contains the name.
    name: Option<String>,
    offset: usize,
    count: usize,
    page: JsonPage,
}

impl List {
    fn of(call: &Call, beginning: &str) -> Result<Self, Fault> {
        let active = call.flag("active")?;
        Ok(Self {
            filter: SubscriptionFilter {
                enabled: call.flag("enabled")?,
                suspended: call.flag("suspended")?,
                active,
                event_types: call.list("eventTypes"),
                ..call.own_subscriptions(API)
            },
            name: call.parameter("name").map(ToOwned::to_owned),
            offset: call.number("offset", 0, 0..=1_000_000_000)?,
            count: call.number("count", 100, 1..=1000)?,
            page: JsonPage::after(beginning),
        })
    }

    /// Writes webhooks until the page is full. Returns true if the list ends with this page.
    async fn fill(&mut self, call: &Call) -> Result<bool, Fault> {
        // With a name, the store cannot skip rows: only the decrypted definition contains the name.
        let (mut skipped, mut offset) = match self.name {
            None => (self.offset, self.offset),
            Some(_) => (0, 0),
        };
        let (mut after, mut scan) = (None, Scan::new());
        loop {
            let batch = call.batch(&self.filter, after, std::mem::take(&mut offset)).await?;
            if batch.is_empty() {
                return Ok(true);
            }
            if let Some(refusal) = scan.refusal(batch.len()).filter(|_| self.name.is_some()) {
                return Err(Fault::parameter("name", format!("{refusal}: use other filters too")));
            }
            for (sequence, found) in batch {
                after = Some(sequence);
                if self.name.as_ref().is_some_and(|name| *name != found.definition.name) {
                    continue;
                }
                if skipped < self.offset {
                    skipped += 1;
                } else if self.page.items() == self.count
                    || !self.page.push(&WebhookResponse::of(&found, NONE))?
                {
                    return Ok(false);
                }
            }
        }
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
    // Ownership is checked before the form is validated.
    call.subscription(API, id).await?;
    let form: UpdateWebhookRequest = call.form()?;
    let mut fresh = NONE;
    let change = |found: &mut OpenedSubscription| {
        fresh = changes::update(&call, found, form.clone())?;
        Ok(())
    };
    let found = call.update(API, id, AuditAction::SubscriptionsUpdate, change).await?;
    Answer::json(&WebhookResponse::of(&found, fresh))
}

pub(super) async fn unsuspend(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    let change = |found: &mut OpenedSubscription| {
        found.record.health = SubscriptionHealth::default();
        Ok(())
    };
    let id = call.part("webhookLocator");
    call.update(API, id, AuditAction::SubscriptionsUnsuspend, change).await?;
    Ok(Answer::done())
}

pub(super) async fn delete(call: Call) -> Result<Answer, Fault> {
    own_tenant(&call)?;
    call.delete(API, call.part("webhookLocator")).await?;
    Ok(Answer::done())
}
