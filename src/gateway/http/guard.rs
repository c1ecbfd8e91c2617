//! The byte stream of a connection with its limits: counts and charges the bytes that are read, and
//! applies the write timeout. Does not interpret a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::connections::{ConnectionPlace, GROWN};
use super::frames::{FrameCounts, FrameReader};
use crate::gateway::config::settings::Limits;

/// The connection preface of HTTP/2 (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of an HTTP/1.1 request above which its read buffer grows.
const SMALL: usize = 8 << 10;

/// Bytes that the decoded fields of a header block may take before the block ends.
const OPEN_BLOCK: usize = 160 << 10;

/// Bytes that are read from one connection before another connection gets its turn: for HTTP/1.1,
/// and for HTTP/2, where each byte may be a field.
const TURN_BYTES: usize = 32 << 10;
const HTTP2_TURN_BYTES: usize = 8 << 10;

/// Bytes that a peer must read within the write timeout.
const MIN_READ_BYTES: usize = 16 << 10;

/// The protocol of a connection, with its accounting.
#[derive(Debug)]
enum Protocol {
    Http1 { is_grown: bool },
    Http2 { frames: Box<FrameReader>, charged: usize, is_head_charged: bool },
}

/// The byte stream of a connection. Returns first the bytes that were read to detect the protocol.
#[derive(Debug)]
pub(super) struct Guard<S> {
    inner: S,
    place: Arc<ConnectionPlace>,
    protocol: Protocol,
    first: [u8; PREFACE.len()],
    /// Range of the first bytes that are not returned yet.
    pending: std::ops::Range<usize>,
    /// Bytes that were read without a pause.
    turn: usize,
    writing: WriteClock,
}

/// The time since which the peer has not read enough.
#[derive(Debug)]
struct WriteClock {
    timeout: Duration,
    blocked: Option<Blocked>,
}

#[derive(Debug)]
struct Blocked {
    sleep: Pin<Box<Sleep>>,
    written: usize,
}

impl<S> Guard<S> {
    /// Returns the guard of an HTTP/1.1 connection. `first` are the bytes that were already read.
    pub(super) fn http1(
        inner: S,
        place: Arc<ConnectionPlace>,
        first: &[u8],
        timeout: Duration,
    ) -> Self {
        let protocol = Protocol::Http1 { is_grown: false };
        Self::new(inner, place, protocol, first, timeout)
    }

    /// Returns the guard of an HTTP/2 connection whose preface was already read.
    pub(super) fn http2(inner: S, place: Arc<ConnectionPlace>, limits: &Limits) -> Self {
        let frames = Box::new(FrameReader::new(limits.headers));
        let protocol = Protocol::Http2 { frames, charged: 0, is_head_charged: false };
        Self::new(inner, place, protocol, PREFACE, limits.write_timeout)
    }

    fn new(
        inner: S,
        place: Arc<ConnectionPlace>,
        protocol: Protocol,
        read: &[u8],
        timeout: Duration,
    ) -> Self {
        let mut first = [0; PREFACE.len()];
        let length = read.len().min(first.len());
        for (to, from) in first.iter_mut().zip(read) {
            *to = *from;
        }
        let writing = WriteClock { timeout, blocked: None };
        Self { inner, place, protocol, first, pending: 0..length, turn: 0, writing }
    }

    /// Counts bytes that were read.
    fn count(&mut self, bytes: &[u8]) -> io::Result<()> {
        let activity = &self.place.entry.activity;
        match &mut self.protocol {
            Protocol::Http1 { is_grown } => {
                if activity.is_idle() {
                    activity.head_begins();
                }
                if activity.read(bytes.len()) > SMALL && !*is_grown {
                    *is_grown = true;
                    charge(&self.place, GROWN)?;
                }
                Ok(())
            }
            Protocol::Http2 { frames, charged, is_head_charged } => {
                let seen = frames.read(bytes).map_err(io::Error::other)?;
                note_head(&self.place, seen);
                if seen.is_head_continued && !*is_head_charged {
                    *is_head_charged = true;
                    charge(&self.place, OPEN_BLOCK)?;
                }
                if seen.table > *charged {
                    charge(&self.place, seen.table - *charged)?;
                    *charged = seen.table;
                }
                Ok(())
            }
        }
    }

    fn wrote(&mut self, bytes: usize) {
        if let Protocol::Http2 { frames, .. } = &mut self.protocol {
            frames.wrote(bytes);
        }
    }
}

fn note_head(place: &ConnectionPlace, seen: FrameCounts) {
    match seen.is_head_open {
        true => place.entry.activity.head_begins(),
        false => place.entry.activity.head_ends(),
    }
}

fn charge(place: &ConnectionPlace, bytes: usize) -> io::Result<()> {
    match place.charge(bytes) {
        true => Ok(()),
        false => Err(io::Error::other("no memory is left for this connection")),
    }
}

impl WriteClock {
    /// Applies the write timeout to the result of a write of `wanted` bytes.
    fn follow(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(written)) => {
                if let Some(blocked) = &mut self.blocked {
                    blocked.written += written;
                    if *written == wanted || blocked.written >= MIN_READ_BYTES {
                        self.blocked = None;
                    }
                }
                result
            }
            Poll::Ready(Err(_)) => result,
            Poll::Pending => {
                let until = Instant::now() + self.timeout;
                let blocked = self.blocked.get_or_insert_with(|| Blocked {
                    sleep: Box::pin(tokio::time::sleep_until(until)),
                    written: 0,
                });
                match blocked.sleep.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = &mut *self;
        if !guard.pending.is_empty() {
            let length = guard.pending.len().min(buffer.remaining());
            let end = guard.pending.start + length;
            buffer.put_slice(guard.first.get(guard.pending.start..end).unwrap_or_default());
            guard.pending.start = end;
            // The preface of HTTP/2 is not a frame and begins no head.
            if matches!(guard.protocol, Protocol::Http1 { .. }) {
                guard.place.entry.activity.head_begins();
            }
            return Poll::Ready(Ok(()));
        }
        let turn = match guard.protocol {
            Protocol::Http1 { .. } => TURN_BYTES,
            Protocol::Http2 { .. } => HTTP2_TURN_BYTES,
        };
        let is_http2 = matches!(guard.protocol, Protocol::Http2 { .. });
        if guard.turn >= turn || is_http2 && guard.place.is_backed_up() {
            guard.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut guard.inner).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().get(before..).unwrap_or_default();
                guard.turn += read.len();
                Poll::Ready(if read.is_empty() { Ok(()) } else { guard.count(read) })
            }
            Poll::Pending => {
                guard.turn = 0;
                Poll::Pending
            }
            error => error,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buffer);
        if let Poll::Ready(Ok(written)) = &result {
            self.wrote(*written);
        }
        self.writing.follow(cx, buffer.len(), result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = buffers.iter().map(|buffer| buffer.len()).sum();
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, buffers);
        if let Poll::Ready(Ok(written)) = &result {
            self.wrote(*written);
        }
        self.writing.follow(cx, wanted, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx).map_ok(|()| 0);
        self.writing.follow(cx, 0, result).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx).map_ok(|()| 0);
        self.writing.follow(cx, 0, result).map_ok(|_| ())
    }
}
