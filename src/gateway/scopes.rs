//! Scopes of keys: the permissions that a key of a tenant can have.

/// All scopes: groups and their permissions as Socotra lists them, and those of awork. A group
/// alone stands for all of its permissions.
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

/// The permission that a listener asks for where it checks a credential.
pub(super) const SEND: &str = "send";

/// Whether scopes include a permission: `webhooks:write` is included in itself, in `webhooks`, and
/// in `admin`.
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
