//! The body reader: reads the body of a request, bounded in size, time and memory. Does not parse
//! the body.

use std::io::{BufRead, Read};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body;
use tokio::time::Instant;

use super::memory::{BEGINNING, BodyReservation, Memory};
use crate::gateway::config::settings::Limits;
use crate::gateway::ops::memory_pool::Owner;
use crate::listener::Outcome;

/// A body that was read. Its memory stays reserved until this value is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Incoming {
    /// The body as received.
    pub raw: Bytes,
    encoding: Encoding,
    /// The decompressed body, if it was compressed.
    unpacked: Option<Vec<u8>>,
    memory: BodyReservation,
}

impl Incoming {
    /// Returns an empty body.
    pub(in crate::gateway) fn empty() -> Self {
        let encoding = Encoding::Identity;
        Self { raw: Bytes::new(), encoding, unpacked: None, memory: BodyReservation::default() }
    }

    /// Reserves memory for a copy of the body, until the body is dropped.
    ///
    /// # Errors
    /// Returns `Unavailable` if the memory budget has no room.
    pub(in crate::gateway) fn count_copy(
        &mut self,
        memory: &Memory,
        bytes: usize,
    ) -> Result<(), Outcome> {
        self.memory.copy(memory, bytes)
    }

    /// Returns the memory reservation, for the copies of the body that outlive it.
    pub(in crate::gateway) fn into_memory(self) -> BodyReservation {
        self.memory
    }

    /// Returns true if the body is compressed: its decompression may cost more than its size says.
    pub(in crate::gateway) fn is_packed(&self) -> bool {
        matches!(self.encoding, Encoding::Gzip)
    }

    /// Decompresses the body if it is compressed.
    ///
    /// This costs CPU time on behalf of the sender, so it runs when it is the sender's turn. The
    /// memory is already reserved.
    ///
    /// # Errors
    /// Returns the outcome if the body cannot be decompressed, or is larger than `most` bytes.
    pub(in crate::gateway) fn unpack(&mut self, most: usize) -> Result<(), Outcome> {
        if matches!(self.encoding, Encoding::Gzip) && self.unpacked.is_none() {
            self.unpacked = Some(unpack(&self.raw, most)?);
        }
        Ok(())
    }

    /// Returns the decompressed body; the body as received if it was not compressed.
    pub(in crate::gateway) fn unpacked(&self) -> &[u8] {
        self.unpacked.as_deref().unwrap_or(&self.raw)
    }
}

/// Interval at which the pace of a body is measured.
const PACE_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes a second that a body must deliver while other requests wait for memory.
const MIN_BYTES_PER_SECOND: usize = 16 << 10;

/// Seconds in which a long body must be complete at its pace while others wait for long memory.
const LONG_BODY_SECONDS: usize = 4;

/// Bytes of compressed input between two looks at the processor time.
const METERED_BYTES: usize = 2 << 10;

/// Processor time for decompression, and again for each MiB that the body may have. Deflate blocks
/// without output cost a thousand times more than ordinary input. A build without optimisation is
/// some twenty times slower.
const UNPACK_TIME: Duration =
    if cfg!(debug_assertions) { Duration::from_millis(600) } else { Duration::from_millis(30) };

/// Shortest time over which the pace of a body is measured. A body that stalls for this time gives
/// way to a request that finds no memory.
const MIN_PACE_TIME: Duration = Duration::from_millis(50);

/// Copies of a long body that memory is reserved for: the body as received, and the copy in the
/// request log and the event.
const BODY_COPIES: usize = 2;

/// Reads a body within the limits on size and time.
///
/// # Errors
/// Returns the outcome of a body that is too large or too slow, or has an unsupported encoding.
pub(in crate::gateway) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
    memory: &Memory,
    owner: &Owner,
) -> Result<Incoming, Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    // The HTTP server has already refused a length that is not a number. Here only the size is
    // checked.
    let declared =
        headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limits.body as u64) {
        return Err(Outcome::BodyTooLarge);
    }
    let declared = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(limits.body);
    let encoding = encoding(headers)?;
    // A compressed body may decompress to the limit, however small it is.
    let unpacks = match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => limits.body,
    };
    let mut held = BodyReservation::default();
    let size = Size { most: limits.body, declared, unpacks };
    let reading = collect(body, size, (memory, owner), &mut held);
    let raw = within(limits.body_timeout, reading).await??;
    if matches!(encoding, Encoding::Gzip) {
        within(limits.body_timeout, held.reserve_long(memory, owner, unpacks)).await??;
    }
    Ok(Incoming { raw, encoding, unpacked: None, memory: held })
}

/// Reads a body that must not be compressed. Decompression costs CPU time, which only listeners
/// bound by sender.
///
/// # Errors
/// Returns the outcome of a body that is too large, too slow or compressed.
pub(in crate::gateway) async fn read_plain<B>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
    memory: &Memory,
    owner: &Owner,
) -> Result<Incoming, Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    match encoding(headers)? {
        Encoding::Identity => read(headers, body, limits, memory, owner).await,
        Encoding::Gzip => Err(Outcome::UnsupportedEncoding),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Outcome> {
    tokio::time::timeout(limit, work).await.map_err(|_| Outcome::RequestTimeout)
}

/// The sizes that bound a body, in bytes.
struct Size {
    /// Largest body that is accepted.
    most: usize,
    /// Length that the sender declares, or the limit.
    declared: usize,
    /// Additional bytes that the decompressed body may take.
    unpacks: usize,
}

async fn collect<B>(
    mut body: B,
    size: Size,
    (memory, owner): (&Memory, &Owner),
    held: &mut BodyReservation,
) -> Result<Bytes, Outcome>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Most bodies arrive in one piece, which is used without a copy.
    let mut first = Bytes::new();
    let mut raw = BytesMut::new();
    let mut seen = 0;
    let mut looked = Instant::now();
    loop {
        let have = first.len().max(raw.len());
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = stalls(memory, held, looked) => {
                let took = looked.elapsed();
                if took < MIN_PACE_TIME {
                    continue;
                }
                if have - seen < pace(took, required_rate(memory, held, size.declared)) {
                    return Err(Outcome::RequestTimeout);
                }
                (seen, looked) = (have, Instant::now());
                continue;
            }
        };
        let Some(frame) = frame else {
            return Ok(if raw.is_empty() { first } else { raw.freeze() });
        };
        // A sender that disconnects in the middle of a body has not sent a request.
        let frame = frame.map_err(|_| Outcome::RequestTimeout)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = have.saturating_add(data.len());
        if length > size.most {
            return Err(Outcome::BodyTooLarge);
        }
        // The memory for the first bytes was reserved with the head.
        if length > BEGINNING {
            let bytes = size.declared.saturating_mul(BODY_COPIES).saturating_add(size.unpacks);
            held.reserve_long(memory, owner, bytes).await?;
        }
        if first.is_empty() && raw.is_empty() {
            first = data;
            continue;
        }
        if length > BEGINNING {
            // One allocation for the whole body: a buffer that grows by doubling takes up to twice
            // the memory that is reserved.
            raw.reserve(size.declared.saturating_sub(raw.len()));
        }
        raw.extend_from_slice(&std::mem::take(&mut first));
        raw.extend_from_slice(&data);
    }
}

/// Returns the bytes a second that a body must deliver now. Zero while no request needs the memory
/// that the body holds.
fn required_rate(memory: &Memory, held: &BodyReservation, declared: usize) -> usize {
    let is_long_needed =
        held.share().is_some_and(|share| share.has_waiters() || memory.long().has_waiters());
    match (is_long_needed, memory.short().is_scarce()) {
        (true, _) => MIN_BYTES_PER_SECOND.max(declared / LONG_BODY_SECONDS),
        (false, true) => MIN_BYTES_PER_SECOND,
        (false, false) => 0,
    }
}

/// Returns the bytes that a body must deliver in a time.
fn pace(time: Duration, bytes_per_second: usize) -> usize {
    let millis = usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
    millis.saturating_mul(bytes_per_second) / 1000
}

/// Resolves when the pace of the body must be measured: when another request finds no memory, and
/// every `PACE_INTERVAL`.
async fn stalls(memory: &Memory, held: &BodyReservation, looked: Instant) {
    let share = async {
        match held.share() {
            Some(share) => share.pressed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = memory.short().pressed() => {}
        () = memory.long().pressed() => {}
        () = share => {}
        () = tokio::time::sleep_until(looked + PACE_INTERVAL) => {}
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
        // A name that is not ASCII is refused like any unknown encoding.
        (Some(value), None) => value.to_str().unwrap_or("?").trim().to_ascii_lowercase(),
        _ => return Err(Outcome::UnsupportedEncoding),
    };
    match name.as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        _ => Err(Outcome::UnsupportedEncoding),
    }
}

/// Decompresses gzip (RFC 1952) up to a limit: a few bytes can decompress to a thousand times as
/// many.
fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, Outcome> {
    // One allocation, as for a long body. Its pages are used only as far as they are written.
    let mut unpacked = Vec::with_capacity(most.saturating_add(1));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(MeteredBody::new(packed, most))
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|_| Outcome::UnsupportedEncoding)?;
    if unpacked.len() > most {
        return Err(Outcome::BodyTooLarge);
    }
    unpacked.shrink_to_fit();
    Ok(unpacked)
}

/// Compressed input that ends with an error when its decompression takes too much processor time.
struct MeteredBody<'p> {
    rest: &'p [u8],
    until: Duration,
}

impl<'p> MeteredBody<'p> {
    fn new(rest: &'p [u8], most: usize) -> Self {
        let mebibytes = u32::try_from(most >> 20).unwrap_or(u32::MAX);
        let allowed = UNPACK_TIME.saturating_add(UNPACK_TIME.saturating_mul(mebibytes));
        Self { rest, until: processor_time().saturating_add(allowed) }
    }
}

impl Read for MeteredBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for MeteredBody<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if processor_time() > self.until {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        Ok(self.rest.get(..METERED_BYTES).unwrap_or(self.rest))
    }

    fn consume(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// Returns the processor time of this thread.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{BodyReservation, Duration, MIN_BYTES_PER_SECOND, Memory, Owner, required_rate};

    #[tokio::test]
    async fn a_body_needs_a_minimum_rate_only_while_other_requests_need_its_memory() {
        let memory = Memory::new(64 << 20);
        let owner = Owner::Address(IpAddr::from([192, 0, 2, 1]));
        let (body, short) = (1 << 20, BodyReservation::default());
        let mut long = BodyReservation::default();
        long.reserve_long(&memory, &owner, 2 * body).await.unwrap();
        assert_eq!(required_rate(&memory, &long, body), 0);
        // Bodies of the same owner, until one has to wait.
        let mut others = Vec::new();
        let wait = Duration::from_millis(20);
        let mut waiting = loop {
            let mut held = BodyReservation::default();
            let reserving = held.reserve_long(&memory, &owner, 2 * body);
            if tokio::time::timeout(wait, reserving).await.is_err() {
                break held;
            }
            assert_eq!(required_rate(&memory, &long, body), 0, "nobody waits");
            others.push(held);
        };
        let waits = waiting.reserve_long(&memory, &owner, 2 * body);
        let looks = async {
            tokio::time::sleep(wait).await;
            assert_eq!(required_rate(&memory, &long, body), body / 4);
            assert_eq!(required_rate(&memory, &long, 20_000), MIN_BYTES_PER_SECOND);
            assert_eq!(required_rate(&memory, &short, body), 0, "it holds no long memory");
        };
        tokio::select! {
            () = looks => {}
            _ = waits => panic!("it did not have to wait"),
        }
    }
}
