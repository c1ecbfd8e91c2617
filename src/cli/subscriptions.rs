//! `hookgate subscriptions`: lists and repairs subscriptions, for operators.

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::names::check_tenant;
use super::output::{self, Format, List, Row};
use super::store::{now, open, page_after, unlock};
use super::{Error, Exit, names};
use crate::delivery::{Api, Definition, SubscriptionHealth};
use crate::gateway::store::{AuditAction, SubscriptionFilter, SubscriptionRecord};
use crate::gateway::{
    Clock, Keyring, MASK, SubscriptionAdmin, SubscriptionAdminError, TenantId, UnixMicros,
    display_locator, micros_in, time_of, unsealed,
};

/// The arguments of `subscriptions`.
#[derive(Debug, Args)]
pub(super) struct Subscriptions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List subscriptions
    List {
        /// Only subscriptions of this tenant
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show a subscription, without its secrets
    Show {
        /// Id of the subscription, a UUID or a ULID
        id: String,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
    /// End the suspension of a subscription
    Unsuspend {
        /// Id of the subscription, a UUID or a ULID
        id: String,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
    /// Create a new signing secret, and show it this once; the old one also signs for a while
    Rotate {
        /// Id of the subscription, a UUID or a ULID
        id: String,
        /// Rotate the secret of the alert endpoint instead
        #[arg(long)]
        alert: bool,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
}

impl Subscriptions {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.command {
            Command::List { tenant, configuration, format } => {
                list(tenant.map(TenantId::from), &configuration, format)
            }
            Command::Show { id, configuration } => show(&id, &configuration),
            Command::Unsuspend { id, configuration } => unsuspend(&id, &configuration),
            Command::Rotate { id, alert, configuration } => rotate(&id, alert, &configuration),
        }
    }
}

impl From<SubscriptionAdminError> for Error {
    fn from(error: SubscriptionAdminError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Returns an id in the form that the API of its subscription uses.
pub(super) fn display_id(api: Api, id: &str) -> String {
    match api {
        Api::Socotra => display_locator(id),
        Api::Awork | Api::Sink => id.to_owned(),
    }
}

fn state(record: &SubscriptionRecord) -> String {
    match (record.enabled, record.health.suspended_at) {
        (false, _) => "paused".to_owned(),
        (true, Some(at)) => format!("suspended {}", time_of(UnixMicros::new(at))),
        (true, None) => "active".to_owned(),
    }
}

fn to_json(keyring: &Keyring, record: &SubscriptionRecord) -> Result<serde_json::Value, Error> {
    let definition = unsealed(keyring, record).map_err(|error| Error::Usage(error.to_string()))?;
    let Definition { name, endpoint, events, policy, alert, filter, transform, .. } = &definition;
    let headers: serde_json::Map<_, _> =
        endpoint.headers.iter().map(|(name, _)| (name.clone(), MASK.into())).collect();
    let retry = policy.retry.map(|retry| {
        serde_json::json!({
            "pattern": format!("{:?}", retry.pattern).to_lowercase(),
            "interval": retry.interval,
            "attempts": retry.attempts,
        })
    });
    let triggers: Vec<String> = policy.triggers.iter().map(ToString::to_string).collect();
    Ok(serde_json::json!({
        "id": display_id(record.api, &record.id),
        "tenant": record.tenant,
        "api": record.api.name(),
        "name": name,
        "state": state(record),
        "url": endpoint.url,
        "headers": headers,
        "signed": endpoint.signed,
        "tag": endpoint.tag,
        "events": events,
        "triggers": triggers,
        "retry": retry,
        "divert": policy.divert,
        "alert": alert.as_ref().map(|alert| &alert.url),
        "filter": filter,
        "transform": transform,
        "failures": record.health.failures,
        "lastFailure": record.last_failure,
        "createdAt": time_of(record.created_at).to_string(),
        "updatedAt": time_of(record.updated_at).to_string(),
    }))
}

fn list(
    tenant: Option<TenantId>,
    configuration: &ConfigurationArguments,
    format: Format,
) -> Result<Exit, Error> {
    let (configuration, store) = open(configuration)?;
    check_tenant(&configuration, &*store, tenant.as_ref())?;
    let keyring = unlock(&configuration, &*store)?;
    let filter = SubscriptionFilter { tenant, ..SubscriptionFilter::default() };
    block_on(async {
        let mut list = List::new(format, COLUMNS);
        let mut after = None;
        loop {
            let page = store.subscription_page(&filter, page_after(after)).await?;
            if page.is_empty() {
                return list.end();
            }
            for (sequence, record) in &page {
                after = Some(*sequence);
                list.item(|| row(&keyring, record), || to_json(&keyring, record))?;
            }
        }
    })??;
    Ok(Exit::Done)
}

/// The names of the columns of [`row`].
const COLUMNS: &[&str] = &["ID", "TENANT", "API", "STATE", "NAME", "EVENTS", "URL"];

fn row(keyring: &Keyring, record: &SubscriptionRecord) -> Result<Row, Error> {
    let definition = unsealed(keyring, record).map_err(|error| Error::Usage(error.to_string()))?;
    let Definition { name, endpoint, events, .. } = &definition;
    let (id, state, events) = (display_id(record.api, &record.id), state(record), events.join(","));
    Ok(Row::of([&id, &record.tenant, record.api.name(), &state, name, &events, &endpoint.url]))
}

fn show(named: &str, configuration: &ConfigurationArguments) -> Result<Exit, Error> {
    let (configuration, store) = open(configuration)?;
    names::subscription(&*store, named)?;
    let keyring = unlock(&configuration, &*store)?;
    let acting = SubscriptionAdmin { store: &*store, keyring: &keyring, clock: Clock::System };
    let (record, _) = block_on(acting.find(named))??;
    output::print_line(&format!("{:#}", to_json(&keyring, &record)?))?;
    Ok(Exit::Done)
}

fn unsuspend(named: &str, configuration: &ConfigurationArguments) -> Result<Exit, Error> {
    let (configuration, store) = open(configuration)?;
    names::subscription(&*store, named)?;
    let keyring = unlock(&configuration, &*store)?;
    let acting = SubscriptionAdmin { store: &*store, keyring: &keyring, clock: Clock::System };
    let (record, _) = block_on(acting.find(named))??;
    if record.health.suspended_at.is_none() {
        output::print_note(&format!("`{named}` is not suspended"));
        return Ok(Exit::Done);
    }
    block_on(acting.change(named, AuditAction::SubscriptionsUnsuspend, |record, _| {
        record.health = SubscriptionHealth::default();
    }))??;
    output::print_note(&format!("the suspension of `{named}` is ended"));
    Ok(Exit::Done)
}

fn rotate(named: &str, alert: bool, configuration: &ConfigurationArguments) -> Result<Exit, Error> {
    let (configuration, store) = open(configuration)?;
    names::subscription(&*store, named)?;
    let keyring = unlock(&configuration, &*store)?;
    let acting = SubscriptionAdmin { store: &*store, keyring: &keyring, clock: Clock::System };
    let overlap = configuration.settings.delivery.rotation;
    let secret = block_on(acting.rotate(named, alert, now().saturating_add(micros_in(overlap))))??;
    output::print_line(&secret)?;
    let hours = overlap.as_secs() / 3600;
    output::print_note(&format!(
        "this is shown once; the secret before it signs too for {hours} more hours"
    ));
    Ok(Exit::Done)
}
