//! The HTTP client of deliveries. It has SSRF protection, uses the certificate authorities of the
//! system, follows no redirects and uses no proxies. Knows nothing of events.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::metered::MeteredConnection;
use super::resolver::{LookupError, Resolver};
use crate::delivery::{DestinationUrl, Refusal, refusal};
use crate::gateway::config::settings::Delivery;
use crate::gateway::http::{handshake_reason, tls_reason};

/// A client with a connection pool.
type Pooled = Client<Connector, Full<Bytes>>;

/// The clients of deliveries: one verifies the certificates of servers, and one does not, for
/// subscriptions that disable verification.
#[derive(Clone)]
pub(in crate::gateway) struct Clients {
    verifying: Pooled,
    trusting: Pooled,
    resolver: Arc<Resolver>,
}

/// An error while the clients are created.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// TLS cannot be used.
    #[error("TLS cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The DNS resolver cannot be created.
    #[error("names cannot be looked up: {0}")]
    Resolver(String),
    /// The file with certificate authorities cannot be read.
    #[error("cannot read the certificates in {path}: {reason}")]
    Authorities {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
}

/// Time that an unused connection stays open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

impl Clients {
    /// Creates the clients of the settings. `ca_file` is the path of the configured file.
    ///
    /// # Errors
    /// Returns an error if TLS cannot be used, or if the file cannot be read.
    pub(in crate::gateway) fn new(
        settings: &Delivery,
        ca_file: Option<&Path>,
    ) -> Result<Self, ClientsError> {
        let verifying = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted_roots(ca_file)?)
            .with_no_client_auth();
        let trusting = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(default_provider())))
            .with_no_client_auth();
        let resolver =
            Resolver::new(settings).map_err(|error| ClientsError::Resolver(error.to_string()))?;
        let (resolver, open) = (Arc::new(resolver), Arc::default());
        let client = |tls: ClientConfig| {
            let connector = Connector {
                tls: TlsConnector::from(Arc::new(tls)),
                allow: settings.allow.clone().into(),
                time: settings.connect_timeout,
                resolver: Arc::clone(&resolver),
                open: Arc::clone(&open),
                most: settings.in_flight,
            };
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(settings.concurrency)
                .http1_max_headers(100)
                .http1_max_buf_size(64 << 10)
                .build(connector)
        };
        Ok(Self { verifying: client(verifying), trusting: client(trusting), resolver })
    }

    /// Looks up the host of a URL for a tenant, before an attempt begins. So the time of an attempt
    /// does not include a wait for other look-ups.
    ///
    /// # Errors
    /// Returns an error if the name does not resolve, or if no look-up could begin.
    pub(super) async fn look_up(&self, tenant: &str, url: &str) -> Result<(), LookupError> {
        match DestinationUrl::parse(url) {
            // The attempt reports an invalid URL.
            None => Ok(()),
            Some(url) => self.resolver.resolve(tenant, url.host()).await.map(drop),
        }
    }

    pub(super) fn get(&self, verify: bool) -> &Pooled {
        if verify { &self.verifying } else { &self.trusting }
    }
}

/// Returns the host of a URL; an IPv6 address without its brackets.
fn host_of(uri: &Uri) -> &str {
    uri.host().unwrap_or("").trim_matches(['[', ']'])
}

/// Returns the certificate authorities of the system, and those of a file.
///
/// The variables `SSL_CERT_FILE` and `SSL_CERT_DIR` replace those of the system.
///
/// # Errors
/// Returns an error if the file cannot be read, or has no certificate.
pub(crate) fn trusted_roots(ca_file: Option<&Path>) -> Result<RootCertStore, ClientsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let unreadable =
            |reason: String| ClientsError::Authorities { path: path.display().to_string(), reason };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(error.to_string()))?;
        if certificates.is_empty() {
            return Err(unreadable("there are none in it".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| unreadable(tls_reason(&error)))?;
        }
    }
    Ok(roots)
}

/// Accepts any certificate, for a subscription without TLS verification. Signatures of the
/// handshake are still verified.
#[derive(Debug)]
struct AnyCertificate(CryptoProvider);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
    allow: Arc<[IpNet]>,
    time: Duration,
    resolver: Arc<Resolver>,
    /// Number of open connections.
    open: Arc<AtomicUsize>,
    /// Limit of open connections. Above it, a connection is closed after its message, because idle
    /// connections use file descriptors too.
    most: usize,
}

/// Counts an open connection until it is dropped.
struct OpenConnection(Arc<AtomicUsize>);

impl OpenConnection {
    fn begin(open: &Arc<AtomicUsize>) -> (Self, usize) {
        let before = open.fetch_add(1, Ordering::Relaxed);
        (Self(Arc::clone(open)), before + 1)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An error while a connection is opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The address is forbidden (SSRF protection).
    #[error(transparent)]
    Forbidden(#[from] Refusal),
    /// The name does not resolve.
    #[error("the name `{host}` was not resolved: {reason}")]
    Name {
        /// The name.
        host: String,
        /// The reason.
        reason: String,
    },
    /// The TCP connection failed.
    #[error("no connection: {0}")]
    Refused(io::Error),
    /// The TLS handshake failed.
    #[error("no TLS: {}", handshake_reason(.0))]
    Tls(io::Error),
    /// The time limit is over.
    #[error("no connection within {} s", .0.as_secs_f32())]
    Slow(Duration),
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let limit = self.time;
        let connected = tokio::time::timeout(limit, self.connect_now(&uri)).await;
        connected.unwrap_or(Err(ConnectError::Slow(limit)))
    }

    async fn connect_now(&self, uri: &Uri) -> Result<Stream, ConnectError> {
        let host = host_of(uri);
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tcp = self.reach(host, port).await?;
        let _ = tcp.set_nodelay(true);
        let tcp = MeteredConnection::new(tcp);
        let (counted, open) = OpenConnection::begin(&self.open);
        let once = open > self.most;
        let stream = |transport| Stream { transport, once, _counted: counted };
        if !secure {
            return Ok(stream(Transport::Plain(TokioIo::new(tcp))));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| ConnectError::Name {
            host: host.to_owned(),
            reason: error.to_string(),
        })?;
        let tls = self.tls.connect(name, tcp).await.map_err(ConnectError::Tls)?;
        Ok(stream(Transport::Tls(TokioIo::new(Box::new(tls)))))
    }

    /// Connects to the first address that accepts. Addresses are checked after the name is
    /// resolved, and the connection uses the checked address. So a DNS answer that changes in
    /// between (DNS rebinding) has no effect.
    async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let addresses = self.resolve(host, port).await?;
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in addresses {
            match refusal(address.ip(), &self.allow) {
                Some(refusal) => refused = Some(refusal),
                None => allowed.push(address),
            }
        }
        let mut last = match refused {
            Some(refusal) => refusal.into(),
            None => {
                ConnectError::Name { host: host.to_owned(), reason: "it has no address".to_owned() }
            }
        };
        // An address that does not respond uses at most its share of the time.
        let share = self.time / u32::try_from(allowed.len()).unwrap_or(u32::MAX).max(1);
        for address in allowed {
            last = match tokio::time::timeout(share, connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => ConnectError::Refused(error),
                Err(_) => ConnectError::Slow(share),
            };
        }
        Err(last)
    }

    /// Returns the addresses of a name. They are cached, because the name was looked up before the
    /// attempt.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let name_error = |reason: String| ConnectError::Name { host: host.to_owned(), reason };
        match self.resolver.resolve("", host).await {
            Ok(addresses) => Ok(addresses.iter().map(|one| (*one, port).into()).collect()),
            Err(error) => Err(name_error(error.to_string())),
        }
    }
}

/// Receive buffer of a socket, in bytes: the maximum of an unread response in the kernel.
const UNREAD_BYTES: u32 = 64 << 10;

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_recv_buffer_size(UNREAD_BYTES)?;
    socket.connect(address).await
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection.
pub(super) struct Stream {
    transport: Transport,
    /// True if the connection is closed after one message.
    once: bool,
    _counted: OpenConnection,
}

/// The transport, with TLS or without.
enum Transport {
    Plain(TokioIo<MeteredConnection<TcpStream>>),
    Tls(TokioIo<Box<TlsStream<MeteredConnection<TcpStream>>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.once {
            connected.poison();
        }
        connected
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
