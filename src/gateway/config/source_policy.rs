//! Access control for sources: the variables and files that the listeners of each tenant may name.
//! Does not know the listeners.
//!
//! A tenant with a list may use the sources that the list names; other tenants may not. A tenant
//! without a list may use files below the configuration's folder, and variables that do not belong
//! to the gateway. No tenant may use the gateway's own files: the store with all files beside it,
//! its key, private keys, sinks, and the configuration itself.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::files::ConfigFiles;
use super::settings::{SETTINGS_FILE, Settings, TenantSources};
use crate::gateway::ops::encryption::KEY_VARIABLE;
use crate::listener::{External, SourceRefusal, plain_path, usual_sources};

/// First bytes of every SQLite database: stores and their backups.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Default path of the store.
const STORE: &str = "hookgate.db";

/// The policy that decides which sources listeners may name.
pub(in crate::gateway) struct SourcePolicy<'c> {
    folder: &'c Path,
    tenants: BTreeMap<String, TenantSources>,
    /// The gateway's own files. A path that begins with one of them is never read.
    own: Vec<PathBuf>,
}

impl<'c> SourcePolicy<'c> {
    /// Returns the policy of a configuration. Without settings, the defaults apply.
    pub(in crate::gateway) fn new(folder: &'c Path, settings: Option<&Settings>) -> Self {
        let mut own = vec![Path::new(SETTINGS_FILE), Path::new("listeners")];
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

    /// Checks that a tenant may use a source that one of its listeners names.
    ///
    /// # Errors
    /// Returns the reason of a refusal.
    pub(in crate::gateway) fn check(
        &self,
        tenant: &str,
        external: External<'_>,
    ) -> Result<(), SourceRefusal> {
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

    /// Returns true if a path names one of the gateway's own files, or resolves to one.
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

    /// Refuses a source that the list of another tenant names.
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

    /// Reads a file that a listener names. The file must be a regular file, and none of the
    /// gateway's own under any name.
    ///
    /// # Errors
    /// Returns the reason as text.
    pub(in crate::gateway) fn read(
        &self,
        files: &ConfigFiles,
        name: &str,
    ) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        if let Err(reason) = self.check_file(&path) {
            // Watched: another file may take its place.
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
            // The read reports the reason.
            return Ok(());
        };
        // Opening a pipe would block until another process writes to it.
        if !metadata.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        match self.is_own(path) || self.own_files().any(|own| same(&own, &metadata)) {
            true => Err("it is the gateway's own".to_owned()),
            false => Ok(()),
        }
    }

    /// Returns the metadata of the gateway's own files. Other names, such as hard links, may lead
    /// to them.
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

/// Returns true if a path begins with the path of an own file. So `store.db-wal` and `store.db.key`
/// belong to `store.db`, as does a file below an own folder.
fn begins_with(path: &Path, own: &Path) -> bool {
    let (path, own) = (path.as_os_str().as_encoded_bytes(), own.as_os_str().as_encoded_bytes());
    path.starts_with(own)
}

/// Removes `.` and `..` from a path without reading the file system.
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

/// Resolves only the folder of a file: the file itself may be missing while a file beside it
/// exists.
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

/// Returns true if a list names a source: `ACME_*` names all that begin so, `secrets/acme/` all
/// below.
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
        // The rest of the path must not leave the prefix again.
        Some(beginning) => !climbs && path.starts_with(&plain_path_of_beginning(beginning)),
        None if pattern.ends_with('/') => {
            !climbs && path.strip_prefix(&listed).is_some_and(|rest| rest.starts_with('/'))
        }
        None => path == listed,
    }
}

/// Normalises a prefix and keeps a trailing slash: `secrets/acme/*` does not match
/// `secrets/acmeother`.
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
    fn secret_source_lists_match_files_directories_and_variable_prefixes() {
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
