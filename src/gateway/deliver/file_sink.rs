//! Sinks: files on this machine, one line of JSON for each event. Each sink is a subscription.
//! Knows nothing of HTTP.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use super::attempt::AttemptReport;
use crate::delivery::{
    Api, AttemptResult, Definition, Endpoint, Policy, Receiver, SubscriptionHealth,
};
use crate::gateway::app::App;
use crate::gateway::config::settings::Sink;
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::file_modes::private;
use crate::gateway::ops::ids::derived_id;
use crate::gateway::store::{
    AuditAction, AuditRecord, Change, StoreError, SubscriptionFilter, SubscriptionRecord,
};
use crate::gateway::subscriptions::subscribed::{sealed, unsealed};

/// Writes a line to the file of a sink. Returns the result.
pub(super) async fn write(path: PathBuf, line: Bytes, sink: Sink) -> AttemptReport {
    let began = Instant::now();
    let written = tokio::task::spawn_blocking(move || {
        append(&path, &line, sink.bytes, sink.files)
            .map_err(|error| format!("cannot write to {}: {error}", path.display()))
    });
    let error = match written.await {
        Ok(Ok(())) => None,
        Ok(Err(reason)) => Some(reason),
        Err(error) => Some(error.to_string()),
    };
    AttemptReport {
        // A file has no status. 200 stands for success.
        ended: if error.is_none() {
            AttemptResult::Answered(200)
        } else {
            AttemptResult::Unreachable
        },
        reason: error,
        retry_after: None,
        took: began.elapsed().max(Duration::from_micros(1)),
    }
}

fn append(path: &Path, line: &[u8], bytes: u64, files: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
    let size = std::fs::metadata(path).map_or(0, |data| data.len());
    if size > 0 && size.saturating_add(length) >= bytes {
        rotate(path, files)?;
    }
    let path_was_there = path.exists();
    let mut file = private().create(true).read(true).append(true).open(path)?;
    let gap: &[u8] = if ends_whole(&mut file)? { b"" } else { b"\n" };
    let before = file.metadata()?.len();
    if let Err(error) = file.write_all(&[gap, line, b"\n"].concat()) {
        // On a full volume, each attempt would leave a part of the line.
        file.set_len(before)?;
        return Err(error);
    }
    file.sync_data()?;
    // A new name is durable only after its directory is synced.
    match path.parent().filter(|_| !path_was_there) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Returns true if the last line is complete. A crash may have cut it.
fn ends_whole(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Rotates the file: `PATH.1` is the previous file, `PATH.2` the one before. The oldest file is
/// deleted.
fn rotate(path: &Path, files: u32) -> io::Result<()> {
    if files <= 1 {
        return std::fs::remove_file(path);
    }
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    for number in (1..files - 1).rev() {
        if numbered(number).exists() {
            std::fs::rename(numbered(number), numbered(number + 1))?;
        }
    }
    std::fs::rename(path, numbered(1))
}

/// Creates and updates a subscription for each sink of the configuration. Deletes those of removed
/// sinks.
pub(in crate::gateway) async fn sync_sinks(app: &App) -> Result<(), StoreError> {
    let configuration = app.configuration();
    let filter = SubscriptionFilter { api: Some(Api::Sink), ..SubscriptionFilter::default() };
    let mut known = app.store.subscriptions(&filter).await?;
    for sink in &configuration.settings.sinks {
        let definition = definition(sink, &configuration.path(&sink.path));
        let id = id(sink);
        match known.iter().position(|record| record.id == id) {
            Some(place) => {
                let record = known.swap_remove(place);
                if unsealed(&app.keyring, &record).ok().as_ref() != Some(&definition) {
                    change(app, record, &definition).await?;
                }
            }
            None => create(app, sink, id, &definition).await?,
        }
    }
    for gone in known {
        let audit = audit(app, AuditAction::SinksDelete, &gone.id);
        app.store.delete_subscription(Change { what: gone.id, audit }).await?;
    }
    Ok(())
}

/// Returns the id of a sink. It depends only on the tenant and the name.
fn id(sink: &Sink) -> SubscriptionId {
    derived_id(&format!("sink\n{}\n{}", sink.tenant, sink.name)).into()
}

fn definition(sink: &Sink, path: &Path) -> Definition {
    Definition {
        name: sink.name.clone(),
        receiver: Receiver::File,
        endpoint: Endpoint::new(path.display().to_string()),
        events: sink.events.clone(),
        policy: Policy::sink(),
        alert: None,
        language: None,
        main_entity_only: false,
        filter: sink.filter.clone(),
        transform: sink.transform.clone(),
    }
}

fn audit(app: &App, action: AuditAction, target: &str) -> AuditRecord {
    AuditRecord::new(app.clock.micros(), "configuration", action, target)
}

fn seal(
    app: &App,
    tenant: &TenantId,
    id: &SubscriptionId,
    definition: &Definition,
) -> Result<Vec<u8>, StoreError> {
    sealed(&app.keyring, tenant, id, definition)
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

async fn create(
    app: &App,
    sink: &Sink,
    id: SubscriptionId,
    definition: &Definition,
) -> Result<(), StoreError> {
    let now = app.clock.micros();
    let audit = audit(app, AuditAction::SinksCreate, &id);
    let sealed = seal(app, &sink.tenant, &id, definition)?;
    let what = SubscriptionRecord {
        id,
        tenant: sink.tenant.clone(),
        api: Api::Sink,
        enabled: true,
        health: SubscriptionHealth::default(),
        last_failure: None,
        events: definition.events.clone(),
        sealed,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    app.store.create_subscription(Change { what, audit }).await
}

async fn change(
    app: &App,
    record: SubscriptionRecord,
    definition: &Definition,
) -> Result<(), StoreError> {
    let audit = audit(app, AuditAction::SinksUpdate, &record.id);
    let what = SubscriptionRecord {
        events: definition.events.clone(),
        sealed: seal(app, &record.tenant, &record.id, definition)?,
        updated_at: app.clock.micros(),
        ..record
    };
    app.store.update_subscription(Change { what, audit }).await.map(drop)
}
