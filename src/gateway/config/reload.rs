//! Hot reload: watches the files, and reads a changed configuration on a thread of its own while
//! the gateway runs. An invalid configuration is refused as a whole, and the old one stays.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::configuration::{Configuration, ConfigurationError, note_listeners};
use super::files::{ConfigFiles, FilesFingerprint};
use super::settings::{Limits, Settings};
use crate::gateway::app::App;
use crate::gateway::deliver::sync_sinks;
use crate::gateway::http::tls::{Certificates, TlsConfig, TlsError};

/// Interval at which files are checked for changes.
const WATCH: Duration = Duration::from_secs(1);

/// Longest time for a reload. Reading and compiling a large configuration takes a second.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Reloads that may hang at the same time. A thread cannot be ended, so no further reload starts.
const MAX_HANGING_RELOADS: usize = 8;

/// Watches the files of the configuration.
pub(in crate::gateway) struct Watcher {
    app: Arc<App>,
    certificates: Option<Arc<Certificates>>,
    /// State of the files before the last read.
    seen: FilesFingerprint,
    /// Marker of hanging reloads: its reference count is their number.
    hanging: Arc<()>,
}

/// A configuration that was read, with its certificates.
struct Fresh {
    configuration: Configuration,
    certificates: Option<Result<TlsConfig, TlsError>>,
}

/// The result of a check of the files.
enum Looked {
    /// No change.
    Same,
    /// A change, and the result of the reload.
    Read(Box<Result<Fresh, ConfigurationError>>),
}

impl Watcher {
    pub(in crate::gateway) fn new(app: Arc<App>, certificates: Option<Arc<Certificates>>) -> Self {
        let seen = app.configuration().seen.clone();
        Self { app, certificates, seen, hanging: Arc::default() }
    }

    /// Reloads the configuration when one of its files changes, and on SIGHUP.
    pub(in crate::gateway) async fn run(mut self, mut hang_up: Signal) {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let told = tokio::select! {
                _ = watch.tick() => false,
                _ = hang_up.recv() => true,
            };
            if Arc::strong_count(&self.hanging) <= MAX_HANGING_RELOADS {
                self.look(told).await;
            } else if told {
                tracing::error!("config reload rejected: {MAX_HANGING_RELOADS} reloads hang");
            }
        }
    }

    /// Checks the files, and reads them if they changed or a reload was requested.
    async fn look(&mut self, told: bool) {
        let folder = self.app.configuration().folder.clone();
        let (files, before) = (ConfigFiles::default(), ConfigFiles::default());
        let job = tokio::task::spawn_blocking({
            let (files, before, seen) = (files.clone(), before.clone(), self.seen.clone());
            let (hanging, tls) = (Arc::clone(&self.hanging), self.certificates.is_some());
            move || {
                let mut now = seen.now();
                note_listeners(&folder, &mut now);
                before.extend(now.clone());
                let looked = match told || now != seen {
                    true => Looked::Read(Box::new(read(&folder, &files, tls))),
                    false => Looked::Same,
                };
                drop(hanging);
                looked
            }
        });
        let fresh = match timeout(RELOAD_TIMEOUT, job).await {
            Ok(Ok(Looked::Same)) => return,
            Ok(Ok(Looked::Read(read))) => read.map_err(ReloadRefused::Faulty),
            Ok(Err(error)) => Err(ReloadRefused::Failed(error.to_string())),
            Err(_) => {
                let seconds = RELOAD_TIMEOUT.as_secs();
                Err(ReloadRefused::Failed(format!("it takes longer than {seconds} seconds")))
            }
        };
        match fresh {
            Ok(fresh) => {
                self.seen = files.fingerprint();
                self.take(fresh).await;
            }
            Err(refused) => {
                refused.report();
                // Retried when a file of the new or of the running configuration changes.
                self.seen = before.fingerprint();
                self.seen.extend(files.fingerprint());
                self.app.metrics.reloads_refused.inc();
            }
        }
    }

    /// Activates a configuration.
    async fn take(&self, fresh: Fresh) {
        let new = fresh.configuration;
        warn_restart_settings(&self.app.configuration().settings, &new.settings);
        match (&self.certificates, fresh.certificates) {
            (Some(certificates), Some(Ok(config))) => certificates.replace(config),
            (_, Some(Err(error))) => {
                tracing::error!(%error, "TLS certificate not replaced: the old one stays")
            }
            _ => {}
        }
        tracing::info!(listeners = new.listeners.len(), "config reloaded");
        self.app.replace(new);
        self.app.metrics.reloads.inc();
        if let Err(error) = sync_sinks(&self.app).await {
            tracing::error!(%error, "sinks not replaced: the old ones stay");
        }
    }
}

/// Reads the configuration in a folder, and its certificates.
fn read(folder: &Path, files: &ConfigFiles, tls: bool) -> Result<Fresh, ConfigurationError> {
    let configuration = Configuration::read_with(folder, true, files)?;
    let paths = configuration.settings.tls.as_ref().filter(|_| tls);
    let certificates = paths.map(|(certificate, key)| {
        TlsConfig::read(&configuration.path(certificate), &configuration.path(key))
    });
    Ok(Fresh { configuration, certificates })
}

/// The reason why a reload was refused.
enum ReloadRefused {
    Faulty(ConfigurationError),
    Failed(String),
}

impl ReloadRefused {
    fn report(&self) {
        let error: &dyn std::fmt::Display = match self {
            Self::Failed(error) => {
                tracing::error!(error, "config reload failed, and the old configuration stays");
                return;
            }
            Self::Faulty(ConfigurationError::Faults(faults)) => {
                faults.iter().for_each(|fault| tracing::error!("{fault}"));
                &"the configuration has faults"
            }
            Self::Faulty(error) => error,
        };
        tracing::error!(%error, "config reload rejected: the old configuration stays");
    }
}

/// Logs a warning if settings changed that apply only after a restart.
fn warn_restart_settings(old: &Settings, new: &Settings) {
    let settings = [
        ("server.listen", old.listen != new.listen),
        ("server.management", old.management != new.management),
        ("server.tls", old.tls.is_some() != new.tls.is_some()),
        ("store.path", old.store != new.store),
        ("store.wal_bytes", old.wal_bytes != new.wal_bytes),
        ("limits", of_connections(&old.limits) != of_connections(&new.limits)),
        ("delivery.in_flight", old.delivery.in_flight != new.delivery.in_flight),
        ("delivery.memory", old.delivery.memory != new.delivery.memory),
    ];
    let changed: Vec<&str> =
        settings.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name).collect();
    if !changed.is_empty() {
        let settings = changed.join(", ");
        tracing::warn!(settings, "changed settings that apply at the next start");
    }
}

/// Returns the limits of connections and memory, which apply only after a restart. The others have
/// a fixed value, because they apply at once.
fn of_connections(limits: &Limits) -> Limits {
    Limits {
        body: 0,
        body_timeout: Duration::ZERO,
        streams: 0,
        streams_per_tenant: 0,
        failures_per_minute: 0,
        challenges_per_minute: 0,
        challenges_per_minute_per_address: 0,
        ..*limits
    }
}
