//! What forms make of a subscription.

use super::forms::{
    CreateEndpointRequest, CreateWebhookRequest, FailureHandlingCreateRequest,
    FailureHandlingUpdateRequest, RetryStrategyRequest, RetryType, UpdateEndpointRequest,
    UpdateWebhookRequest,
};
use crate::delivery::{
    Definition, Endpoint, Pattern, Policy, Retry, SigningSecret, Suspend, Trigger, receiver_of,
};
use crate::gateway::clock::micros_in;
use crate::gateway::manage::MASK;
use crate::gateway::manage::call::{Call, Fault};
use crate::gateway::manage::subscriptions::{Found, check_programs, fresh_secret, put_header};

/// A subscription as a form asks for it.
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
    let host = call.check_url("endpoint.url", &form.endpoint.url)?;
    let definition = Definition {
        name: name(form.name)?,
        receiver: receiver_of(&host),
        endpoint: endpoint(call, "endpoint", form.endpoint)?,
        events: events("eventTypes", form.event_types.unwrap_or_default())?,
        policy,
        alert,
        language: None,
        main_entity_only: false,
        filter: form.filter.filter(|text| !text.is_empty()),
        transform: form.transform.filter(|text| !text.is_empty()),
    };
    check_programs(&definition)?;
    Ok(definition)
}

fn name(name: String) -> Result<String, Fault> {
    if name.trim().is_empty() || name.chars().count() > 256 {
        return Err(Fault::member("name", "has to have 1 to 256 characters"));
    }
    Ok(name)
}

/// Types of events: each once, in the order they were given.
fn events(property: &str, given: Vec<String>) -> Result<Vec<String>, Fault> {
    if given.len() > 1000 {
        return Err(Fault::member(property, "has more than 1000 types"));
    }
    let mut events: Vec<String> = Vec::with_capacity(given.len());
    for event in given {
        if event.is_empty() || event.len() > 256 || event.contains(['*', ',', '\0']) {
            let wrong = format!("`{event}` is no type of an event");
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
            "labels a secret, and there is none",
        ));
    }
    let mut endpoint = Endpoint::new(form.url);
    for (name, values) in form.headers.unwrap_or_default() {
        put_header(&mut endpoint, &format!("{property}.headers"), &name, values)?;
    }
    endpoint.verify_tls = form.secure_ssl.unwrap_or(true);
    endpoint.signed = form.hmac_enabled.unwrap_or(true);
    endpoint.tag = form.tag;
    endpoint.secret = Some(match form.secret {
        Some(text) => secret(property, &text)?,
        None => fresh_secret()?,
    });
    Ok(endpoint)
}

fn secret(property: &str, text: &str) -> Result<SigningSecret, Fault> {
    let property = format!("{property}.secret");
    if text == MASK {
        return Err(Fault::member(&property, "is the mask of a secret, and there is none yet"));
    }
    SigningSecret::read(text).map_err(|error| Fault::member(&property, error.to_string()))
}

fn triggers(property: &str, names: &[String]) -> Result<Vec<Trigger>, Fault> {
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
        // An empty collection is as good as none (the overview of Socotra's API).
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

/// Retries where `attempts` is left out (the webhooks guide).
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

/// Changes a subscription as a form asks: what is removed first, then what is added.
pub(super) fn update(
    call: &Call,
    found: &mut Found,
    form: UpdateWebhookRequest,
) -> Result<(), Fault> {
    let definition = &mut found.definition;
    if let Some(text) = form.name {
        definition.name = name(text)?;
    }
    if let Some(enabled) = form.enabled {
        found.record.enabled = enabled;
    }
    if let Some(form) = form.endpoint {
        let host = change_endpoint(call, "endpoint", &mut definition.endpoint, form)?;
        definition.receiver = host.map_or(definition.receiver, |host| receiver_of(&host));
    }
    if form.remove_failure_handling == Some(true) {
        definition.policy = Policy::indifferent();
        definition.alert = None;
    }
    if let Some(form) = form.failure_handling {
        change_policy(call, definition, form)?;
    }
    if let Some(removed) = form.remove_event_types {
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
    check_programs(definition)
}

/// Changes an endpoint; answers the host where the URL changed.
fn change_endpoint(
    call: &Call,
    property: &str,
    endpoint: &mut Endpoint,
    form: UpdateEndpointRequest,
) -> Result<Option<String>, Fault> {
    let mut host = None;
    if let Some(url) = form.url {
        host = Some(call.check_url(&format!("{property}.url"), &url)?);
        endpoint.url = url;
    }
    // A masked value keeps the old one, though its header be removed in the same request.
    let before = endpoint.headers.clone();
    for removed in form.remove_headers.unwrap_or_default() {
        endpoint.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&removed));
    }
    for (name, values) in form.add_headers.unwrap_or_default() {
        let is_it = |(key, _): &&(String, Vec<String>)| key.eq_ignore_ascii_case(&name);
        if !endpoint.headers.iter().any(|header| is_it(&header)) {
            endpoint.headers.extend(before.iter().find(is_it).cloned());
        }
        put_header(endpoint, &format!("{property}.addHeaders"), &name, values)?;
    }
    endpoint.verify_tls = form.secure_ssl.unwrap_or(endpoint.verify_tls);
    endpoint.signed = form.hmac_enabled.unwrap_or(endpoint.signed);
    if let Some(text) = form.secret.filter(|text| text != MASK) {
        let rotation = call.app.configuration().settings.delivery.rotation;
        let until = call.app.clock.micros().saturating_add(micros_in(rotation));
        endpoint.rotate(secret(property, &text)?, until);
    }
    if let Some(tag) = form.tag {
        endpoint.tag = Some(tag).filter(|tag| !tag.is_empty());
    }
    Ok(host)
}

fn change_policy(
    call: &Call,
    definition: &mut Definition,
    form: FailureHandlingUpdateRequest,
) -> Result<(), Fault> {
    let policy = &mut definition.policy;
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
    if let Some(form) = form.alert_endpoint {
        change_alert(call, definition, form)?;
    }
    Ok(())
}

fn change_alert(
    call: &Call,
    definition: &mut Definition,
    form: UpdateEndpointRequest,
) -> Result<(), Fault> {
    let property = "failureHandling.alertEndpoint";
    let mut alert = match (definition.alert.take(), &form.url) {
        (Some(alert), _) => alert,
        (None, Some(url)) => Endpoint { secret: Some(fresh_secret()?), ..Endpoint::new(url) },
        (None, None) => {
            return Err(Fault::member(&format!("{property}.url"), "is needed for a new one"));
        }
    };
    change_endpoint(call, property, &mut alert, form)?;
    definition.alert = Some(alert);
    Ok(())
}
