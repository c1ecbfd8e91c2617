//! Listening: connections in, bounded in number and time, handed to the routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use super::settings::Limits;
use super::tls::Certificates;

/// What listens at one address.
pub(super) struct Server {
    /// What a request is handed to.
    pub routes: Router,
    /// Limits of connections.
    pub limits: Limits,
    /// Certificates, where it speaks TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// Connections that are open.
    pub connections: prometheus_client::metrics::gauge::Gauge,
}

/// How many requests of one HTTP/2 connection run at a time.
const STREAMS: u32 = 100;

/// Bytes of bodies that an HTTP/2 connection may send before they are read: until then they are
/// kept beside the memory for bodies. It is the least that there may be (RFC 9113, section 6.9.2).
const WINDOW: u32 = 65_535;

/// How long to wait where the system has no more file descriptors.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// How often it is told that nobody else is let in.
const QUIET: Duration = Duration::from_secs(10);

impl Server {
    /// Accepts connections until told to stop, then lets those that are open finish, for as long
    /// as they may.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) {
        let graceful = GracefulShutdown::new();
        let permits = Arc::new(Semaphore::new(self.limits.connections));
        let builder = Arc::new(builder(&self.limits));
        let server = Arc::new(self);
        let mut told = None;
        loop {
            if permits.available_permits() == 0 {
                tell_full(&mut told, server.limits.connections);
            }
            let permit = tokio::select! {
                permit = Arc::clone(&permits).acquire_owned() => permit,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match (accepted, permit) {
                (Ok((stream, peer)), Ok(permit)) => {
                    let connection = Connection {
                        server: Arc::clone(&server),
                        builder: Arc::clone(&builder),
                        peer,
                        _permit: permit,
                    };
                    tokio::spawn(connection.serve(stream, graceful.watcher()));
                }
                (Err(error), _) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(NO_DESCRIPTORS).await;
                }
                (_, Err(_)) => break,
            }
        }
        drop(listener);
        if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections that were still open are dropped");
        }
    }

    /// Speaks with one peer over a stream that is no socket, as if it were one.
    pub(super) async fn converse<S>(self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Ok(permit) = Arc::new(Semaphore::new(1)).acquire_owned().await else {
            return;
        };
        let builder = Arc::new(builder(&self.limits));
        let connection = Connection { server: Arc::new(self), builder, peer, _permit: permit };
        connection.speak(stream, GracefulShutdown::new().watcher()).await;
    }
}

/// Tells that nobody else is let in, and not at every connection that ends.
fn tell_full(told: &mut Option<Instant>, connections: usize) {
    if told.is_none_or(|told| told.elapsed() >= QUIET) {
        tracing::warn!(connections, "as many connections as may be: others wait for one to end");
        *told = Some(Instant::now());
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8192))
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(limits.header_time)
        .keep_alive_timeout(limits.header_time);
    builder
}

/// One connection.
struct Connection {
    server: Arc<Server>,
    builder: Arc<Builder<TokioExecutor>>,
    peer: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: Watcher) {
        self.server.connections.inc();
        // Answers are small: waiting for more to send with them would only delay them.
        let _ = stream.set_nodelay(true);
        match &self.server.certificates {
            None => self.speak(stream, watcher).await,
            Some(certificates) => {
                let handshake = certificates.acceptor().accept(stream);
                let limit = self.server.limits.header_time;
                match tokio::time::timeout(limit, handshake).await {
                    Ok(Ok(stream)) => self.speak(stream, watcher).await,
                    Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "no handshake"),
                    Err(_) => tracing::debug!(peer = %self.peer, "the handshake took too long"),
                }
            }
        }
        self.server.connections.dec();
    }

    async fn speak<S>(&self, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = self.peer;
        let routes = self.server.routes.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.clone().oneshot(request)
        });
        let connection =
            self.builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(%peer, error = %error, "the connection ended");
        }
    }
}
