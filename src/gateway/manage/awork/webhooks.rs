//! The webhook operations of the awork API. Validation is in `forms`.

use super::answers::{WEBHOOK_MEMBERS, WebhookConfig};
use super::forms::{WebhookConfigForm, allowed};
use super::page::Asked;
use crate::delivery::{Api, Receiver, SubscriptionHealth};
use crate::gateway::manage::call::{Answer, Call};
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::page::{JsonPage, PAGE_BYTES, Scan};
use crate::gateway::manage::subscriptions::OpenedSubscription;
use crate::gateway::store::AuditAction;

const API: Api = Api::Awork;

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let asked = Asked::of(&call, WEBHOOK_MEMBERS)?;
    match asked.is_plain() {
        true => plain(&call, &asked).await,
        false => selected(&call, &asked).await,
    }
}

/// Answers with a page of webhooks in the order of the store.
async fn plain(call: &Call, asked: &Asked) -> Result<Answer, Fault> {
    let filter = call.own_subscriptions(API);
    let total = call.app.store.count_subscriptions(&filter).await?;
    let mut page = JsonPage::array();
    let (mut after, mut offset) = (None, asked.offset());
    while page.items() < asked.size {
        let batch = call.batch(&filter, after, std::mem::take(&mut offset)).await?;
        if batch.is_empty() {
            break;
        }
        for (sequence, found) in batch.into_iter().take(asked.size - page.items()) {
            after = Some(sequence);
            write(call, &mut page, &found)?;
        }
    }
    Ok(asked.answer(page, total))
}

/// Answers with a page of webhooks that filter and order select.
///
/// Filter and order use encrypted members, so this function examines the webhooks one by one. It
/// then reads those of the page again.
async fn selected(call: &Call, asked: &Asked) -> Result<Answer, Fault> {
    let filter = call.own_subscriptions(API);
    let mut matches = asked.matches();
    let (mut after, mut scan) = (None, Scan::new());
    loop {
        let batch = call.batch(&filter, after, 0).await?;
        if batch.is_empty() {
            break;
        }
        if let Some(refusal) = scan.refusal(batch.len()) {
            return Err(Fault::Filter(format!("{refusal}: ask without a filter and an order")));
        }
        after = batch.last().map(|(sequence, _)| *sequence);
        for (_, found) in batch {
            let shown = WebhookConfig::of(call, &found);
            let id = found.record.id;
            let bytes = id.len();
            matches.look(&shown, id, bytes)?;
            // Yields to other tasks after each row.
            tokio::task::yield_now().await;
        }
    }
    let (ids, total) = matches.page();
    let mut page = JsonPage::array();
    for id in ids {
        match call.subscription(API, &id).await {
            Ok(found) => write(call, &mut page, &found)?,
            // The webhook was deleted after it was examined.
            Err(Fault::NotFound(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(asked.answer(page, total))
}

/// Writes a webhook to the page. A page of this API cannot end early, because the next page is
/// requested by number.
fn write(call: &Call, page: &mut JsonPage, found: &OpenedSubscription) -> Result<(), Fault> {
    match page.push(&WebhookConfig::of(call, found))? {
        true => Ok(()),
        false => {
            let large = format!(
                "is too large for these webhooks: the first {} come to {PAGE_BYTES} bytes",
                page.items()
            );
            Err(Fault::parameter("pageSize", large))
        }
    }
}

pub(super) async fn fetch(call: Call) -> Result<Answer, Fault> {
    let found = call.subscription(API, call.part("webhookId")).await?;
    Answer::json(&WebhookConfig::of(&call, &found))
}

pub(super) async fn create(call: Call) -> Result<Answer, Fault> {
    let form: WebhookConfigForm = call.form()?;
    form.unset()?;
    let asked = form.change(&call, None)?;
    let found = call.create(API, asked.enabled, asked.definition).await?;
    Answer::json(&WebhookConfig::of(&call, &found))
}

pub(super) async fn update(call: Call) -> Result<Answer, Fault> {
    let id = call.part("webhookId");
    // Ownership is checked before the form is validated.
    call.subscription(API, id).await?;
    let form: WebhookConfigForm = call.form()?;
    let change = |found: &mut OpenedSubscription| {
        let shown = WebhookConfig::of(&call, found);
        form.read_only(&shown)?;
        let asked = form.clone().change(&call, Some(&found.definition))?;
        if asked.definition == found.definition && asked.enabled == shown.is_active {
            return Ok(());
        }
        // A suspended webhook resumes when its owner sets it active.
        found.record.enabled = asked.enabled;
        found.record.health = SubscriptionHealth::default();
        found.definition = asked.definition;
        Ok(())
    };
    let found = call.update(API, id, AuditAction::SubscriptionsUpdate, change).await?;
    Answer::json(&WebhookConfig::of(&call, &found))
}

pub(super) async fn delete(call: Call) -> Result<Answer, Fault> {
    call.delete(API, call.part("webhookId")).await?;
    Ok(Answer::done())
}

pub(super) async fn types(call: Call) -> Result<Answer, Fault> {
    Answer::json(&allowed(&call, Receiver::Custom))
}

pub(super) async fn slack_types(call: Call) -> Result<Answer, Fault> {
    Answer::json(&allowed(&call, Receiver::Slack))
}
