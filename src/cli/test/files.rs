//! Test files, `*.test.toml`: requests with their expected results.

use std::path::{Path, PathBuf};

use super::PreparedTest;
use super::secrets::Expected;
use crate::cli::configuration::print_faults;
use crate::cli::{Error, input, names};
use crate::config::read_file;
use crate::diagnostic::Diagnostics;
use crate::document::{self, Format, Node};
use crate::gateway::{
    Configuration, ConfigurationError, SETTINGS_FILE, Settings, TEST_FILE, load_listener_with,
};
use crate::listener::{ConfigSource, Listener, Sample, find_recipe, load, recipe_names};

/// Prepares the tests of files and folders.
pub(super) fn prepare(paths: &[PathBuf], folder: &Path) -> Result<Vec<PreparedTest>, Error> {
    let mut files = Vec::new();
    if paths.is_empty() {
        collect(folder, &mut files)?;
    }
    for path in paths {
        if path.is_dir() { collect(path, &mut files)? } else { files.push(path.clone()) }
    }
    files.sort();
    let mut prepared = Vec::new();
    for file in files {
        prepared.extend(of_file(&file, folder)?);
    }
    Ok(prepared)
}

/// Collects the test files of a folder and of its subfolders.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Read {
        name: folder.display().to_string(),
        reason: error.to_string(),
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if path.is_dir() && !name.as_ref().is_some_and(|name| name.starts_with('.')) {
            collect(&path, files)?;
        } else if name.is_some_and(|name| name.ends_with(".test.toml")) {
            files.push(path);
        }
    }
    Ok(())
}

fn of_file(path: &Path, folder: &Path) -> Result<Vec<PreparedTest>, Error> {
    let source = input::source(path)?;
    let shown = source.name().to_owned();
    let faulty = |faults: Diagnostics| {
        print_faults(&[faults]);
        Error::Usage(format!("{shown} has faults"))
    };
    let root = read_file(source.clone(), &TEST_FILE).map_err(faulty)?;
    let base = Base::of(&root, path, folder)?;
    let faults = base.secrets.as_ref().map(|secrets| secrets.faults(&root)).unwrap_or_default();
    if !faults.is_empty() {
        return Err(faulty(Diagnostics::new(source, faults)));
    }
    let tests = root.get("test").map(Node::items).unwrap_or_default();
    let mut prepared = Vec::new();
    for node in tests {
        let mut sample = Sample::of(node);
        base.complete(&mut sample, path)?;
        let listener = base.listener(&sample, &shown)?;
        let settings = base.settings.clone();
        prepared.push(PreparedTest { file: shown.clone(), sample, listener, settings });
    }
    Ok(prepared)
}

/// The common part of the tests in a file.
struct Base {
    /// File of the listener: its name, its text, and the folder of its configuration.
    listener: (String, String, PathBuf),
    settings: Settings,
    common: Sample,
    /// The names of the secrets of the listener; `None` if its file has an error.
    secrets: Option<Expected>,
}

impl Base {
    fn of(root: &Node, path: &Path, folder: &Path) -> Result<Self, Error> {
        let common = Sample::of(root);
        let near = path.parent().unwrap_or(Path::new("."));
        if let Some(provider) = root.get("provider").and_then(Node::as_str) {
            let recipe = find_recipe(provider).ok_or_else(|| {
                let hint = names::hint(provider, recipe_names());
                Error::Usage(format!("there is no recipe `{provider}`{hint}"))
            })?;
            let listener = (recipe.name.to_owned(), recipe.trial_file(), near.to_owned());
            let secrets = Some(Expected::of_recipe(recipe));
            return Ok(Self { listener, settings: usual_settings()?, common, secrets });
        }
        let named = root.get("listener").and_then(Node::as_str).unwrap_or("");
        let file =
            if named.ends_with(".toml") { near.join(named) } else { by_name(named, folder)? };
        let text = input::source(&file)?.text().to_owned();
        let above = file.parent().and_then(Path::parent).unwrap_or(near).to_owned();
        let settings = match std::fs::read_to_string(above.join(SETTINGS_FILE)) {
            Ok(text) => Settings::read(SETTINGS_FILE, &text)
                .map_err(|faults| Error::Usage(faults.to_string()))?,
            Err(_) => usual_settings()?,
        };
        let secrets = expected(&text);
        let listener = (file.display().to_string(), text, above);
        Ok(Self { listener, settings, common, secrets })
    }

    /// Adds the values that a test takes from the common part.
    fn complete(&self, sample: &mut Sample, path: &Path) -> Result<(), Error> {
        for (name, active) in &self.common.secrets {
            if !sample.secrets.iter().any(|(known, _)| known == name) {
                sample.secrets.push((name.clone(), active.clone()));
            }
        }
        for (name, value) in &self.common.vars {
            if !sample.vars.iter().any(|(known, _)| known == name) {
                sample.vars.push((name.clone(), value.clone()));
            }
        }
        // Those of the test come first, so they win.
        sample.keys.extend_from_slice(&self.common.keys);
        sample.key_files.extend_from_slice(&self.common.key_files);
        sample.now = sample.now.or(self.common.now);
        let near = path.parent().unwrap_or(Path::new("."));
        read_keys(sample, near)?;
        for one in std::iter::once(&mut *sample) {
            read_body(one, near)?;
        }
        for one in &mut sample.then {
            read_body(one, near)?;
        }
        Ok(())
    }

    fn listener(&self, sample: &Sample, shown: &str) -> Result<Listener, Error> {
        let (name, text, folder) = &self.listener;
        let outside = ConfigSource {
            secrets_needed: false,
            vars: sample.vars.clone(),
            secrets: sample.secrets.clone(),
            url: sample.url.as_deref().map(without_query),
            ..ConfigSource::empty()
        };
        let loaded = load_listener_with(folder, name, text, outside);
        match loaded.listener {
            Some(listener) => Ok(listener),
            None => {
                print_faults(&loaded.diagnostics);
                Err(Error::Usage(format!("{shown}: the listener has faults")))
            }
        }
    }
}

/// Returns the secrets of a listener's file. An error of the file is reported when it is loaded.
fn expected(text: &str) -> Option<Expected> {
    let root = document::read(text, Format::Toml, u16::MAX).ok()?;
    let provider = root.get("provider").and_then(Node::as_str);
    Some(Expected::of_listener(&root, provider.and_then(find_recipe)))
}

fn read_body(sample: &mut Sample, near: &Path) -> Result<(), Error> {
    if let Some(file) = &sample.body_file {
        sample.body = Some(input::bytes(&near.join(file))?);
    }
    Ok(())
}

/// Reads the files of key documents.
fn read_keys(sample: &mut Sample, near: &Path) -> Result<(), Error> {
    for (url, file) in std::mem::take(&mut sample.key_files) {
        let document = input::bytes(&near.join(file))?;
        sample.keys.push((url, String::from_utf8_lossy(&document).into_owned()));
    }
    Ok(())
}

/// Returns a URL without its query, as in a listener's file.
pub(super) fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

/// Returns the file of a listener of the configuration, by its name or id.
fn by_name(name: &str, folder: &Path) -> Result<PathBuf, Error> {
    let configuration = Configuration::read(folder, false).map_err(|error| {
        if let ConfigurationError::Faults(faults) = &error {
            print_faults(faults);
        }
        Error::Usage(error.to_string())
    })?;
    let listener = names::listener(&configuration, name, None)?;
    configuration
        .file_of(&listener.id)
        .ok_or_else(|| Error::Usage(format!("the file of the listener `{name}` is gone")))
}

/// Returns the default settings of a gateway.
pub(super) fn usual_settings() -> Result<Settings, Error> {
    Settings::read(SETTINGS_FILE, "public_url = \"https://hooks.example.com\"\n")
        .map_err(|faults| Error::Usage(faults.to_string()))
}

/// Returns the listener of a recipe, a file or a name, with the external values of a request.
pub(super) fn listener_of(
    named: &str,
    folder: &Path,
    outside: ConfigSource<'_>,
) -> Result<Listener, Error> {
    let loaded = match find_recipe(named) {
        Some(recipe) => load(recipe.name, &recipe.trial_file(), &outside),
        None => {
            let path =
                if named.ends_with(".toml") { named.into() } else { by_name(named, folder)? };
            let source = input::source(&path)?;
            let above = path.parent().and_then(Path::parent).unwrap_or(Path::new("."));
            load_listener_with(above, source.name(), source.text(), outside)
        }
    };
    loaded.listener.ok_or_else(|| {
        print_faults(&loaded.diagnostics);
        Error::Usage(format!("the listener `{named}` has faults"))
    })
}
