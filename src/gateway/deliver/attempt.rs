//! One attempt: an HTTP request to the receiver, and its result. Knows no policy and no store.

use std::error::Error as _;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};

use super::HOPS;
use super::client::{Clients, ConnectError};
use crate::delivery::{AttemptResult, DestinationUrl, Endpoint, retry_after};
use crate::gateway::ops::clock::{UnixMicros, time_of};

/// The message of an attempt.
pub(super) struct Message<'m> {
    /// The endpoint of the receiver.
    pub endpoint: &'m Endpoint,
    /// The message id; the same for each attempt.
    pub id: &'m str,
    /// The body.
    pub body: &'m Bytes,
    /// The number of gateways on the way, including this one.
    pub hops: u32,
    /// The time, in microseconds since the epoch.
    pub now: UnixMicros,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptReport {
    pub ended: AttemptResult,
    /// The reason of the failure, in words.
    pub reason: Option<String>,
    pub retry_after: Option<Duration>,
    pub took: Duration,
}

impl AttemptReport {
    /// Returns the report of a message that could not be sent.
    pub(super) fn unsent(ended: AttemptResult, reason: String) -> Self {
        Self { ended, reason: Some(reason), retry_after: None, took: Duration::ZERO }
    }
}

/// Maximum bytes of a response body that are read, so that the connection can be used again. The
/// bytes are dropped.
const MAX_RESPONSE_BYTES: usize = 64 << 10;

/// Time limit for the response body, after the status is known.
const RESPONSE_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends a message within a time limit. Returns its result.
pub(super) async fn send(
    clients: &Clients,
    message: &Message<'_>,
    limit: Duration,
) -> AttemptReport {
    let began = Instant::now();
    let request = match request(message) {
        Ok(request) => request,
        Err(reason) => return AttemptReport::unsent(AttemptResult::Unmade, reason),
    };
    let client = clients.get(message.endpoint.verify_tls);
    let mut report = match tokio::time::timeout(limit, client.request(request)).await {
        Ok(Ok(response)) => answered(response, message.now).await,
        Ok(Err(error)) => failed(&error),
        Err(_) => {
            let reason = format!("no answer within {} s", limit.as_secs_f32());
            AttemptReport::unsent(AttemptResult::TimedOut, reason)
        }
    };
    report.took = began.elapsed();
    report
}

fn request(message: &Message<'_>) -> Result<Request<Full<Bytes>>, String> {
    let endpoint = message.endpoint;
    let seconds = message.now.get().div_euclid(1_000_000);
    // The same form of the URL as in the check, so the same host.
    let url = DestinationUrl::parse(&endpoint.url);
    let url = url.ok_or_else(|| "the URL of the webhook is invalid".to_owned())?;
    let mut request = Request::post(url.as_str())
        .header("content-type", "application/json")
        .header("user-agent", concat!("hookgate/", env!("CARGO_PKG_VERSION")))
        .header(HOPS, message.hops)
        .header("webhook-id", message.id)
        .header("webhook-timestamp", seconds);
    if let Some(signatures) = endpoint.signatures(message.id, message.now.get(), message.body) {
        request = request.header("webhook-signature", signatures);
    }
    let body = Full::new(message.body.clone());
    let mut request = request.body(body).map_err(|error| error.to_string())?;
    // Configured headers replace the default ones. Each value becomes a header line of its own.
    for (name, values) in &endpoint.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header"))?;
        request.headers_mut().remove(&name);
        for value in values {
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("the value of `{name}` cannot be sent"))?;
            request.headers_mut().append(name.clone(), value);
        }
    }
    Ok(request)
}

async fn answered(response: Response<Incoming>, now: UnixMicros) -> AttemptReport {
    let status = response.status().as_u16();
    let ended = AttemptResult::Answered(status);
    let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = wait.and_then(|text| retry_after(text, time_of(now)));
    let reason = match status {
        200..=299 => None,
        300..=399 => Some(format!("the receiver answered {status}; redirects are not followed")),
        _ => Some(format!("the receiver answered {status}")),
    };
    // Only the status counts.
    let _ = tokio::time::timeout(RESPONSE_BODY_TIMEOUT, drain(response.into_body())).await;
    AttemptReport { ended, reason, retry_after, took: Duration::ZERO }
}

/// Reads a body to its end or to the size limit. Above the limit, the connection is closed.
async fn drain(mut body: Incoming) {
    if body.size_hint().lower() > MAX_RESPONSE_BYTES as u64 {
        return;
    }
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_RESPONSE_BYTES {
            return;
        }
    }
}

fn failed(error: &hyper_util::client::legacy::Error) -> AttemptReport {
    let mut source = error.source();
    let mut innermost = error.to_string();
    while let Some(error) = source {
        if let Some(connect) = error.downcast_ref::<ConnectError>() {
            let ended = match connect {
                ConnectError::Forbidden(_) => AttemptResult::Forbidden,
                ConnectError::Slow(_) => AttemptResult::TimedOut,
                _ => AttemptResult::Unreachable,
            };
            return AttemptReport::unsent(ended, connect.to_string());
        }
        innermost = error.to_string();
        source = error.source();
    }
    AttemptReport::unsent(AttemptResult::Unreachable, format!("no answer: {innermost}"))
}
