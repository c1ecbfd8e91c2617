//! The server of one listening address: accepts connections within the limits, and stops in order.
//! Does not read from a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::client_address::is_trusted;
use super::connection::Connection;
use super::connections::{ConnectionPlace, Connections};
use super::service::Service;
use super::tls::Certificates;
use super::unread::UnreadBodies;
use crate::gateway::app::App;
use crate::gateway::config::settings::Limits;

/// The server of one listening address.
pub(in crate::gateway) struct Server {
    service: Arc<Service>,
    connections: Arc<Connections>,
    certificates: Option<Arc<Certificates>>,
}

/// Pause after a failed accept, for example when the system has no more file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Shortest time between two warnings that connections are evicted.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Divisor of `limits.connections` that gives the number of connections for the management address.
const MANAGEMENT: usize = 8;

impl Server {
    /// Returns the server for senders.
    pub(in crate::gateway) fn for_senders(
        app: &Arc<App>,
        routes: Router,
        limits: Limits,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        Self::new(app, routes, limits, false, certificates)
    }

    /// Returns the server for management.
    pub(in crate::gateway) fn for_management(
        app: &Arc<App>,
        routes: Router,
        limits: Limits,
    ) -> Self {
        let connections = (limits.connections / MANAGEMENT).max(16);
        Self::new(app, routes, Limits { connections, ..limits }, true, None)
    }

    fn new(
        app: &Arc<App>,
        routes: Router,
        limits: Limits,
        is_management: bool,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        let unread = UnreadBodies::default();
        let service = Service { app: Arc::clone(app), routes, limits, unread, is_management };
        let connections = Arc::new(Connections::new(&limits));
        Self { service: Arc::new(service), connections, certificates }
    }

    /// Accepts connections until `stop` is set. Then lets requests in progress finish within
    /// `drain`. Connections without a request are closed at once.
    pub(in crate::gateway) async fn run(
        self,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) {
        let mut told = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer, &stop, &mut told),
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    self.connections.evict_half_open();
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
            self.connections.settle().await;
        }
        drop(listener);
        if tokio::time::timeout(drain, self.connections.empty()).await.is_err() {
            tracing::warn!("shutdown: open connections are closed");
        }
    }

    /// Serves an accepted connection if a place is free or another connection can be evicted.
    fn take(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        stop: &watch::Receiver<bool>,
        told: &mut Option<Instant>,
    ) {
        if self.connections.is_full() {
            report_full(told, self.service.limits.connections);
        }
        let Some(place) = self.connections.admit(peer.ip(), self.is_proxy(peer.ip())) else {
            tracing::debug!(%peer, "the connection is closed: no other one gives way");
            return;
        };
        let connection = self.connection(place, peer, stop.clone());
        let certificates = self.certificates.clone();
        let gauge = self.service.app.metrics.connections.clone();
        tokio::spawn(async move {
            gauge.inc();
            connection.serve(stream, certificates).await;
            gauge.dec();
        });
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        let configuration = self.service.app.configuration();
        is_trusted(address.to_canonical(), &configuration.settings.trusted_proxies)
    }

    fn connection(
        &self,
        place: ConnectionPlace,
        peer: SocketAddr,
        stop: watch::Receiver<bool>,
    ) -> Connection {
        Connection { service: Arc::clone(&self.service), place: Arc::new(place), peer, stop }
    }

    /// Serves one peer over a stream that is not a socket, in the same way as a socket.
    pub(in crate::gateway) async fn converse<S>(self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (_stop, stopped) = watch::channel(false);
        if let Some(place) = self.connections.admit(peer.ip(), false) {
            self.connection(place, peer, stopped).speak(stream).await;
        }
    }
}

/// Logs that all connections are in use, at most once per `WARNING_INTERVAL`.
fn report_full(told: &mut Option<Instant>, connections: usize) {
    if told.is_none_or(|told| told.elapsed() >= WARNING_INTERVAL) {
        tracing::warn!(
            connections,
            "all connections are in use: the oldest without a request are closed for new ones"
        );
        *told = Some(Instant::now());
    }
}
