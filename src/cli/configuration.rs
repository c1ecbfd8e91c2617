//! The configuration of the gateway, as commands read it. Knows no command.

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{self, Format};
use super::{Error, Exit};
use crate::diagnostic::Diagnostics;
use crate::gateway::{
    Configuration, ConfigurationError, SETTINGS_FILE, check_server_files, load_listener,
};

/// The argument that selects a configuration.
#[derive(Debug, Args)]
pub(super) struct ConfigurationArguments {
    /// Folder with `hookgate.toml` and `listeners/`
    #[arg(long, short = 'C', value_name = "FOLDER", default_value = ".")]
    pub(super) config: PathBuf,
}

impl ConfigurationArguments {
    /// Reads the configuration. Missing secrets are not an error.
    pub(super) fn read(&self) -> Result<Configuration, Error> {
        Configuration::read(&self.config, false).map_err(|error| {
            if let ConfigurationError::Faults(faults) = &error {
                print_faults(faults);
            }
            Error::Usage(error.to_string())
        })
    }
}

/// Returns the end of a command that a message shows: ` -C FOLDER`, or nothing for the current
/// folder, which is the default.
pub(super) fn folder_option(folder: &Path) -> String {
    if folder == Path::new(".") { String::new() } else { format!(" -C {}", folder.display()) }
}

/// Prints the errors of a configuration to standard error.
pub(super) fn print_faults(faults: &[Diagnostics]) {
    faults.iter().for_each(|one| output::print_diagnostics(one, Format::Text));
}

/// Returns the diagnostics of a configuration folder or of one of its files; `None` if the path is
/// neither.
pub(super) fn check(path: &Path) -> Result<Option<Vec<Diagnostics>>, Error> {
    if path.is_dir() {
        has_settings(path)?;
        return folder(path).map(Some);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    if name.as_deref() == Some(SETTINGS_FILE) {
        return folder(path.parent().unwrap_or(Path::new("."))).map(Some);
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    let is_listener = parent.file_name().is_some_and(|name| name == "listeners")
        && path.extension().is_some_and(|extension| extension == "toml");
    if !is_listener {
        return Ok(None);
    }
    let source = super::input::source(path)?;
    let folder = parent.parent().unwrap_or(Path::new("."));
    let mut loaded = load_listener(folder, source.name(), source.text(), false);
    loaded.diagnostics.retain(|one| !one.list.is_empty());
    if loaded.diagnostics.is_empty() {
        loaded.diagnostics.push(Diagnostics::new(source, Vec::new()));
    }
    Ok(Some(loaded.diagnostics))
}

/// Returns an error for a folder that is no configuration, with the form that checks its files.
fn has_settings(path: &Path) -> Result<(), Error> {
    if path.join(SETTINGS_FILE).exists() {
        return Ok(());
    }
    let shown = path.display();
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let has_rules = entries
        .filter_map(|entry| entry.path().extension().map(|one| one.to_owned()))
        .any(|extension| extension == "rule");
    let above = path.parent().filter(|above| above.join(SETTINGS_FILE).exists());
    let advice = match above {
        _ if has_rules => format!("rules are named as files, `hookgate check {}`", rules(path)),
        Some(above) if above.as_os_str().is_empty() => "check the folder above, `hookgate check`".to_owned(),
        Some(above) => format!("check the folder above, `hookgate check {}`", above.display()),
        None => "rules are named as files, `hookgate check a.rule`, and `hookgate init PROVIDER` makes a configuration".to_owned(),
    };
    let message =
        format!("`{shown}` has no `{SETTINGS_FILE}`, so it is no configuration: {advice}");
    Err(Error::Usage(message))
}

/// Returns the pattern of the rules in a folder.
fn rules(folder: &Path) -> String {
    let here = folder == Path::new(".");
    if here { "*.rule".to_owned() } else { folder.join("*.rule").display().to_string() }
}

fn folder(path: &Path) -> Result<Vec<Diagnostics>, Error> {
    match Configuration::read(path, false) {
        Ok(configuration) => {
            let files = 1 + configuration.listeners.len();
            let mut told = configuration.warnings;
            told.extend(check_server_files(path));
            let mut told = by_source(told);
            // Files without diagnostics are counted too.
            let quiet = files.saturating_sub(told.len());
            let empty = || crate::engine::Source::new(path.display().to_string(), "");
            told.extend((0..quiet).map(|_| Diagnostics::new(empty(), Vec::new())));
            Ok(told)
        }
        Err(ConfigurationError::Faults(faults)) => Ok(by_source(faults)),
        Err(error) => Err(Error::Usage(error.to_string())),
    }
}

/// Joins the diagnostics of each source, so that a source is counted once.
fn by_source(all: Vec<Diagnostics>) -> Vec<Diagnostics> {
    let mut joined: Vec<Diagnostics> = Vec::new();
    for one in all {
        match joined.iter_mut().find(|known| known.source.name() == one.source.name()) {
            Some(known) => {
                let list = known.list.drain(..).chain(one.list).collect();
                let more = known.more + one.more;
                *known = Diagnostics::new(one.source, list).and_more(more);
            }
            None => joined.push(one),
        }
    }
    joined
}

/// Runs asynchronous work to its end.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// Returns the exit code of a command that found something or nothing.
pub(super) fn exit_code(found: bool) -> Exit {
    if found { Exit::Fault } else { Exit::Done }
}
