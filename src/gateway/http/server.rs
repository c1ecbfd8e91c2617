//! Listening: connections in, as many as there may be, each for as long as it may take.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::connection::Connection;
use super::connections::{Connections, Place};
use super::service::Service;
use super::tls::Certificates;
use crate::gateway::address::is_trusted;
use crate::gateway::app::App;
use crate::gateway::settings::Limits;

/// A server at one address.
pub(in crate::gateway) struct Server {
    service: Arc<Service>,
    connections: Arc<Connections>,
    certificates: Option<Arc<Certificates>>,
}

/// How long to wait where the system has no more file descriptors.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// How often the log says that connections give way.
const QUIET: Duration = Duration::from_secs(10);

/// The management address has this part of the connections.
const MANAGEMENT: usize = 8;

impl Server {
    /// The server for senders.
    pub(in crate::gateway) fn for_senders(
        app: &Arc<App>,
        routes: Router,
        limits: Limits,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        Self::new(app, routes, limits, false, certificates)
    }

    /// The server for management.
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
        let service = Service { app: Arc::clone(app), routes, limits, is_management };
        let connections = Arc::new(Connections::new(&limits));
        Self { service: Arc::new(service), connections, certificates }
    }

    /// Accepts connections until told to stop, then lets requests in progress finish until the
    /// deadline. Connections without one are closed at once.
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
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.connections.evict_half_open();
                    tokio::time::sleep(NO_DESCRIPTORS).await;
                }
            }
            self.connections.settle().await;
        }
        drop(listener);
        if tokio::time::timeout(drain, self.connections.empty()).await.is_err() {
            tracing::warn!("connections that were still open are dropped");
        }
    }

    /// Serves an accepted connection, if there is a place for it.
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
        place: Place,
        peer: SocketAddr,
        stop: watch::Receiver<bool>,
    ) -> Connection {
        Connection { service: Arc::clone(&self.service), place: Arc::new(place), peer, stop }
    }

    /// Speaks with one peer over a stream that is no socket, as if it were one.
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

/// Reports that all places are taken, and not at every connection.
fn report_full(told: &mut Option<Instant>, connections: usize) {
    if told.is_none_or(|told| told.elapsed() >= QUIET) {
        tracing::warn!(
            connections,
            "all connections are in use: the oldest without a request are closed for new ones"
        );
        *told = Some(Instant::now());
    }
}
