//! The HTTP client of `hookgate send`: sends one request. Does not sign it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};

use crate::gateway::{ClientsError, collected, handshake_reason, trusted_roots};
use crate::listener::Response;

/// The reason why a request got no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// A URL that cannot be posted to.
    #[error("`{0}` is no URL to post to")]
    Url(String),
    /// An address that does not answer.
    #[error("cannot reach {address}: {reason}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Reason of the failure.
        reason: String,
    },
    /// A TLS handshake that fails.
    #[error("no TLS with {address}: {reason}")]
    Handshake {
        /// Host and port.
        address: String,
        /// Reason of the failure.
        reason: String,
    },
    /// A file of certificate authorities that cannot be read.
    #[error(transparent)]
    Authorities(#[from] ClientsError),
    /// TLS that cannot be used.
    #[error("TLS cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// A request that is not valid HTTP.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] hyper::http::Error),
    /// A connection that ended before the response was complete.
    #[error("no answer: {0}")]
    Answer(#[from] hyper::Error),
    /// A response that took too long.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Slow,
}

/// Longest time for a response.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends a request and returns the response. `ca_file` has certificate authorities that are trusted
/// besides those of the system.
///
/// # Errors
/// Returns an error if no server answers, or the response is not valid HTTP.
pub(super) async fn post(
    url: &str,
    method: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
    ca_file: Option<&Path>,
) -> Result<Response, PostError> {
    let uri: Uri = url.parse().map_err(|_| PostError::Url(url.to_owned()))?;
    let host = uri.host().ok_or_else(|| PostError::Url(url.to_owned()))?;
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let address = format!("{host}:{port}");
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder().method(method).uri(target).header("host", &address);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body)))?;
    let answered = async {
        let unreachable = |error: std::io::Error| PostError::Unreachable {
            address: address.clone(),
            reason: error.to_string(),
        };
        let refused = |error: std::io::Error| PostError::Handshake {
            address: address.clone(),
            reason: handshake_reason(&error),
        };
        let stream = TcpStream::connect(&address).await.map_err(unreachable)?;
        if !secure {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| PostError::Url(url.to_owned()))?;
        let stream = connector(ca_file)?.connect(name, stream).await.map_err(refused)?;
        exchange(stream, request).await
    };
    tokio::time::timeout(LIMIT, answered).await.map_err(|_| PostError::Slow)?
}

/// Returns a TLS connector that trusts the authorities of the system, and those of a file.
fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, PostError> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted_roots(ca_file)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response, PostError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let response = collected(answer).await?;
    driven.abort();
    Ok(response)
}
