//! A request as it comes over HTTP: bounded in size, time and memory.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::app::PERMIT;
use super::settings::Limits;
use crate::listener::Outcome;

/// A body that was read, as long as it is needed; the memory it takes is counted until then.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The body as it was sent.
    pub raw: Bytes,
    /// The body without its encoding, where it has one.
    unpacked: Option<Vec<u8>>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Incoming {
    /// No body.
    pub(super) fn empty() -> Self {
        Self { raw: Bytes::new(), unpacked: None, _memory: None }
    }

    /// The body without its encoding.
    pub(super) fn unpacked(&self) -> &[u8] {
        self.unpacked.as_deref().unwrap_or(&self.raw)
    }
}

/// Reads a body, as much of it as is allowed and as long as it may take.
///
/// # Errors
/// The outcome of a body that is too large, too slow, or packed in a way that is not taken.
pub(super) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
    memory: &Arc<Semaphore>,
) -> Result<Incoming, Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    let declared =
        headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limits.body as u64) {
        return Err(Outcome::BodyTooLarge);
    }
    let reading = collect(body, limits.body, memory);
    let (raw, mut held) = within(limits.body_time, reading).await??;
    let unpacked = match encoding(headers)? {
        Encoding::Identity => None,
        Encoding::Gzip => {
            // Memory first: what unpacks may be as large as the limit, whatever came.
            let permits = permits(limits.body);
            let more = within(limits.body_time, acquire(memory, permits)).await??;
            held = Some(match held.take() {
                Some(mut held) => {
                    held.merge(more);
                    held
                }
                None => more,
            });
            Some(unpack(&raw, limits.body)?)
        }
    };
    Ok(Incoming { raw, unpacked, _memory: held })
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Outcome> {
    tokio::time::timeout(limit, work).await.map_err(|_| Outcome::RequestTimeout)
}

async fn collect<B>(
    mut body: B,
    most: usize,
    memory: &Arc<Semaphore>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Most bodies come in one piece, which is left where it is.
    let mut first = Bytes::new();
    let mut raw = BytesMut::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        // A sender that goes away in the middle sent no request.
        let frame = frame.map_err(|_| Outcome::RequestTimeout)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.len().max(raw.len()).saturating_add(data.len());
        if length > most {
            return Err(Outcome::BodyTooLarge);
        }
        let wanted = permits(length);
        let have = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted > have {
            let more = acquire(memory, wanted - have).await?;
            match &mut held {
                Some(held) => held.merge(more),
                None => held = Some(more),
            }
        }
        if first.is_empty() && raw.is_empty() {
            first = data;
            continue;
        }
        raw.extend_from_slice(&std::mem::take(&mut first));
        raw.extend_from_slice(&data);
    }
    Ok((if raw.is_empty() { first } else { raw.freeze() }, held))
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT)
}

/// Waits until there is memory for a body; those that are being read will be done in their time.
async fn acquire(memory: &Arc<Semaphore>, permits: usize) -> Result<OwnedSemaphorePermit, Outcome> {
    let permits = u32::try_from(permits).map_err(|_| Outcome::BodyTooLarge)?;
    Arc::clone(memory).acquire_many_owned(permits).await.map_err(|_| Outcome::Unavailable)
}

enum Encoding {
    Identity,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Outcome> {
    let mut named = headers.get_all("content-encoding").iter();
    let (first, more) = (named.next(), named.next());
    let name = match (first, more) {
        (None, _) => return Ok(Encoding::Identity),
        (Some(value), None) => value.to_str().unwrap_or("?").trim().to_ascii_lowercase(),
        _ => return Err(Outcome::UnsupportedEncoding),
    };
    match name.as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        _ => Err(Outcome::UnsupportedEncoding),
    }
}

/// Unpacks gzip (RFC 1952), as far as is allowed: a few bytes can be a thousand times as many.
fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, Outcome> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|_| Outcome::UnsupportedEncoding)?;
    if unpacked.len() > most { Err(Outcome::BodyTooLarge) } else { Ok(unpacked) }
}
