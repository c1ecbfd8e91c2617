//! Whose sources of secrets and files are: what the listeners of each tenant may name.
//!
//! A tenant with a list uses what the list names, and others do not. A tenant without one uses
//! what is below the configuration's folder, and variables that are not the gateway's own. The
//! gateway's own files are nobody's: the store with all that stands beside it, the key, private
//! keys, sinks, and the configuration itself.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::encryption::KEY_VARIABLE;
use super::files::ConfigFiles;
use super::settings::Settings;
use crate::listener::{External, SourceRefusal, plain_path, usual_sources};

/// The sources of a tenant, as `hookgate.toml` lists them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantSources {
    /// Variables of the environment; `ACME_*` is all that begin so. None: no list.
    pub secret_env: Option<Vec<String>>,
    /// Files; `secrets/acme/` is all below. None: no list.
    pub secret_files: Option<Vec<String>>,
}

/// What every SQLite database begins with: stores, and backups of them.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Where the store is if nothing says so.
const STORE: &str = "hookgate.db";

/// Which sources the listeners of a configuration may name.
pub(super) struct SourcePolicy<'c> {
    folder: &'c Path,
    tenants: BTreeMap<String, TenantSources>,
    /// The gateway's own files: nothing whose name begins with one is read.
    own: Vec<PathBuf>,
}

impl<'c> SourcePolicy<'c> {
    /// The policy of a configuration; without settings, that of a gateway that has none.
    pub(super) fn new(folder: &'c Path, settings: Option<&Settings>) -> Self {
        let mut own = vec![Path::new(super::HOOKGATE), Path::new("listeners")];
        own.push(settings.map_or(Path::new(STORE), |settings| &settings.store));
        let settings = settings.into_iter();
        own.extend(settings.clone().filter_map(|one| Some(one.tls.as_ref()?.1.as_path())));
        own.extend(
            settings.clone().flat_map(|one| one.sinks.iter().map(|sink| sink.path.as_path())),
        );
        Self {
            folder,
            own: own.into_iter().map(|path| folder.join(path)).collect(),
            tenants: settings.flat_map(|one| one.tenants.clone()).collect(),
        }
    }

    /// Checks that a tenant may use what a listener of it names.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn check(&self, tenant: &str, external: External<'_>) -> Result<(), SourceRefusal> {
        self.refuse_own(external)?;
        let list = match external {
            External::File(_) => None,
            _ => self.tenants.get(tenant).and_then(|sources| list_of(sources, external)),
        };
        match list {
            Some(list) if matches(list, external) => Ok(()),
            Some(_) => Err(not_listed(tenant, external)),
            None => {
                self.refuse_others(tenant, external)?;
                usual_sources(tenant, external)
            }
        }
    }

    fn refuse_own(&self, external: External<'_>) -> Result<(), SourceRefusal> {
        let own = match external {
            External::SecretVariable(name) => name == KEY_VARIABLE,
            External::SecretFile(path) | External::File(path) => {
                self.is_own(&self.folder.join(path))
            }
        };
        match own {
            true => Err(SourceRefusal {
                reason: "it is the gateway's own".to_owned(),
                help: "name a source that holds nothing but this secret".to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// Whether a path is one of the gateway's own files, or leads to one.
    fn is_own(&self, path: &Path) -> bool {
        let resolved = path.canonicalize().ok();
        self.own.iter().any(|own| {
            let leads = |resolved: &PathBuf| {
                own.canonicalize().is_ok_and(|own| begins_with(resolved, &own))
                    || resolved_beside(own).is_some_and(|own| begins_with(resolved, &own))
            };
            begins_with(&plain(path), &plain(own)) || resolved.as_ref().is_some_and(leads)
        })
    }

    /// Refuses what only another tenant's list names.
    fn refuse_others(&self, tenant: &str, external: External<'_>) -> Result<(), SourceRefusal> {
        let others = self.tenants.iter().filter(|(other, _)| *other != tenant);
        let names = |(_, sources): &(&String, &TenantSources)| {
            list_of(sources, external).is_some_and(|list| matches(list, external))
        };
        match others.into_iter().find(names) {
            None => Ok(()),
            Some((other, _)) => Err(SourceRefusal {
                reason: format!("it belongs to the tenant `{other}`"),
                help: allow(tenant, external),
            }),
        }
    }

    /// Reads a file that a listener names: a regular one that is not the gateway's own, by whatever
    /// name.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn read(&self, files: &ConfigFiles, name: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        if let Err(reason) = self.check_file(&path) {
            // Another file in its place is to be read.
            files.note(path);
            return Err(reason);
        }
        let content = files.read(&path)?;
        match content.starts_with(SQLITE) {
            true => Err("it is a database".to_owned()),
            false => Ok(content),
        }
    }

    fn check_file(&self, path: &Path) -> Result<(), String> {
        let Ok(metadata) = path.metadata() else {
            // Reading it tells why not.
            return Ok(());
        };
        // Opening a pipe would wait for whoever writes to it.
        if !metadata.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        match self.is_own(path) || self.own_files().any(|own| same(&own, &metadata)) {
            true => Err("it is the gateway's own".to_owned()),
            false => Ok(()),
        }
    }

    /// The gateway's own files as they are now: other names may lead to them.
    fn own_files(&self) -> impl Iterator<Item = Metadata> {
        let beside = self.own.iter().map(|own| {
            let mut key = own.as_os_str().to_owned();
            key.push(".key");
            PathBuf::from(key)
        });
        self.own.iter().cloned().chain(beside).filter_map(|path| path.metadata().ok())
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether a path is another, something below it, or has a name that begins with it: `store.db-wal`
/// and `store.db.key` belong to `store.db`.
fn begins_with(path: &Path, own: &Path) -> bool {
    let (path, own) = (path.as_os_str().as_encoded_bytes(), own.as_os_str().as_encoded_bytes());
    path.starts_with(own)
}

/// A path without `.` and `..`, as it is written.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// A file whose folder is resolved: the file itself may not be there, and one beside it is.
fn resolved_beside(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

fn list_of<'s>(sources: &'s TenantSources, external: External<'_>) -> Option<&'s [String]> {
    match external {
        External::SecretVariable(_) => sources.secret_env.as_deref(),
        External::SecretFile(_) | External::File(_) => sources.secret_files.as_deref(),
    }
}

/// Whether a list names something: `ACME_*` all that begin so, `secrets/acme/` all below.
fn matches(list: &[String], external: External<'_>) -> bool {
    list.iter().any(|pattern| match external {
        External::SecretVariable(name) => match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == pattern,
        },
        External::SecretFile(path) | External::File(path) => is_listed(pattern, path),
    })
}

fn is_listed(pattern: &str, path: &str) -> bool {
    let (path, listed) = (plain_path(path), plain_path(pattern));
    let climbs = path.split('/').any(|part| part == "..");
    match pattern.strip_suffix('*') {
        // What is behind a beginning must not climb out of it again.
        Some(beginning) => !climbs && path.starts_with(&plain_path_of_beginning(beginning)),
        None if pattern.ends_with('/') => {
            !climbs && path.strip_prefix(&listed).is_some_and(|rest| rest.starts_with('/'))
        }
        None => path == listed,
    }
}

/// A beginning keeps the slash at its end: `secrets/acme/*` is not `secrets/acmeother`.
fn plain_path_of_beginning(beginning: &str) -> String {
    let slash = if beginning.ends_with('/') && beginning.len() > 1 { "/" } else { "" };
    format!("{}{slash}", plain_path(beginning))
}

fn setting(external: External<'_>) -> &'static str {
    match external {
        External::SecretVariable(_) => "secret_env",
        External::SecretFile(_) | External::File(_) => "secret_files",
    }
}

fn allow(tenant: &str, external: External<'_>) -> String {
    let (External::SecretVariable(name) | External::SecretFile(name) | External::File(name)) =
        external;
    let setting = setting(external);
    format!(
        "an operator allows it with `{setting} = [\"{name}\"]` below `[tenants.{tenant}]` in `hookgate.toml`"
    )
}

fn not_listed(tenant: &str, external: External<'_>) -> SourceRefusal {
    SourceRefusal {
        reason: format!("`tenants.{tenant}.{}` does not list it", setting(external)),
        help: allow(tenant, external),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_files_variables_and_what_begins_like_them() {
        let list = ["ACME_*".to_owned(), "ONE".to_owned()];
        let variable = |name| matches(&list, External::SecretVariable(name));
        assert!(
            variable("ACME_A") && variable("ONE") && !variable("ONE_MORE") && !variable("ACME")
        );
        for (pattern, path, listed) in [
            ("secrets/acme/", "secrets/acme/a", true),
            ("secrets/acme/", "./secrets//acme/a/b", true),
            ("secrets/acme/", "secrets/acmeother", false),
            ("secrets/acme/", "secrets/acme/../other", false),
            ("secrets/acme/*", "secrets/acme/a", true),
            ("secrets/acme*", "secrets/acme-a", true),
            ("secrets/acme*", "secrets/acme/../other", false),
            ("/run/secrets/acme/", "/run/secrets/acme/a", true),
            ("/run/secrets/acme/", "run/secrets/acme/a", false),
            ("../shared/key", "../shared/key", true),
            ("secrets/one", "secrets/one", true),
            ("secrets/one", "secrets/one2", false),
        ] {
            assert_eq!(is_listed(pattern, path), listed, "{pattern} {path}");
        }
    }
}
