//! The store of a configuration, as commands open it beside a gateway.

use super::Error;
use super::configuration::ConfigurationArguments;
use crate::gateway::store::{AuditRecord, Mode, SqliteStore, Store, StoreError};
use crate::gateway::{Clock, Configuration, open_store};

/// Opens the store of a configuration.
pub(super) fn open(
    arguments: &ConfigurationArguments,
) -> Result<(Configuration, SqliteStore), Error> {
    let configuration = arguments.read()?;
    let store = open_store(&configuration, Mode::Command)?;
    Ok((configuration, store))
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
        at: now(),
        actor: "command line".to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        detail: detail.to_string(),
    };
    Ok(store.audit(record).await?)
}
