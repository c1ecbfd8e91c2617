//! The scopes of keys: the permissions that a key of a tenant can have. Does not know the
//! operations that need them.

use crate::gateway::store::Scope;

/// Returns true if the scopes include a permission: `webhooks:write` is included in itself, in
/// `webhooks`, and in `admin`.
///
/// ```
/// use hookgate::gateway::permits;
/// use hookgate::gateway::store::Scope;
///
/// assert!(permits(&[Scope::Webhooks], Scope::WebhooksWrite));
/// assert!(permits(&[Scope::Admin], Scope::Send));
/// assert!(!permits(&[Scope::WebhooksRead], Scope::WebhooksWrite));
/// assert!(!permits(&[Scope::EventsRead], Scope::Send));
/// ```
pub fn permits(scopes: &[Scope], permission: Scope) -> bool {
    let group = permission.name().split(':').next();
    let includes = |scope: &Scope| {
        *scope == permission || *scope == Scope::Admin || Some(scope.name()) == group
    };
    scopes.iter().any(includes)
}
