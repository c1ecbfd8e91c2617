//! The store of a configuration, as commands open it beside a gateway.

use super::Error;
use super::configuration::ConfigurationArguments;
use crate::gateway::store::{AuditRecord, Change, Mode, SqliteStore, Store, StoreError};
use crate::gateway::{COMMAND_LINE, Clock, Configuration, Seal, open_store};

/// Opens the store of a configuration.
pub(super) fn open(
    arguments: &ConfigurationArguments,
) -> Result<(Configuration, SqliteStore), Error> {
    let configuration = arguments.read()?;
    let store = open_store(&configuration, Mode::Command)?;
    Ok((configuration, store))
}

/// The keys that what is stored is encrypted with.
pub(super) fn seal(configuration: &Configuration) -> Result<Seal, Error> {
    Seal::beside(&configuration.path(&configuration.settings.store))
        .map_err(|error| Error::Usage(error.to_string()))
}

/// A change with what is written down about it.
pub(super) fn change<T>(what: T, action: &str, target: &str) -> Change<T> {
    let audit = AuditRecord::new(now(), COMMAND_LINE, action, target);
    Change { what, audit }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The time in microseconds.
pub(super) fn now() -> i64 {
    Clock::System.micros()
}

/// Writes down what an operator did at the command line.
pub(super) async fn audit(
    store: &SqliteStore,
    action: &str,
    target: &str,
    detail: serde_json::Value,
) -> Result<(), Error> {
    let record = AuditRecord {
        detail: detail.to_string(),
        ..AuditRecord::new(now(), COMMAND_LINE, action, target)
    };
    Ok(store.audit(record).await?)
}
