//! A request as it comes over HTTP: bounded in size, time and memory.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body;
use tokio::time::Instant;

use super::memory::{BEGINNING, Held, Memory};
use crate::gateway::settings::Limits;
use crate::listener::Outcome;

/// A body that was read, as long as it is needed; the memory it takes is counted until then.
#[derive(Debug)]
pub(in crate::gateway) struct Incoming {
    /// The body as it was sent.
    pub raw: Bytes,
    encoding: Encoding,
    /// The body without its encoding, where it has one.
    unpacked: Option<Vec<u8>>,
    memory: Held,
}

impl Incoming {
    /// No body.
    pub(in crate::gateway) fn empty() -> Self {
        let encoding = Encoding::Identity;
        Self { raw: Bytes::new(), encoding, unpacked: None, memory: Held::default() }
    }

    /// Counts a copy that is made beside the body, for as long as the body is there.
    ///
    /// # Errors
    /// `Unavailable` where there is no room for it.
    pub(in crate::gateway) fn count_copy(
        &mut self,
        memory: &Memory,
        bytes: usize,
    ) -> Result<(), Outcome> {
        self.memory.copy(memory, bytes)
    }

    /// Whether the body may have more than some bytes when it is unpacked.
    pub(in crate::gateway) fn may_exceed(&self, bytes: usize) -> bool {
        self.raw.len() > bytes || matches!(self.encoding, Encoding::Gzip)
    }

    /// Unpacks the body, where it is packed: work for the sender, so it is done when the sender's
    /// turn has come. The memory for it is held already.
    ///
    /// # Errors
    /// The outcome of a body that does not unpack, or to more than is allowed.
    pub(in crate::gateway) fn unpack(&mut self, most: usize) -> Result<(), Outcome> {
        if matches!(self.encoding, Encoding::Gzip) {
            self.unpacked = Some(unpack(&self.raw, most)?);
        }
        Ok(())
    }

    /// The body without its encoding, once it is unpacked.
    pub(in crate::gateway) fn unpacked(&self) -> &[u8] {
        self.unpacked.as_deref().unwrap_or(&self.raw)
    }
}

/// How long a body is looked at before it is said to stall.
const PACE_TIME: Duration = Duration::from_secs(1);

/// Bytes that a body has to bring in that time, where others wait for the memory that it holds.
const PACE: usize = 16 << 10;

/// A body that brought nothing for so long gives way to a request that finds no room.
const GRACE: Duration = Duration::from_millis(50);

/// A long body is held twice: as it came, and as the log and the event have it.
const COPIES: usize = 2;

/// Reads a body, as much of it as is allowed and as long as it may take.
///
/// # Errors
/// The outcome of a body that is too large, too slow, or packed in a way that is not taken.
pub(in crate::gateway) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
    memory: &Memory,
) -> Result<Incoming, Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    // The server has refused a length that is no number: it is told here for its size alone.
    let declared =
        headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limits.body as u64) {
        return Err(Outcome::BodyTooLarge);
    }
    let declared = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(limits.body);
    let encoding = encoding(headers)?;
    // What unpacks may be as large as the limit, whatever came.
    let unpacks = match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => limits.body,
    };
    let mut held = Held::default();
    let size = Size { most: limits.body, declared, unpacks };
    let reading = collect(body, size, memory, &mut held);
    let raw = within(limits.body_time, reading).await??;
    if matches!(encoding, Encoding::Gzip) {
        within(limits.body_time, held.long(memory, unpacks)).await??;
    }
    Ok(Incoming { raw, encoding, unpacked: None, memory: held })
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Outcome> {
    tokio::time::timeout(limit, work).await.map_err(|_| Outcome::RequestTimeout)
}

/// How large a body may be.
struct Size {
    /// Beyond this it is refused.
    most: usize,
    /// What it says that it is, or the most.
    declared: usize,
    /// What it may unpack to besides.
    unpacks: usize,
}

async fn collect<B>(
    mut body: B,
    size: Size,
    memory: &Memory,
    held: &mut Held,
) -> Result<Bytes, Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Most bodies come in one piece, which is left where it is.
    let mut first = Bytes::new();
    let mut raw = BytesMut::new();
    let mut seen = 0;
    let mut looked = Instant::now();
    loop {
        let have = first.len().max(raw.len());
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            pressed = stalls(memory, looked) => {
                let took = looked.elapsed();
                let stalled = have - seen < pace(took);
                if stalled && (pressed || memory.is_scarce()) && took >= GRACE {
                    return Err(Outcome::RequestTimeout);
                }
                if took >= GRACE {
                    (seen, looked) = (have, Instant::now());
                }
                continue;
            }
        };
        let Some(frame) = frame else {
            return Ok(if raw.is_empty() { first } else { raw.freeze() });
        };
        // A sender that goes away in the middle sent no request.
        let frame = frame.map_err(|_| Outcome::RequestTimeout)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = have.saturating_add(data.len());
        if length > size.most {
            return Err(Outcome::BodyTooLarge);
        }
        // The beginning was counted with the head.
        if length > BEGINNING {
            held.long(memory, size.declared.saturating_mul(COPIES).saturating_add(size.unpacks))
                .await?;
        }
        if first.is_empty() && raw.is_empty() {
            first = data;
            continue;
        }
        if length > BEGINNING {
            // Once: what grows by doubling takes up to twice what is counted.
            raw.reserve(size.declared.saturating_sub(raw.len()));
        }
        raw.extend_from_slice(&std::mem::take(&mut first));
        raw.extend_from_slice(&data);
    }
}

/// Bytes that a body has to bring in a time.
fn pace(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX).saturating_mul(PACE) / 1000
}

/// Resolves when a body has to be looked at: with true when another request finds no room.
async fn stalls(memory: &Memory, looked: Instant) -> bool {
    let pressed = memory.pressed();
    tokio::select! {
        () = pressed => true,
        () = tokio::time::sleep_until(looked + PACE_TIME) => false,
    }
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Identity,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Outcome> {
    let mut named = headers.get_all("content-encoding").iter();
    let (first, more) = (named.next(), named.next());
    let name = match (first, more) {
        (None, _) => return Ok(Encoding::Identity),
        // One that is not ASCII is refused as any other that is not known.
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
