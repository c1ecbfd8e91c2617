//! Parsing of times in common notations, without a given format.
//!
//! Each notation is unambiguous: no text can match two of them, so the digits of a text never
//! change its meaning. Digits that spell a date are refused, because they are a Unix time too.
//! Knows no zone database.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use super::zone::{Zone, read_offset};
use super::{digits, digits_only, two_digits};
use crate::value::{Fault, FaultKind, Number, Time, quoted};

/// Maximum length of a text, in bytes. It is more than any notation needs; longer texts are not
/// parsed.
const MAX_TEXT_BYTES: usize = 80;

/// Parses RFC 3339, ISO dates and local times, RFC 2822, and Unix times in digits. A text without
/// an offset is in `zone`, or in UTC if that is `None`.
pub(super) fn read(text: &str, zone: Option<Zone>) -> Result<Time, Fault> {
    if let Some(time) = usual_time(text) {
        return Ok(time);
    }
    if text.len() > MAX_TEXT_BYTES || !text.is_ascii() {
        return Err(not_a_time(text));
    }
    if let Some(format) = date_in_digits(text) {
        return Err(ambiguous_digits(text, format));
    }
    if let Some(number) = read_unix(text) {
        return Time::from_epoch(number);
    }
    if let Some((local, offset)) = read_iso(text) {
        let zone = offset.map(Zone::Fixed).or(zone).unwrap_or(Zone::UTC);
        return zone.at_local(local);
    }
    let at = DateTime::parse_from_rfc2822(text).ok().and_then(Time::new);
    at.ok_or_else(|| not_a_time(text))
}

/// Parses a time in the notation that most webhooks use: `2025-08-17T12:30:00Z`.
pub(crate) fn usual_time(text: &str) -> Option<Time> {
    read_utc(text.as_bytes()).and_then(Time::from_utc)
}

/// Reads the digits of that notation from their fixed positions.
fn read_utc(text: &[u8]) -> Option<NaiveDateTime> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
        b'Z',
    ] = text
    else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let two = |tens: &u8, ones: &u8| Some(digit(tens)? * 10 + digit(ones)?);
    let year = i32::try_from(two(y1, y2)? * 100 + two(y3, y4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, two(m1, m2)?, two(d1, d2)?)?;
    Some(date.and_time(NaiveTime::from_hms_opt(two(h1, h2)?, two(i1, i2)?, two(s1, s2)?)?))
}

fn not_a_time(text: &str) -> Fault {
    Fault::new(FaultKind::NotATime, format!("{} is not read as a time", quoted(text)))
        .help("read are RFC 3339 (`2025-08-17T12:30:00Z`), ISO dates (`2025-08-17`), RFC 2822 (`Sun, 17 Aug 2025 12:30:00 GMT`) and Unix times in seconds, milliseconds, microseconds or nanoseconds; any other form is given as a format: `$PARSE_TIME(text, \"%d.%m.%Y\")`")
}

/// Returns the format of a date that is written with digits only: of 8 digits the day, of 14 the
/// second too.
fn date_in_digits(text: &str) -> Option<&'static str> {
    digits_only(text).then_some(())?;
    let (format, is_date) = match text.len() {
        8 => ("%Y%m%d", NaiveDate::parse_from_str(text, "%Y%m%d").is_ok()),
        14 => ("%Y%m%d%H%M%S", NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").is_ok()),
        _ => return None,
    };
    is_date.then_some(format)
}

fn ambiguous_digits(text: &str, format: &str) -> Fault {
    Fault::new(FaultKind::NotATime, format!("`{text}` may be a date or a Unix time"))
        .help(format!("give the format of a date: `$PARSE_TIME(text, \"{format}\")`; a Unix time is read from a number: `$PARSE_TIME($INTEGER(text))`"))
}

/// Parses a Unix time: digits with an optional sign and fraction.
fn read_unix(text: &str) -> Option<Number> {
    // Numbers may have exponents, times may not.
    let is_plain = !text.contains(['e', 'E']);
    text.parse().ok().filter(|_| is_plain)
}

/// Parses `2025-08-17`, optionally followed by `T` or a space and a time, and an optional zone.
fn read_iso(text: &str) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
    let (date, rest) = text.split_at_checked("2025-08-17".len())?;
    let date = read_date(date)?;
    if rest.is_empty() {
        return Some((date.and_time(NaiveTime::MIN), None));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let is_clock = |at: char| at.is_ascii_digit() || matches!(at, ':' | '.');
    let end = rest.find(|at| !is_clock(at)).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(end)?;
    let local = date.and_time(read_clock(clock)?);
    if zone.is_empty() {
        return Some((local, None));
    }
    Some((local, Some(read_zone(zone)?)))
}

/// Parses an offset, or after a space also `UTC`, `GMT`, or an offset with an abbreviation.
fn read_zone(text: &str) -> Option<FixedOffset> {
    match text.strip_prefix(' ') {
        None => read_offset(text),
        Some("UTC" | "GMT") => read_offset("Z"),
        Some(zone) => match zone.split_once(' ') {
            None => read_offset(zone),
            Some((offset, name)) => read_offset(offset).filter(|at| may_name(name, *at)),
        },
    }
}

/// Returns true if an abbreviation can name the zone of an offset, as in `+0200 CEST` or `+0300
/// +03`, which Go writes. The offset decides, because abbreviations are ambiguous.
fn may_name(name: &str, offset: FixedOffset) -> bool {
    match name {
        "UTC" | "GMT" => offset.local_minus_utc() == 0,
        _ if name.starts_with(['+', '-']) => read_offset(name) == Some(offset),
        _ => (3..=5).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase()),
    }
}

fn read_date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let year = i32::try_from(digits(year, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, two_digits(month)?, two_digits(day)?)
}

/// Parses `12:30`, `12:30:00` or `12:30:00.25`.
fn read_clock(text: &str) -> Option<NaiveTime> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, rest) = rest.split_once(':').unwrap_or((rest, "00"));
    let (second, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let (second, nanos) = match (two_digits(second)?, read_fraction(fraction)?) {
        // chrono represents a leap second as :59 with nanoseconds above 10^9.
        (60, nanos) => (59, nanos + 1_000_000_000),
        ordinary => ordinary,
    };
    NaiveTime::from_hms_nano_opt(two_digits(hour)?, two_digits(minute)?, second, nanos)
}

/// Parses the digits after the point as nanoseconds. Further digits are cut off.
pub(super) fn read_fraction(text: &str) -> Option<u32> {
    if text.is_empty() || !digits_only(text) {
        return None;
    }
    let mut nanos = 0;
    for digit in text.bytes().chain(std::iter::repeat(b'0')).take(9) {
        nanos = nanos * 10 + u32::from(digit - b'0');
    }
    Some(nanos)
}
