//! Ids: the forms that clients write, and ids that are derived from a name.

use sha2::{Digest, Sha256};
use ulid::Ulid;
use uuid::Uuid;

use crate::delivery::locator;

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

/// An id in the store that is no UUID. Nothing is delivered under such an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the id `{0}` in the store is no UUID")]
pub(in crate::gateway) struct InvalidId(String);

/// Parses an id of the store.
///
/// # Errors
/// Returns an error if the id is no UUID: the store was changed by another program.
pub(in crate::gateway) fn stored_id(text: &str) -> Result<Uuid, InvalidId> {
    text.parse().map_err(|_| InvalidId(text.to_owned()))
}

/// Returns an id of the store as a locator, for lists and answers. An id that is no UUID is returned
/// unchanged, so that an operator sees it.
pub fn display_locator(text: &str) -> String {
    stored_id(text).map_or_else(|_| text.to_owned(), locator)
}

#[cfg(test)]
mod tests {
    use super::{display_locator, stored_id};

    #[test]
    fn an_invalid_uuid_in_the_store_is_an_error() {
        let error = stored_id("1").unwrap_err();
        assert_eq!(error.to_string(), "the id `1` in the store is no UUID");
        assert_eq!(display_locator("1"), "1");
    }
}
