//! Who calls the management API, and what they may do.

use std::sync::Arc;

use hyper::HeaderMap;

use super::call::Fault;
use crate::gateway::app::App;
use crate::gateway::credentials::{authorization, manager};
use crate::gateway::scopes::{SEND, permits};

/// What an operation does with keys that are limited to listeners (`keys create --listener`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListenerLimit {
    /// It answers with what came to the listeners of the key, and with nothing else.
    Applied,
    /// Its objects belong to all listeners of the tenant: such a key is refused.
    Refused,
}

impl ListenerLimit {
    /// The name of it in the description.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

/// A caller: the key that it presents.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The id of the key.
    pub key: String,
    /// The tenant of the key.
    pub tenant: String,
    /// The scopes of the key.
    pub scopes: Vec<String>,
    /// The listeners that the key is limited to; empty for all of the tenant's.
    pub listeners: Vec<String>,
}

impl Caller {
    /// Who presents a key or an access token in `Authorization`.
    pub(super) async fn of(app: &Arc<App>, headers: &HeaderMap) -> Result<Self, Fault> {
        // One that is repeated, or is not ASCII, presents nothing.
        let header = authorization(headers).ok().flatten();
        let (scheme, presented) = header.and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Fault::Unauthenticated);
        }
        match manager(app, presented.trim()).await? {
            Some(key) => Ok(Self {
                key: key.id,
                tenant: key.tenant,
                scopes: key.scopes,
                listeners: key.listeners,
            }),
            None => Err(Fault::Unauthenticated),
        }
    }

    /// A caller that presented no key, for operations that ask for none.
    pub(super) fn anonymous() -> Self {
        let (key, tenant) = (String::new(), String::new());
        Self { key, tenant, scopes: Vec::new(), listeners: Vec::new() }
    }

    /// Refuses the key of a sender: its scopes open listeners and no operation.
    pub(super) fn manages(&self) -> Result<(), Fault> {
        match self.scopes.iter().all(|scope| scope == SEND) {
            true => Err(Fault::Forbidden("the key is one of a sender".to_owned())),
            false => Ok(()),
        }
    }

    /// Refuses a key that is limited to listeners where an operation cannot apply that limit.
    pub(super) fn is_within(&self, limit: ListenerLimit) -> Result<(), Fault> {
        if self.listeners.is_empty() || limit == ListenerLimit::Applied {
            return Ok(());
        }
        let reason = "the key is limited to listeners, and webhooks are for the events of all \
                      listeners of the tenant: use a key without `--listener`";
        Err(Fault::Forbidden(reason.to_owned()))
    }

    /// Whether the key shows what came to a listener.
    pub(super) fn sees(&self, listener: &str) -> bool {
        let is_it = |one: &String| one.eq_ignore_ascii_case(listener);
        self.listeners.is_empty() || self.listeners.iter().any(is_it)
    }

    /// Holds the caller to a permission.
    pub(super) fn may(&self, permission: &'static str) -> Result<(), Fault> {
        match permits(&self.scopes, permission) {
            true => Ok(()),
            false => Err(Fault::Forbidden(format!("the key does not allow `{permission}`"))),
        }
    }
}
