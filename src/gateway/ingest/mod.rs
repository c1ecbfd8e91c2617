//! The accept path: from the request of a sender to the stored event and the response. Also runs
//! requests again: dry runs and replays.

pub(super) mod captured_request;
pub(super) mod confirmations;
pub(super) mod credentials;
pub(super) mod dry_run;
pub(super) mod key_cache;
pub(super) mod rate_limit;
pub(super) mod receive;
pub(super) mod replay;
pub(super) mod scopes;
pub(super) mod unknown;
