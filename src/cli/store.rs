//! The store of a configuration, for commands that run beside a gateway. Knows no command.

use std::sync::Arc;

use super::Error;
use super::configuration::{ConfigurationArguments, block_on};
use crate::gateway::store::{
    AuditAction, AuditRecord, Change, Mode, PageRequest, RequestFilter, RequestRecord, Store,
    StoreError,
};
use crate::gateway::{
    COMMAND_LINE, Clock, Configuration, EncryptionError, Keyring, UnixMicros, open_store,
    restrict_umask, unlock_for_command,
};

/// Opens the store of a configuration, which has to exist: commands that only read create nothing.
pub(super) fn open(
    arguments: &ConfigurationArguments,
) -> Result<(Configuration, Arc<dyn Store>), Error> {
    let configuration = arguments.read()?;
    let path = configuration.path(&configuration.settings.store);
    if !path.exists() {
        return Err(Error::Usage(format!(
            "there is no store `{}`: `hookgate serve` or `hookgate tenants create` creates it",
            path.display()
        )));
    }
    open_configured(configuration)
}

/// Opens the store of a configuration, or creates it. Only the user of the command can access the
/// files that it creates.
pub(super) fn open_or_create(
    arguments: &ConfigurationArguments,
) -> Result<(Configuration, Arc<dyn Store>), Error> {
    open_configured(arguments.read()?)
}

fn open_configured(configuration: Configuration) -> Result<(Configuration, Arc<dyn Store>), Error> {
    restrict_umask();
    let store = open_store(&configuration, Mode::Command)?;
    Ok((configuration, store))
}

/// Returns the encryption keys of a store.
pub(super) fn unlock(configuration: &Configuration, store: &dyn Store) -> Result<Keyring, Error> {
    let path = configuration.path(&configuration.settings.store);
    Ok(block_on(unlock_for_command(store, &path))??)
}

impl From<EncryptionError> for Error {
    fn from(error: EncryptionError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Returns a change with its audit record.
pub(super) fn change<T>(what: T, action: AuditAction, target: &str) -> Change<T> {
    let audit = AuditRecord::new(now(), COMMAND_LINE, action, target);
    Change { what, audit }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Rows of a list that are read from the store at a time.
pub(super) const PAGE_ROWS: usize = 500;

/// Bytes of rows that are read from the store at a time.
pub(super) const PAGE_BYTES: usize = 4 << 20;

/// Returns the request for the page after a sequence number.
pub(super) fn page_after(after: Option<i64>) -> PageRequest {
    PageRequest { after, offset: 0, limit: PAGE_ROWS, bytes: PAGE_BYTES }
}

/// The requests that a filter selects, read page by page.
pub(super) struct RequestPages<'s> {
    store: &'s dyn Store,
    filter: RequestFilter,
    left: usize,
}

impl<'s> RequestPages<'s> {
    pub(super) fn new(store: &'s dyn Store, filter: RequestFilter) -> Self {
        let left = filter.limit;
        Self { store, filter: RequestFilter { bytes: Some(PAGE_BYTES), ..filter }, left }
    }

    /// Returns the next requests; an empty list after the last one.
    pub(super) async fn next(&mut self) -> Result<Vec<RequestRecord>, Error> {
        self.filter.limit = self.left.min(PAGE_ROWS);
        let page = match self.left {
            0 => Vec::new(),
            _ => self.store.requests(&self.filter).await?,
        };
        self.left -= page.len();
        self.filter.after = page.last().map(|request| request.id.clone());
        Ok(page)
    }
}

/// Returns the time in microseconds.
pub(super) fn now() -> UnixMicros {
    Clock::System.micros()
}

/// Records an operator's action in the audit log.
pub(super) async fn audit(
    store: &dyn Store,
    action: AuditAction,
    target: &str,
    detail: serde_json::Value,
) -> Result<(), Error> {
    let record = AuditRecord {
        detail: detail.to_string(),
        ..AuditRecord::new(now(), COMMAND_LINE, action, target)
    };
    Ok(store.audit(record).await?)
}
