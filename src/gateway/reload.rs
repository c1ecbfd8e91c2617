//! Hot reload: files are watched, and a configuration that changed is read again beside the
//! gateway, on a thread of its own. A bad one is refused as a whole, and the old one stays.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::app::App;
use super::configuration::{Configuration, ConfigurationError, note_listeners};
use super::deliver::sync_sinks;
use super::files::{ConfigFiles, Fingerprint};
use super::http::tls::{Certificates, TlsConfig, TlsError};
use super::serve::tell_fixed;

/// How often files are looked at for changes.
const WATCH: Duration = Duration::from_secs(1);

/// How long a reload may take. Reading and compiling a large configuration takes a second.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Reloads that hang at a time: a thread cannot be ended, so no more are begun.
const HANGING: usize = 8;

/// Watches the files of the configuration.
pub(super) struct Watcher {
    app: Arc<App>,
    certificates: Option<Arc<Certificates>>,
    /// What its files looked like before they were read the last time.
    seen: Fingerprint,
    /// Counts the reloads that hang.
    hanging: Arc<()>,
}

/// A configuration that was read, and its certificates.
struct Fresh {
    configuration: Configuration,
    certificates: Option<Result<TlsConfig, TlsError>>,
}

/// What came of looking at the files.
enum Looked {
    /// They are as they were.
    Same,
    /// They changed: what reading them gave.
    Read(Box<Result<Fresh, ConfigurationError>>),
}

impl Watcher {
    pub(super) fn new(app: Arc<App>, certificates: Option<Arc<Certificates>>) -> Self {
        let seen = app.configuration().seen.clone();
        Self { app, certificates, seen, hanging: Arc::default() }
    }

    /// Reads the configuration again whenever a file of it changes, and when told to.
    pub(super) async fn run(mut self, mut hang_up: Signal) {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let told = tokio::select! {
                _ = watch.tick() => false,
                _ = hang_up.recv() => true,
            };
            if Arc::strong_count(&self.hanging) <= HANGING {
                self.look(told).await;
            } else if told {
                tracing::error!("config reload refused: {HANGING} reloads hang");
            }
        }
    }

    /// Looks at the files, and reads them where they changed.
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
            Ok(Ok(Looked::Read(read))) => read.map_err(Refused::Faulty),
            Ok(Err(error)) => Err(Refused::Failed(error.to_string())),
            Err(_) => {
                let seconds = RELOAD_TIMEOUT.as_secs();
                Err(Refused::Failed(format!("it takes longer than {seconds} seconds")))
            }
        };
        match fresh {
            Ok(fresh) => {
                self.seen = files.fingerprint();
                self.take(fresh).await;
            }
            Err(refused) => {
                refused.report();
                // When one of its files changes, or one of those that run, it is tried again.
                self.seen = before.fingerprint();
                self.seen.extend(files.fingerprint());
                self.app.metrics.reloads_refused.inc();
            }
        }
    }

    /// Takes a configuration over.
    async fn take(&self, fresh: Fresh) {
        let new = fresh.configuration;
        tell_fixed(&self.app.configuration().settings, &new.settings);
        match (&self.certificates, fresh.certificates) {
            (Some(certificates), Some(Ok(config))) => certificates.replace(config),
            (_, Some(Err(error))) => tracing::error!(%error, "the old certificate stays"),
            _ => {}
        }
        tracing::info!(listeners = new.listeners.len(), "the configuration was read again");
        self.app.replace(new);
        self.app.metrics.reloads.inc();
        if let Err(error) = sync_sinks(&self.app).await {
            tracing::error!(%error, "the old sinks stay");
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

/// Why a configuration is not taken over.
enum Refused {
    Faulty(ConfigurationError),
    Failed(String),
}

impl Refused {
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
        tracing::error!(%error, "the configuration was refused, and the old one stays");
    }
}
