//! One connection, from the first byte to the last: TLS handshake, HTTP version, requests, close.
//! Does not know the other connections: `connections` decides which one is closed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::activity::Expired;
use super::answer::InProgress;
use super::connections::{ConnectionPlace, HTTP2, TLS};
use super::guard::{Guard, PREFACE};
use super::service::Service;
use super::tls::{Certificates, Handshake};

/// Time that an idle connection may take to close after a shutdown was requested.
const LINGER: Duration = Duration::from_millis(250);

/// Delay before a new connection is read if its address has many connections without a request. In
/// a flood most of these connections are closed during the delay and cost almost nothing.
const CROWD_DELAY: Duration = Duration::from_millis(50);

/// Flow-control window of an HTTP/2 connection: bytes of bodies that a peer may send before they
/// are read. These bytes are held outside the memory budget for bodies. This is the smallest window
/// that RFC 9113, section 6.9.2, allows.
const FLOW_CONTROL_WINDOW: u32 = 65_535;

/// Flow-control window of one HTTP/2 stream, in bytes.
const STREAM_WINDOW: u32 = 32 << 10;

/// Bytes of an answer that HTTP/2 buffers for each stream before they are written.
const SEND_BUFFER: usize = 32 << 10;

/// Streams that the gateway resets because of errors of the peer before the connection is closed.
const RESETS: usize = 64;

/// One connection.
pub(super) struct Connection {
    pub service: Arc<Service>,
    pub place: Arc<ConnectionPlace>,
    pub peer: SocketAddr,
    pub stop: watch::Receiver<bool>,
}

impl Connection {
    /// Serves a socket until the connection is closed.
    pub(super) async fn serve(self, stream: TcpStream, certificates: Option<Arc<Certificates>>) {
        // Answers are small. Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        if self.place.is_crowded() {
            let delay = tokio::time::sleep(CROWD_DELAY);
            if self.before_requests("accept", delay).await.is_none() {
                return;
            }
        }
        let Some(certificates) = certificates else {
            return self.speak(stream).await;
        };
        if !self.place.charge(TLS) {
            return;
        }
        let handshake = Box::pin(certificates.accept(Handshake::new(stream)));
        match self.before_requests("tls", handshake).await {
            // Boxed, so that connections without TLS do not reserve memory for this future.
            Some(Ok(stream)) => Box::pin(self.speak(stream)).await,
            Some(Err(error)) => tracing::debug!(peer = %self.peer, %error, "no handshake"),
            None => {}
        }
    }

    /// Serves HTTP over a stream until the connection is closed.
    pub(super) async fn speak<S>(self, mut stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ready = Instant::now();
        let mut first = [0; PREFACE.len()];
        let version = version(&mut stream, &mut first);
        let Some(Some((length, is_http2))) = self.before_requests("version", version).await else {
            return;
        };
        let timeout = self.service.limits.write_timeout;
        let place = Arc::clone(&self.place);
        if !is_http2 {
            let first = first.get(..length).unwrap_or_default();
            let guard = Guard::http1(stream, place, first, timeout);
            return self.http1(guard, ready).await;
        }
        if self.place.charge(HTTP2) {
            // Boxed: HTTP/2 is rarer than HTTP/1.1 and its future is larger, so other connections
            // do not reserve memory for it.
            let guard = Guard::http2(stream, place, &self.service.limits);
            Box::pin(self.http2(guard, ready)).await;
        }
    }

    /// Runs one stage before the first request, within the header timeout. Returns `None` if the
    /// stage timed out, the connection must give way to another one, or the gateway stops.
    async fn before_requests<T>(&self, stage: &str, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.clone();
        let peer = self.peer;
        tokio::select! {
            // Eviction first: a connection that is closed before it was read costs almost nothing.
            biased;
            () = self.place.entry.evicted.notified() => {
                tracing::debug!(%peer, stage, "the connection gave way to another one");
                None
            }
            done = work => Some(done),
            () = tokio::time::sleep(self.service.limits.header_timeout) => {
                tracing::debug!(%peer, stage, "the connection timed out");
                None
            }
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    async fn http1<S>(self, stream: Guard<S>, ready: Instant)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.service.limits;
        let mut builder = http1::Builder::new();
        builder
            // The timeout comes from the connection's `Activity`.
            .header_read_timeout(None)
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes.max(8192))
            .keep_alive(true);
        let handler = service_fn(|request: Request<Incoming>| {
            self.place.entry.activity.head_ends();
            let progress = InProgress::begin(&self.place);
            self.service.call(self.peer, request, progress)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), handler);
        self.drive(connection, ready, |connection| connection.graceful_shutdown()).await;
    }

    async fn http2<S>(self, stream: Guard<S>, ready: Instant)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.service.limits;
        let streams = Streams { latest: Arc::default(), timeout: limits.write_timeout };
        let mut builder = http2::Builder::new(streams.clone());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(u32::try_from(limits.streams_per_connection).unwrap_or(32))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(FLOW_CONTROL_WINDOW)
            .header_table_size(0)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(RESETS)
            .max_send_buf_size(SEND_BUFFER);
        let handler = service_fn(|request: Request<Incoming>| {
            let progress = InProgress::begin(&self.place);
            streams.next(Arc::clone(&progress));
            self.service.call(self.peer, request, progress)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), handler);
        self.drive(connection, ready, |connection| connection.graceful_shutdown()).await;
    }

    /// Drives a connection to its end. Closes the connection when a stage exceeds its timeout.
    async fn drive<C>(&self, connection: C, ready: Instant, shut: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let activity = &self.place.entry.activity;
        let limits = &self.service.limits;
        let mut connection = std::pin::pin!(connection);
        let mut stop = self.stop.clone();
        let mut timer = std::pin::pin!(tokio::time::sleep(limits.header_timeout));
        let (mut is_stopping, mut is_evicted) = (false, false);
        let mut closes_at = None;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return self.log_end(ended),
                () = self.place.entry.evicted.notified(), if !is_evicted => {
                    is_evicted = true;
                    if !activity.is_working() {
                        return self.cut("the connection gave way to another one");
                    }
                    shut(connection.as_mut());
                    closes_at = Some(Instant::now());
                }
                _ = stop.wait_for(|stop| *stop), if !is_stopping => {
                    is_stopping = true;
                    shut(connection.as_mut());
                    closes_at = Some(Instant::now() + LINGER);
                }
                () = timer.as_mut() => match activity.due(limits, ready) {
                    Err(Expired::Idle) if closes_at.is_none() => {
                        shut(connection.as_mut());
                        closes_at = Some(Instant::now() + LINGER);
                    }
                    Err(_) => return self.cut("the connection timed out"),
                    Ok(_) => {}
                },
            }
            let now = Instant::now();
            if closes_at.is_some_and(|at| at <= now) && activity.is_idle() {
                return self.cut("the connection is closed");
            }
            let next = match closes_at {
                Some(_) => LINGER,
                None => activity.due(limits, ready).unwrap_or(Duration::ZERO),
            };
            timer.as_mut().reset((now + next.max(Duration::from_millis(5))).into());
        }
    }

    fn log_end(&self, ended: hyper::Result<()>) {
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "the connection ended");
        }
    }

    fn cut(&self, why: &str) {
        tracing::debug!(peer = %self.peer, "{why}");
    }
}

/// Reads enough bytes to detect the HTTP version. Returns the number of bytes, and true for HTTP/2;
/// `None` if the peer sends nothing.
async fn version<S: AsyncRead + Unpin>(
    stream: &mut S,
    first: &mut [u8; PREFACE.len()],
) -> Option<(usize, bool)> {
    let mut length = 0;
    loop {
        let read = stream.read(first.get_mut(length..)?).await.ok()?;
        length += read;
        let is_preface = first.get(..length) == PREFACE.get(..length);
        match (is_preface, length) {
            (_, 0) => return None,
            (true, length) if length == PREFACE.len() => return Some((length, true)),
            // A stream that ends within the preface is not HTTP/2.
            (true, _) if read > 0 => {}
            _ => return Some((length, false)),
        }
    }
}

/// The executor for the streams of one HTTP/2 connection. Ends a stream when the peer does not read
/// its answer.
#[derive(Debug, Clone)]
struct Streams {
    /// The request whose stream is spawned next. The HTTP server calls the service for a request
    /// and then spawns its stream, so the two alternate.
    latest: Arc<Mutex<Option<Arc<InProgress>>>>,
    timeout: Duration,
}

impl Streams {
    fn next(&self, request: Arc<InProgress>) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let request = self.latest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let timeout = self.timeout;
        tokio::spawn(async move {
            let Some(request) = request else {
                return stream.await;
            };
            tokio::select! {
                biased;
                () = stream => {}
                // Dropping the stream resets it.
                () = request.unread(timeout) => {
                    tracing::debug!("an answer was not read");
                }
            }
        });
    }
}
