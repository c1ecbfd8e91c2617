//! Webhooks.

use super::answers::{WEBHOOK_MEMBERS, WebhookConfig};
use super::forms::{WebhookConfigForm, allowed};
use super::page::Asked;
use crate::delivery::{Api, Receiver, Standing};
use crate::gateway::manage::call::{Answer, Call, Fault};
use crate::gateway::manage::page::{JsonPage, PAGE_BYTES, Scan};
use crate::gateway::manage::subscriptions::Found;

const API: Api = Api::Awork;

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let asked = Asked::of(&call, WEBHOOK_MEMBERS)?;
    match asked.is_plain() {
        true => plain(&call, &asked).await,
        false => selected(&call, &asked).await,
    }
}

/// The webhooks of a page, as the store has them.
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

/// The webhooks of a page that a filter and an order select. Both look at what is encrypted, so
/// they are looked at one after the other, and those of the page are read again.
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
            // Other tasks have their turn between two rows.
            tokio::task::yield_now().await;
        }
    }
    let (ids, total) = matches.page();
    let mut page = JsonPage::array();
    for id in ids {
        match call.subscription(API, &id).await {
            Ok(found) => write(call, &mut page, &found)?,
            // It was deleted since it was looked at.
            Err(Fault::NotFound(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(asked.answer(page, total))
}

/// Writes a webhook. A page of this API cannot end early, as the next one is asked for by its
/// number.
fn write(call: &Call, page: &mut JsonPage, found: &Found) -> Result<(), Fault> {
    match page.push(&WebhookConfig::of(call, found))? {
        true => Ok(()),
        false => {
            let large = format!(
                "'PageSize' is too large for these webhooks: the first {} come to {PAGE_BYTES} \
                 bytes.",
                page.items()
            );
            Err(Fault::member("PageSize", large))
        }
    }
}

pub(super) async fn fetch(call: Call) -> Result<Answer, Fault> {
    let found = call.subscription(API, call.part("webhookId")).await?;
    Answer::json(&WebhookConfig::of(&call, &found))
}

pub(super) async fn create(call: Call) -> Result<Answer, Fault> {
    let form: WebhookConfigForm = call.form()?;
    let asked = form.asked(&call, None)?;
    let found = call.create(API, asked.enabled, asked.definition).await?;
    Answer::json(&WebhookConfig::of(&call, &found))
}

pub(super) async fn update(call: Call) -> Result<Answer, Fault> {
    let id = call.part("webhookId");
    // Whose it is comes before what is wrong with the form.
    call.subscription(API, id).await?;
    let form: WebhookConfigForm = call.form()?;
    let change = |found: &mut Found| {
        let asked = form.clone().asked(&call, Some(&found.definition))?;
        // What was paused runs again where its owner says that it is active.
        found.record.enabled = asked.enabled;
        found.record.standing = Standing::default();
        found.definition = asked.definition;
        Ok(())
    };
    let found = call.update(API, id, "subscriptions.update", change).await?;
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
