//! What was sent to a webhook.

use super::answers::{LOG_MEMBERS, WebhookLog};
use super::page::Asked;
use crate::delivery::Api;
use crate::gateway::manage::call::{Answer, Call, Fault};

/// A filter or an order looks at so many attempts, the newest ones.
const LOOKED_AT: usize = 10_000;

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let found = call.subscription(Api::Awork, call.part("webhookId")).await?;
    let asked = Asked::of(&call, LOG_MEMBERS)?;
    let (id, store) = (found.record.id, &call.app.store);
    if asked.is_plain() {
        let (page, total) = store.attempts_of(&id, asked.offset(), asked.size).await?;
        let page: Vec<_> = page.into_iter().map(|one| WebhookLog::of(&id, one)).collect();
        return asked.answer(&page, total);
    }
    let (all, _) = store.attempts_of(&id, 0, LOOKED_AT).await?;
    asked.page_of(all.into_iter().map(|one| WebhookLog::of(&id, one)).collect())
}
