//! The life of a gateway: builds all parts, keeps them running, and stops them in order. Handles no
//! request itself.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::app::App;
use super::config::configuration::{Configuration, ConfigurationError, secret_files};
use super::config::reload::Watcher;
use super::config::settings::{Limits, Settings};
use super::deliver::{self, Clients, ClientsError, sync_sinks};
use super::http::file_limit;
use super::http::server::Server;
use super::http::tls::{Certificates, TlsError};
use super::ops::clock::{Clock, micros_in};
use super::ops::encryption::{EncryptionError, HEARTBEAT, report_keys, token_key, unlock};
use super::ops::file_modes::{restrict_umask, warn_if_open};
use super::ops::retention_clock::RetentionClock;
use super::routes::{management_routes, sender_routes};
use super::store::{
    Mode, RejectedLogPolicy, RequestFilter, SqliteOptions, SqliteStore, Store, StoreError,
};
use crate::gateway::ops::clock::UnixMicros;

/// The reason why a gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An invalid configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// A store that cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// Certificates that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A store that cannot be unlocked.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// HTTP clients for deliveries that cannot be built.
    #[error("nothing could be delivered: {0}")]
    Clients(#[from] ClientsError),
    /// An address that is in use or not available.
    #[error("cannot listen at {address}: {reason} (`server.{setting}` in `hookgate.toml`)")]
    Listen {
        /// Key of the address in `hookgate.toml`.
        setting: &'static str,
        /// Address to listen at.
        address: SocketAddr,
        /// Reason of the failure.
        reason: String,
    },
    /// A system call that failed.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

/// Interval at which rows past their retention are deleted.
const PRUNE: Duration = Duration::from_secs(60);

/// The same while space is short or limited: deletion frees space.
const PRUNE_SPACE: Duration = Duration::from_secs(5);

/// Pause before deletion is tried again after the store was full.
const FULL_STORE_RETRY_DELAY: Duration = Duration::from_millis(1500);

/// Rows of each kind that one step of deletion examines.
const PRUNE_BATCH_ROWS: usize = 500;

/// The same after the store was full: a small step needs little space in the write-ahead log.
const SMALL_STEP: usize = 5;

/// A gateway that listens and does not serve yet.
pub struct Gateway {
    app: Arc<App>,
    certificates: Option<Arc<Certificates>>,
    clients: Clients,
    senders: TcpListener,
    management: TcpListener,
    signals: Signals,
}

/// The signal handlers. They are installed before the gateway reports that it listens: an earlier
/// signal would end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Opens the store of a configuration. The only place that names the implementation.
///
/// # Errors
/// Returns an error if the store cannot be opened.
pub fn open_store(configuration: &Configuration, mode: Mode) -> Result<Arc<dyn Store>, StoreError> {
    let settings = &configuration.settings;
    let path = configuration.path(&settings.store);
    if let Some(folder) = path.parent()
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        let folder = folder.display();
        return Err(StoreError::Missing(format!(
            "folder `{folder}` for the store (`store.path` in `hookgate.toml`): create it"
        )));
    }
    let mut options = SqliteOptions::new(path, mode);
    // The write-ahead log counts towards `retention.bytes`, and may take at most a quarter of it.
    let share = settings.retention.bytes.map_or(u64::MAX, |bytes| bytes / 4);
    options.wal_bytes = settings.wal_bytes.min(share);
    options.rejected_log = RejectedLogPolicy {
        bytes: settings.retention.rejected_bytes,
        ..RejectedLogPolicy::default()
    };
    Ok(Arc::new(SqliteStore::open(options)?))
}

/// Builds the gateway of a configuration and a store.
///
/// # Errors
/// Returns an error if the store does not answer, or its encryption keys are missing.
pub async fn app(
    configuration: Configuration,
    store: Arc<dyn Store>,
    clock: Clock,
) -> Result<Arc<App>, ServeError> {
    Ok(Arc::new(offline(configuration, store, clock).await?))
}

/// Builds a gateway that fetches nothing from the network.
pub(super) async fn offline(
    configuration: Configuration,
    store: Arc<dyn Store>,
    clock: Clock,
) -> Result<App, ServeError> {
    let path = configuration.path(&configuration.settings.store);
    let keyring = unlock(&*store, &path, clock.micros()).await?;
    let token_key = token_key(&*store, &keyring).await?;
    Ok(App::new(configuration, store, clock, keyring, token_key))
}

impl Gateway {
    /// Opens all parts of a gateway: certificates, store, addresses, delivery clients and sinks.
    ///
    /// # Errors
    /// Returns the first error.
    pub async fn open(configuration: Configuration, clock: Clock) -> Result<Self, ServeError> {
        let signals = Signals::listen()?;
        let settings = configuration.settings.clone();
        let certificates = match &settings.tls {
            Some((certificate, key)) => {
                let (certificate, key) = (configuration.path(certificate), configuration.path(key));
                Some(Arc::new(Certificates::read(&certificate, &key)?))
            }
            None => None,
        };
        let store = open_store(&configuration, Mode::Serve)?;
        let senders = listen("listen", settings.listen)?;
        let management = listen("management", settings.management)?;
        let app = offline(configuration, store, clock).await?;
        let clients = deliver::clients(&app)?;
        let app = Arc::new(app.with_clients(&clients));
        sync_sinks(&app).await?;
        Ok(Self { app, certificates, clients, senders, management, signals })
    }

    /// Returns the addresses at which the gateway listens: for senders, and for management.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.senders.local_addr()?, self.management.local_addr()?))
    }

    /// Serves until a signal requests a shutdown, and finishes requests in flight.
    ///
    /// # Errors
    /// Returns an error if the store cannot write its remaining data.
    pub async fn serve(self) -> Result<(), ServeError> {
        let stopped = self.app.stopping();
        let settings = self.app.configuration().settings.clone();
        let limits = bounded(&settings);
        let app = &self.app;
        let senders = sender_routes(Arc::clone(app));
        let senders = Server::for_senders(app, senders, limits, self.certificates.clone());
        let management = management_routes(Arc::clone(app));
        let management = Server::for_management(app, management, limits);
        let (close_senders, senders_closed) = watch::channel(false);
        let (close_management, management_closed) = watch::channel(false);
        let senders =
            tokio::spawn(senders.run(self.senders, senders_closed, settings.drain_timeout));
        let management = tokio::spawn(management.run(
            self.management,
            management_closed,
            settings.drain_timeout,
        ));
        let delivering =
            deliver::run(Arc::clone(app), self.clients, stopped, settings.drain_timeout);
        let delivering = tokio::spawn(delivering);
        let Signals { mut terminate, mut interrupt, hang_up } = self.signals;
        let pruning = tokio::spawn(prune_regularly(Arc::clone(app)));
        let heartbeat = tokio::spawn(record_keys(Arc::clone(app)));
        let watcher = Watcher::new(Arc::clone(app), self.certificates);
        let watcher = tokio::spawn(watcher.run(hang_up));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutdown started: requests in flight are finished");
        // From now on `/readyz` answers 503. The management address stays open until the end.
        self.app.stop();
        tokio::time::sleep(settings.shutdown_delay).await;
        close_senders.send_replace(true);
        let _ = tokio::join!(senders, delivering);
        close_management.send_replace(true);
        let _ = management.await;
        pruning.abort();
        heartbeat.abort();
        watcher.abort();
        if let Err(error) = self.app.store.record_key_holder(None).await {
            tracing::warn!(%error, "the store still says that a gateway runs");
        }
        self.app.store.close().await?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Serves one sender over a stream that is not a socket, in the same way as [`Gateway::serve`]. For
/// tests of hostile input.
#[doc(hidden)]
pub async fn converse<S>(app: &Arc<App>, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = app.configuration().settings.limits;
    let server = Server::for_senders(app, sender_routes(Arc::clone(app)), limits, None);
    server.converse(stream, peer).await;
}

/// Returns the limits, with the connections reduced to the limit on open files.
fn bounded(settings: &Settings) -> Limits {
    let limits = settings.limits;
    let files = file_limit::raise();
    let most = file_limit::connections(limits.connections, files, settings.delivery.files());
    if most < limits.connections {
        tracing::warn!(
            connections = most,
            files,
            "fewer connections than `limits.connections` says: so few files may be open"
        );
    }
    Limits { connections: most, ..limits }
}

/// Connections that may wait to be accepted. Further senders try again after a second.
const BACKLOG: u32 = 4096;

fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listening = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Otherwise the address stays in use for a while after the previous gateway has ended.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening().map_err(|error: std::io::Error| ServeError::Listen {
        setting,
        address,
        reason: error.to_string(),
    })
}

/// Records the encryption key in use at regular intervals, for a key rotation that runs beside the
/// gateway.
async fn record_keys(app: Arc<App>) {
    let start = tokio::time::Instant::now() + HEARTBEAT;
    let mut heartbeat = tokio::time::interval_at(start, HEARTBEAT);
    loop {
        heartbeat.tick().await;
        if let Err(error) = report_keys(&*app.store, &app.keyring, app.clock.micros()).await {
            tracing::warn!(%error, "the encryption key in use was not recorded");
        }
    }
}

/// Deletes old rows every `PRUNE`; every `PRUNE_SPACE` if the store is full or limited in bytes.
async fn prune_regularly(app: Arc<App>) {
    let mut retention_clock = RetentionClock::new(&app.clock, newest(&app).await);
    let mut tick = tokio::time::interval(PRUNE_SPACE);
    let mut pruned: Option<tokio::time::Instant> = None;
    loop {
        tick.tick().await;
        let limited = app.configuration().settings.retention.bytes.is_some();
        let is_due = pruned.is_none_or(|pruned| pruned.elapsed() >= PRUNE);
        if limited || is_due || app.store.is_full() {
            delete_old(&app, &mut retention_clock).await;
            pruned = Some(tokio::time::Instant::now());
        }
    }
}

/// Returns the time of the latest stored request; `None` if there are no requests or the store does
/// not answer.
async fn newest(app: &App) -> Option<UnixMicros> {
    let newest = RequestFilter { limit: 1, newest_first: true, ..RequestFilter::default() };
    let found = app.store.requests(&newest).await.ok()?;
    found.first().map(|request| request.received_at)
}

/// Deletes rows past their retention, a few at a time. Requests come first.
async fn delete_old(app: &App, retention_clock: &mut RetentionClock) {
    let retention = retention(&app.configuration());
    let now = retention_clock.now();
    let mut step = PRUNE_BATCH_ROWS;
    loop {
        match app.store.prune(&retention, now, step).await {
            Ok(pruned) if pruned.more => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(_) => return,
            Err(StoreError::Full(_)) if step > SMALL_STEP => {
                step = SMALL_STEP;
                tokio::time::sleep(FULL_STORE_RETRY_DELAY).await;
            }
            Err(error) => {
                tracing::warn!(%error, "pruning failed");
                return;
            }
        }
    }
}

/// Converts the retention settings to those of the store.
fn retention(configuration: &Configuration) -> super::store::Retention {
    let kept = &configuration.settings.retention;
    super::store::Retention {
        requests_us: micros_in(kept.requests),
        events_us: micros_in(kept.events),
        deliveries_us: micros_in(kept.deliveries),
        diverted_us: micros_in(kept.dead_letters),
        refused_us: micros_in(kept.rejected),
        challenges_us: micros_in(kept.requests),
        audit_us: micros_in(kept.audit),
        max_bytes: kept.bytes,
    }
}

/// Logs a warning for each file with secrets or events that other users of the machine can access.
fn warn_of_open_files(configuration: &Configuration) {
    let sinks = configuration.settings.sinks.iter().map(|sink| configuration.path(&sink.path));
    secret_files(configuration).into_iter().chain(sinks).for_each(|file| warn_if_open(&file));
}

/// Reads a configuration and serves it.
///
/// # Errors
/// Returns the first error.
pub async fn serve(folder: &Path, tell: impl FnOnce(&Gateway)) -> Result<(), ServeError> {
    restrict_umask();
    let configuration = Configuration::read(folder, true)?;
    super::ops::logging::begin(&configuration.settings);
    warn_of_open_files(&configuration);
    let gateway = Gateway::open(configuration, Clock::System).await?;
    tell(&gateway);
    gateway.serve().await
}
