//! Tenants and their keys: the records and the trait. The store has the hash of a key only.

use std::fmt;

use async_trait::async_trait;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StoreError;
use super::named::named_enum;
use crate::gateway::ids::{ListenerId, TenantId};
use crate::gateway::ops::clock::UnixMicros;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The id, as listeners name it.
    pub id: TenantId,
    /// The display name.
    pub name: String,
    /// The time of creation.
    pub created_at: UnixMicros,
}

named_enum! {
    /// The use of a key.
    KeyKind {
        /// An API key, sent with each request.
        Api => "api",
        /// An OAuth client, exchanged for access tokens.
        OAuthClient => "oauth",
    }
}

named_enum! {
    /// A permission of a key, or a group that includes all its permissions: those that Socotra
    /// lists, and those of awork.
    Scope {
        /// Sending to listeners with a credential verification.
        Send => "send",
        /// Everything.
        Admin => "admin",
        /// All permissions for webhooks of the Socotra API.
        Webhooks => "webhooks",
        /// Reading a webhook.
        WebhooksRead => "webhooks:read",
        /// Listing webhooks; reading is needed too.
        WebhooksList => "webhooks:list",
        /// Creating, changing and deleting webhooks.
        WebhooksWrite => "webhooks:write",
        /// All permissions for diverted events.
        DivertedEvents => "diverted-events",
        /// Reading a diverted event.
        DivertedEventsRead => "diverted-events:read",
        /// Listing diverted events; reading is needed too.
        DivertedEventsList => "diverted-events:list",
        /// Sending a diverted event again.
        DivertedEventsResend => "diverted-events:resend",
        /// Deleting a diverted event.
        DivertedEventsDelete => "diverted-events:delete",
        /// All permissions for events.
        Events => "events",
        /// Reading an event.
        EventsRead => "events:read",
        /// Listing and streaming events; reading is needed too.
        EventsList => "events:list",
        /// All permissions for webhooks of the awork API.
        WorkspaceManageConfig => "workspace-manage-config",
        /// Reading webhooks of the awork API.
        WorkspaceManageConfigRead => "workspace-manage-config:read",
        /// Changing webhooks of the awork API.
        WorkspaceManageConfigWrite => "workspace-manage-config:write",
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A name that is not known is an error: a key must not lose or gain a permission.
impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::find(&name).ok_or_else(|| D::Error::custom(format!("`{name}` is no scope")))
    }
}

/// A key of a tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The id, which is also a part of the key.
    pub id: String,
    /// The tenant that owns the key.
    pub tenant: TenantId,
    /// The use of the key.
    pub kind: KeyKind,
    /// The SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// The scopes that the key grants.
    pub scopes: Vec<Scope>,
    /// The listeners that the key is valid for; empty for all listeners of the tenant.
    pub listeners: Vec<ListenerId>,
    /// The label that the owner chose.
    pub label: String,
    /// The time of creation.
    pub created_at: UnixMicros,
    /// The time of expiry.
    pub expires_at: Option<UnixMicros>,
    /// The time of revocation.
    pub revoked_at: Option<UnixMicros>,
    /// The time of the last use; approximate.
    pub last_used_at: Option<UnixMicros>,
}

/// Debug output without the hash.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, tenant, kind, label, .. } = self;
        f.debug_struct("Key")
            .field("id", id)
            .field("tenant", tenant)
            .field("kind", kind)
            .field("label", label)
            .finish_non_exhaustive()
    }
}

/// Tenants and keys in a store.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Creates a tenant.
    async fn create_tenant(&self, tenant: Tenant) -> Result<(), StoreError>;

    /// Returns all tenants.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Stores a key of an existing tenant.
    async fn create_key(&self, key: Key) -> Result<(), StoreError>;

    /// Returns a key by its id, even if it is expired or revoked.
    async fn key(&self, id: &str) -> Result<Option<Key>, StoreError>;

    /// Returns the keys of a tenant, or of all tenants.
    async fn keys(&self, tenant: Option<&TenantId>) -> Result<Vec<Key>, StoreError>;

    /// Revokes a key. Returns true if an unrevoked key existed.
    async fn revoke_key(&self, id: &str, now: UnixMicros) -> Result<bool, StoreError>;

    /// Records the time at which a key was last used. The write happens later and may be skipped.
    fn touch_key(&self, id: &str, now: UnixMicros);
}
