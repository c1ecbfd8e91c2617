//! Webhooks.

use super::answers::{WEBHOOK_MEMBERS, WebhookConfig};
use super::forms::{WebhookConfigForm, allowed};
use super::page::Asked;
use crate::delivery::{Api, Receiver, Standing};
use crate::gateway::manage::call::{Answer, Call, Fault};
use crate::gateway::manage::subscriptions::Found;

const API: Api = Api::Awork;

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let asked = Asked::of(&call, WEBHOOK_MEMBERS)?;
    let found = call.subscriptions(API).await?;
    let (page, total) = asked.choose(found, |found| WebhookConfig::of(&call, found))?;
    let page: Vec<_> = page.iter().map(|found| WebhookConfig::of(&call, found)).collect();
    asked.answer(&page, total)
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
