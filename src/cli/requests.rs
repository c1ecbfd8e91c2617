//! `hookgate requests`: lists stored requests with their outcomes and reasons.

use clap::{Args, Subcommand};

use super::configuration::{ConfigurationArguments, block_on};
use super::names::{hint_or, listener};
use super::output::{self, Format, List, Row};
use super::store::{RequestPages, open};
use super::values::{self, id_of, moment};
use super::{Error, Exit};
use crate::gateway::store::{RequestFilter, RequestRecord};
use crate::gateway::{Configuration, ListenerId, UnixMicros, time_of};
use crate::listener::{Listener, Outcome, all_outcomes, read_log, whole_log};

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
        #[arg(long, default_value_t = 50, value_parser = values::limit)]
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
    /// Only rejected requests, those that reached no listener included
    #[arg(long, conflicts_with = "outcome")]
    rejected: bool,
    /// Only requests from this time on: RFC 3339, or a time span before now, `2h`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<UnixMicros>,
    /// Only requests before this time, in the same form
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<UnixMicros>,
}

impl Which {
    /// Returns the filter for the store, with the id of a listener that is given by name.
    pub(super) fn filter(
        &self,
        configuration: &Configuration,
        limit: usize,
    ) -> Result<RequestFilter, Error> {
        let listener = self.listener.as_ref().map(|named| listener_id(configuration, named));
        Ok(RequestFilter {
            tenant: None,
            listener_id: listener.transpose()?,
            outcome: self.outcome.as_deref().map(outcome_of).transpose()?,
            rejected: self.rejected,
            since: self.since,
            until: self.until,
            limit,
            newest_first: true,
            ..RequestFilter::default()
        })
    }
}

fn outcome_of(name: &str) -> Result<Outcome, Error> {
    Outcome::find(name).ok_or_else(|| {
        let known: Vec<&str> = all_outcomes().map(|row| row.name).collect();
        let advice = format!("the outcomes are {}", known.join(", "));
        let hint = hint_or(name, known, &advice);
        Error::Usage(format!("there is no outcome `{name}`{hint}"))
    })
}

/// Returns the id of a listener. The listener of an old request may be gone, so an id that the
/// configuration lacks is taken as it is.
fn listener_id(configuration: &Configuration, named: &str) -> Result<ListenerId, Error> {
    match listener(configuration, named, None) {
        Ok(listener) => Ok((&*listener.id).into()),
        Err(_) if uuid::Uuid::try_parse(named).is_ok() => Ok(named.into()),
        Err(error) => Err(error),
    }
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
        let mut pages = RequestPages::new(&*store, filter);
        let mut list = List::new(format, COLUMNS);
        loop {
            let mut page = pages.next().await?;
            if page.is_empty() {
                return list.end();
            }
            for one in &mut page {
                one.reasons = redacted_reasons(&configuration, one);
                list.item(|| row(one), || summary(one))?;
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

fn reasons(one: &RequestRecord) -> Result<Vec<serde_json::Value>, Error> {
    let damaged = |error| Error::Usage(format!("the reasons of `{}` are damaged: {error}", one.id));
    serde_json::from_str(&one.reasons).map_err(damaged)
}

/// The names of the columns of [`row`].
const COLUMNS: &[&str] = &["RECEIVED", "ID", "LISTENER", "OUTCOME", "STATUS"];

fn row(one: &RequestRecord) -> Result<Row, Error> {
    let received = time_of(one.received_at).to_string();
    let (status, outcome) = (one.status.to_string(), one.outcome.name());
    // A request that reached no listener has none.
    let listener = if one.listener_name.is_empty() { "-" } else { &*one.listener_name };
    let row = Row::of([&*received, &one.id, listener, outcome, &status]);
    let text = |reason: &serde_json::Value, key: &str| {
        let text = reason.get(key).and_then(|value| value.as_str()).unwrap_or("");
        output::field(text).into_owned()
    };
    let reasons = reasons(one)?;
    let reasons = reasons.iter().filter(|reason| text(reason, "finding") != "passed");
    let details = reasons.map(|reason| {
        let name = text(reason, "name");
        let name = if name.is_empty() { text(reason, "step") } else { name };
        format!("{name}: {}: {}", text(reason, "finding"), text(reason, "message"))
    });
    Ok(row.with_details(details.collect()))
}

fn summary(one: &RequestRecord) -> Result<serde_json::Value, Error> {
    Ok(serde_json::json!({
        "id": one.id,
        "receivedAt": time_of(one.received_at).to_string(),
        "tenant": one.tenant,
        "listenerId": one.listener_id,
        "listenerName": one.listener_name,
        "outcome": one.outcome.name(),
        "status": one.status,
        "eventId": one.event_id,
        "durationMicros": one.duration_us,
        "reasons": reasons(one)?,
    }))
}

/// Prints the log of a request, with its outcome, status and reasons.
fn show(id: &str, arguments: &ConfigurationArguments) -> Result<Exit, Error> {
    let stored_id = id_of(id, "requests list")?;
    let (configuration, store) = open(arguments)?;
    let found = block_on(store.request(&stored_id))??;
    let mut one = found.ok_or_else(|| {
        Error::Usage(format!("there is no request `{id}`; `hookgate requests list` lists them"))
    })?;
    let mut log: serde_json::Value = read_log(&one.log)
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
        log.insert("outcome".to_owned(), one.outcome.name().into());
        log.insert("status".to_owned(), one.status.into());
        log.insert("reasons".to_owned(), reasons(&one)?.into());
        if let Some(event) = &one.event_id {
            log.insert("event_id".to_owned(), event.as_str().into());
        }
    }
    output::print_line(&format!("{log:#}"))?;
    Ok(Exit::Done)
}
