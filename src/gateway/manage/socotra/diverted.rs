//! Diverted events: Socotra's word for the dead letters of a subscription.

use super::answers::{DivertedEventResponse, Nothing};
use super::own_tenant;
use crate::delivery::Api;
use crate::gateway::ids::SubscriptionId;
use crate::gateway::manage::call::{Answer, Call};
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::page::{BATCH_BYTES, JsonPage, PAGE_BYTES};
use crate::gateway::ops::ids::uuid_of;
use crate::gateway::store::{AuditAction, Change, DivertedFilter, DivertedRecord, PageRequest};

const MISSING: Fault = Fault::NotFound("diverted event");

/// Returns the id of the subscription in the path.
async fn subscription(call: &Call) -> Result<SubscriptionId, Fault> {
    own_tenant(call)?;
    Ok(call.subscription(Api::Socotra, call.part("webhookLocator")).await?.record.id)
}

/// Returns the filter for the diverted events of the subscription in the path, limited to the
/// listeners that the caller may see.
async fn filter(call: &Call) -> Result<DivertedFilter, Fault> {
    let subscription_id = subscription(call).await?;
    let listeners = call.caller.listeners.clone();
    Ok(DivertedFilter { subscription_id, event_id: None, listeners })
}

async fn find(call: &Call) -> Result<DivertedRecord, Fault> {
    let all = filter(call).await?;
    let event = uuid_of(call.part("eventLocator")).ok_or(MISSING)?;
    let filter = DivertedFilter { event_id: Some(event.into()), ..all };
    let page = PageRequest { after: None, offset: 0, limit: 1, bytes: BATCH_BYTES };
    let found = call.app.store.diverted_page(&filter, page).await?.pop();
    found.map(|(_, record)| record).ok_or(MISSING)
}

pub(super) async fn fetch(call: Call) -> Result<Answer, Fault> {
    Answer::json(&DivertedEventResponse::of(&find(&call).await?))
}

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let filter = filter(&call).await?;
    let offset = call.number("offset", 0, 0..=1_000_000_000)?;
    let count = call.number("count", 100, 1..=1000)?;
    // One row more than requested shows if the list continues.
    let page = PageRequest { after: None, offset, limit: count + 1, bytes: PAGE_BYTES };
    let mut list = JsonPage::array();
    let mut more = false;
    for (_, record) in call.app.store.diverted_page(&filter, page).await? {
        more = list.items() == count || !list.push(&DivertedEventResponse::of(&record))?;
        if more {
            break;
        }
    }
    let next = offset + list.items();
    let answer = list.answer();
    Ok(if more { answer.with("link", call.next_page(next)) } else { answer })
}

pub(super) async fn resend(call: Call) -> Result<Answer, Fault> {
    let found = find(&call).await?;
    call.check_backlog(&found.subscription_id).await?;
    let audit = call.audit(AuditAction::DivertedResend, &found.subscription_id);
    let what = (found.subscription_id.clone(), found.event_id);
    let sent = call.app.store.resend(Change { what, audit }, call.app.clock.micros()).await?;
    sent.ok_or(MISSING)?;
    call.app.notifier.notify_subscriptions([found.subscription_id]);
    Answer::json(&Nothing {})
}

pub(super) async fn delete(call: Call) -> Result<Answer, Fault> {
    let found = find(&call).await?;
    let audit = call.audit(AuditAction::DivertedDelete, &found.subscription_id);
    let what = (found.subscription_id, found.event_id);
    match call.app.store.delete_diverted(Change { what, audit }).await? {
        true => Answer::json(&Nothing {}),
        false => Err(MISSING),
    }
}
