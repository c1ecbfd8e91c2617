//! The gateway: a server around listeners, and its store.
//!
//! Makes no decision on a request: [`crate::listener`] decides, and the gateway acts on the
//! decision.

mod address;
mod app;
mod captured_request;
mod clock;
mod config_keys;
mod configuration;
mod credentials;
mod deliver;
mod dry_run;
mod encryption;
mod file_modes;
mod files;
mod http;
mod identity;
mod log_limit;
mod logging;
mod manage;
mod management_budget;
mod memory_pool;
mod metrics;
mod offload;
mod patterns;
mod post;
mod rate_limit;
mod receive;
mod reload;
mod replay;
mod retention_clock;
mod routes;
mod scopes;
mod serve;
mod settings;
mod sources;
pub mod store;

pub use app::App;
pub use captured_request::CapturedRequest;
pub use clock::{Clock, micros_in, micros_of, time_of};
pub use config_keys::{GATEWAY, TEST_FILE};
pub use configuration::{
    Configuration, ConfigurationError, HOOKGATE, load_listener, load_listener_with,
};
pub use credentials::{Made, make};
pub use deliver::{
    ClientsError, DeliveryNotifier, Subscribed, UnreadableSubscription, sealed, unsealed,
};
pub use dry_run::{DryRun, DryRunError, DryRunResult};
pub use encryption::{
    AssociatedData, EncryptionError, KEY_VARIABLE, KeyId, Keyring, Resealed, rotate_encryption,
    unlock_for_command,
};
pub use file_modes::restrict_umask;
pub use http::tls::{Certificates, TlsError};
pub use http::{STAGES, StageRow};
pub use identity::{tenant_locator, uuid_of};
pub use manage::{COMMAND_LINE, MASK, SubscriptionAdmin, SubscriptionAdminError};
pub use management_budget::Budget;
pub use post::{PostError, post};
pub use replay::{Replayed, replay};
pub use routes::{management_routes, sender_routes};
pub use scopes::{SCOPES, permits};
#[doc(hidden)]
pub use serve::converse;
pub use serve::{Gateway, ServeError, app, open_store, serve};
pub use settings::{Limits, Retention, Settings};
pub use sources::TenantSources;
