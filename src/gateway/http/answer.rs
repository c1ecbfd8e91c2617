//! A request in progress, from its head to the last byte of its answer. Knows nothing of the
//! content of either.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use hyper::{Request, Version};
use tokio::sync::Notify;

use super::connections::{ConnectionPlace, Unstarted};
use super::unread::UnreadBodies;

/// One request in progress. The request ends when the last reference to this value is dropped.
#[derive(Debug)]
pub(super) struct InProgress {
    place: Arc<ConnectionPlace>,
    began: Instant,
    is_received: AtomicBool,
    /// Time at which a part of the answer was handed to the connection, in milliseconds since the
    /// request began; zero if the peer has read everything.
    waiting_since: AtomicU64,
    answered: Notify,
}

impl InProgress {
    pub(super) fn begin(place: &Arc<ConnectionPlace>) -> Arc<Self> {
        place.begin();
        Arc::new(Self {
            place: Arc::clone(place),
            began: Instant::now(),
            is_received: AtomicBool::new(false),
            waiting_since: AtomicU64::new(0),
            answered: Notify::new(),
        })
    }

    /// Marks the request as completely received. From now on the connection is not closed to make
    /// room for others.
    pub(super) fn received(&self) {
        if !self.is_received.swap(true, Ordering::Relaxed) {
            self.place.entry.activity.work();
        }
    }

    /// Records that the head was refused. Closes the connection once too many of its heads were
    /// refused.
    pub(super) fn refuse(&self) {
        if !self.place.entry.activity.refuse() {
            self.place.entry.evicted.notify_one();
        }
    }

    /// Records that the request waits for memory. Returns `None` if too many requests of the
    /// connection or of its address wait already.
    pub(super) fn wait(self: &Arc<Self>) -> Option<MemoryWait> {
        if !self.place.entry.activity.wait() {
            return None;
        }
        if !self.place.wait() {
            self.place.entry.activity.go_on();
            return None;
        }
        Some(MemoryWait(Arc::clone(self)))
    }

    /// Counts the request as read but not started, until the result is dropped.
    pub(super) fn unstarted(&self) -> Unstarted {
        self.place.unstarted()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Records that the peer has a part of the answer to read.
    pub(super) fn hand_over(&self) {
        if self.waiting_since.swap(self.now(), Ordering::Relaxed) == 0 {
            self.answered.notify_one();
        }
    }

    /// Resolves when the peer has not read a part of the answer within the timeout.
    pub(super) async fn unread(&self, timeout: Duration) {
        loop {
            let since = match self.waiting_since.load(Ordering::Relaxed) {
                0 => {
                    self.answered.notified().await;
                    continue;
                }
                since => Duration::from_millis(since),
            };
            let left = (since + timeout).saturating_sub(self.began.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

/// A request that waits for memory, until it is dropped.
pub(super) struct MemoryWait(Arc<InProgress>);

impl Drop for MemoryWait {
    fn drop(&mut self) {
        self.0.place.entry.activity.go_on();
        self.0.place.go_on();
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if *self.is_received.get_mut() {
            self.place.entry.activity.rest();
        }
        self.place.entry.activity.end();
    }
}

/// The body of a request. Marks the request as received when the body ends. A body that is dropped
/// before its end is discarded.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// `None` once the body was dropped.
    body: Option<Incoming>,
    request: Arc<InProgress>,
    unread: UnreadBodies,
    /// True while the sender waits for `100 Continue`, which HTTP sends at the first read: it sends
    /// no body then (RFC 9110, section 10.1.1).
    is_expecting: bool,
    is_ended: bool,
}

impl RequestBody {
    /// Returns the body of a request with this head.
    pub(super) fn new(
        request: Request<Incoming>,
        progress: Arc<InProgress>,
        unread: UnreadBodies,
    ) -> Request<Self> {
        let expects = request.headers().get(EXPECT);
        let is_expecting = request.version() < Version::HTTP_2
            && expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        request.map(|body| {
            let is_ended = body.is_end_stream();
            if is_ended {
                progress.received();
            }
            Self { body: Some(body), request: progress, unread, is_expecting, is_ended }
        })
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|_| !self.is_ended && !self.is_expecting) else {
            return;
        };
        self.unread.discard(body, Arc::clone(&self.request));
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_expecting = false;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(&mut *body).poll_frame(cx);
        let is_end = matches!(frame, Poll::Ready(None)) || body.is_end_stream();
        if is_end {
            self.request.received();
        }
        // An error is an end too: nothing comes after it.
        self.is_ended = is_end || matches!(frame, Poll::Ready(Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Bytes of an answer that are handed on at a time. The connection holds one such part if the peer
/// does not read.
const PART: usize = 16 << 10;

/// The body of an answer, sent in parts. Keeps its request in progress until it is dropped.
#[derive(Debug)]
pub(super) struct Answer {
    body: AxumBody,
    /// Bytes of the current body frame that are not handed on yet.
    rest: Bytes,
    request: Arc<InProgress>,
}

impl Answer {
    pub(super) fn new(body: AxumBody, request: Arc<InProgress>) -> Self {
        Self { body, rest: Bytes::new(), request }
    }

    /// Takes the next part of `rest`.
    fn part(&mut self) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let part = self.rest.split_to(self.rest.len().min(PART));
        self.request.hand_over();
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return self.part();
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {
                // The peer has read everything so far and waits for the gateway.
                self.request.waiting_since.store(0, Ordering::Relaxed);
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    self.rest = data;
                    self.part()
                }
                Err(trailers) => Poll::Ready(Some(Ok(trailers))),
            },
            end => end,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            return self.body.size_hint();
        }
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}
