//! A request in progress, from its head to the last byte of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::Notify;

use super::connections::{Place, Unstarted};

/// One request in progress; it ends when nothing refers to it.
#[derive(Debug)]
pub(super) struct InProgress {
    place: Arc<Place>,
    began: Instant,
    is_received: AtomicBool,
    /// Milliseconds at which a part of the answer was handed on; zero while there is none.
    waiting_since: AtomicU64,
    answered: Notify,
}

impl InProgress {
    pub(super) fn begin(place: &Arc<Place>) -> Arc<Self> {
        place.begin();
        Arc::new(Self {
            place: Arc::clone(place),
            began: Instant::now(),
            is_received: AtomicBool::new(false),
            waiting_since: AtomicU64::new(0),
            answered: Notify::new(),
        })
    }

    /// Notes that nothing more comes of the request: from now on it is not given up for others.
    pub(super) fn received(&self) {
        if !self.is_received.swap(true, Ordering::Relaxed) {
            self.place.entry.activity.work();
        }
    }

    /// Notes that the head was refused: a connection that goes on with that is closed.
    pub(super) fn refuse(&self) {
        if !self.place.entry.activity.refuse() {
            self.place.entry.evicted.notify_one();
        }
    }

    /// Notes that the request waits for memory, if the connection and its address may wait with
    /// one more.
    pub(super) fn wait(self: &Arc<Self>) -> Option<Waiting> {
        if !self.place.entry.activity.wait() {
            return None;
        }
        if !self.place.wait() {
            self.place.entry.activity.go_on();
            return None;
        }
        Some(Waiting(Arc::clone(self)))
    }

    /// Counts the request among those that were read and whose task does not run yet.
    pub(super) fn unstarted(&self) -> Unstarted {
        self.place.unstarted()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes that the peer has a part of the answer to read.
    pub(super) fn hand_over(&self) {
        if self.waiting_since.swap(self.now(), Ordering::Relaxed) == 0 {
            self.answered.notify_one();
        }
    }

    /// Resolves when the peer has not read a part of the answer for so long.
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

/// A request that waits for memory.
pub(super) struct Waiting(Arc<InProgress>);

impl Drop for Waiting {
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

/// The body of a request, which notes when it is there.
#[derive(Debug)]
pub(super) struct Received {
    body: Incoming,
    request: Arc<InProgress>,
}

impl Received {
    pub(super) fn new(body: Incoming, request: Arc<InProgress>) -> Self {
        if body.is_end_stream() {
            request.received();
        }
        Self { body, request }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.request.received();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of an answer that are handed on at a time: so much is held where a peer does not read.
const PART: usize = 16 << 10;

/// The body of an answer, in parts, with the request that it ends.
#[derive(Debug)]
pub(super) struct Answer {
    body: AxumBody,
    /// What is left of a part of the body.
    rest: Bytes,
    request: Arc<InProgress>,
}

impl Answer {
    pub(super) fn new(body: AxumBody, request: Arc<InProgress>) -> Self {
        Self { body, rest: Bytes::new(), request }
    }

    /// The next part, of what is left.
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
                // The peer has read everything so far: it waits for us.
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
