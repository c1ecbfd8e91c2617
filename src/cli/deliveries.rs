//! `hookgate deliveries`: lists deliveries with their attempts, and sends events again.

use std::collections::HashMap;

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::names::{check_tenant, hint};
use super::output::{self, Format, List, Row};
use super::store::{PAGE_ROWS, change, now, open};
use super::subscriptions::display_id;
use super::values::id_of;
use super::{Error, Exit, names, values};
use crate::delivery::Api;
use crate::gateway::store::{
    AttemptRecord, AuditAction, DeliveryFilter, DeliveryRecord, DeliveryState, Store,
};
use crate::gateway::{EventId, SubscriptionId, TenantId, display_locator, time_of};

/// The arguments of `deliveries`.
#[derive(Debug, Args)]
pub(super) struct Deliveries {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List deliveries, newest first
    List {
        /// Only deliveries of this tenant
        #[arg(long)]
        tenant: Option<String>,
        /// Only deliveries to this subscription
        #[arg(long)]
        subscription: Option<String>,
        /// Only deliveries of this event
        #[arg(long)]
        event: Option<String>,
        /// Only deliveries in this state: `waiting`, `delivered`, `diverted`, `dropped`, `filtered`
        #[arg(long)]
        state: Option<String>,
        /// Number of deliveries to list
        #[arg(long, default_value_t = 20, value_parser = values::limit)]
        limit: usize,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show a delivery with its attempts
    Show {
        /// Number of the delivery
        #[arg(value_name = "NUMBER", value_parser = values::delivery)]
        id: i64,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Send the event of a delivery to its subscription again
    Resend {
        /// Number of the delivery
        #[arg(value_name = "NUMBER", value_parser = values::delivery)]
        id: i64,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
}

impl Deliveries {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.command {
            Command::List { tenant, subscription, event, state, limit, configuration, format } => {
                let filter = DeliveryFilter {
                    tenant: tenant.map(TenantId::from),
                    subscription_id: subscription.map(SubscriptionId::from),
                    event_id: event.map(|id| id_of(&id, "deliveries list")).transpose()?,
                    state: state.map(|name| state_of(&name)).transpose()?,
                    id: None,
                    before: None,
                    limit,
                };
                list(&filter, &configuration, format)
            }
            Command::Show { id, configuration, format } => show(id, &configuration, format),
            Command::Resend { id, configuration } => resend(id, &configuration),
        }
    }
}

fn state_of(name: &str) -> Result<DeliveryState, Error> {
    DeliveryState::find(name).ok_or_else(|| {
        let known: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.name()).collect();
        let hint = hint(name, known.iter().copied());
        Error::Usage(format!("`{name}` is no state of a delivery{hint}"))
    })
}

/// Ids in the form of their API.
#[derive(Default)]
pub(super) struct DisplayIds(HashMap<SubscriptionId, Api>);

impl DisplayIds {
    /// Looks up the API of a subscription, once.
    pub(super) async fn look_up(
        &mut self,
        store: &dyn Store,
        id: &SubscriptionId,
    ) -> Result<(), Error> {
        if !self.0.contains_key(id) {
            let found = store.subscription(id).await?;
            self.0.insert(id.clone(), found.map_or(Api::Socotra, |record| record.api));
        }
        Ok(())
    }

    pub(super) fn subscription(&self, id: &SubscriptionId) -> String {
        // The form of the id alone depends on it.
        display_id(self.0.get(id).copied().unwrap_or(Api::Socotra), id)
    }

    /// Returns the id of an event in the form of `webhook-id`.
    pub(super) fn event(id: &EventId) -> String {
        display_locator(id)
    }
}

/// The names of the columns of [`row`].
const COLUMNS: &[&str] = &["ID", "CREATED", "STATE", "ATTEMPTS", "EVENT", "SUBSCRIPTION", "REASON"];

fn row(record: &DeliveryRecord, shown: &DisplayIds) -> Row {
    let (id, created) = (record.id.to_string(), time_of(record.created_at).to_string());
    let event = DisplayIds::event(&record.event_id);
    let subscription = shown.subscription(&record.subscription_id);
    let notice = record.notice.then_some("notice");
    let reason: Vec<&str> = notice.into_iter().chain(record.reason.as_deref()).collect();
    let attempts = record.attempts.to_string();
    let state = state(record);
    Row::of([&id, &created, &state, &attempts, &event, &subscription, &reason.join(": ")])
}

fn state(record: &DeliveryRecord) -> String {
    match record.state {
        DeliveryState::Waiting => format!("waiting until {}", time_of(record.next_at)),
        state => state.name().to_owned(),
    }
}

fn line(record: &DeliveryRecord, shown: &DisplayIds) -> String {
    let DeliveryRecord { id, attempts, .. } = record;
    let times = if *attempts == 1 { "attempt" } else { "attempts" };
    let event = DisplayIds::event(&record.event_id);
    let subscription = shown.subscription(&record.subscription_id);
    let state = state(record);
    let notice = if record.notice { "  notice" } else { "" };
    let reason = record
        .reason
        .as_deref()
        .map(|reason| format!("  {}", output::field(reason)))
        .unwrap_or_default();
    format!(
        "{id:<8}{}  {state}  {attempts} {times}  event {event}  to {subscription}{notice}{reason}",
        time_of(record.created_at)
    )
}

fn to_json(record: &DeliveryRecord, shown: &DisplayIds) -> serde_json::Value {
    let waiting = record.state == DeliveryState::Waiting;
    serde_json::json!({
        "id": record.id,
        "tenant": record.tenant,
        "subscription": shown.subscription(&record.subscription_id),
        "event": DisplayIds::event(&record.event_id),
        "notice": record.notice,
        "resent": record.resent,
        "state": record.state.name(),
        "attempts": record.attempts,
        "nextAt": waiting.then(|| time_of(record.next_at).to_string()),
        "reason": record.reason,
        "createdAt": time_of(record.created_at).to_string(),
        "endedAt": record.ended_at.map(|at| time_of(at).to_string()),
    })
}

fn attempt_to_json(attempt: &AttemptRecord) -> serde_json::Value {
    serde_json::json!({
        "number": attempt.number,
        "at": time_of(attempt.at).to_string(),
        "status": attempt.status,
        "ok": attempt.ok,
        "reason": attempt.reason,
        "milliseconds": attempt.duration_us / 1000,
    })
}

fn list(
    filter: &DeliveryFilter,
    configuration: &ConfigurationArguments,
    format: Format,
) -> Result<Exit, Error> {
    let (configuration, store) = open(configuration)?;
    check_tenant(&configuration, &*store, filter.tenant.as_ref())?;
    let named = filter.subscription_id.as_deref();
    let subscription_id = named.map(|named| names::subscription(&*store, named)).transpose()?;
    block_on(async {
        let mut list = List::new(format, COLUMNS);
        let mut shown = DisplayIds::default();
        let mut page = DeliveryFilter { subscription_id, ..filter.clone() };
        let mut left = filter.limit;
        while left > 0 {
            page.limit = left.min(PAGE_ROWS);
            let records = store.deliveries(&page).await?;
            if records.is_empty() {
                break;
            }
            left -= records.len();
            for record in &records {
                page.before = Some(record.id);
                shown.look_up(&*store, &record.subscription_id).await?;
                list.item(|| Ok(row(record, &shown)), || Ok(to_json(record, &shown)))?;
            }
        }
        list.end()
    })??;
    Ok(Exit::Done)
}

/// Returns the delivery with a number.
async fn find(store: &dyn Store, id: i64) -> Result<DeliveryRecord, Error> {
    let filter = DeliveryFilter { id: Some(id), limit: 1, ..DeliveryFilter::default() };
    let found = store.deliveries(&filter).await?.pop();
    found.ok_or_else(|| {
        Error::Usage(format!("there is no delivery `{id}`; `hookgate deliveries list` lists them"))
    })
}

fn show(id: i64, configuration: &ConfigurationArguments, format: Format) -> Result<Exit, Error> {
    let (_, store) = open(configuration)?;
    let (record, attempts, body, shown) = block_on(async {
        let record = find(&*store, id).await?;
        let (attempts, body) = (store.attempts(id).await?, store.body(id).await?);
        let mut shown = DisplayIds::default();
        shown.look_up(&*store, &record.subscription_id).await?;
        Ok::<_, Error>((record, attempts, body, shown))
    })??;
    if format == Format::Json {
        let attempts: Vec<_> = attempts.iter().map(attempt_to_json).collect();
        let json = serde_json::json!({
            "delivery": to_json(&record, &shown), "attempts": attempts, "body": body,
        });
        output::print_line(&json.to_string())?;
        return Ok(Exit::Done);
    }
    output::print_line(&line(&record, &shown))?;
    for attempt in &attempts {
        let (number, at, status) = (attempt.number, time_of(attempt.at), attempt.status);
        let taken = output::field(attempt.reason.as_deref().unwrap_or("taken"));
        let took = attempt.duration_us / 1000;
        output::print_line(&format!("  {number}  {at}  {status}  {took} ms  {taken}"))?;
    }
    if let Some(body) = body {
        output::print_line(&body)?;
    }
    Ok(Exit::Done)
}

fn resend(id: i64, configuration: &ConfigurationArguments) -> Result<Exit, Error> {
    let (_, store) = open(configuration)?;
    let sent = block_on(async {
        let record = find(&*store, id).await?;
        if record.notice {
            let message = format!("delivery `{id}` is a notice of a failure, and brings no event");
            return Err(Error::Usage(message));
        }
        let what = (record.subscription_id, record.event_id);
        let change = change(what, AuditAction::DeliveriesResend, &id.to_string());
        Ok::<_, Error>(store.resend(change, now()).await?)
    })??;
    let sent = sent.ok_or_else(|| Error::Usage("its event is kept no longer".to_owned()))?;
    output::print_note(&format!(
        "queued as delivery {sent}: a running gateway sends it now, otherwise it is sent after the next start"
    ));
    Ok(Exit::Done)
}
