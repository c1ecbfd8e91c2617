//! Values of options: numbers, time spans, times and ids. Each message has the form with an example.
//! Knows no command.

use std::time::Duration;

use uuid::Uuid;

use super::Error;
use super::store::now;
use crate::config::duration;
use crate::engine::Time;
use crate::gateway::{UnixMicros, micros_in, micros_of, uuid_of};

/// Reads the number of rows of a list.
pub(super) fn limit(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "write a whole number, such as `50`".to_owned())
}

/// Reads the number of a delivery.
pub(super) fn delivery(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        "write the number of a delivery, such as `12`; `hookgate deliveries list` shows the numbers"
            .to_owned()
    })
}

/// Reads a time span. On the command line it needs its unit: a number alone could be days as well as
/// seconds.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("it has no unit: write `{text}d` for days, or `{text}s` for seconds"));
    }
    duration::parse(text).ok_or_else(|| {
        let advice = duration::advice(text);
        advice.unwrap_or_else(|| "write a time span: `90d`, `24h`, `10m` or `30s`".to_owned())
    })
}

/// Reads a time, or a time span before now.
pub(super) fn moment(text: &str) -> Result<UnixMicros, String> {
    if let Ok(time) = text.parse::<Time>() {
        return Ok(micros_of(time));
    }
    let ago = span(text).map_err(|wrong| {
        format!("{wrong}, for a time that long ago; or write a time, `2025-08-17T12:30:00Z`")
    })?;
    Ok(now().saturating_sub(micros_in(ago)))
}

/// Reads a time.
pub(super) fn time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|_| "write a time as RFC 3339 does: `2025-08-17T12:30:00Z`".to_owned())
}

/// Converts an id to its stored form. `list` is the command that shows ids of this kind.
pub(super) fn id_of<T: From<Uuid>>(text: &str, list: &str) -> Result<T, Error> {
    let id = uuid_of(text).map(T::from);
    id.ok_or_else(|| {
        Error::Usage(format!("`{text}` is no id: a UUID or a ULID, as `hookgate {list}` shows it"))
    })
}

#[cfg(test)]
mod tests {
    use super::{delivery, limit, moment, span};

    #[test]
    fn a_message_has_the_form_of_the_value_and_no_error_of_rust() {
        let wrong = [
            limit("abc").unwrap_err(),
            limit("-1").unwrap_err(),
            delivery("abc").unwrap_err(),
            delivery("99999999999999999999").unwrap_err(),
            span("90x").unwrap_err(),
            span("").unwrap_err(),
            moment("yesterday").unwrap_err(),
        ];
        for message in wrong {
            assert!(message.contains("write") && message.contains('`'), "{message}");
        }
        assert!(span("90").unwrap_err().contains("`90d`"));
        assert!(span("14 days").unwrap_err().contains("`14d`"));
        assert!(moment("2").unwrap_err().contains("`2d`"));
        assert!(
            span("90d").is_ok() && moment("2h").is_ok() && moment("2025-08-17T12:30:00Z").is_ok()
        );
    }
}
