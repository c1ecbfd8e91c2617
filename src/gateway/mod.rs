//! The gateway: a server around listeners, and what it stores.
//!
//! Acts on decisions and makes none: what becomes of a request, [`crate::listener`] says.

mod address;
mod ages;
mod app;
mod clock;
mod configuration;
mod credentials;
mod deliver;
mod encryption;
mod file_modes;
mod files;
mod http;
mod identity;
mod limits;
mod logging;
mod manage;
mod metrics;
mod patterns;
mod post;
mod raw;
mod receive;
mod reload;
mod replay;
mod routes;
mod rows;
mod scopes;
mod serve;
mod settings;
mod sources;
pub mod store;
mod throttle;
mod trial;

pub use app::App;
pub use clock::{Clock, micros_in, micros_of, time_of};
pub use configuration::{
    Configuration, ConfigurationError, HOOKGATE, load_listener, load_listener_with,
};
pub use credentials::{Made, make};
pub use deliver::{Arrivals, ClientsError, Subscribed, UnreadableSubscription, sealed, unsealed};
pub use encryption::{
    AssociatedData, EncryptionError, KEY_VARIABLE, KeyId, Keyring, Resealed, rotate_encryption,
    unlock_for_command,
};
pub use file_modes::restrict_umask;
pub use http::tls::{Certificates, TlsError};
pub use http::{STAGES, StageRow};
pub use identity::{tenant_locator, uuid_of};
pub use manage::{Acting, ActingError, Budget, COMMAND_LINE, MASK};
pub use post::{PostError, post};
pub use raw::Original;
pub use replay::{Replayed, replay};
pub use routes::{management_routes, sender_routes};
pub use rows::{GATEWAY, TEST_FILE};
pub use scopes::{SCOPES, permits};
#[doc(hidden)]
pub use serve::converse;
pub use serve::{Gateway, ServeError, app, open_store, serve};
pub use settings::{Limits, Retention, Settings};
pub use sources::TenantSources;
pub use trial::{Came, Trial, TrialError};
