//! One connection, from its first byte to its last: TLS, the version of HTTP, requests, the end.

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
use super::connections::{HTTP2, Place, TLS};
use super::guard::{Guard, PREFACE};
use super::service::Service;
use super::tls::{Certificates, Handshake};

/// How long an idle connection may take to end once it is told to.
const LINGER: Duration = Duration::from_millis(250);

/// How long a new connection waits before it is read, where its address has many connections
/// without a request. In a flood most of them give way meanwhile, and cost next to nothing.
const CROWD_DELAY: Duration = Duration::from_millis(50);

/// Bytes of bodies that an HTTP/2 connection may send before they are read: until then they are
/// kept beside the memory for bodies. It is the least that there may be (RFC 9113, section 6.9.2).
const WINDOW: u32 = 65_535;

/// The same of one stream.
const STREAM_WINDOW: u32 = 32 << 10;

/// Bytes that HTTP/2 keeps of answers that were not written.
const SEND_BUFFER: usize = 32 << 10;

/// Streams that a peer may make us reset before the connection is closed.
const RESETS: usize = 64;

/// One connection.
pub(super) struct Connection {
    pub service: Arc<Service>,
    pub place: Arc<Place>,
    pub peer: SocketAddr,
    pub stop: watch::Receiver<bool>,
}

impl Connection {
    /// Serves a socket until it is closed.
    pub(super) async fn serve(self, stream: TcpStream, certificates: Option<Arc<Certificates>>) {
        // Answers are small: waiting for more to send with them would only delay them.
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
            // Boxed: connections without TLS do not carry its room.
            Some(Ok(stream)) => Box::pin(self.speak(stream)).await,
            Some(Err(error)) => tracing::debug!(peer = %self.peer, %error, "no handshake"),
            None => {}
        }
    }

    /// Speaks HTTP over a stream until it is closed.
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
            // Rare beside HTTP/1.1, and larger: other connections do not carry its room.
            let guard = Guard::http2(stream, place, &self.service.limits);
            Box::pin(self.http2(guard, ready)).await;
        }
    }

    /// Does what comes before the first request, within its time, unless the connection has to
    /// give way or the gateway stops.
    async fn before_requests<T>(&self, stage: &str, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.clone();
        let peer = self.peer;
        tokio::select! {
            // First: a connection that gives way before it was read costs next to nothing.
            biased;
            () = self.place.entry.evicted.notified() => {
                tracing::debug!(%peer, stage, "the connection gave way to another one");
                None
            }
            done = work => Some(done),
            () = tokio::time::sleep(self.service.limits.header_time) => {
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
            // The activity of the connection has the clock.
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
            .initial_connection_window_size(WINDOW)
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

    /// Drives a connection to its end, and ends it when a stage takes too long.
    async fn drive<C>(&self, connection: C, ready: Instant, shut: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let activity = &self.place.entry.activity;
        let limits = &self.service.limits;
        let mut connection = std::pin::pin!(connection);
        let mut stop = self.stop.clone();
        let mut timer = std::pin::pin!(tokio::time::sleep(limits.header_time));
        let (mut is_stopping, mut is_evicted) = (false, false);
        let mut closes_at = None;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return self.ended(ended),
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

    fn ended(&self, ended: hyper::Result<()>) {
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "the connection ended");
        }
    }

    fn cut(&self, why: &str) {
        tracing::debug!(peer = %self.peer, "{why}");
    }
}

/// Reads as many bytes as tell the version; nothing where none come.
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
            // A beginning of the preface without its end is no HTTP/2.
            (true, _) if read > 0 => {}
            _ => return Some((length, false)),
        }
    }
}

/// The executor of the streams of one HTTP/2 connection: each ends when its answer is not read.
#[derive(Debug, Clone)]
struct Streams {
    /// The request whose stream is spawned next: the server calls the service for a request and
    /// spawns its stream in turn.
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
                // The stream is reset when it is dropped.
                () = request.unread(timeout) => {
                    tracing::debug!("an answer was not read");
                }
            }
        });
    }
}
