//! `hookgate serve`: runs the gateway.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::configuration::print_faults;
use super::{Error, Exit, output};
use crate::gateway::{ConfigurationError, ServeError, serve};

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Folder with `hookgate.toml` and `listeners/`
    #[arg(long, short = 'C', value_name = "FOLDER", default_value = ".")]
    config: PathBuf,
}

impl Serve {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(serve(&self.config, |gateway| {
            if let Ok((senders, management)) = gateway.addresses() {
                output::print_note(&format!(
                    "listening for senders at {senders}, for management at {management}"
                ));
            }
        }));
        // Waits until all tasks are dropped, and the store with them: its write-ahead log is then
        // empty. The limit is for a reload that hangs, because its thread cannot be ended.
        runtime.shutdown_timeout(Duration::from_secs(2));
        match served {
            Ok(()) => Ok(Exit::Done),
            Err(ServeError::Configuration(ConfigurationError::Faults(faults))) => {
                print_faults(&faults);
                output::print_error("the gateway does not start with these faults");
                Ok(Exit::Fault)
            }
            Err(error) => Err(Error::Usage(error.to_string())),
        }
    }
}
