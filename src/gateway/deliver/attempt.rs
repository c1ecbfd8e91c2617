//! One attempt: a request to the receiver, and what came of it.

use std::error::Error as _;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};

use super::HOPS;
use super::client::{Clients, ConnectError};
use crate::delivery::{Ended, Endpoint, retry_after};
use crate::gateway::clock::time_of;

/// What is sent.
pub(super) struct Message<'m> {
    /// The endpoint that it goes to.
    pub endpoint: &'m Endpoint,
    /// Its id: the same for each attempt.
    pub id: &'m str,
    /// Its body.
    pub body: &'m str,
    /// How many gateways it went through, this one too.
    pub hops: u32,
    /// The time, in microseconds since the epoch.
    pub now: i64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Came {
    pub ended: Ended,
    /// Why it was not taken, in words.
    pub reason: Option<String>,
    pub retry_after: Option<Duration>,
    pub took: Duration,
}

impl Came {
    /// Something that could not be sent at all.
    pub(super) fn unsent(ended: Ended, reason: String) -> Self {
        Self { ended, reason: Some(reason), retry_after: None, took: Duration::ZERO }
    }
}

/// Of an answer's body so much is read, that its connection can be used again; nothing is kept.
const ANSWER_BYTES: usize = 64 << 10;

/// An answer whose status is known may take so long for the rest.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Sends a message, and says what came of it, within a time.
pub(super) async fn send(clients: &Clients, message: &Message<'_>, limit: Duration) -> Came {
    let began = Instant::now();
    let request = match request(message) {
        Ok(request) => request,
        Err(reason) => return Came::unsent(Ended::Unmade, reason),
    };
    let client = clients.get(message.endpoint.verify_tls);
    let mut came = match tokio::time::timeout(limit, client.request(request)).await {
        Ok(Ok(response)) => answered(response, message.now).await,
        Ok(Err(error)) => failed(&error),
        Err(_) => {
            let reason = format!("no answer within {} s", limit.as_secs_f32());
            Came::unsent(Ended::TimedOut, reason)
        }
    };
    came.took = began.elapsed();
    came
}

fn request(message: &Message<'_>) -> Result<Request<Full<Bytes>>, String> {
    let endpoint = message.endpoint;
    let seconds = message.now.div_euclid(1_000_000);
    let mut request = Request::post(&endpoint.url)
        .header("content-type", "application/json")
        .header("user-agent", concat!("hookgate/", env!("CARGO_PKG_VERSION")))
        .header(HOPS, message.hops)
        .header("webhook-id", message.id)
        .header("webhook-timestamp", seconds);
    if let Some(signatures) = endpoint.signatures(message.id, message.now, message.body.as_bytes())
    {
        request = request.header("webhook-signature", signatures);
    }
    let body = Full::new(Bytes::copy_from_slice(message.body.as_bytes()));
    let mut request = request.body(body).map_err(|error| error.to_string())?;
    // What was configured comes in place of what is usual, and several values are several headers.
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

async fn answered(response: Response<Incoming>, now: i64) -> Came {
    let status = response.status().as_u16();
    let ended = Ended::Answered(status);
    let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = wait.and_then(|text| retry_after(text, time_of(now)));
    let reason = match status {
        200..=299 => None,
        300..=399 => Some(format!("the receiver answered {status}; redirects are not followed")),
        _ => Some(format!("the receiver answered {status}")),
    };
    // Whatever comes after the status changes nothing.
    let _ = tokio::time::timeout(ANSWER_TIME, drain(response.into_body())).await;
    Came { ended, reason, retry_after, took: Duration::ZERO }
}

/// Reads a body to its end, or to where it is too long: then its connection is closed.
async fn drain(mut body: Incoming) {
    if body.size_hint().lower() > ANSWER_BYTES as u64 {
        return;
    }
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > ANSWER_BYTES {
            return;
        }
    }
}

fn failed(error: &hyper_util::client::legacy::Error) -> Came {
    let mut source = error.source();
    let mut innermost = error.to_string();
    while let Some(error) = source {
        if let Some(connect) = error.downcast_ref::<ConnectError>() {
            let ended = match connect {
                ConnectError::Forbidden(_) => Ended::Forbidden,
                ConnectError::Slow(_) => Ended::TimedOut,
                _ => Ended::Unreachable,
            };
            return Came::unsent(ended, connect.to_string());
        }
        innermost = error.to_string();
        source = error.source();
    }
    Came::unsent(Ended::Unreachable, format!("no answer: {innermost}"))
}
