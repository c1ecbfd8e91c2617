//! External sources that a listener file names, and the permission of its tenant to use them.
//!
//! The author of a listener must not read secrets of another tenant or of the gateway through it.
//! This module has the rules that need neither files nor settings. The loader of a listener
//! supplies the rules of its configuration.

use std::collections::BTreeMap;
use std::fmt;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::engine::Source;
use crate::source::Span;

/// A source outside a listener file that the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum External<'n> {
    /// An environment variable that contains a secret.
    SecretVariable(&'n str),
    /// A file that contains a secret.
    SecretFile(&'n str),
    /// A file with other content: a schema, a sample, public keys.
    File(&'n str),
}

impl fmt::Display for External<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretVariable(name) => write!(f, "the environment variable `{name}`"),
            Self::SecretFile(name) | Self::File(name) => write!(f, "the file `{name}`"),
        }
    }
}

/// The reason why a tenant may not use a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRefusal {
    /// The reason.
    pub reason: String,
    /// Advice for the author.
    pub help: String,
}

/// The prefix of environment variables that belong to the gateway.
pub const OWN_VARIABLES: &str = "HOOKGATE_";

/// Checks a source that no configuration mentions. Rejects variables of the gateway, and files with
/// secrets outside the configuration folder.
///
/// # Errors
/// Returns the reason if the tenant may not use the source.
pub fn usual_sources(tenant: &str, external: External<'_>) -> Result<(), SourceRefusal> {
    match external {
        External::SecretVariable(name) if name.starts_with(OWN_VARIABLES) => Err(SourceRefusal {
            reason: format!("variables that begin with `{OWN_VARIABLES}` are the gateway's own"),
            help: format!(
                "use another name, or allow it in `hookgate.toml`: `[tenants.{tenant}]` and below \
                 it `secret_env = [\"{name}\"]`"
            ),
        }),
        External::SecretFile(name) if is_outside(name) => Err(SourceRefusal {
            reason: "it is not below the configuration's folder".to_owned(),
            help: format!(
                "allow it in `hookgate.toml`: `[tenants.{tenant}]` and below it \
                 `secret_files = [\"{name}\"]`"
            ),
        }),
        _ => Ok(()),
    }
}

/// Returns true if a path can lead out of its base folder. Checks only the text of the path.
fn is_outside(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}

/// Returns a path without parts that do not change its target: `./`, `//`.
pub fn plain_path(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let joined = parts.collect::<Vec<_>>().join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

/// The sources of the secrets of a listener, and its name: the parts that are compared with other
/// listeners.
#[derive(Debug, Clone)]
pub struct SecretSources {
    /// The tenant of the listener.
    pub tenant: Box<str>,
    /// The name of the listener, with its position.
    pub(super) name: (Box<str>, Span),
    /// True if the file declares that another listener may have the same name.
    pub(super) may_share_name: bool,
    /// The file of the listener.
    pub source: Source,
    /// Each source with the position of its name.
    pub(super) named: Vec<(String, Span)>,
    /// True if the file declares that it may share them.
    pub(super) may_share: bool,
}

impl SecretSources {
    pub(super) fn add(&mut self, external: External<'_>, span: Span) {
        let name = match external {
            External::SecretFile(path) => External::SecretFile(&plain_path(path)).to_string(),
            other => other.to_string(),
        };
        self.named.push((name, span));
    }
}

/// Warns about sources that listeners of several tenants name, and about names that two listeners of
/// a tenant have. Returns lists of one listener each.
pub fn shared_sources(listeners: &[SecretSources]) -> Vec<Diagnostics> {
    let mut warnings = shared_secrets(listeners);
    warnings.extend(shared_names(listeners));
    warnings
}

fn shared_names(listeners: &[SecretSources]) -> Vec<Diagnostics> {
    let mut found = Vec::new();
    for (at, listener) in listeners.iter().enumerate() {
        let (name, span) = &listener.name;
        let same = |one: &&SecretSources| one.name.0 == *name && one.tenant == listener.tenant;
        let Some(first) = listeners.iter().take(at).find(same) else {
            continue;
        };
        if !listener.may_share_name {
            let message =
                format!("the listener in `{}` has the name `{name}` too", first.source.name());
            let warning = Diagnostic::new(Code::W0610, *span, message)
                .help("give each listener of a tenant a name of its own");
            found.push(Diagnostics::new(listener.source.clone(), vec![warning]));
        }
    }
    found
}

fn shared_secrets(listeners: &[SecretSources]) -> Vec<Diagnostics> {
    let mut tenants: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for listener in listeners {
        for (name, _) in &listener.named {
            tenants.entry(name).or_default().push(&listener.tenant);
        }
    }
    let warnings = listeners.iter().filter(|listener| !listener.may_share).map(|listener| {
        let told = listener.named.iter().filter_map(|(name, span)| {
            let others = tenants.get(name.as_str())?;
            let other = others.iter().find(|other| ***other != *listener.tenant)?;
            Some(shared(name, other, *span))
        });
        Diagnostics::new(listener.source.clone(), told.collect())
    });
    warnings.filter(|one| !one.list.is_empty()).collect()
}

fn shared(name: &str, other: &str, span: Span) -> Diagnostic {
    let message = format!("{name} is a source of secrets of the tenant `{other}` too");
    Diagnostic::new(Code::W0607, span, message).help(
        "give each tenant sources of its own, with `secret_env` and `secret_files` of its table \
         `[tenants.NAME]` in `hookgate.toml`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_from_gateway_variables_or_outside_the_folder_are_refused() {
        for (external, allowed) in [
            (External::SecretVariable("ACME_SECRET"), true),
            (External::SecretVariable("HOOKGATE_KEY"), false),
            (External::SecretVariable("HOOKGATE_ANYTHING"), false),
            (External::SecretFile("secrets/acme"), true),
            (External::SecretFile("..data/acme"), true),
            (External::SecretFile("/etc/passwd"), false),
            (External::SecretFile("../other/secret"), false),
            (External::SecretFile("secrets/../../other"), false),
            (External::SecretFile(".."), false),
        ] {
            assert_eq!(usual_sources("acme", external).is_ok(), allowed, "{external}");
        }
        assert_eq!(plain_path("./secrets//a"), "secrets/a");
        assert_eq!(plain_path("/run/./a"), "/run/a");
    }
}
