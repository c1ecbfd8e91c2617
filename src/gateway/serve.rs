//! Running: everything put together, kept up to date, and stopped in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::app::App;
use super::clock::{Clock, micros_in};
use super::configuration::{Configuration, ConfigurationError, fingerprint};
use super::deliver::{self, Clients, ClientsError, sync_sinks};
use super::routes::{management_routes, sender_routes};
use super::seal::{Seal, SealError};
use super::server::Server;
use super::settings::Settings;
use super::store::{Mode, NotePolicy, SqliteOptions, SqliteStore, Store, StoreError};
use super::tls::{Certificates, TlsError};

/// Why a gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration does not hold.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// The certificates are not taken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The key to encrypt with is none.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Nothing could be delivered.
    #[error("nothing could be delivered: {0}")]
    Clients(#[from] ClientsError),
    /// The address is taken, or not ours.
    #[error("cannot listen at {address}: {reason}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why not.
        reason: String,
    },
    /// The system does not do what a server needs.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

/// How often files are looked at for changes.
const WATCH: Duration = Duration::from_secs(1);

/// How often what is too old is deleted.
const PRUNE: Duration = Duration::from_secs(60);

/// A gateway that listens, before it serves.
pub struct Gateway {
    app: Arc<App>,
    certificates: Option<Arc<Certificates>>,
    clients: Clients,
    senders: TcpListener,
    management: TcpListener,
}

/// The store of a configuration.
///
/// # Errors
/// Where it cannot be opened.
pub fn open_store(configuration: &Configuration, mode: Mode) -> Result<SqliteStore, StoreError> {
    let settings = &configuration.settings;
    let mut options = SqliteOptions::new(configuration.path(&settings.store), mode);
    options.notes = NotePolicy { bytes: settings.retention.refused_bytes, ..NotePolicy::default() };
    SqliteStore::open(options)
}

/// The gateway of a configuration and a store.
///
/// # Errors
/// Where the store does not answer, or the key to encrypt with is none.
pub async fn app(
    configuration: Configuration,
    store: Arc<dyn Store>,
    clock: Clock,
) -> Result<Arc<App>, ServeError> {
    let mut fresh = [0; 32];
    SystemRandom::new().fill(&mut fresh).map_err(|_| SealError::NoRandom)?;
    let token_key = store.server_secret("token", fresh).await?;
    let seal = Seal::beside(&configuration.path(&configuration.settings.store))?;
    Ok(Arc::new(App::new(configuration, store, clock, seal, token_key)))
}

impl Gateway {
    /// Opens everything that a gateway needs.
    ///
    /// # Errors
    /// Whatever stands in its way.
    pub async fn open(configuration: Configuration) -> Result<Self, ServeError> {
        let settings = configuration.settings.clone();
        let certificates = match &settings.tls {
            Some((certificate, key)) => {
                let (certificate, key) = (configuration.path(certificate), configuration.path(key));
                Some(Arc::new(Certificates::read(&certificate, &key)?))
            }
            None => None,
        };
        let store = Arc::new(open_store(&configuration, Mode::Serve)?);
        let senders = listen(settings.listen).await?;
        let management = listen(settings.management).await?;
        let app = app(configuration, store, Clock::System).await?;
        let clients = deliver::clients(&app)?;
        sync_sinks(&app).await?;
        Ok(Self { app, certificates, clients, senders, management })
    }

    /// The addresses that it listens at: for senders, for management.
    ///
    /// # Errors
    /// What the system answers.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.senders.local_addr()?, self.management.local_addr()?))
    }

    /// Serves until a signal says to stop; what is in flight is finished.
    ///
    /// # Errors
    /// Where the system gives no signals.
    pub async fn serve(self) -> Result<(), ServeError> {
        let stopped = self.app.stopping();
        let settings = self.app.configuration().settings.clone();
        let server = |routes, certificates| Server {
            routes,
            limits: settings.limits,
            certificates,
            connections: self.app.metrics.connections.clone(),
        };
        let senders = server(sender_routes(Arc::clone(&self.app)), self.certificates.clone());
        let management = server(management_routes(Arc::clone(&self.app)), None);
        let senders = tokio::spawn(senders.run(self.senders, stopped.clone(), settings.drain));
        let management =
            tokio::spawn(management.run(self.management, stopped.clone(), settings.drain));
        let delivering =
            deliver::run(Arc::clone(&self.app), self.clients, stopped.clone(), settings.drain);
        let delivering = tokio::spawn(delivering);
        let upkeep = tokio::spawn(upkeep(Arc::clone(&self.app), self.certificates));
        told_to_stop().await?;
        tracing::info!("stopping: requests in flight are finished");
        self.app.stop();
        let _ = tokio::join!(senders, management, delivering);
        upkeep.abort();
        self.app.store.close().await?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Speaks with one sender over a stream that is no socket, as [`Gateway::serve`] does over one: for
/// tests of what strangers send.
#[doc(hidden)]
pub async fn converse<S>(app: &Arc<App>, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = Server {
        routes: sender_routes(Arc::clone(app)),
        limits: app.configuration().settings.limits,
        certificates: None,
        connections: app.metrics.connections.clone(),
    };
    server.converse(stream, peer).await;
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ServeError::Listen { address, reason: error.to_string() })
}

async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What happens beside requests: files are watched, what is old is deleted.
async fn upkeep(app: Arc<App>, certificates: Option<Arc<Certificates>>) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else {
        return;
    };
    let mut seen = app.configuration().seen.clone();
    let mut watch = tokio::time::interval(WATCH);
    let mut prune = tokio::time::interval(PRUNE);
    loop {
        tokio::select! {
            _ = watch.tick() => {
                let now = fingerprint(&app.configuration());
                if now != seen {
                    seen = now;
                    reload_all(&app, certificates.as_deref()).await;
                }
            }
            _ = hang_up.recv() => reload_all(&app, certificates.as_deref()).await,
            _ = prune.tick() => delete_old(&app).await,
        }
    }
}

async fn reload_all(app: &App, certificates: Option<&Certificates>) {
    reload(app, certificates);
    if let Err(error) = sync_sinks(app).await {
        tracing::error!(%error, "the old sinks stay");
    }
}

/// Reads the configuration again. A bad one is refused as a whole, and the old one stays.
pub fn reload(app: &App, certificates: Option<&Certificates>) {
    let old = app.configuration();
    match Configuration::read(&old.folder, true) {
        Ok(new) => {
            tell_fixed(&old.settings, &new.settings);
            if let (Some(certificates), Some((certificate, key))) =
                (certificates, &new.settings.tls)
                && let Err(error) = certificates.reload(&new.path(certificate), &new.path(key))
            {
                tracing::error!(%error, "the old certificate stays");
            }
            tracing::info!(listeners = new.listeners.len(), "the configuration was read again");
            app.replace(new);
            app.metrics.reloads.inc();
        }
        Err(error) => {
            app.metrics.reloads_refused.inc();
            tell_refused(&error);
        }
    }
}

fn tell_refused(error: &ConfigurationError) {
    if let ConfigurationError::Faults(faults) = error {
        for fault in faults {
            tracing::error!("{fault}");
        }
    }
    tracing::error!(%error, "the configuration was refused, and the old one stays");
}

/// What only a new start changes.
fn tell_fixed(old: &Settings, new: &Settings) {
    let changed = old.listen != new.listen
        || old.management != new.management
        || old.store != new.store
        || old.tls.is_some() != new.tls.is_some()
        || old.delivery.in_flight != new.delivery.in_flight;
    if changed {
        tracing::warn!(
            "addresses, the store, TLS itself and `delivery.in_flight` change at the next start"
        );
    }
}

/// Deletes what is older than it is kept, a few rows at a time: requests come first.
async fn delete_old(app: &App) {
    let retention = retention(&app.configuration());
    loop {
        match app.store.prune(&retention, app.clock.micros(), 500).await {
            Ok(pruned) if pruned.more => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "what is old was not deleted");
                return;
            }
        }
    }
}

/// How long things are kept, as the store has it.
fn retention(configuration: &Configuration) -> super::store::Retention {
    let kept = &configuration.settings.retention;
    super::store::Retention {
        requests_us: micros_in(kept.requests),
        events_us: micros_in(kept.events),
        deliveries_us: micros_in(kept.deliveries),
        diverted_us: micros_in(kept.diverted),
        refused_us: micros_in(kept.refused),
        challenges_us: micros_in(kept.requests),
        audit_us: micros_in(kept.audit),
        max_bytes: kept.bytes,
    }
}

/// Reads a configuration and serves it.
///
/// # Errors
/// Whatever stands in the way.
pub async fn serve(folder: &Path, tell: impl FnOnce(&Gateway)) -> Result<(), ServeError> {
    let configuration = Configuration::read(folder, true)?;
    super::logging::begin(&configuration.settings);
    let gateway = Gateway::open(configuration).await?;
    tell(&gateway);
    gateway.serve().await
}
