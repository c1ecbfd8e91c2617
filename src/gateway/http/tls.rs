//! TLS: certificates, which are read again when their files change, and handshakes of a bounded
//! size. Does not watch the files.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::tls_reason;

/// The certificates of the server. They can be replaced while it runs.
pub struct Certificates(RwLock<Arc<ServerConfig>>);

/// Certificates that were read and are not in use yet.
pub(in crate::gateway) struct TlsConfig(Arc<ServerConfig>);

impl TlsConfig {
    /// Reads a certificate chain and its key.
    pub(in crate::gateway) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        config(certificate, key).map(|config| Self(Arc::new(config)))
    }
}

/// The reason why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or is not PEM of the expected kind.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// Reason of the failure.
        reason: String,
    },
    /// A certificate and a key that do not match or are not supported.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
}

impl Certificates {
    /// Reads a certificate chain and its key.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read, or if certificate and key do not match.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        TlsConfig::read(certificate, key).map(|config| Self(RwLock::new(config.0)))
    }

    /// Replaces the certificates.
    pub(in crate::gateway) fn replace(&self, config: TlsConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config.0;
    }

    /// Accepts a TLS handshake.
    ///
    /// # Errors
    /// Returns an error if the peer does not speak TLS, or offers no supported version or cipher
    /// suite.
    pub(super) async fn accept<S>(
        &self,
        stream: Handshake<S>,
    ) -> io::Result<TlsStream<Handshake<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let limited = TlsAcceptor::from(config)
            .accept_with(stream, |connection| connection.set_buffer_limit(Some(RECORDS)));
        let mut stream = limited.await?;
        stream.get_mut().0.left = usize::MAX;
        Ok(stream)
    }
}

/// Bytes of an answer that TLS buffers while the peer does not read.
const RECORDS: usize = 16 << 10;

/// Bytes that a peer may send before its handshake ends. A ClientHello has some hundred bytes, and
/// a few thousand with post-quantum key shares.
const HELLO: usize = 16 << 10;

/// A stream that limits the bytes of a peer's handshake.
#[derive(Debug)]
pub(super) struct Handshake<S> {
    inner: S,
    left: usize,
}

impl<S> Handshake<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, left: HELLO }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Handshake<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the TLS handshake is too large")));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if self.left < usize::MAX {
            self.left = self.left.saturating_sub(buffer.filled().len() - before);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Handshake<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn config(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let unreadable = |path: &Path, reason: &dyn std::fmt::Display| TlsError::Unreadable {
        path: path.display().to_string(),
        reason: reason.to_string(),
    };
    let unusable = |error: rustls::Error| TlsError::Unusable(tls_reason(&error));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    // HTTP/1.0 is served like HTTP/1.1. Without its name, a client that offers nothing else would
    // have its handshake refused (RFC 7301, section 3.2).
    config.alpn_protocols = [b"h2".as_slice(), b"http/1.1", b"http/1.0"].map(Vec::from).into();
    Ok(config)
}
