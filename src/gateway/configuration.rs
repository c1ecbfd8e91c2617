//! The configuration as a whole: `hookgate.toml` and `listeners/*.toml`, read as one set.
//!
//! A set is good as a whole or not at all: nothing replaces a good one by halves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{ConfigFiles, FileState, Fingerprint};
use super::settings::Settings;
use super::sources::SourcePolicy;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{self, Format, Node};
use crate::engine::Source;
use crate::listener::{External, Listener, Outside, load, shared_sources};
use crate::source::Span;

/// A configuration that holds.
#[derive(Debug)]
pub struct Configuration {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// The gateway's own settings.
    pub settings: Settings,
    /// The listeners by id.
    pub listeners: BTreeMap<Box<str>, Arc<Listener>>,
    /// What is worth telling, though it runs.
    pub warnings: Vec<Diagnostics>,
    /// What its files looked like before they were read: a change after that is noticed.
    pub(super) seen: Fingerprint,
}

/// Why a configuration does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file is not there, or cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which one.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Files have faults.
    #[error("the configuration has faults")]
    Faults(Vec<Diagnostics>),
}

impl Configuration {
    /// Reads the configuration in a folder. With `needed`, a secret that is not set is an error.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(folder: &Path, needed: bool) -> Result<Self, ConfigurationError> {
        Self::read_with(folder, needed, &ConfigFiles::default())
    }

    /// The same, with what reads its files: that knows them all, those of a faulty one too.
    pub(super) fn read_with(
        folder: &Path,
        needed: bool,
        files: &ConfigFiles,
    ) -> Result<Self, ConfigurationError> {
        let text = |path: &Path| {
            files.read_text(path).map_err(|reason| ConfigurationError::Unreadable {
                path: path.display().to_string(),
                reason,
            })
        };
        let (settings, mut told) = match Settings::read(HOOKGATE, &text(&folder.join(HOOKGATE))?) {
            Ok(settings) => (Some(settings), Vec::new()),
            Err(diagnostics) => (None, vec![diagnostics]),
        };
        let mut listeners = BTreeMap::new();
        let policy = SourcePolicy::new(folder, settings.as_ref());
        let mut sources = Vec::new();
        for path in listener_files(folder)? {
            let name = shown(folder, &path);
            let source = text(&path)?;
            let outside = Outside { secrets_needed: needed, ..Outside::none() };
            let loaded = load_from(files, &policy, &name, &source, outside);
            told.extend(loaded.diagnostics);
            sources.extend(loaded.sources);
            if let Some(listener) = loaded.listener
                && let Some(other) = listeners.insert(listener.id.clone(), Arc::new(listener))
            {
                told.push(same_id(&name, &source, &other));
            }
        }
        told.extend(shared_sources(&sources));
        told.retain(|one| !one.list.is_empty());
        match settings {
            Some(mut settings) if !told.iter().any(Diagnostics::has_errors) => {
                note_files(folder, &mut settings, files);
                let seen = files.fingerprint();
                Ok(Self { folder: folder.to_owned(), settings, listeners, warnings: told, seen })
            }
            _ => Err(ConfigurationError::Faults(told)),
        }
    }

    /// The listener of an id or a name.
    pub fn find(&self, name: &str) -> Option<&Arc<Listener>> {
        let by_id = self.listeners.get(name.to_ascii_lowercase().as_str());
        by_id.or_else(|| self.listeners.values().find(|listener| *listener.name == *name))
    }

    /// The file of a listener, by its id or name.
    pub fn file_of(&self, name: &str) -> Option<PathBuf> {
        let wanted = self.find(name)?;
        listener_files(&self.folder).ok()?.into_iter().find(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.to_ascii_lowercase().contains(&*wanted.id)
        })
    }

    /// A path of the configuration: relative ones are relative to its folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// The name of the gateway's own file.
pub const HOOKGATE: &str = "hookgate.toml";

/// Compiles the listener of a file, whose secrets and files are relative to a folder.
pub fn load_listener(
    folder: &Path,
    name: &str,
    text: &str,
    needed: bool,
) -> crate::listener::Loaded {
    load_listener_with(folder, name, text, Outside { secrets_needed: needed, ..Outside::none() })
}

/// The same, with secrets and settings that come before those of the file.
pub fn load_listener_with(
    folder: &Path,
    name: &str,
    text: &str,
    given: Outside<'_>,
) -> crate::listener::Loaded {
    let settings = std::fs::read_to_string(folder.join(HOOKGATE)).ok();
    let settings = settings.and_then(|text| Settings::read(HOOKGATE, &text).ok());
    let policy = SourcePolicy::new(folder, settings.as_ref());
    load_from(&ConfigFiles::default(), &policy, name, text, given)
}

/// The same, with the sources that its tenant may use.
fn load_from(
    files: &ConfigFiles,
    policy: &SourcePolicy<'_>,
    name: &str,
    text: &str,
    given: Outside<'_>,
) -> crate::listener::Loaded {
    let file = |path: &str| policy.read(files, path);
    let environment = |variable: &str| std::env::var(variable).ok();
    let sources = |tenant: &str, external: External<'_>| policy.check(tenant, external);
    let outside = Outside { file: &file, environment: &environment, sources: &sources, ..given };
    load(name, text, &outside)
}

fn same_id(name: &str, text: &str, other: &Listener) -> Diagnostics {
    let source = Source::new(name, text);
    let at = text.find(&*other.id).unwrap_or(0);
    let message = format!("the listener `{}` has this id too", other.name);
    let span = Span::new(at, at + other.id.len());
    Diagnostics::new(source, vec![Diagnostic::new(Code::E0605, span, message)])
}

/// The files of the listeners, in order of their names.
fn listener_files(folder: &Path) -> Result<Vec<PathBuf>, ConfigurationError> {
    let folder = folder.join("listeners");
    let unreadable = |error: std::io::Error| ConfigurationError::Unreadable {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_listener = name.is_some_and(|name| {
            name.ends_with(".toml") && !name.ends_with(".test.toml") && !name.starts_with('.')
        });
        if is_listener {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn shown(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// Takes note of the listeners that there are: a new one changes the configuration.
pub(super) fn note_listeners(folder: &Path, seen: &mut Fingerprint) {
    for path in listener_files(folder).unwrap_or_default() {
        seen.note(path);
    }
}

/// Takes note of files that others read when the configuration is used.
fn note_files(folder: &Path, settings: &mut Settings, files: &ConfigFiles) {
    let tls = settings.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
    let authorities = settings.delivery.authorities.iter();
    for path in tls.chain(authorities) {
        files.note(folder.join(path));
    }
    let state = |path: &PathBuf| FileState::of(&folder.join(path));
    settings.delivery.authorities_seen = settings.delivery.authorities.as_ref().and_then(state);
}

/// The files that hold secrets: those that listeners name, and the private key of TLS.
pub(super) fn secret_files(configuration: &Configuration) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in listener_files(&configuration.folder).unwrap_or_default() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if let Ok(root) = document::read(&text, Format::Toml, u16::MAX) {
            files.extend(sources(&root).map(|file| configuration.folder.join(file)));
        }
    }
    files.extend(configuration.settings.tls.iter().map(|(_, key)| configuration.path(key)));
    files.sort();
    files.dedup();
    files
}

/// The files that the secrets of a listener come from: one, or several for a rotation.
fn sources(listener: &Node) -> impl Iterator<Item = &str> {
    let secrets = listener.get("secrets").map(Node::entries).unwrap_or_default();
    let nodes = secrets.iter().flat_map(|secret| match secret.value.items() {
        [] => std::slice::from_ref(&secret.value),
        items => items,
    });
    nodes.filter_map(|source| source.get("file")?.as_str())
}
