//! Times: instants with a UTC offset, in nanoseconds. Does not read the clock.
//!
//! All arithmetic is checked. Every time is in the years 0 to 9999, so its RFC 3339 form parses
//! back.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use arrayvec::ArrayString;
use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDateTime, SecondsFormat};

use super::fault::{Fault, FaultKind, quoted};
use super::number::Number;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The least number that is read as milliseconds since the epoch. As seconds it would be the year
/// 5138.
const MILLIS_FROM: f64 = 1e11;

/// An instant, with the UTC offset to display it in. Equality and order ignore the offset.
#[derive(Clone, Copy)]
pub struct Time(DateTime<FixedOffset>);

impl Time {
    /// The first second of 1970, in UTC.
    pub const EPOCH: Self = Self(match FixedOffset::east_opt(0) {
        Some(utc) => DateTime::from_naive_utc_and_offset(DateTime::UNIX_EPOCH.naive_utc(), utc),
        // Evaluated at compile time, so a failure would stop the build.
        None => unreachable!(),
    });

    /// Returns a time. `None` if the year is outside 0 to 9999. A leap second becomes the first
    /// instant of the next minute.
    pub fn new(at: DateTime<FixedOffset>) -> Option<Self> {
        let nanos = at.timestamp_subsec_nanos();
        let at = match nanos.checked_sub(NANOS_PER_SECOND as u32) {
            Some(beyond) => {
                let next = DateTime::from_timestamp(at.timestamp().checked_add(1)?, beyond)?;
                next.with_timezone(at.offset())
            }
            None => at,
        };
        // An offset moves a time by less than a day. This test is faster than applying the offset.
        let is_inside = (1..=9998).contains(&at.naive_utc().year());
        (is_inside || (0..=9999).contains(&at.year())).then_some(Self(at))
    }

    /// Returns a time in UTC. `None` if the year is outside 0 to 9999, or for a leap second.
    pub(crate) fn from_utc(at: NaiveDateTime) -> Option<Self> {
        let is_leap = at.and_utc().timestamp_subsec_nanos() >= NANOS_PER_SECOND as u32;
        let holds = !is_leap && (0..=9999).contains(&at.year());
        holds.then(|| Self(DateTime::from_naive_utc_and_offset(at, utc())))
    }

    /// Returns the instant as a chrono type.
    pub fn get(self) -> DateTime<FixedOffset> {
        self.0
    }

    /// Returns the time at a number of nanoseconds since the epoch, in an offset.
    fn from_epoch_nanos(nanos: i128, offset: FixedOffset) -> Option<Self> {
        let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND)).ok()?;
        let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).ok()?;
        Self::new(DateTime::from_timestamp(seconds, rest)?.with_timezone(&offset))
    }

    /// Returns the time of a Unix time in UTC: in seconds, or in milliseconds from 10^11 on.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999.
    pub fn from_epoch(number: Number) -> Result<Self, Fault> {
        let in_millis = number.to_f64().abs() >= MILLIS_FROM;
        let scale = if in_millis { NANOS_PER_SECOND / 1000 } else { NANOS_PER_SECOND };
        scaled_nanos(number, scale)
            .and_then(|nanos| Self::from_epoch_nanos(nanos, utc()))
            .ok_or_else(|| {
                Fault::new(
                    FaultKind::NotATime,
                    format!("`{number}` is no Unix time in the years 0 to 9999"),
                )
            })
    }

    /// Returns the nanoseconds since the epoch.
    fn epoch_nanos(self) -> i128 {
        i128::from(self.0.timestamp()) * NANOS_PER_SECOND
            + i128::from(self.0.timestamp_subsec_nanos())
    }

    /// Returns the whole seconds since the epoch, rounded down.
    pub fn epoch_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Returns the whole milliseconds since the epoch, rounded down.
    pub fn epoch_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Returns the seconds since the epoch: an integer if they are whole, otherwise a float.
    pub fn to_number(self) -> Number {
        seconds_of(self.epoch_nanos())
    }

    /// Returns the time a number of seconds later.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999.
    pub fn plus_seconds(self, seconds: Number) -> Result<Self, Fault> {
        self.moved(scaled_nanos(seconds, NANOS_PER_SECOND))
    }

    /// Returns the time a number of seconds earlier.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999.
    pub fn minus_seconds(self, seconds: Number) -> Result<Self, Fault> {
        self.moved(scaled_nanos(seconds, NANOS_PER_SECOND).map(|delta| -delta))
    }

    fn moved(self, delta: Option<i128>) -> Result<Self, Fault> {
        delta
            .and_then(|delta| self.epoch_nanos().checked_add(delta))
            .and_then(|nanos| Self::from_epoch_nanos(nanos, *self.0.offset()))
            .ok_or_else(|| self.out_of_range())
    }

    /// Returns the seconds from another time to this one.
    pub fn seconds_since(self, other: Self) -> Number {
        seconds_of(self.epoch_nanos() - other.epoch_nanos())
    }

    /// Returns the time a number of years and months, then days later, by the calendar in its own
    /// offset. A day that the month does not have becomes the last day of the month.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999.
    pub fn plus_date(self, years: i64, months: i64, days: i64) -> Result<Self, Fault> {
        let shifted = || {
            let months = years.checked_mul(12)?.checked_add(months)?;
            let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            let moved = match months {
                0 => self.0,
                ..0 => self.0.checked_sub_months(count)?,
                _ => self.0.checked_add_months(count)?,
            };
            // All days have the same offset, so days are added in UTC.
            let (at, count) = (moved.naive_utc(), Days::new(days.unsigned_abs()));
            let at =
                if days < 0 { at.checked_sub_days(count)? } else { at.checked_add_days(count)? };
            Self::new(DateTime::from_naive_utc_and_offset(at, *moved.offset()))
        };
        shifted().ok_or_else(|| self.out_of_range())
    }

    /// Returns the same instant in another offset.
    ///
    /// # Errors
    /// Returns an error if the year in that offset is outside 0 to 9999.
    pub fn in_offset(self, offset: FixedOffset) -> Result<Self, Fault> {
        Self::new(self.0.with_timezone(&offset)).ok_or_else(|| self.out_of_range())
    }

    /// Compares the time, as seconds since the epoch, with a number, exactly.
    pub fn compare_number(self, number: Number) -> Ordering {
        let nanos = self.epoch_nanos();
        let Some(seconds) = number.as_integer() else {
            return compare_nanos_decimal(nanos, number.to_f64());
        };
        nanos.cmp(&(seconds * NANOS_PER_SECOND))
    }

    fn out_of_range(self) -> Fault {
        Fault::new(
            FaultKind::NotATime,
            format!("the time moves from {self} out of the years 0 to 9999"),
        )
    }
}

/// Converts a number of units to nanoseconds, rounded to the nearest. `None` beyond the supported
/// size.
fn scaled_nanos(number: Number, nanos_per_unit: i128) -> Option<i128> {
    if let Some(whole) = number.as_integer() {
        return whole.checked_mul(nanos_per_unit);
    }
    let value = number.to_f64();
    if value.abs() > 1e15 {
        return None;
    }
    // Uses the decimal digits, not the binary fraction: 1755647957.123 is a time with 123
    // milliseconds.
    let digits = value.abs().to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let places = nanos_per_unit.ilog10() as usize;
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(places).collect();
    let up = fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5');
    let size =
        whole.parse::<i128>().ok()? * nanos_per_unit + kept.parse::<i128>().ok()? + i128::from(up);
    Some(if value < 0.0 { -size } else { size })
}

/// Returns nanoseconds as the nearest number of seconds.
fn seconds_of(nanos: i128) -> Number {
    let size = nanos.unsigned_abs();
    let (whole, rest) = (size / NANOS_PER_SECOND as u128, size % NANOS_PER_SECOND as u128);
    if rest == 0 {
        return Number::integer(nanos / NANOS_PER_SECOND).unwrap_or(Number::ZERO);
    }
    // Parsing digits rounds once. Adding a fraction to the whole part would round twice, and lose a
    // nanosecond before a whole second.
    let sign = if nanos < 0 { "-" } else { "" };
    let mut digits = ArrayString::<40>::new();
    let written = write!(digits, "{sign}{whole}.{rest:09}");
    written.ok().and_then(|()| digits.parse().ok()).unwrap_or(Number::ZERO)
}

fn compare_nanos_decimal(nanos: i128, seconds: f64) -> Ordering {
    // Times are in the years 0 to 9999, within 10^12 seconds of the epoch.
    if seconds.abs() >= 1e12 {
        return if seconds > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    let floor = seconds.floor();
    let whole = nanos.div_euclid(NANOS_PER_SECOND);
    whole
        .cmp(&(floor as i128))
        .then_with(|| compare_fraction(nanos.rem_euclid(NANOS_PER_SECOND), seconds - floor))
}

/// Compares `nanos / 10^9` with a fraction in 0..1, exactly: the fraction is a multiple of 2^-90,
/// or its rest is negligible compared with a nanosecond.
fn compare_fraction(nanos: i128, fraction: f64) -> Ordering {
    let scaled = fraction * 2f64.powi(90);
    let exact = (nanos << 90).cmp(&((scaled as i128).saturating_mul(NANOS_PER_SECOND)));
    match exact {
        Ordering::Equal if scaled.fract() > 0.0 => Ordering::Less,
        order => order,
    }
}

/// Returns the offset of UTC.
pub(super) fn utc() -> FixedOffset {
    chrono::Offset::fix(&chrono::Utc)
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// Parses RFC 3339: `2025-08-17T12:30:00Z`.
impl std::str::FromStr for Time {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let read = DateTime::parse_from_rfc3339(text).ok().and_then(Self::new);
        read.ok_or_else(|| {
            Fault::new(FaultKind::NotATime, format!("{} is no time in RFC 3339", quoted(text)))
                .help("write it as `2025-08-17T12:30:00Z`")
        })
    }
}

/// Writes RFC 3339: `Z` for UTC, and a fraction only if there is one.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
