//! The scopes of keys: the permissions that a key of a tenant can have. Does not know the
//! operations that need them.

/// All scopes: the groups and permissions that Socotra lists, and those of awork. A group includes
/// all of its permissions.
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

/// Scope that a key needs to send to a listener with a credential verification.
pub(in crate::gateway) const SEND: &str = "send";

/// Returns true if the scopes include a permission: `webhooks:write` is included in itself, in
/// `webhooks`, and in `admin`.
///
/// ```
/// use hookgate::gateway::permits;
///
/// assert!(permits(&["webhooks".to_owned()], "webhooks:write"));
/// assert!(permits(&["admin".to_owned()], "send"));
/// assert!(!permits(&["webhooks:read".to_owned()], "webhooks:write"));
/// assert!(!permits(&["events:read".to_owned()], "send"));
/// ```
pub fn permits(scopes: &[String], permission: &str) -> bool {
    let group = permission.split(':').next().unwrap_or(permission);
    scopes.iter().any(|scope| scope == permission || scope == group || scope == "admin")
}
