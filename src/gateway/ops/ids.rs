//! Ids: the forms that clients write, and ids that are derived from a name.

use sha2::{Digest, Sha256};
use ulid::Ulid;
use uuid::Uuid;

/// Returns the id that is derived from a string: the same string always has the same id.
pub(in crate::gateway) fn derived_id(text: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.split_at(16).0);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Returns the UUID of a tenant in Socotra's routes: the tenant's id if that is a UUID, or a UUID
/// derived from it.
///
/// ```
/// use hookgate::gateway::tenant_locator;
///
/// let uuid = "123e4567-e89b-12d3-a456-426614174000";
/// assert_eq!(tenant_locator(uuid).to_string(), uuid);
/// assert_eq!(tenant_locator("acme"), tenant_locator("acme"));
/// ```
pub fn tenant_locator(tenant: &str) -> Uuid {
    tenant.parse().unwrap_or_else(|_| derived_id(&format!("tenant\n{tenant}")))
}

/// Parses an id of a client: a ULID or a UUID.
pub fn uuid_of(text: &str) -> Option<Uuid> {
    match Ulid::from_string(text) {
        Ok(ulid) => Some(Uuid::from_u128(ulid.into())),
        Err(_) => Uuid::try_parse(text).ok(),
    }
}
