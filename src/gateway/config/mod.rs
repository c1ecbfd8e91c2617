//! The configuration of the gateway: the files of a folder, their keys, the settings, and the reload
//! when a file changes.

pub(super) mod configuration;
pub(super) mod files;
pub(super) mod keys;
pub(super) mod reload;
pub(super) mod settings;
mod settings_checks;
pub(super) mod source_policy;
