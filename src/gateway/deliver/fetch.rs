//! Documents that a listener needs from the network: keys, and confirmations of subscriptions. They
//! go through the client of deliveries, so SSRF protection applies. No redirect is followed. Knows
//! no listeners.

use std::error::Error as _;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};

use super::client::{Clients, ConnectError};

/// Largest document, in bytes. JWK Sets of the large issuers are below 16 KiB.
const MAX_DOCUMENT_BYTES: usize = 64 << 10;

/// Time limit of a fetch, from the look-up of the name to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason why a document was not fetched.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum FetchError {
    /// The URL cannot be requested.
    #[error("the URL is invalid")]
    Url,
    /// The name does not resolve, or no look-up could begin.
    #[error("the name was not resolved: {0}")]
    Name(String),
    /// The connection failed, or the address is forbidden.
    #[error("{0}")]
    Connection(String),
    /// The server redirects to another URL.
    #[error("the server answered {0}; redirects are not followed")]
    Redirect(u16),
    /// The server answers with another status than 200.
    #[error("the server answered {0}")]
    Status(u16),
    /// The document is too large.
    #[error("the document has more than {MAX_DOCUMENT_BYTES} bytes")]
    Large,
    /// The time limit is over.
    #[error("no document within {} s", FETCH_TIMEOUT.as_secs())]
    Slow,
}

/// Fetches the document of a URL for a tenant.
///
/// # Errors
/// Returns the reason why there is none.
pub(in crate::gateway) async fn fetch(
    clients: &Clients,
    tenant: &str,
    url: &str,
) -> Result<Vec<u8>, FetchError> {
    let fetching = tokio::time::timeout(FETCH_TIMEOUT, get(clients, tenant, url)).await;
    fetching.unwrap_or(Err(FetchError::Slow))
}

async fn get(clients: &Clients, tenant: &str, url: &str) -> Result<Vec<u8>, FetchError> {
    let looked_up = clients.look_up(tenant, url).await;
    looked_up.map_err(|error| FetchError::Name(error.to_string()))?;
    let request = Request::get(url)
        .header("accept", "*/*")
        .header("user-agent", concat!("hookgate/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::new()))
        .map_err(|_| FetchError::Url)?;
    let answer = clients.get(true).request(request).await;
    let answer = answer.map_err(|error| FetchError::Connection(reason(&error)))?;
    match answer.status() {
        StatusCode::OK => document(answer.into_body()).await,
        status if status.is_redirection() => Err(FetchError::Redirect(status.as_u16())),
        status => Err(FetchError::Status(status.as_u16())),
    }
}

/// Reads a document to its end or to the size limit. Above the limit, the connection is closed.
async fn document(mut body: Incoming) -> Result<Vec<u8>, FetchError> {
    let mut document = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Connection(error.to_string()))?;
        let data = frame.into_data().unwrap_or_default();
        if document.len() + data.len() > MAX_DOCUMENT_BYTES {
            return Err(FetchError::Large);
        }
        document.extend_from_slice(&data);
    }
    Ok(document)
}

/// Returns the innermost reason of a failed request.
fn reason(error: &hyper_util::client::legacy::Error) -> String {
    let mut source = error.source();
    let mut innermost = error.to_string();
    while let Some(error) = source {
        if let Some(connect) = error.downcast_ref::<ConnectError>() {
            return connect.to_string();
        }
        innermost = error.to_string();
        source = error.source();
    }
    innermost
}
