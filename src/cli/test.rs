//! `hookgate test`: runs requests through listeners, and compares the results with the expected
//! ones.

mod cases;
mod files;
mod junit;
mod secrets;

use std::path::PathBuf;

use clap::Args;

use super::configuration::{ConfigurationArguments, block_on, exit_code};
use super::output::{self, Format};
use super::{Error, Exit};
use crate::engine::Time;
use crate::gateway::{DryRun, Settings};
use crate::listener::{Listener, Mismatch, Sample};

/// The arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Test files, or folders with `*.test.toml`; default: those of the configuration
    files: Vec<PathBuf>,
    #[command(flatten)]
    configuration: ConfigurationArguments,
    /// JSON file with signed requests, each with its secret and its time
    #[arg(long, value_name = "FILE", requires = "listener", conflicts_with = "files")]
    requests: Option<PathBuf>,
    /// Listener of the requests: a recipe, a listener's file, or a listener's name
    #[arg(long, value_name = "LISTENER")]
    listener: Option<String>,
    /// Only tests whose name contains this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Output format of results
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A test that is ready to run.
struct PreparedTest {
    /// File that contains the test.
    file: String,
    sample: Sample,
    listener: Listener,
    settings: Settings,
}

/// The result of a test.
struct Outcome {
    file: String,
    name: String,
    mismatches: Vec<Mismatch>,
    reasons: Vec<String>,
    seconds: f64,
}

impl Test {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let prepared = match (&self.requests, &self.listener) {
            (Some(requests), Some(listener)) => {
                cases::prepare(requests, listener, &self.configuration.config)?
            }
            _ => files::prepare(&self.files, &self.configuration.config)?,
        };
        let wanted = |one: &PreparedTest| {
            self.only.as_ref().is_none_or(|part| one.sample.name.contains(part.as_str()))
        };
        let all = prepared.len();
        let prepared: Vec<PreparedTest> = prepared.into_iter().filter(wanted).collect();
        if prepared.is_empty() {
            return Err(Error::Usage(self.nothing_to_run(all)));
        }
        let outcomes = block_on(run_all(prepared))??;
        if let Some(path) = &self.junit {
            std::fs::write(path, junit::report(&outcomes)).map_err(|error| Error::Write {
                name: path.display().to_string(),
                reason: error.to_string(),
            })?;
        }
        self.print(&outcomes)?;
        Ok(exit_code(outcomes.iter().any(|one| !one.mismatches.is_empty())))
    }

    /// Returns the reason why no test runs, of `all` tests without the filter.
    fn nothing_to_run(&self, all: usize) -> String {
        match (&self.only, &self.requests) {
            (Some(part), _) if all > 0 => {
                format!("no test has `{part}` in its name; `--only` selects among {all}")
            }
            (_, Some(requests)) => format!("{} has no requests", requests.display()),
            _ => {
                let folder = self.configuration.config.display();
                let files: Vec<String> =
                    self.files.iter().map(|file| file.display().to_string()).collect();
                let place = if files.is_empty() { folder.to_string() } else { files.join(", ") };
                format!("there is no test: no `*.test.toml` in `{place}` or below has one")
            }
        }
    }

    fn print(&self, outcomes: &[Outcome]) -> Result<(), Error> {
        if self.format == Format::Json {
            let list: Vec<serde_json::Value> = outcomes.iter().map(Outcome::to_json).collect();
            return output::print_line(&serde_json::Value::Array(list).to_string());
        }
        for one in outcomes {
            output::print_line(&one.to_text())?;
        }
        let failed = outcomes.iter().filter(|one| !one.mismatches.is_empty()).count();
        output::print_note(&format!(
            "{} run, {failed} failed",
            super::input::counted(outcomes.len(), "test")
        ));
        Ok(())
    }
}

async fn run_all(prepared: Vec<PreparedTest>) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Vec::new();
    for one in prepared {
        let file = one.file.clone();
        run(one, &mut outcomes).await.map_err(|error| Error::Usage(format!("{file}: {error}")))?;
    }
    Ok(outcomes)
}

/// Runs a test, and the tests that follow it in the same gateway.
async fn run(
    one: PreparedTest,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), crate::gateway::DryRunError> {
    let trial = DryRun::new(one.listener, &one.settings, &one.sample.keys).await?;
    let mut now = one.sample.now.unwrap_or(usual_time());
    let mut samples = vec![&one.sample];
    samples.extend(&one.sample.then);
    for sample in samples {
        let began = std::time::Instant::now();
        now = sample.now.unwrap_or(now);
        let came = trial.send(sample, now).await?;
        let codes: Vec<&str> = came.codes.iter().map(String::as_str).collect();
        let mismatches =
            sample.mismatches(came.outcome.name(), &codes, &came.response, came.event.as_ref());
        outcomes.push(Outcome {
            file: one.file.clone(),
            name: sample.name.clone(),
            mismatches,
            reasons: came.reasons,
            seconds: began.elapsed().as_secs_f64(),
        });
    }
    Ok(())
}

/// Returns the default time of tests. It is constant, so that results do not depend on the day.
fn usual_time() -> Time {
    "2025-08-20T12:00:00Z".parse().unwrap_or(Time::EPOCH)
}

impl Outcome {
    fn to_text(&self) -> String {
        let (file, name) = (output::field(&self.file), output::field(&self.name));
        if self.mismatches.is_empty() {
            return format!("ok    {file}: {name}");
        }
        let mut out = format!("FAIL  {file}: {name}");
        for one in &self.mismatches {
            out.push_str(&format!(
                "\n      {}\n        wanted  {}\n        found   {}",
                output::field(&one.what),
                indented(&one.wanted),
                indented(&one.found)
            ));
        }
        for reason in &self.reasons {
            out.push_str(&format!("\n      because {}", output::field(reason)));
        }
        out
    }

    fn to_json(&self) -> serde_json::Value {
        let mismatches: Vec<serde_json::Value> = self
            .mismatches
            .iter()
            .map(|one| {
                serde_json::json!({ "what": one.what, "wanted": one.wanted, "found": one.found })
            })
            .collect();
        serde_json::json!({
            "file": self.file,
            "name": self.name,
            "passed": self.mismatches.is_empty(),
            "mismatches": mismatches,
            "reasons": self.reasons,
        })
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n                ")
}
