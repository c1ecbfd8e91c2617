//! Times: instants with a UTC offset or a zone, in nanoseconds. Does not read the clock.
//!
//! All arithmetic is checked. Every time is in the years 0 to 9999, so its RFC 3339 form parses
//! back.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use arrayvec::ArrayString;
use chrono::{
    DateTime, Datelike, Days, FixedOffset, Months, NaiveDateTime, Offset, SecondsFormat, TimeDelta,
    TimeZone, Timelike, Utc,
};

use super::fault::{Fault, FaultKind, quoted};
use super::number::Number;
use super::zone::NamedZone;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The units of Unix times: the bound that the size of a number is below, and the nanoseconds of
/// the unit. As seconds, 10^11 would be the year 5138, and so on for each unit.
const UNIX_UNITS: &[(u128, i128)] = &[
    (10u128.pow(11), NANOS_PER_SECOND),
    (10u128.pow(14), 1_000_000),
    (10u128.pow(17), 1_000),
    (u128::MAX, 1),
];

/// The largest float that is converted: as nanoseconds it is far beyond the year 9999.
const MAX_UNITS: f64 = 1e21;

/// An instant, with the UTC offset to display it in, or the zone whose clocks it follows. Equality
/// and order ignore both.
#[derive(Clone, Copy)]
pub struct Time {
    utc: NaiveDateTime,
    clocks: Clocks,
}

/// The clocks that show a time. Four bytes, so that a time takes two words of a value.
#[derive(Clone, Copy)]
enum Clocks {
    /// An offset from UTC in whole minutes, as RFC 3339 writes it.
    Offset(i16),
    /// A zone of the IANA database other than `UTC`, which is the offset zero.
    Zone(NamedZone),
}

impl Clocks {
    const UTC: Self = Self::Offset(0);

    /// Returns the clocks of an offset. Seconds are cut off: before 1900 offsets had them too.
    fn of(offset: FixedOffset) -> Self {
        Self::Offset(i16::try_from(offset.local_minus_utc() / 60).unwrap_or(0))
    }

    /// Returns the offset at an instant, in whole minutes.
    fn offset_at(self, at: &NaiveDateTime) -> FixedOffset {
        let minutes = match self {
            Self::Offset(minutes) => i32::from(minutes),
            Self::Zone(zone) => zone.offset_from_utc_datetime(at).fix().local_minus_utc() / 60,
        };
        FixedOffset::east_opt(minutes * 60).unwrap_or(utc())
    }
}

impl Time {
    /// The first second of 1970, in UTC.
    pub const EPOCH: Self = Self { utc: DateTime::UNIX_EPOCH.naive_utc(), clocks: Clocks::UTC };

    /// Returns a time, with its offset in whole minutes. `None` if the year is outside 0 to 9999.
    /// A leap second becomes the first instant of the next minute.
    pub fn new(at: DateTime<FixedOffset>) -> Option<Self> {
        Self::placed(at.naive_utc(), Clocks::of(*at.offset()))
    }

    /// Returns a time on the clocks of a zone. `None` if the year there is outside 0 to 9999.
    pub(crate) fn zoned(at: DateTime<Utc>, zone: NamedZone) -> Option<Self> {
        let clocks = if zone == NamedZone::UTC { Clocks::UTC } else { Clocks::Zone(zone) };
        Self::placed(at.naive_utc(), clocks)
    }

    fn placed(utc: NaiveDateTime, clocks: Clocks) -> Option<Self> {
        let nanos = utc.and_utc().timestamp_subsec_nanos();
        let utc = match nanos.checked_sub(NANOS_PER_SECOND as u32) {
            Some(beyond) => {
                utc.with_nanosecond(beyond)?.checked_add_signed(TimeDelta::seconds(1))?
            }
            None => utc,
        };
        let time = Self { utc, clocks };
        // An offset moves a time by less than a day. This test is faster than applying the offset.
        let is_inside = (1..=9998).contains(&utc.year());
        (is_inside || (0..=9999).contains(&time.get().year())).then_some(time)
    }

    /// Returns a time in UTC. `None` if the year is outside 0 to 9999, or for a leap second.
    pub(crate) fn from_utc(at: NaiveDateTime) -> Option<Self> {
        let is_leap = at.and_utc().timestamp_subsec_nanos() >= NANOS_PER_SECOND as u32;
        let holds = !is_leap && (0..=9999).contains(&at.year());
        holds.then_some(Self { utc: at, clocks: Clocks::UTC })
    }

    /// Returns the instant as a chrono type.
    pub fn get(self) -> DateTime<FixedOffset> {
        let offset = self.clocks.offset_at(&self.utc);
        DateTime::from_naive_utc_and_offset(self.utc, offset)
    }

    /// Returns the zone of the IANA database that the time carries, or `None` for UTC and for an
    /// offset.
    pub(crate) fn zone(self) -> Option<NamedZone> {
        match self.clocks {
            Clocks::Zone(zone) => Some(zone),
            Clocks::Offset(_) => None,
        }
    }

    /// Returns the time of a Unix time in UTC: in seconds below 10^11, in milliseconds below
    /// 10^14, in microseconds below 10^17, else in nanoseconds. The sign does not count.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999.
    pub fn from_epoch(number: Number) -> Result<Self, Fault> {
        let size = match number.as_integer() {
            Some(whole) => whole.unsigned_abs(),
            // Saturates at a size that is no time in any unit.
            None => number.to_f64().abs() as u128,
        };
        let unit = UNIX_UNITS.iter().find(|(bound, _)| size < *bound);
        unit.and_then(|(_, nanos_per_unit)| scaled_nanos(number, *nanos_per_unit))
            .and_then(instant)
            .and_then(|utc| Self::placed(utc, Clocks::UTC))
            .ok_or_else(|| {
                Fault::new(
                    FaultKind::NotATime,
                    format!("`{number}` is no Unix time in the years 0 to 9999"),
                )
            })
    }

    /// Returns the nanoseconds since the epoch.
    fn epoch_nanos(self) -> i128 {
        let at = self.utc.and_utc();
        i128::from(at.timestamp()) * NANOS_PER_SECOND + i128::from(at.timestamp_subsec_nanos())
    }

    /// Returns the whole seconds since the epoch, rounded down.
    pub fn epoch_seconds(self) -> i64 {
        self.utc.and_utc().timestamp()
    }

    /// Returns the whole milliseconds since the epoch, rounded down.
    pub fn epoch_millis(self) -> i64 {
        self.utc.and_utc().timestamp_millis()
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
            .and_then(instant)
            .and_then(|utc| Self::placed(utc, self.clocks))
            .ok_or_else(|| self.out_of_range())
    }

    /// Returns the seconds from another time to this one.
    pub fn seconds_since(self, other: Self) -> Number {
        seconds_of(self.epoch_nanos() - other.epoch_nanos())
    }

    /// Returns the time a number of years and months, then days later, by the calendar and the
    /// clocks of its zone, or of its offset if it carries no zone. A day that the month does not
    /// have becomes the last day of the month. A local time that occurs twice is the earlier one,
    /// and a skipped one moves forward by the length of the gap, as in RFC 5545, 3.3.5.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999.
    pub fn plus_date(self, years: i64, months: i64, days: i64) -> Result<Self, Fault> {
        let shifted = || {
            let months = years.checked_mul(12)?.checked_add(months)?;
            if months == 0 && days == 0 {
                // The second occurrence of a local time stays the second.
                return Some(self);
            }
            let moved = |local| shift(local, months, days);
            match self.clocks {
                Clocks::Zone(zone) => {
                    let local = zone.from_utc_datetime(&self.utc).naive_local();
                    Self::zoned(local_instant(zone, moved(local)?)?, zone)
                }
                // Most times are in UTC.
                Clocks::Offset(0) => Self::placed(moved(self.utc)?, self.clocks),
                Clocks::Offset(_) => {
                    let at = self.get();
                    let local = moved(at.naive_local())?;
                    Self::placed(local.checked_sub_offset(*at.offset())?, self.clocks)
                }
            }
        };
        shifted().ok_or_else(|| self.out_of_range())
    }

    /// Returns the same instant in another offset, in whole minutes. The time carries no zone then.
    ///
    /// # Errors
    /// Returns an error if the year in that offset is outside 0 to 9999.
    pub fn in_offset(self, offset: FixedOffset) -> Result<Self, Fault> {
        Self::placed(self.utc, Clocks::of(offset)).ok_or_else(|| self.out_of_range())
    }

    /// Returns the same instant on the clocks of a zone, which the time carries from then on.
    ///
    /// # Errors
    /// Returns an error if the year in that zone is outside 0 to 9999.
    pub(crate) fn in_zone(self, zone: NamedZone) -> Result<Self, Fault> {
        Self::zoned(self.utc.and_utc(), zone).ok_or_else(|| self.out_of_range())
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

/// Returns the instant at a number of nanoseconds since the epoch, in UTC.
fn instant(nanos: i128) -> Option<NaiveDateTime> {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).ok()?;
    Some(DateTime::from_timestamp(seconds, rest)?.naive_utc())
}

/// Moves a local time by months, then by days.
fn shift(local: NaiveDateTime, months: i64, days: i64) -> Option<NaiveDateTime> {
    let (count, backward) = (Months::new(u32::try_from(months.unsigned_abs()).ok()?), months < 0);
    let local =
        if backward { local.checked_sub_months(count) } else { local.checked_add_months(count) }?;
    let count = Days::new(days.unsigned_abs());
    if days < 0 { local.checked_sub_days(count) } else { local.checked_add_days(count) }
}

/// Returns the instant of a local time in a zone: the earlier one if the local time occurs twice,
/// and by the offset before the gap if the clocks skip it.
fn local_instant(zone: NamedZone, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    if let Some(at) = zone.from_local_datetime(&local).earliest() {
        return Some(at.to_utc());
    }
    // Gaps are at most a day long, and an offset before a gap that long is west of Greenwich: a day
    // earlier, the clocks have not changed yet.
    let before = local.checked_sub_signed(TimeDelta::days(1))?;
    let offset = zone.offset_from_utc_datetime(&before).fix();
    Some(local.checked_sub_offset(offset)?.and_utc())
}

/// Converts a number of units to nanoseconds, rounded to the nearest. `None` beyond the supported
/// size.
fn scaled_nanos(number: Number, nanos_per_unit: i128) -> Option<i128> {
    if let Some(whole) = number.as_integer() {
        return whole.checked_mul(nanos_per_unit);
    }
    let value = number.to_f64();
    if value.abs() > MAX_UNITS {
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
    Utc.fix()
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.utc == other.utc
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
        self.utc.cmp(&other.utc)
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
        f.write_str(&self.get().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
