//! The gateway: a server around listeners, and its store.
//!
//! Makes no decision on a request: [`crate::listener`] decides, and the gateway acts on the
//! decision.

mod app;
mod config;
mod deliver;
mod http;
mod ids;
mod ingest;
mod manage;
mod ops;
mod routes;
mod serve;
pub mod store;
mod subscriptions;

pub use app::App;
#[cfg(feature = "cli")]
pub(crate) use config::configuration::check_server_files;
pub use config::configuration::{
    Configuration, ConfigurationError, load_listener, load_listener_with,
};
pub use config::keys::{GATEWAY, TEST_FILE};
pub use config::settings::{Limits, Retention, SETTINGS_FILE, Settings, TenantSources};
pub use deliver::ClientsError;
#[cfg(feature = "cli")]
pub(crate) use deliver::trusted_roots;
#[cfg(feature = "cli")]
pub(crate) use http::collected;
#[cfg(feature = "cli")]
pub(crate) use http::handshake_reason;
pub use http::tls::{Certificates, TlsError};
pub use http::{STAGES, StageRow};
pub use ids::{EventId, ListenerId, RequestId, SubscriptionId, TenantId};
pub use ingest::captured_request::CapturedRequest;
pub use ingest::credentials::{Made, make};
pub use ingest::dry_run::{DryRun, DryRunError, DryRunResult};
pub use ingest::replay::{Replayed, replay};
pub use ingest::scopes::permits;
pub use manage::budget::Budget;
pub use manage::{COMMAND_LINE, MASK, SubscriptionAdmin, SubscriptionAdminError};
pub use ops::clock::{Clock, UnixMicros, micros_in, micros_of, time_of};
pub use ops::encryption::{
    AssociatedData, EncryptionError, KEY_VARIABLE, KeyId, Keyring, Resealed, rotate_encryption,
    unlock_for_command,
};
pub use ops::file_modes::restrict_umask;
pub use ops::ids::{display_locator, tenant_locator, uuid_of};
pub use routes::{management_routes, sender_routes};
#[doc(hidden)]
pub use serve::converse;
pub use serve::{Gateway, ServeError, app, open_store, serve};
pub use subscriptions::notifier::DeliveryNotifier;
pub use subscriptions::subscribed::{Subscribed, UnreadableSubscription, sealed, unsealed};
