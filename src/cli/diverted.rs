//! `hookgate diverted`: events that were given up and are kept, to be sent again.

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::deliveries::{Shown, id_of};
use super::output::{self, Format};
use super::store::{change, now, open};
use super::{Error, Exit};
use crate::gateway::store::{DeliveryStore, DivertedRecord, SubscriptionFilter};
use crate::gateway::time_of;

/// The arguments of `diverted`.
#[derive(Debug, Args)]
pub(super) struct Diverted {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List events that are kept, the oldest first
    List {
        /// Only those for this subscription
        #[arg(long)]
        subscription: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// How they are told
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Send events again: one, or all that are kept for a subscription
    Resend {
        /// The subscription
        subscription: String,
        /// The event; left out: all
        event: Option<String>,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
}

/// So many are read at a time.
const PAGE: usize = 1000;

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

/// Everything that is kept for a subscription.
async fn all(store: &impl DeliveryStore, id: &str) -> Result<Vec<DivertedRecord>, Error> {
    let mut found = Vec::new();
    loop {
        let page = store.diverted(id, found.len(), PAGE).await?;
        let last = page.len() < PAGE;
        found.extend(page);
        if last {
            return Ok(found);
        }
    }
}

fn list(
    subscription: Option<&str>,
    configuration: &ConfigurationArguments,
    format: Format,
) -> Result<Exit, Error> {
    let (_, store) = open(configuration)?;
    let (records, shown) = block_on(async {
        let ids = match subscription {
            Some(id) => vec![id_of(id)?],
            None => {
                let all = store.subscriptions(&SubscriptionFilter::default()).await?;
                all.into_iter().map(|record| record.id).collect()
            }
        };
        let mut records = Vec::new();
        for id in ids {
            records.extend(all(&store, &id).await?);
        }
        Ok::<_, Error>((records, Shown::of(&store).await?))
    })??;
    if format == Format::Json {
        let list: Vec<_> = records.iter().map(|one| to_json(one, &shown)).collect();
        output::answer(&serde_json::Value::Array(list).to_string())?;
        return Ok(Exit::Done);
    }
    for DivertedRecord { subscription_id, event_id, at, trigger, message, .. } in &records {
        let (at, event) = (time_of(*at), Shown::event(event_id));
        let subscription = shown.subscription(subscription_id);
        output::answer(&format!("{at}  event {event}  for {subscription}  {trigger}  {message}"))?;
    }
    Ok(Exit::Done)
}

fn to_json(record: &DivertedRecord, shown: &Shown) -> serde_json::Value {
    serde_json::json!({
        "subscription": shown.subscription(&record.subscription_id),
        "event": Shown::event(&record.event_id),
        "request": record.request_id,
        "at": time_of(record.at).to_string(),
        "trigger": record.trigger,
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
    let subscription = id_of(named)?;
    let sent = block_on(async {
        if store.subscription(&subscription).await?.is_none() {
            return Err(Error::Usage(format!("there is no subscription `{named}`")));
        }
        let kept = match event {
            None => all(&store, &subscription).await?,
            Some(event) => {
                let id = id_of(event)?;
                let found = store.diverted_event(&subscription, &id).await?;
                let missing = || Error::Usage(format!("no event `{event}` is kept for it"));
                vec![found.ok_or_else(missing)?]
            }
        };
        let mut sent = 0_usize;
        for record in kept {
            let what = (record.subscription_id, record.event_id);
            let target = what.1.clone();
            let change = change(what, "diverted.resend", &target);
            sent += usize::from(store.resend(change, now()).await?.is_some());
        }
        Ok::<_, Error>(sent)
    })??;
    output::remark(&format!("a gateway that runs sends {sent} now"));
    Ok(Exit::Done)
}
