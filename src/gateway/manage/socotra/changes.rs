//! Conversion of Socotra's forms to subscriptions, and changes to existing subscriptions. Does not
//! write to the store.

use super::forms::{
    CreateEndpointRequest, CreateWebhookRequest, FailureHandlingCreateRequest,
    FailureHandlingUpdateRequest, Headers, RetryStrategyRequest, RetryType, UpdateEndpointRequest,
    UpdateWebhookRequest,
};
use crate::delivery::{
    Definition, DestinationUrl, Endpoint, Pattern, Policy, Receiver, Retry, SigningSecret, Suspend,
    Trigger, receiver_of,
};
use crate::gateway::manage::MASK;
use crate::gateway::manage::call::Call;
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::read_only::ReadOnly;
use crate::gateway::manage::subscriptions::{
    HEADERS, OpenedSubscription, fresh_secret, put_header,
};
use crate::gateway::ops::clock::{UnixMicros, micros_in, time_of};
use crate::gateway::ops::ids::display_locator;

/// Event types of one subscription.
const TYPES: usize = 1000;

/// Triggers in one list of a form: enough for all triggers, with some repeated.
const TRIGGERS: usize = 500;

/// Longest label of a secret, in bytes.
const TAG_BYTES: usize = 256;

/// Returns the subscription that a form requests.
pub(super) fn definition(call: &Call, form: CreateWebhookRequest) -> Result<Definition, Fault> {
    let handling = form.failure_handling;
    let mut policy = Policy::indifferent();
    let mut alert = None;
    if let Some(handling) = handling {
        policy = self::policy(&handling)?;
        alert = handling
            .alert_endpoint
            .map(|alert| endpoint(call, "failureHandling.alertEndpoint", alert))
            .transpose()?;
    }
    let url = call.check_url("endpoint.url", &form.endpoint.url)?;
    Ok(Definition {
        name: name(form.name)?,
        receiver: receiver_of(url.host()),
        endpoint: endpoint(call, "endpoint", form.endpoint)?,
        events: events("eventTypes", form.event_types.unwrap_or_default())?,
        policy,
        alert,
        language: None,
        main_entity_only: false,
        filter: form.filter.filter(|text| !text.is_empty()),
        transform: form.transform.filter(|text| !text.is_empty()),
    })
}

fn name(name: String) -> Result<String, Fault> {
    if name.trim().is_empty() || name.chars().count() > 256 {
        return Err(Fault::member("name", "has to have 1 to 256 characters"));
    }
    Ok(name)
}

/// Checks event types and removes duplicates, in the given order.
fn events(property: &str, given: Vec<String>) -> Result<Vec<String>, Fault> {
    at_most(property, &given, TYPES)?;
    let mut events: Vec<String> = Vec::with_capacity(given.len());
    for event in given {
        if event.is_empty() || event.len() > 256 || event.contains(['*', ',', '\0']) {
            let wrong = format!(
                "has `{event}`, which is no type of an event: 1 to 256 bytes without `*` and `,`"
            );
            return Err(Fault::member(property, wrong));
        }
        if !events.contains(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

fn endpoint(call: &Call, property: &str, form: CreateEndpointRequest) -> Result<Endpoint, Fault> {
    call.check_url(&format!("{property}.url"), &form.url)?;
    if form.tag.is_some() && form.secret.is_none() {
        return Err(Fault::member(
            &format!("{property}.tag"),
            "labels a secret, and there is none: give `secret` too",
        ));
    }
    let mut endpoint = Endpoint::new(form.url);
    for (name, values) in form.headers.unwrap_or_default() {
        put_header(&mut endpoint, &format!("{property}.headers"), &name, values)?;
    }
    endpoint.verify_tls = form.secure_ssl.unwrap_or(true);
    endpoint.signed = form.hmac_enabled.unwrap_or(true);
    endpoint.tag = tag(property, form.tag)?;
    endpoint.secret = Some(match form.secret {
        Some(text) => secret(property, &text)?,
        None => fresh_secret()?,
    });
    Ok(endpoint)
}

/// Checks the label of a secret.
fn tag(property: &str, tag: Option<String>) -> Result<Option<String>, Fault> {
    match tag.as_ref().is_some_and(|tag| tag.len() > TAG_BYTES) {
        true => {
            let long = format!("has more than {TAG_BYTES} bytes");
            Err(Fault::member(&format!("{property}.tag"), long))
        }
        false => Ok(tag),
    }
}

fn secret(property: &str, text: &str) -> Result<SigningSecret, Fault> {
    let property = format!("{property}.secret");
    if text == MASK {
        let wrong = "is the mask of a secret, and none is stored for this destination: give the \
                     secret, or leave it out for a fresh one";
        return Err(Fault::member(&property, wrong));
    }
    SigningSecret::read(text).map_err(|error| Fault::member(&property, error.to_string()))
}

fn triggers(property: &str, names: &[String]) -> Result<Vec<Trigger>, Fault> {
    at_most(property, names, TRIGGERS)?;
    let mut triggers = Vec::with_capacity(names.len());
    for name in names {
        let trigger = Trigger::find(name).ok_or_else(|| {
            let wrong = format!("`{name}` is none of a status (`404`), `4xx`, `5xx` and `timeout`");
            Fault::member(property, wrong)
        })?;
        if !triggers.contains(&trigger) {
            triggers.push(trigger);
        }
    }
    Ok(triggers)
}

fn policy(form: &FailureHandlingCreateRequest) -> Result<Policy, Fault> {
    let usual = Policy::indifferent();
    Ok(Policy {
        // An empty collection counts as missing (overview of Socotra's API).
        triggers: match form.triggers.as_ref().filter(|names| !names.is_empty()) {
            Some(names) => triggers("failureHandling.triggers", names)?,
            None => usual.triggers,
        },
        retry: form.retry_strategy.as_ref().map(retry).transpose()?,
        divert: form.divert.unwrap_or(false),
        suspend: suspend(form.suspend.unwrap_or(false)),
    })
}

fn suspend(suspend: bool) -> Suspend {
    if suspend { Suspend::GivenUp } else { Suspend::Never }
}

/// Default of `attempts` (Socotra's webhooks guide).
const ATTEMPTS: i64 = 3;

fn retry(form: &RetryStrategyRequest) -> Result<Retry, Fault> {
    let property = |name| format!("failureHandling.retryStrategy.{name}");
    let interval = u64::try_from(form.interval).ok().filter(|wait| (1..=86_400).contains(wait));
    let interval = interval
        .ok_or_else(|| Fault::member(&property("interval"), "has to be 1 to 86400, in seconds"))?;
    let attempts = u32::try_from(form.attempts.unwrap_or(ATTEMPTS)).ok();
    let attempts = attempts.filter(|attempts| (1..=10).contains(attempts));
    let attempts =
        attempts.ok_or_else(|| Fault::member(&property("attempts"), "has to be 1 to 10"))?;
    Ok(match form.kind {
        RetryType::Linear => Retry::linear(interval, attempts),
        RetryType::Exponential => Retry::exponential(interval, attempts),
    })
}

/// Applies a form to a subscription: removals first, then additions. Returns for the endpoint and
/// the alert endpoint whether a new signing secret was generated.
pub(super) fn update(
    call: &Call,
    found: &mut OpenedSubscription,
    form: UpdateWebhookRequest,
) -> Result<[bool; 2], Fault> {
    read_only(found, &form)?;
    let definition = &mut found.definition;
    let mut fresh = [false; 2];
    if let Some(text) = form.name {
        definition.name = name(text)?;
    }
    if let Some(enabled) = form.enabled {
        found.record.enabled = enabled;
    }
    if let Some(form) = form.endpoint {
        fresh[0] = change_endpoint(call, "endpoint", &mut definition.endpoint, form)?;
        definition.receiver = receiver(&definition.endpoint);
    }
    if form.remove_failure_handling == Some(true) {
        definition.policy = Policy::indifferent();
        definition.alert = None;
    }
    if let Some(form) = form.failure_handling {
        fresh[1] = change_policy(call, definition, form)?;
    }
    if let Some(all) = form.event_types.filter(|all| !all.is_empty()) {
        definition.events = events("eventTypes", all)?;
    }
    if let Some(removed) = form.remove_event_types {
        at_most("removeEventTypes", &removed, TYPES)?;
        definition.events.retain(|event| !removed.contains(event));
    }
    if let Some(added) = form.add_event_types {
        let all = definition.events.iter().cloned().chain(added).collect();
        definition.events = events("addEventTypes", all)?;
    }
    for (text, program) in
        [(form.filter, &mut definition.filter), (form.transform, &mut definition.transform)]
    {
        if let Some(text) = text {
            *program = Some(text).filter(|text| !text.is_empty());
        }
    }
    Ok(fresh)
}

/// Returns an error if a read-only member of a form has another value than the stored one.
fn read_only(found: &OpenedSubscription, form: &UpdateWebhookRequest) -> Result<(), Fault> {
    let record = &found.record;
    ReadOnly("locator").id(form.locator.as_deref(), &record.id, display_locator(&record.id))?;
    let at = record.health.suspended_at.map(|at| time_of(UnixMicros::new(at)).to_string());
    match form.suspended {
        Some(suspended) if suspended != at.is_some() => {
            let wrong = "is read-only; it is true while failures suspend the webhook, and `PATCH \
                         …/unsuspend` ends that";
            Err(Fault::member("suspended", wrong))
        }
        _ => ReadOnly("suspendedAt").time(form.suspended_at.as_deref(), at.as_deref()),
    }
}

/// Returns the kind of receiver of an endpoint.
fn receiver(endpoint: &Endpoint) -> Receiver {
    let url = DestinationUrl::parse(&endpoint.url);
    url.map_or(Receiver::Custom, |url| receiver_of(url.host()))
}

/// Returns an error if a list of a form has too many items.
fn at_most<T>(property: &str, items: &[T], most: usize) -> Result<(), Fault> {
    match items.len() > most {
        true => Err(Fault::member(property, format!("has more than {most} items"))),
        false => Ok(()),
    }
}

/// Changes an endpoint. Returns true if a new signing secret was generated.
fn change_endpoint(
    call: &Call,
    property: &str,
    endpoint: &mut Endpoint,
    form: UpdateEndpointRequest,
) -> Result<bool, Fault> {
    if let Some(url) = form.url.as_ref().filter(|url| **url != endpoint.url) {
        call.check_url(&format!("{property}.url"), url)?;
    }
    let dropped = endpoint.change_destination(form.url, form.secure_ssl);
    endpoint.signed = form.hmac_enabled.unwrap_or(endpoint.signed);
    set_headers(property, endpoint, form.headers.unwrap_or_default())?;
    let (removed, added) = (form.remove_headers, form.add_headers);
    change_headers(property, endpoint, removed.unwrap_or_default(), added.unwrap_or_default())?;
    let fresh = change_secret(call, property, endpoint, form.secret, dropped)?;
    if let Some(text) = form.tag {
        endpoint.tag = tag(property, Some(text))?.filter(|tag| !tag.is_empty());
    }
    Ok(fresh)
}

/// Replaces all headers. A masked value keeps the stored one, and an empty collection keeps all.
fn set_headers(property: &str, endpoint: &mut Endpoint, all: Headers) -> Result<(), Fault> {
    if all.is_empty() {
        return Ok(());
    }
    let is_named = |name: &String| all.keys().any(|key| key.eq_ignore_ascii_case(name));
    endpoint.headers.retain(|(name, _)| is_named(name));
    for (name, values) in all {
        put_header(endpoint, &format!("{property}.headers"), &name, values)?;
    }
    Ok(())
}

fn change_headers(
    property: &str,
    endpoint: &mut Endpoint,
    removed: Vec<String>,
    added: Headers,
) -> Result<(), Fault> {
    at_most(&format!("{property}.removeHeaders"), &removed, HEADERS)?;
    // A masked value keeps the stored value, even if the same request removes its header.
    let before = endpoint.headers.clone();
    for removed in removed {
        endpoint.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&removed));
    }
    for (name, values) in added {
        let is_it = |(key, _): &&(String, Vec<String>)| key.eq_ignore_ascii_case(&name);
        if !endpoint.headers.iter().any(|header| is_it(&header)) {
            endpoint.headers.extend(before.iter().find(is_it).cloned());
        }
        put_header(endpoint, &format!("{property}.addHeaders"), &name, values)?;
    }
    Ok(())
}

/// Changes the signing secret. Returns true if a new one was generated.
///
/// If the old secret was `dropped`, it no longer signs. The secret of the form replaces it, or a
/// generated one.
fn change_secret(
    call: &Call,
    property: &str,
    endpoint: &mut Endpoint,
    given: Option<String>,
    dropped: bool,
) -> Result<bool, Fault> {
    let fresh = dropped && given.is_none();
    match given {
        Some(text) if dropped => endpoint.secret = Some(secret(property, &text)?),
        Some(text) if text != MASK => {
            let rotation = call.app.configuration().settings.delivery.rotation;
            let until = call.app.clock.micros().saturating_add(micros_in(rotation));
            endpoint.rotate(secret(property, &text)?, until.get());
        }
        None if dropped => endpoint.secret = Some(fresh_secret()?),
        _ => {}
    }
    Ok(fresh)
}

/// Changes the failure policy. Returns true if a new secret was generated for the alert endpoint.
fn change_policy(
    call: &Call,
    definition: &mut Definition,
    form: FailureHandlingUpdateRequest,
) -> Result<bool, Fault> {
    let policy = &mut definition.policy;
    if let Some(all) = form.triggers.as_ref().filter(|all| !all.is_empty()) {
        policy.triggers = triggers("failureHandling.triggers", all)?;
    }
    let removed =
        triggers("failureHandling.removeTriggers", &form.remove_triggers.unwrap_or_default())?;
    policy.triggers.retain(|trigger| !removed.contains(trigger));
    for added in triggers("failureHandling.addTriggers", &form.add_triggers.unwrap_or_default())? {
        if !policy.triggers.contains(&added) {
            policy.triggers.push(added);
        }
    }
    if form.remove_retry_strategy == Some(true) {
        policy.retry = None;
    }
    if let Some(form) = form.retry_strategy {
        let old = policy.retry;
        let kind = form.kind.or(old.map(|old| match old.pattern {
            Pattern::Linear => RetryType::Linear,
            Pattern::Exponential => RetryType::Exponential,
        }));
        let interval = form.interval.or(old.and_then(|old| i64::try_from(old.interval).ok()));
        let needed =
            |name| Fault::member("failureHandling.retryStrategy", format!("has no `{name}` yet"));
        policy.retry = Some(retry(&RetryStrategyRequest {
            kind: kind.ok_or_else(|| needed("type"))?,
            interval: interval.ok_or_else(|| needed("interval"))?,
            attempts: form.attempts.or(old.map(|old| i64::from(old.attempts))),
        })?);
    }
    policy.divert = form.divert.unwrap_or(policy.divert);
    if let Some(suspends) = form.suspend {
        policy.suspend = suspend(suspends);
    }
    if form.remove_alert_endpoint == Some(true) {
        definition.alert = None;
    }
    match form.alert_endpoint {
        Some(form) => change_alert(call, definition, form),
        None => Ok(false),
    }
}

/// Changes or creates the alert endpoint. Returns true if a new secret was generated for it.
fn change_alert(
    call: &Call,
    definition: &mut Definition,
    form: UpdateEndpointRequest,
) -> Result<bool, Fault> {
    let property = "failureHandling.alertEndpoint";
    let is_new = definition.alert.is_none();
    let mut alert = match (definition.alert.take(), &form.url) {
        (Some(alert), _) => alert,
        (None, Some(url)) => {
            call.check_url(&format!("{property}.url"), url)?;
            Endpoint::new(url)
        }
        (None, None) => {
            return Err(Fault::member(&format!("{property}.url"), "is needed for a new one"));
        }
    };
    let mut fresh = change_endpoint(call, property, &mut alert, form)?;
    if is_new && alert.secret.is_none() {
        alert.secret = Some(fresh_secret()?);
        fresh = true;
    }
    definition.alert = Some(alert);
    Ok(fresh)
}
