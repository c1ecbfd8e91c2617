//! `hookgate backup`: copies the store while the gateway runs.

use std::path::PathBuf;

use clap::Args;

use super::configuration::{ConfigurationArguments, block_on};
use super::store::open;
use super::{Error, Exit, output};
use crate::gateway::store::Store;

/// The arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// File to write. To restore it, stop the gateway and replace the store with this file
    file: PathBuf,
    #[command(flatten)]
    configuration: ConfigurationArguments,
}

impl Backup {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let (_, store) = open(&self.configuration)?;
        block_on(store.backup(&self.file))??;
        output::print_note(&format!("wrote {}", self.file.display()));
        Ok(Exit::Done)
    }
}
