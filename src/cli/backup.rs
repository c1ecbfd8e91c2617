//! `hookgate backup`: copies the store while the gateway runs.

use std::path::PathBuf;

use clap::Args;

use super::configuration::{ConfigurationArguments, block_on};
use super::store::open;
use super::{Error, Exit, output};

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
        self.check_target()?;
        let (_, store) = open(&self.configuration)?;
        block_on(store.backup(&self.file))??;
        output::print_note(&format!("wrote {}", self.file.display()));
        Ok(Exit::Done)
    }

    /// Returns an error for a target that cannot be a file.
    fn check_target(&self) -> Result<(), Error> {
        let refused =
            |reason: String| Error::Write { name: self.file.display().to_string(), reason };
        if self.file.as_os_str() == "-" {
            let reason = "a backup is a file, and not standard output: `hookgate backup copy.db`";
            return Err(refused(reason.to_owned()));
        }
        if self.file.is_dir() {
            return Err(refused("it is a folder; name a file in it".to_owned()));
        }
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder.filter(|folder| !folder.is_dir()) {
            Some(folder) => Err(refused(format!("there is no folder `{}`", folder.display()))),
            None => Ok(()),
        }
    }
}
