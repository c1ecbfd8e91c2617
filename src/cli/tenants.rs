//! `hookgate tenants`: creates and lists the tenants of a gateway.

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::output::{self, Format, List, Row};
use super::store::{audit, now, open, open_or_create};
use super::{Error, Exit};
use crate::config::ID_FORM;
use crate::gateway::store::{AuditAction, Tenant};
use crate::gateway::{TenantId, tenant_locator, time_of};

/// The arguments of `tenants`.
#[derive(Debug, Args)]
pub(super) struct Tenants {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a tenant
    Create {
        /// Id of the tenant, as listeners name it: letters, digits, `-` and `_`
        id: String,
        /// Name of the tenant
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
    /// List all tenants
    List {
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

impl Tenants {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.command {
            Command::Create { id, name, configuration } => create(&id, name, &configuration),
            Command::List { configuration, format } => list(&configuration, format),
        }
    }
}

/// Returns the id of a tenant.
///
/// # Errors
/// Returns an error for a text that is no id of a tenant.
pub(super) fn tenant_id(id: &str) -> Result<TenantId, Error> {
    let checked = TenantId::checked(id);
    checked.ok_or_else(|| Error::Usage(format!("`{id}` is no tenant: a tenant has {ID_FORM}")))
}

fn create(
    id: &str,
    name: Option<String>,
    configuration: &ConfigurationArguments,
) -> Result<Exit, Error> {
    let checked = tenant_id(id)?;
    let (_, store) = open_or_create(configuration)?;
    let name = name.unwrap_or_else(|| id.to_owned());
    block_on(async {
        store.create_tenant(Tenant { id: checked, name, created_at: now() }).await?;
        audit(&*store, AuditAction::TenantsCreate, id, serde_json::json!({})).await
    })??;
    output::print_note(&format!("made the tenant `{id}`"));
    Ok(Exit::Done)
}

fn list(configuration: &ConfigurationArguments, format: Format) -> Result<Exit, Error> {
    let (_, store) = open(configuration)?;
    let tenants = block_on(store.tenants())??;
    let mut list = List::new(format, &["ID", "LOCATOR", "NAME"]);
    for tenant in tenants {
        let locator = tenant_locator(&tenant.id);
        let row = || Ok(Row::of([&tenant.id, &locator.to_string(), &tenant.name]));
        let json = || {
            let created = time_of(tenant.created_at).to_string();
            Ok(serde_json::json!({
                "id": tenant.id, "name": tenant.name, "locator": locator.to_string(),
                "createdAt": created,
            }))
        };
        list.item(row, json)?;
    }
    list.end()?;
    Ok(Exit::Done)
}
