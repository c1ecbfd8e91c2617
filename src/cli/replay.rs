//! `hookgate replay`: runs stored requests through a changed listener. Sends nothing.

use std::path::PathBuf;

use clap::Args;

use super::configuration::{ConfigurationArguments, block_on, exit_code, print_faults};
use super::output::{self, Format};
use super::requests::Which;
use super::store::{RequestPages, open, unlock};
use super::{Error, Exit, input, values};
use crate::gateway::replay;
use crate::gateway::{Replayed, load_listener};
use crate::listener::Listener;

/// The arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    which: Which,
    /// Changed file of the listener; default: the current configuration
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Number of requests to replay, newest first
    #[arg(long, default_value_t = 1000, value_parser = values::limit)]
    limit: usize,
    #[command(flatten)]
    configuration: ConfigurationArguments,
    /// Output format of differences
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let (configuration, store) = open(&self.configuration)?;
        let filter = self.which.filter(&configuration, self.limit)?;
        let changed = self.against()?;
        let keyring = unlock(&configuration, &*store)?;
        let replayed = block_on(async {
            let mut replayed = Vec::new();
            let mut pages = RequestPages::new(&*store, filter);
            loop {
                let page = pages.next().await?;
                if page.is_empty() {
                    return Ok::<Vec<Replayed>, Error>(replayed);
                }
                for record in page {
                    let raw = store.raw(&record.id).await?;
                    let listener = match &changed {
                        Some(changed) => changed,
                        None => match configuration.find(&record.listener_id) {
                            Some(listener) => listener.as_ref(),
                            None => continue,
                        },
                    };
                    replayed.push(replay(listener, &record, raw.as_deref(), &keyring));
                }
            }
        })??;
        self.print(&replayed)?;
        Ok(exit_code(replayed.iter().any(Replayed::differs)))
    }

    fn against(&self) -> Result<Option<Listener>, Error> {
        let Some(path) = &self.against else {
            return Ok(None);
        };
        let source = input::source(path)?;
        let loaded = load_listener(&self.configuration.config, source.name(), source.text(), false);
        match loaded.listener {
            Some(listener) => Ok(Some(listener)),
            None => {
                print_faults(&loaded.diagnostics);
                Err(Error::Usage(format!("{} has faults", path.display())))
            }
        }
    }

    fn print(&self, replayed: &[Replayed]) -> Result<(), Error> {
        if self.format == Format::Json {
            let list: Vec<serde_json::Value> = replayed.iter().map(Replayed::to_json).collect();
            return output::print_line(&serde_json::Value::Array(list).to_string());
        }
        for one in replayed.iter().filter(|one| one.differs() || !one.decided) {
            let result = match one.decided {
                true => format!("{} -> {}", one.before, one.after),
                false => format!("{}, not decided again", one.before),
            };
            output::print_line(&format!("{}  {result}", one.id))?;
            for reason in &one.reasons {
                output::print_line(&format!("    {}", output::field(reason)))?;
            }
        }
        let count = |test: fn(&Replayed) -> bool| replayed.iter().filter(|one| test(one)).count();
        let logged = match count(|one| one.decided && !one.verified_again) {
            0 => String::new(),
            logged => format!(
                "; {logged} by their logged verdict: without `capture = true` the log has no \
                 original to verify again"
            ),
        };
        let undecided = match count(|one| !one.decided) {
            0 => String::new(),
            undecided => format!("; {undecided} not decided again"),
        };
        output::print_note(&format!(
            "{}: {} would come out otherwise{logged}{undecided}",
            input::counted(replayed.len(), "request"),
            count(Replayed::differs),
        ));
        Ok(())
    }
}
