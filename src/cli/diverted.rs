//! `hookgate diverted`: lists the dead letters of subscriptions, and sends them again.

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::deliveries::DisplayIds;
use super::output::{self, Format, List, Row};
use super::store::{change, now, open, page_after};
use super::values::id_of;
use super::{Error, Exit, names};
use crate::gateway::store::{
    AuditAction, DivertedFilter, DivertedRecord, Store, SubscriptionFilter,
};
use crate::gateway::{SubscriptionId, time_of};

/// The arguments of `diverted`.
#[derive(Debug, Args)]
pub(super) struct Diverted {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List dead letters, oldest first
    List {
        /// Only dead letters of this subscription
        #[arg(long)]
        subscription: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Send dead letters again: one, or all of a subscription
    Resend {
        /// Subscription
        subscription: String,
        /// Event; default: all
        event: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
}

impl Diverted {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.command {
            Command::List { subscription, configuration, format } => {
                list(subscription.as_deref(), &configuration, format)
            }
            Command::Resend { subscription, event, configuration } => {
                resend(&subscription, event.as_deref(), &configuration)
            }
        }
    }
}

fn list(
    subscription: Option<&str>,
    configuration: &ConfigurationArguments,
    format: Format,
) -> Result<Exit, Error> {
    let (_, store) = open(configuration)?;
    let one = subscription.map(|named| names::subscription(&*store, named)).transpose()?;
    block_on(async {
        let mut list = List::new(format, COLUMNS);
        if let Some(id) = &one {
            list_of(&*store, id, &mut list).await?;
            return list.end();
        }
        let all = SubscriptionFilter::default();
        let mut after = None;
        loop {
            let page = store.subscription_page(&all, page_after(after)).await?;
            if page.is_empty() {
                return list.end();
            }
            for (sequence, record) in &page {
                after = Some(*sequence);
                list_of(&*store, &record.id, &mut list).await?;
            }
        }
    })??;
    Ok(Exit::Done)
}

/// Writes the dead letters of a subscription.
async fn list_of(store: &dyn Store, id: &SubscriptionId, list: &mut List) -> Result<(), Error> {
    let filter = DivertedFilter { subscription_id: id.clone(), ..DivertedFilter::default() };
    let mut shown = DisplayIds::default();
    shown.look_up(store, id).await?;
    let mut after = None;
    loop {
        let page = store.diverted_page(&filter, page_after(after)).await?;
        if page.is_empty() {
            return Ok(());
        }
        for (sequence, record) in &page {
            after = Some(*sequence);
            list.item(|| Ok(row(record, &shown)), || Ok(to_json(record, &shown)))?;
        }
    }
}

/// The names of the columns of [`row`].
const COLUMNS: &[&str] = &["AT", "EVENT", "SUBSCRIPTION", "TRIGGER", "MESSAGE"];

fn row(record: &DivertedRecord, shown: &DisplayIds) -> Row {
    let (at, event) = (time_of(record.at).to_string(), DisplayIds::event(&record.event_id));
    let subscription = shown.subscription(&record.subscription_id);
    Row::of([&at, &event, &subscription, &record.cause.name(), &record.message])
}

fn to_json(record: &DivertedRecord, shown: &DisplayIds) -> serde_json::Value {
    serde_json::json!({
        "subscription": shown.subscription(&record.subscription_id),
        "event": DisplayIds::event(&record.event_id),
        "request": record.request_id,
        "at": time_of(record.at).to_string(),
        "trigger": record.cause.name(),
        "message": record.message,
    })
}

fn resend(
    subscription: &str,
    event: Option<&str>,
    configuration: &ConfigurationArguments,
) -> Result<Exit, Error> {
    let (_, store) = open(configuration)?;
    let named = subscription;
    let subscription = names::subscription(&*store, named)?;
    let sent = block_on(async {
        let event_id = event.map(|id| id_of(id, "diverted list")).transpose()?;
        let filter =
            DivertedFilter { subscription_id: subscription, event_id, ..DivertedFilter::default() };
        let began = now();
        let (mut sent, mut found, mut after) = (0_usize, 0_usize, None);
        loop {
            let page = store.diverted_page(&filter, page_after(after)).await?;
            if page.iter().all(|(_, record)| record.at >= began) {
                break;
            }
            // Dead letters that a gateway adds meanwhile are not sent again.
            for (sequence, record) in page.into_iter().filter(|(_, record)| record.at < began) {
                (after, found) = (Some(sequence), found + 1);
                let what = (record.subscription_id, record.event_id);
                let target = what.1.clone();
                let change = change(what, AuditAction::DivertedResend, &target);
                sent += usize::from(store.resend(change, now()).await?.is_some());
            }
        }
        if let Some(event) = event.filter(|_| found == 0) {
            return Err(Error::Usage(format!("no event `{event}` is kept for it")));
        }
        Ok::<_, Error>(sent)
    })??;
    if sent == 0 {
        output::print_note(&format!("`{named}` has no dead letters to send"));
        return Ok(Exit::Done);
    }
    output::print_note(&format!(
        "queued {sent}: a running gateway sends them now, otherwise they are sent after the next start"
    ));
    Ok(Exit::Done)
}
