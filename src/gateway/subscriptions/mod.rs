//! Subscriptions in memory: their decrypted definitions, their compiled programs, and the
//! notifications about their events. Does not deliver.

pub(super) mod filters;
pub(super) mod notifier;
pub(super) mod patterns;
pub(super) mod subscribed;
