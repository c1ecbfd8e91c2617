//! What was sent to a webhook.

use super::answers::{LOG_MEMBERS, WebhookLog};
use super::page::Asked;
use crate::delivery::Api;
use crate::gateway::manage::call::{Answer, Call, Fault};

/// A filter or an order looks at so many attempts, the newest ones.
const LOOKED_AT: usize = 10_000;

/// Of what was sent so much is told.
const MESSAGE: usize = 64 << 10;

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let found = call.subscription(Api::Awork, call.part("webhookId")).await?;
    let asked = Asked::of(&call, LOG_MEMBERS)?;
    let (id, store) = (found.record.id, &call.app.store);
    let (attempts, total) = match asked.is_plain() {
        true => store.attempts_of(&id, asked.offset(), asked.size).await?,
        false => {
            let (all, _) = store.attempts_of(&id, 0, LOOKED_AT).await?;
            asked.choose(all, |one| WebhookLog::of(&id, one, None))?
        }
    };
    let mut page = Vec::with_capacity(attempts.len());
    for attempt in &attempts {
        let body = store.body(attempt.delivery_id).await?.map(|body| cut(body, MESSAGE));
        page.push(WebhookLog::of(&id, attempt, body));
    }
    asked.answer(&page, total)
}

/// The first bytes of a text, as far as whole characters go.
fn cut(mut text: String, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}
