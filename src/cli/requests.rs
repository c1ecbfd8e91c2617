//! `hookgate requests`: lists stored requests with their outcomes and reasons.

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::output::{self, Format, List};
use super::store::{RequestPages, now, open};
use super::{Error, Exit};
use crate::config::duration;
use crate::diagnostic::nearest;
use crate::engine::Time;
use crate::gateway::store::{RequestFilter, RequestRecord, Store};
use crate::gateway::{Configuration, micros_in, micros_of, time_of};
use crate::listener::{Listener, all_outcomes, whole_log};

/// The arguments of `requests`.
#[derive(Debug, Args)]
pub(super) struct Requests {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List requests, newest first
    List {
        #[command(flatten)]
        which: Which,
        /// Number of requests to list
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        configuration: ConfigurationArguments,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show the log of a request
    Show {
        /// Id of the request
        id: String,
        #[command(flatten)]
        configuration: ConfigurationArguments,
    },
}

/// The arguments that select requests.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only requests to this listener, by id or name
    #[arg(long)]
    listener: Option<String>,
    /// Only requests with this outcome
    #[arg(long)]
    outcome: Option<String>,
    /// Only requests from this time on: RFC 3339, or a time span before now, `2h`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only requests before this time, in the same form
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Which {
    /// Returns the filter for the store, with the id of a listener that is given by name.
    pub(super) fn filter(
        &self,
        configuration: &Configuration,
        limit: usize,
    ) -> Result<RequestFilter, Error> {
        if let Some(outcome) = &self.outcome
            && crate::listener::Outcome::find(outcome).is_none()
        {
            let known: Vec<&str> = all_outcomes().map(|row| row.name).collect();
            return Err(Error::Usage(format!(
                "there is no outcome `{outcome}`; the outcomes are {}",
                known.join(", ")
            )));
        }
        let listener = self.listener.as_ref().map(|named| listener_id(configuration, named));
        Ok(RequestFilter {
            tenant: None,
            listener_id: listener.transpose()?,
            outcome: self.outcome.clone(),
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            limit,
            newest_first: true,
            ..RequestFilter::default()
        })
    }
}

/// Returns the id of a listener. The listener of an old request may be gone, so an id that the
/// configuration lacks is taken as it is.
fn listener_id(configuration: &Configuration, named: &str) -> Result<String, Error> {
    match configuration.find(named) {
        Some(listener) => Ok(listener.id.to_string()),
        None if uuid::Uuid::try_parse(named).is_ok() => Ok(named.to_owned()),
        None => {
            let known = configuration.listeners.values().map(|listener| &*listener.name);
            let near =
                nearest(named, known.clone()).map(|near| format!("; did you mean `{near}`?"));
            let near = near.unwrap_or_else(|| {
                format!("; the listeners are {}", known.collect::<Vec<_>>().join(", "))
            });
            Err(Error::Usage(format!("there is no listener `{named}`{near}")))
        }
    }
}

/// Parses a time, or a time span before now.
fn moment(text: &str) -> Result<i64, Error> {
    if let Ok(time) = text.parse::<Time>() {
        return Ok(micros_of(time));
    }
    let ago = duration::parse(text).ok_or_else(|| {
        Error::Usage(format!(
            "`{text}` is no time: `2025-08-17T12:30:00Z`, or `2h` for two hours ago"
        ))
    })?;
    Ok(now().saturating_sub(micros_in(ago)))
}

impl Requests {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.command {
            Command::List { which, limit, configuration, format } => {
                list(&which, limit, &configuration, format)
            }
            Command::Show { id, configuration } => show(&id, &configuration),
        }
    }
}

fn list(
    which: &Which,
    limit: usize,
    arguments: &ConfigurationArguments,
    format: Format,
) -> Result<Exit, Error> {
    let (configuration, store) = open(arguments)?;
    let filter = which.filter(&configuration, limit)?;
    block_on(async {
        let mut pages = RequestPages::new(&store, filter);
        let mut list = List::new(format, header());
        loop {
            let mut page = pages.next().await?;
            if page.is_empty() {
                return list.end();
            }
            for one in &mut page {
                one.reasons = redacted_reasons(&configuration, one);
                list.item(|| Ok(line(one)), || Ok(summary(one)))?;
            }
        }
    })??;
    Ok(Exit::Done)
}

/// Returns the listeners whose secrets a stored request may contain: a secret may have been
/// configured, or moved to another listener, after the request was stored.
fn listeners_of<'c>(
    configuration: &'c Configuration,
    one: &'c RequestRecord,
) -> impl Iterator<Item = &'c Listener> {
    let listeners = configuration.listeners.values().map(|listener| &**listener);
    listeners.filter(|listener| *listener.tenant == *one.tenant)
}

fn redacted_reasons(configuration: &Configuration, one: &RequestRecord) -> String {
    listeners_of(configuration, one)
        .fold(one.reasons.clone(), |reasons, listener| listener.redaction.json(reasons))
}

fn reasons(one: &RequestRecord) -> Vec<serde_json::Value> {
    serde_json::from_str(&one.reasons).unwrap_or_default()
}

/// Returns the names of the columns of [`line`].
fn header() -> String {
    format!("{:<27}  {:<36}  {:<20}{:<22}STATUS", "RECEIVED", "ID", "LISTENER", "OUTCOME")
}

fn line(one: &RequestRecord) -> String {
    let mut out = format!(
        "{:<27}  {}  {:<20}{:<22}{}",
        time_of(one.received_at).to_string(),
        one.id,
        output::field(&one.listener_name),
        one.outcome,
        one.status
    );
    let text = |reason: &serde_json::Value, key: &str| {
        let text = reason.get(key).and_then(|value| value.as_str()).unwrap_or("");
        output::field(text).into_owned()
    };
    for reason in reasons(one).iter().filter(|reason| text(reason, "finding") != "passed") {
        let name = text(reason, "name");
        let name = if name.is_empty() { text(reason, "step") } else { name };
        out.push_str(&format!(
            "\n    {name}: {}: {}",
            text(reason, "finding"),
            text(reason, "message")
        ));
    }
    out
}

fn summary(one: &RequestRecord) -> serde_json::Value {
    serde_json::json!({
        "id": one.id,
        "receivedAt": time_of(one.received_at).to_string(),
        "tenant": one.tenant,
        "listenerId": one.listener_id,
        "listenerName": one.listener_name,
        "outcome": one.outcome,
        "status": one.status,
        "eventId": one.event_id,
        "durationMicros": one.duration_us,
        "reasons": reasons(one),
    })
}

/// Prints the log of a request, with its outcome, status and reasons.
fn show(id: &str, arguments: &ConfigurationArguments) -> Result<Exit, Error> {
    let (configuration, store) = open(arguments)?;
    let found = block_on(store.request(id))??;
    let mut one = found.ok_or_else(|| Error::Usage(format!("there is no request `{id}`")))?;
    let mut log: serde_json::Value = serde_json::from_str(&one.log)
        .map_err(|error| Error::Usage(format!("the log of `{id}` is damaged: {error}")))?;
    whole_log(&mut log, one.body.as_deref());
    one.reasons = redacted_reasons(&configuration, &one);
    for listener in listeners_of(&configuration, &one) {
        match *listener.id == *one.listener_id {
            true => listener.redaction.stored_log(&mut log),
            false => listener.redaction.stored_texts(&mut log),
        }
    }
    if let Some(log) = log.as_object_mut() {
        log.insert("outcome".to_owned(), one.outcome.as_str().into());
        log.insert("status".to_owned(), one.status.into());
        log.insert("reasons".to_owned(), reasons(&one).into());
        if let Some(event) = &one.event_id {
            log.insert("event_id".to_owned(), event.as_str().into());
        }
    }
    let shown = serde_json::to_string_pretty(&log).unwrap_or_default();
    output::print_line(&shown)?;
    Ok(Exit::Done)
}
