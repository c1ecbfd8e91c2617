//! Events that were given up and are kept.

use super::answers::{DivertedEventResponse, Nothing};
use super::own_tenant;
use crate::delivery::Api;
use crate::gateway::identity::uuid_of;
use crate::gateway::manage::call::{Answer, Call, Fault};
use crate::gateway::store::{Change, DivertedRecord};

const MISSING: Fault = Fault::NotFound("diverted event");

/// The subscription of the path.
async fn subscription(call: &Call) -> Result<String, Fault> {
    own_tenant(call)?;
    Ok(call.subscription(Api::Socotra, call.part("webhookLocator")).await?.record.id)
}

async fn find(call: &Call) -> Result<DivertedRecord, Fault> {
    let subscription = subscription(call).await?;
    let event = uuid_of(call.part("eventLocator")).ok_or(MISSING)?;
    let found = call.app.store.diverted_event(&subscription, &event.to_string()).await?;
    found.ok_or(MISSING)
}

pub(super) async fn fetch(call: Call) -> Result<Answer, Fault> {
    Answer::json(&DivertedEventResponse::of(&find(&call).await?))
}

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let subscription = subscription(&call).await?;
    let offset = call.number("offset", 0, 0..=1_000_000_000)?;
    let count = call.number("count", 100, 1..=1000)?;
    let records = call.app.store.diverted(&subscription, offset, count).await?;
    let items: Vec<_> = records.iter().map(DivertedEventResponse::of).collect();
    Answer::json(&items)
}

pub(super) async fn resend(call: Call) -> Result<Answer, Fault> {
    let found = find(&call).await?;
    let audit = call.audit("diverted.resend", &found.subscription_id);
    let what = (found.subscription_id.clone(), found.event_id);
    let sent = call.app.store.resend(Change { what, audit }, call.app.clock.micros()).await?;
    sent.ok_or(MISSING)?;
    call.app.arrivals.wake([found.subscription_id]);
    Answer::json(&Nothing {})
}

pub(super) async fn delete(call: Call) -> Result<Answer, Fault> {
    let found = find(&call).await?;
    let audit = call.audit("diverted.delete", &found.subscription_id);
    let what = (found.subscription_id, found.event_id);
    match call.app.store.delete_diverted(Change { what, audit }).await? {
        true => Answer::json(&Nothing {}),
        false => Err(MISSING),
    }
}
