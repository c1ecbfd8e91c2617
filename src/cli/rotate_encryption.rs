//! `hookgate keys rotate-encryption`: encrypts everything in the store with a new key.

use clap::Args;

use super::configuration::{ConfigurationArguments, block_on};
use super::output::{self, Format};
use super::store::{audit, now, open};
use super::{Error, Exit};
use crate::gateway::store::AuditAction;
use crate::gateway::{KEY_VARIABLE, KeyId, Resealed, rotate_encryption};

/// The arguments of `keys rotate-encryption`.
#[derive(Debug, Args)]
pub(super) struct RotateEncryption {
    #[command(flatten)]
    configuration: ConfigurationArguments,
    /// Output format of the counts
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl RotateEncryption {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let (configuration, store) = open(&self.configuration)?;
        let path = configuration.path(&configuration.settings.store);
        let (key, counts) = block_on(async {
            let (key, counts) = rotate_encryption(&*store, &path, now()).await?;
            let detail = to_json(key, &counts);
            audit(&*store, AuditAction::EncryptionRotate, &key.to_string(), detail).await?;
            Ok::<_, Error>((key, counts))
        })??;
        match self.format {
            Format::Json => output::print_line(&to_json(key, &counts).to_string())?,
            Format::Text => print_counts(&counts)?,
        }
        let unreadable: usize = counts.iter().map(|one| one.unreadable).sum();
        if unreadable > 0 {
            output::print_error(&format!(
                "{unreadable} values do not open, and were left as they are; the keys that they \
                 may need are still known to the store"
            ));
            return Ok(Exit::Fault);
        }
        output::print_note(&format!(
            "everything is encrypted with the key `{key}`: remove the others from \
             {KEY_VARIABLE} or the file of the key, and restart the gateway"
        ));
        Ok(Exit::Done)
    }
}

fn print_counts(counts: &[Resealed]) -> Result<(), Error> {
    for one in counts {
        let (table, resealed, values) = (one.column.table(), one.resealed, one.values);
        output::print_line(&format!("{table:<20}{resealed} of {values} encrypted again"))?;
    }
    Ok(())
}

fn to_json(key: KeyId, counts: &[Resealed]) -> serde_json::Value {
    let tables: serde_json::Map<String, serde_json::Value> = counts
        .iter()
        .map(|one| {
            let counts = serde_json::json!({
                "values": one.values, "resealed": one.resealed, "unreadable": one.unreadable,
            });
            (one.column.table().to_owned(), counts)
        })
        .collect();
    serde_json::json!({ "key": key.to_string(), "tables": tables })
}
