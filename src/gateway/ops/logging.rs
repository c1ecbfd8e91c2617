//! The gateway's own log: one line for each event, on standard error.

use tracing::level_filters::LevelFilter;

use crate::gateway::config::settings::Settings;
use crate::printable::Printable;

/// Starts the log. A logger that is already installed stays.
pub(in crate::gateway) fn begin(settings: &Settings) {
    let level = settings.log_level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        // Escaped: text of senders and tenants must not control a terminal or imitate a log line.
        .with_writer(|| Printable::line(std::io::stderr()))
        // An error of the log has no other place to go. Reporting it in the same log would panic.
        .log_internal_errors(false)
        .with_target(false);
    // A second subscriber is refused, and the first one stays.
    let _ = if settings.log_json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}
