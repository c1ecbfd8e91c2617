//! Who calls the management API, and what they may do.

use std::sync::Arc;

use hyper::HeaderMap;

use super::call::Fault;
use crate::gateway::app::App;
use crate::gateway::credentials::manager;

/// What keys may allow: groups and their permissions as Socotra lists them, and awork's; a group
/// alone is all of its permissions.
pub const SCOPES: &[&str] = &[
    "send",
    "admin",
    "webhooks",
    "webhooks:read",
    "webhooks:list",
    "webhooks:write",
    "diverted-events",
    "diverted-events:read",
    "diverted-events:list",
    "diverted-events:resend",
    "diverted-events:delete",
    "events",
    "events:read",
    "events:list",
    "workspace-manage-config",
    "workspace-manage-config:read",
    "workspace-manage-config:write",
];

/// Whether scopes allow something: `webhooks:write` is allowed by itself, by `webhooks`, and by
/// `admin`.
///
/// ```
/// use hookgate::gateway::permits;
///
/// assert!(permits(&["webhooks".to_owned()], "webhooks:write"));
/// assert!(!permits(&["webhooks:read".to_owned()], "webhooks:write"));
/// ```
pub fn permits(scopes: &[String], permission: &str) -> bool {
    let group = permission.split(':').next().unwrap_or(permission);
    scopes.iter().any(|scope| scope == permission || scope == group || scope == "admin")
}

/// A caller: the key that it presents.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The id of the key.
    pub key: String,
    /// The tenant of the key.
    pub tenant: String,
    /// What the key allows.
    pub scopes: Vec<String>,
}

impl Caller {
    /// Who presents a key or an access token in `Authorization`.
    pub(super) async fn of(app: &Arc<App>, headers: &HeaderMap) -> Result<Self, Fault> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let (scheme, presented) = header.and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Fault::Unauthenticated);
        }
        match manager(app, presented.trim()).await? {
            Some(key) => Ok(Self { key: key.id, tenant: key.tenant, scopes: key.scopes }),
            None => Err(Fault::Unauthenticated),
        }
    }

    /// Holds the caller to a key that opens more than listeners.
    pub(super) fn manages(&self) -> Result<(), Fault> {
        match self.scopes.iter().all(|scope| scope == "send") {
            true => Err(Fault::Forbidden("the key is one of a sender".to_owned())),
            false => Ok(()),
        }
    }

    /// Holds the caller to a permission.
    pub(super) fn may(&self, permission: &'static str) -> Result<(), Fault> {
        match permits(&self.scopes, permission) {
            true => Ok(()),
            false => Err(Fault::Forbidden(format!("the key does not allow `{permission}`"))),
        }
    }
}
