//! Certificates for TLS, read again when their files change.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates that connections are answered with.
pub struct Certificates(RwLock<Arc<ServerConfig>>);

/// Certificates that were read, and are not used yet.
pub(super) struct TlsConfig(Arc<ServerConfig>);

impl TlsConfig {
    /// Reads certificate and key.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        config(certificate, key).map(|config| Self(Arc::new(config)))
    }
}

/// Why certificates are not taken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of what it should be.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which one.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Certificate and key do not belong together, or are not taken.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
}

impl Certificates {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// Where they cannot be read, or do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        TlsConfig::read(certificate, key).map(|config| Self(RwLock::new(config.0)))
    }

    /// Puts others in their place.
    pub(super) fn replace(&self, config: TlsConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config.0;
    }

    /// What answers the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn config(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let unreadable = |path: &Path, reason: &dyn std::fmt::Display| TlsError::Unreadable {
        path: path.display().to_string(),
        reason: reason.to_string(),
    };
    let unusable = |error: &dyn std::fmt::Display| TlsError::Unusable(error.to_string());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
