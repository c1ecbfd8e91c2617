//! Secrets that the gateway learns while it runs: those that providers sent, and its own. All of
//! them are encrypted before they come here.

use async_trait::async_trait;

use super::StoreError;
use crate::gateway::ids::ListenerId;
use crate::gateway::ops::clock::UnixMicros;

/// Encrypted secrets in a store.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Stores a secret that a provider sent, encrypted, unless one with that name exists. Returns
    /// true if it was stored.
    async fn put_secret(
        &self,
        listener_id: &ListenerId,
        name: &str,
        sealed: Vec<u8>,
        now: UnixMicros,
    ) -> Result<bool, StoreError>;

    /// Returns the secrets that the provider of a listener sent, encrypted.
    async fn secrets(&self, listener_id: &ListenerId)
    -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Returns a secret of the gateway itself, encrypted. Stores `fresh` as that secret if none
    /// exists.
    async fn server_secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError>;
}
