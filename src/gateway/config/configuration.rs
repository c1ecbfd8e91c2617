//! The whole configuration: `hookgate.toml` and `listeners/*.toml`, read as one set. Serves
//! nothing.
//!
//! A set with an error is refused as a whole. So a valid configuration is never replaced in part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{ConfigFiles, FileState, FilesFingerprint};
use super::settings::{SETTINGS_FILE, Settings, SettingsFile};
use super::settings_checks;
use super::source_policy::SourcePolicy;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{self, Format, Node};
use crate::engine::Source;
use crate::listener::{ConfigSource, External, Listener, load, shared_sources};
use crate::source::Span;

/// A valid configuration.
#[derive(Debug)]
pub struct Configuration {
    /// Folder that contains the configuration.
    pub folder: PathBuf,
    /// Settings of the gateway.
    pub settings: Settings,
    /// Listeners by id.
    pub listeners: BTreeMap<Box<str>, Arc<Listener>>,
    /// Warnings of a valid configuration.
    pub warnings: Vec<Diagnostics>,
    /// State of the files before they were read. A later change is detected by comparison.
    pub(in crate::gateway) seen: FilesFingerprint,
}

/// The reason why a configuration is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file that is missing or cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// Reason of the failure.
        reason: String,
    },
    /// Files with errors.
    #[error("the configuration has faults")]
    Faults(Vec<Diagnostics>),
}

impl ConfigurationError {
    fn unreadable(path: &Path, mut reason: String) -> Self {
        if !path.exists() {
            reason.push_str(
                "; `-C FOLDER` names the folder of the configuration, and `hookgate init PROVIDER` \
                 makes one",
            );
        }
        Self::Unreadable { path: path.display().to_string(), reason }
    }
}

impl Configuration {
    /// Reads the configuration in a folder. If `needed` is true, a missing secret is an error.
    ///
    /// # Errors
    /// Returns all errors of the configuration.
    pub fn read(folder: &Path, needed: bool) -> Result<Self, ConfigurationError> {
        Self::read_with(folder, needed, &ConfigFiles::default())
    }

    /// Reads the configuration with a given file reader. The reader knows all files afterwards,
    /// also those of an invalid configuration.
    pub(in crate::gateway) fn read_with(
        folder: &Path,
        needed: bool,
        files: &ConfigFiles,
    ) -> Result<Self, ConfigurationError> {
        let text = |path: &Path| {
            files.read_text(path).map_err(|reason| ConfigurationError::unreadable(path, reason))
        };
        let path = folder.join(SETTINGS_FILE);
        let mut root = None;
        let (settings, mut told) =
            match Settings::read_checked(&shown_name(folder, &path), &text(&path)?) {
                Ok(SettingsFile { settings, layer, mut warnings }) => {
                    if needed {
                        warnings.extend(settings_checks::files(&layer.root, folder));
                    }
                    root = Some(layer.root);
                    (Some(settings), vec![Diagnostics::new(layer.source, warnings)])
                }
                Err(diagnostics) => (None, vec![diagnostics]),
            };
        let mut listeners = BTreeMap::new();
        let policy = SourcePolicy::new(folder, settings.as_ref());
        let mut sources = Vec::new();
        for path in listener_files(folder)? {
            let name = shown_name(folder, &path);
            let source = text(&path)?;
            let outside = ConfigSource { secrets_needed: needed, ..ConfigSource::empty() };
            let loaded = load_from(files, &policy, &name, &source, outside);
            told.extend(loaded.diagnostics);
            sources.extend(loaded.sources);
            if let (Some(listener), Some(settings)) = (&loaded.listener, &settings) {
                told.extend(too_large(&name, &source, listener, settings.limits.body));
            }
            if let Some(listener) = loaded.listener
                && let Some(other) = listeners.insert(listener.id.clone(), Arc::new(listener))
            {
                told.push(same_id(&name, &source, &other));
            }
        }
        told.extend(shared_sources(&sources));
        if let Some(first) = told.first_mut() {
            first.list.extend(settings_checks::sinks(root.as_ref(), &listeners));
        }
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

    /// Returns a listener by its id or name.
    pub fn find(&self, name: &str) -> Option<&Arc<Listener>> {
        let by_id = self.listeners.get(name.to_ascii_lowercase().as_str());
        by_id.or_else(|| self.listeners.values().find(|listener| *listener.name == *name))
    }

    /// Returns the file of a listener, by its id or name.
    pub fn file_of(&self, name: &str) -> Option<PathBuf> {
        let wanted = self.find(name)?;
        listener_files(&self.folder).ok()?.into_iter().find(|path| {
            // A file that cannot be read is not the one of a listener that was read.
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.to_ascii_lowercase().contains(&*wanted.id)
        })
    }

    /// Returns the path of the file of further certificate authorities, `delivery.ca_file`.
    pub(crate) fn ca_file(&self) -> Option<PathBuf> {
        self.settings.delivery.ca_file.as_deref().map(|path| self.path(path))
    }

    /// Returns a path of the configuration. A relative path is relative to the folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// Compiles the listener of a file. Its secrets and files are relative to a folder.
pub fn load_listener(
    folder: &Path,
    name: &str,
    text: &str,
    needed: bool,
) -> crate::listener::Loaded {
    load_listener_with(
        folder,
        name,
        text,
        ConfigSource { secrets_needed: needed, ..ConfigSource::empty() },
    )
}

/// Compiles a listener with secrets and settings that override those of the file.
pub fn load_listener_with(
    folder: &Path,
    name: &str,
    text: &str,
    given: ConfigSource<'_>,
) -> crate::listener::Loaded {
    let settings = std::fs::read_to_string(folder.join(SETTINGS_FILE)).ok();
    let settings = settings.and_then(|text| Settings::read(SETTINGS_FILE, &text).ok());
    let policy = SourcePolicy::new(folder, settings.as_ref());
    load_from(&ConfigFiles::default(), &policy, name, text, given)
}

/// Compiles a listener with the sources that its tenant may use.
fn load_from(
    files: &ConfigFiles,
    policy: &SourcePolicy<'_>,
    name: &str,
    text: &str,
    given: ConfigSource<'_>,
) -> crate::listener::Loaded {
    let file = |path: &str| policy.read(files, path);
    let environment = |variable: &str| std::env::var(variable).ok();
    let sources = |tenant: &str, external: External<'_>| policy.check(tenant, external);
    let outside =
        ConfigSource { file: &file, environment: &environment, sources: &sources, ..given };
    load(name, text, &outside)
}

fn same_id(name: &str, text: &str, other: &Listener) -> Diagnostics {
    let source = Source::new(name, text);
    let at = text.find(&*other.id).unwrap_or(0);
    let message = format!("the listener `{}` has this id too", other.name);
    let span = Span::new(at, at + other.id.len());
    let diagnostic = Diagnostic::new(Code::E0605, span, message)
        .help("give each listener its own id: `uuidgen` makes one");
    Diagnostics::new(source, vec![diagnostic])
}

/// Reports a `body.max_size` above the limit of the gateway, which would have no effect.
fn too_large(name: &str, text: &str, listener: &Listener, most: usize) -> Option<Diagnostics> {
    let size = listener.max_body.filter(|size| *size > most)?;
    let root = document::read(text, Format::Toml, u16::MAX).ok()?;
    // The value of a recipe has no place in this file, and the lower limit applies.
    let span = root.get("body")?.get("max_size")?.span;
    let message = format!("`body.max_size` is {size}, and `limits.body` of the gateway is {most}");
    let diagnostic = Diagnostic::new(Code::E0605, span, message)
        .help("raise `limits.body` in `hookgate.toml`, or lower `body.max_size`");
    Some(Diagnostics::new(Source::new(name, text), vec![diagnostic]))
}

/// Returns the files of the listeners, sorted by name.
fn listener_files(folder: &Path) -> Result<Vec<PathBuf>, ConfigurationError> {
    let folder = folder.join("listeners");
    let unreadable =
        |error: std::io::Error| ConfigurationError::unreadable(&folder, error.to_string());
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

/// Returns the name of a file in messages: relative to the current folder, as the folder of the
/// configuration is.
fn shown_name(folder: &Path, path: &Path) -> String {
    let is_here = folder.as_os_str().is_empty() || folder == Path::new(".");
    let shown = if is_here { path.strip_prefix(folder).unwrap_or(path) } else { path };
    shown.display().to_string()
}

/// Returns the errors of files that only a running gateway needs: its certificates and its key. The
/// commands that run beside a gateway may lack the permission to read them.
#[cfg(feature = "cli")]
pub(crate) fn check_server_files(folder: &Path) -> Option<Diagnostics> {
    let path = folder.join(SETTINGS_FILE);
    let text = std::fs::read_to_string(&path).ok()?;
    let file = Settings::read_checked(&shown_name(folder, &path), &text).ok()?;
    let found = settings_checks::files(&file.layer.root, folder);
    (!found.is_empty()).then(|| Diagnostics::new(file.layer.source, found))
}

/// Records the current listener files: a new file changes the configuration.
pub(in crate::gateway) fn note_listeners(folder: &Path, seen: &mut FilesFingerprint) {
    for path in listener_files(folder).unwrap_or_default() {
        seen.note(path);
    }
}

/// Records the files that other modules read when the configuration is used.
fn note_files(folder: &Path, settings: &mut Settings, files: &ConfigFiles) {
    let tls = settings.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
    let ca_file = settings.delivery.ca_file.iter();
    for path in tls.chain(ca_file) {
        files.note(folder.join(path));
    }
    let state = |path: &PathBuf| FileState::of(&folder.join(path));
    settings.delivery.ca_file_seen = settings.delivery.ca_file.as_ref().and_then(state);
}

/// Returns the files that hold secrets: those that listeners name, and the private key of TLS.
pub(in crate::gateway) fn secret_files(configuration: &Configuration) -> Vec<PathBuf> {
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

/// Returns the files that hold the secrets of a listener. A secret has several files during a
/// rotation.
fn sources(listener: &Node) -> impl Iterator<Item = &str> {
    let secrets = listener.get("secrets").map(Node::entries).unwrap_or_default();
    let nodes = secrets.iter().flat_map(|secret| match secret.value.items() {
        [] => std::slice::from_ref(&secret.value),
        items => items,
    });
    nodes.filter_map(|source| source.get("file")?.as_str())
}
