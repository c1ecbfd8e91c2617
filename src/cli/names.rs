//! Names that commands are given: of listeners, tenants and subscriptions. An unknown name is an
//! error with the nearest known one. Knows no command.

use std::sync::Arc;

use super::Error;
use super::configuration::block_on;
use super::values::id_of;
use crate::config::quoted_list;
use crate::diagnostic::did_you_mean;
use crate::gateway::store::Store;
use crate::gateway::{Configuration, SubscriptionId, TenantId};
use crate::listener::Listener;

/// Maximum number of names that a message lists.
const MAX_LISTED: usize = 12;

/// Returns the end of a message about an unknown name: the nearest known one, or the known ones if
/// they are few.
pub(super) fn hint<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() || known.len() > MAX_LISTED {
        return near(name, known).unwrap_or_default();
    }
    let list = format!("the known ones are {}", known.join(", "));
    hint_or(name, known, &list)
}

/// Returns the end of a message about an unknown name: the nearest known one, or other advice.
pub(super) fn hint_or<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
    advice: &str,
) -> String {
    near(name, known).unwrap_or_else(|| format!("; {advice}"))
}

fn near<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    did_you_mean(name, known).map(|near| format!("; {near}"))
}

/// Returns a listener by its id, or by its name if one listener alone has it.
pub(super) fn listener<'c>(
    configuration: &'c Configuration,
    named: &str,
    tenant: Option<&str>,
) -> Result<&'c Arc<Listener>, Error> {
    let of_tenant = |one: &&Arc<Listener>| tenant.is_none_or(|tenant| *one.tenant == *tenant);
    let by_id = configuration.listeners.get(named.to_ascii_lowercase().as_str());
    if let Some(found) = by_id.filter(of_tenant) {
        return Ok(found);
    }
    let all = || configuration.listeners.values().filter(of_tenant);
    let with_name: Vec<&Arc<Listener>> = all().filter(|one| *one.name == *named).collect();
    match with_name.as_slice() {
        [only] => Ok(only),
        [] => {
            let hint = hint(named, all().map(|one| &*one.name));
            let whose = tenant.map(|tenant| format!(" of the tenant `{tenant}`"));
            let whose = whose.unwrap_or_default();
            Err(Error::Usage(format!("there is no listener `{named}`{whose}{hint}")))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|one| &*one.id).collect();
            let ids = quoted_list(&ids);
            Err(Error::Usage(format!(
                "several listeners have the name `{named}`: give the id instead, {ids}"
            )))
        }
    }
}

/// Returns an error if a tenant exists neither in the store nor in the configuration. Otherwise a
/// misspelt name would look like an empty list.
pub(super) fn check_tenant(
    configuration: &Configuration,
    store: &dyn Store,
    tenant: Option<&TenantId>,
) -> Result<(), Error> {
    let Some(tenant) = tenant else {
        return Ok(());
    };
    let named = configuration.listeners.values().map(|listener| listener.tenant.to_string());
    let known: Vec<String> = named.chain(created(store)?).collect();
    unknown_tenant(tenant, &known)
}

/// Returns an error if a tenant was not created in the store.
pub(super) fn check_created_tenant(store: &dyn Store, tenant: &str) -> Result<(), Error> {
    unknown_tenant(tenant, &created(store)?)
}

fn created(store: &dyn Store) -> Result<Vec<String>, Error> {
    Ok(block_on(store.tenants())??.into_iter().map(|tenant| tenant.id.to_string()).collect())
}

fn unknown_tenant(tenant: &str, known: &[String]) -> Result<(), Error> {
    if known.iter().any(|known| known == tenant) {
        return Ok(());
    }
    let advice = format!(
        "`hookgate tenants list` lists the tenants, and `hookgate tenants create {tenant}` creates it"
    );
    let hint = hint_or(tenant, known.iter().map(String::as_str), &advice);
    Err(Error::Usage(format!("there is no tenant `{tenant}`{hint}")))
}

/// Returns the stored id of a subscription that exists.
pub(super) fn subscription(store: &dyn Store, named: &str) -> Result<SubscriptionId, Error> {
    let id: SubscriptionId = id_of(named, "subscriptions list")?;
    match block_on(store.subscription(&id))?? {
        Some(_) => Ok(id),
        None => Err(Error::Usage(format!(
            "there is no subscription `{named}`; `hookgate subscriptions list` lists them"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn a_hint_has_the_nearest_name_or_the_few_that_there_are() {
        assert_eq!(hint("github", ["GitHub", "Stripe"]), "; did you mean `GitHub`?");
        assert_eq!(hint("x", ["GitHub", "Stripe"]), "; the known ones are GitHub, Stripe");
        assert_eq!(hint("x", []), "");
        let many: Vec<String> = (0..20).map(|at| format!("listener-{at}")).collect();
        assert_eq!(hint("x", many.iter().map(String::as_str)), "");
    }
}
