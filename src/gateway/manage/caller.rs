//! The caller of the management API and its permissions. Does not know the operations.

use std::sync::Arc;

use hyper::HeaderMap;

use super::fault::Fault;
use crate::gateway::app::App;
use crate::gateway::ids::{ListenerId, TenantId};
use crate::gateway::ingest::credentials::{authorization, manager};
use crate::gateway::ingest::scopes::permits;
use crate::gateway::store::Scope;

/// The treatment of keys that are limited to listeners (`keys create --listener`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListenerLimit {
    /// The operation answers only with data of the key's listeners.
    Applied,
    /// The operation refuses such a key, because its objects belong to all listeners of the tenant.
    Refused,
}

impl ListenerLimit {
    /// Returns the name in the OpenAPI description.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

/// A caller, identified by its key.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Id of the key.
    pub key: String,
    /// Tenant of the key.
    pub tenant: TenantId,
    /// Scopes of the key.
    pub scopes: Vec<Scope>,
    /// Listeners that the key is limited to; empty for all listeners of the tenant.
    pub listeners: Vec<ListenerId>,
}

impl Caller {
    /// Authenticates the key or access token in `Authorization`.
    pub(super) async fn of(app: &Arc<App>, headers: &HeaderMap) -> Result<Self, Fault> {
        // A header that is repeated or not ASCII counts as missing.
        let header = authorization(headers).ok().flatten();
        let (scheme, presented) = header.and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Fault::Unauthenticated);
        }
        let permit = app.management.look_ups.acquire().await;
        let found = manager(app, presented.trim()).await;
        drop(permit);
        match found? {
            Some(key) => Ok(Self {
                key: key.id,
                tenant: key.tenant,
                scopes: key.scopes,
                listeners: key.listeners,
            }),
            None => Err(Fault::Unauthenticated),
        }
    }

    /// Returns the caller of operations that need no key.
    pub(super) fn anonymous() -> Self {
        let (key, tenant) = (String::new(), TenantId::default());
        Self { key, tenant, scopes: Vec::new(), listeners: Vec::new() }
    }

    /// Refuses the key of a sender: its scope permits sending to listeners, and no operation.
    pub(super) fn manages(&self) -> Result<(), Fault> {
        match self.scopes.iter().all(|scope| *scope == Scope::Send) {
            true => Err(Fault::Forbidden("the key is one of a sender".to_owned())),
            false => Ok(()),
        }
    }

    /// Refuses a key that is limited to listeners if the operation cannot apply that limit.
    pub(super) fn is_within(&self, limit: ListenerLimit) -> Result<(), Fault> {
        if self.listeners.is_empty() || limit == ListenerLimit::Applied {
            return Ok(());
        }
        let reason = "the key is limited to listeners, and webhooks are for the events of all \
                      listeners of the tenant: use a key without `--listener`";
        Err(Fault::Forbidden(reason.to_owned()))
    }

    /// Returns true if the key gives access to the data of a listener.
    pub(super) fn sees(&self, listener: &str) -> bool {
        let is_it = |one: &ListenerId| one.eq_ignore_ascii_case(listener);
        self.listeners.is_empty() || self.listeners.iter().any(is_it)
    }

    /// Returns an error if the caller does not have a permission.
    pub(super) fn may(&self, permission: Scope) -> Result<(), Fault> {
        match permits(&self.scopes, permission) {
            true => Ok(()),
            false => {
                Err(Fault::Forbidden(format!("the key does not allow `{}`", permission.name())))
            }
        }
    }
}
