//! Bodies that a route does not read: they are read and discarded, so that the sender gets the status.
//!
//! A sender that still writes its body when the connection is closed, or its HTTP/2 stream is reset,
//! may never see the answer: TCP discards what it has not read, and clients take any RST_STREAM for a
//! failure, although RFC 9113, section 8.1, lets a server send one after its answer. Nothing of such
//! a body is kept, and number, size and time are bounded.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies that are discarded at the same time. Further ones are dropped: HTTP/1.1 closes the
/// connection, HTTP/2 resets the stream.
const MAX_BODIES: usize = 256;

/// Bytes of one body that are read before it is dropped.
const MAX_BODY_BYTES: usize = 8 << 20;

/// Time in which one body is read before it is dropped.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause of a sender, after which its body is dropped.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The unread bodies of one listening address.
#[derive(Debug, Clone)]
pub(super) struct UnreadBodies(Arc<Semaphore>);

impl Default for UnreadBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_BODIES)))
    }
}

impl UnreadBodies {
    /// Reads the rest of a body in the background, if there is a place for it. `request` is dropped
    /// at its end.
    pub(super) fn discard(&self, body: Incoming, request: impl Send + 'static) {
        // A body may be dropped while the runtime ends.
        let place = Arc::clone(&self.0).try_acquire_owned();
        if let (Ok(place), Ok(runtime)) = (place, Handle::try_current()) {
            runtime.spawn(read_all(body, (request, place)));
        }
    }
}

async fn read_all(body: Incoming, _held: (impl Send + 'static, OwnedSemaphorePermit)) {
    let _ = tokio::time::timeout(BODY_TIMEOUT, read(body)).await;
}

/// Reads a body to its end, to the limit, to a pause, or to an error.
async fn read(mut body: Incoming) {
    let mut left = MAX_BODY_BYTES;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(PAUSE_TIMEOUT, body.frame()).await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) else {
            return;
        };
        left = rest;
    }
}
