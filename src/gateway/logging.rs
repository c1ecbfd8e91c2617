//! The gateway's own log: a line an occurrence, to standard error.

use tracing::level_filters::LevelFilter;

use super::settings::Settings;
use crate::printable::Printable;

/// Begins to log. Where something logs already, that stays.
pub(super) fn begin(settings: &Settings) {
    let level = settings.log_level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        // What senders and tenants wrote neither acts on a terminal nor looks like a line of ours.
        .with_writer(|| Printable::line(std::io::stderr()))
        // Told where else? To tell of a log that takes no more, in that log, would panic.
        .log_internal_errors(false)
        .with_target(false);
    // A second subscriber is refused, and the first goes on.
    let _ = if settings.log_json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}
