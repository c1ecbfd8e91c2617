//! `hookgate keys`: creates, lists and revokes credentials, and rotates the encryption key.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::configuration::{ConfigurationArguments, block_on};
use super::names::{check_created_tenant, check_tenant, hint_or, listener};
use super::output::{self, Format, List, Row};
use super::rotate_encryption::RotateEncryption;
use super::store::{audit, now, open};
use super::{Error, Exit, values};
use crate::gateway::store::{AuditAction, Key, KeyKind, Scope, Store};
use crate::gateway::{ListenerId, TenantId, UnixMicros, make, micros_in, time_of};

/// The arguments of `keys`.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key, and show it this once
    Create(Create),
    /// List keys, without their secrets
    List {
        /// Only keys of this tenant
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Revoke a key: it is refused from now on
    Revoke {
        /// Id of the key: the part between its first two underscores
        // A text that begins with a hyphen is answered as an unknown key, not as an option.
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
    /// Encrypt everything in the store again with the first key of HOOKGATE_KEY, while the gateway
    /// runs; afterwards the other keys can be removed
    RotateEncryption(RotateEncryption),
}

#[derive(Debug, Args)]
struct Create {
    /// Tenant that the key belongs to
    #[arg(long)]
    tenant: String,
    /// Use of the key: sent as it is, or exchanged for access tokens
    #[arg(long, value_enum, default_value = "api")]
    kind: Kind,
    /// Scope of the key: `send` to listeners with a credential verification; `webhooks`,
    /// `webhooks:read`, `events`… in the management API; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", default_value = "send")]
    scopes: Vec<String>,
    /// Listener that the key is limited to, by id or name: it can send to this listener and read
    /// its events; may be repeated. Default: all listeners of the tenant
    #[arg(long = "listener", value_name = "LISTENER")]
    listeners: Vec<String>,
    /// Label for the owner of the key
    #[arg(long, default_value = "")]
    label: String,
    /// Lifetime from now: `90d`
    #[arg(long, value_name = "SPAN", value_parser = values::span)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    configuration: ConfigurationArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Api,
    Oauth,
}

impl Keys {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.command {
            Command::Create(create) => create.run(),
            Command::List { tenant, configuration, format } => {
                list(tenant.map(TenantId::from).as_ref(), &configuration, format)
            }
            Command::Revoke { id, configuration } => revoke(&id, &configuration),
            Command::RotateEncryption(rotate) => rotate.run(),
        }
    }
}

fn scope_of(name: &str) -> Result<Scope, Error> {
    Scope::find(name).ok_or_else(|| {
        let known = scope_names(Scope::ALL);
        let advice = format!("the scopes are {}", known.join(", "));
        let hint = hint_or(name, known, &advice);
        Error::Usage(format!("`{name}` is no scope{hint}"))
    })
}

impl Create {
    fn run(self) -> Result<Exit, Error> {
        let scopes = self.scopes.iter().map(|name| scope_of(name)).collect::<Result<_, _>>()?;
        let (configuration, store) = open(&self.configuration)?;
        check_created_tenant(&*store, &self.tenant)?;
        let mut listeners = Vec::new();
        for named in &self.listeners {
            let found = listener(&configuration, named, Some(&self.tenant))?;
            listeners.push(ListenerId::from(&*found.id));
        }
        let made = make().map_err(|error| Error::Usage(error.to_string()))?;
        let key = Key {
            id: made.id.clone(),
            tenant: self.tenant.as_str().into(),
            kind: match self.kind {
                Kind::Api => KeyKind::Api,
                Kind::Oauth => KeyKind::OAuthClient,
            },
            hash: made.hash,
            scopes,
            listeners,
            label: self.label.clone(),
            created_at: now(),
            expires_at: self.expires_in.map(|span| now().saturating_add(micros_in(span))),
            revoked_at: None,
            last_used_at: None,
        };
        let detail = serde_json::json!({ "tenant": self.tenant, "scopes": self.scopes });
        block_on(async {
            store.create_key(key).await?;
            audit(&*store, AuditAction::KeysCreate, &made.id, detail).await
        })??;
        self.print(&made.id, &made.shown)
    }

    fn print(&self, id: &str, shown: &str) -> Result<Exit, Error> {
        let client = self.kind == Kind::Oauth;
        if self.format == Format::Json {
            let secret = if client { "clientSecret" } else { "key" };
            output::print_line(&serde_json::json!({ "id": id, secret: shown }).to_string())?;
            return Ok(Exit::Done);
        }
        if client {
            output::print_line(&format!("client id      {id}\nclient secret  {shown}"))?;
        } else {
            output::print_line(shown)?;
        }
        output::print_note("this is shown once; only a hash of it is kept");
        Ok(Exit::Done)
    }
}

fn list(
    tenant: Option<&TenantId>,
    configuration: &ConfigurationArguments,
    format: Format,
) -> Result<Exit, Error> {
    let (configuration, store) = open(configuration)?;
    check_tenant(&configuration, &*store, tenant)?;
    let keys = block_on(store.keys(tenant))??;
    let mut list = List::new(format, &["ID", "TENANT", "KIND", "SCOPES", "STATE", "LABEL"]);
    for key in &keys {
        list.item(|| Ok(row(key)), || Ok(to_json(key)))?;
    }
    list.end()?;
    Ok(Exit::Done)
}

fn scope_names(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.name()).collect()
}

fn row(key: &Key) -> Row {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", time_of(at)),
        (None, Some(at)) if at <= now() => format!("expired {}", time_of(at)),
        (None, Some(at)) => format!("until {}", time_of(at)),
        (None, None) => "valid".to_owned(),
    };
    let scopes = scope_names(&key.scopes).join(",");
    Row::of([&key.id, &key.tenant, key.kind.name(), &scopes, &state, &key.label])
}

fn to_json(key: &Key) -> serde_json::Value {
    let time = |at: Option<UnixMicros>| at.map(|at| time_of(at).to_string());
    serde_json::json!({
        "id": key.id,
        "tenant": key.tenant,
        "kind": key.kind.name(),
        "scopes": key.scopes,
        "listeners": key.listeners,
        "label": key.label,
        "createdAt": time(Some(key.created_at)),
        "expiresAt": time(key.expires_at),
        "revokedAt": time(key.revoked_at),
        "lastUsedAt": time(key.last_used_at),
    })
}

/// Returns the id of a key: of the id itself, or of the whole key as its owner sends it. A secret
/// can have underscores too.
fn id_of(key: &str) -> &str {
    match key.strip_prefix("hg_") {
        Some(rest) => rest.split('_').next().unwrap_or(rest),
        None => key,
    }
}

/// Length of the id of a key, in letters.
const ID_LETTERS: usize = 16;

fn revoke(key: &str, configuration: &ConfigurationArguments) -> Result<Exit, Error> {
    let id = id_of(key);
    let (_, store) = open(configuration)?;
    let revoked = block_on(async {
        let revoked = store.revoke_key(id, now()).await?;
        if revoked {
            audit(&*store, AuditAction::KeysRevoke, id, serde_json::json!({})).await?;
        }
        Ok::<bool, Error>(revoked)
    })??;
    if !revoked {
        return Err(not_revoked(&*store, id));
    }
    output::print_note(&format!("revoked `{id}`"));
    Ok(Exit::Done)
}

/// Returns the reason why no key was revoked. An unknown text is not repeated if it may be the
/// secret part of a key.
fn not_revoked(store: &dyn Store, id: &str) -> Error {
    let keys = match block_on(store.keys(None)) {
        Ok(Ok(keys)) => keys,
        Ok(Err(error)) => return error.into(),
        Err(error) => return error,
    };
    if let Some(at) = keys.iter().find(|key| key.id == id).and_then(|key| key.revoked_at) {
        return Error::Usage(format!("the key `{id}` was revoked before, at {}", time_of(at)));
    }
    let is_id =
        (1..=ID_LETTERS).contains(&id.len()) && id.bytes().all(|letter| letter.is_ascii_hexdigit());
    let shown = if is_id { format!("`{id}`") } else { "this".to_owned() };
    Error::Usage(format!(
        "{shown} is the id of no key: give the part of a key between its first two underscores, as \
         `hookgate keys list` shows it"
    ))
}
