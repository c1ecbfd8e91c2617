//! Time zones: names of the IANA database, fixed offsets, and local times.
//!
//! Knows the clock changes of zones; knows no notation of times.

use chrono::{Datelike, FixedOffset, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::builtins::Args;
use crate::value::{Fault, FaultKind, Time, quoted};

/// A named zone, or a fixed offset.
#[derive(Debug, Clone, Copy)]
pub(super) enum Zone {
    /// A zone of the IANA database.
    Named(Tz),
    /// A fixed offset from UTC.
    Fixed(FixedOffset),
}

impl Zone {
    /// Coordinated Universal Time.
    pub(super) const UTC: Self = Self::Named(Tz::UTC);

    /// Returns the zone that an argument names, or `None` if it is omitted.
    pub(super) fn argument(args: Args<'_, '_>, at: usize) -> Result<Option<Self>, Fault> {
        let Some(name) = args.optional_text(at)? else {
            return Ok(None);
        };
        match Self::find(name) {
            Some(zone) => Ok(Some(zone)),
            None => Err(args
                .meaningless(at, format!("a time zone, not {}", quoted(name)))
                .help(advice(name))),
        }
    }

    fn find(name: &str) -> Option<Self> {
        match read_offset(name) {
            Some(offset) => Some(Self::Fixed(offset)),
            None => name.parse().ok().map(Self::Named),
        }
    }

    /// Returns the zone of a time: UTC, or its offset.
    pub(super) fn of(time: Time) -> Self {
        match *time.get().offset() {
            offset if offset == Utc.fix() => Self::UTC,
            offset => Self::Fixed(offset),
        }
    }

    /// Converts a time to this zone; the instant stays the same.
    pub(super) fn show(self, time: Time) -> Result<Time, Fault> {
        let offset = match self {
            Self::Named(zone) => zone.offset_from_utc_datetime(&time.get().naive_utc()).fix(),
            Self::Fixed(offset) => offset,
        };
        time.in_offset(in_minutes(offset))
    }

    /// Returns the instant of a local time in this zone: the earlier one if the local time occurs
    /// twice.
    pub(super) fn at_local(self, local: NaiveDateTime) -> Result<Time, Fault> {
        if !(0..=9999).contains(&local.year()) {
            return Err(out_of_years(local));
        }
        let found = match self {
            Self::Named(zone) => zone.from_local_datetime(&local).map(|at| at.fixed_offset()),
            Self::Fixed(offset) => offset.from_local_datetime(&local),
        };
        let at = found.earliest().ok_or_else(|| self.skipped(local))?;
        let shown = at.with_timezone(&in_minutes(*at.offset()));
        Time::new(shown).ok_or_else(|| out_of_years(local))
    }

    fn skipped(self, local: NaiveDateTime) -> Fault {
        let place = match self {
            Self::Named(zone) => zone.name().to_owned(),
            Self::Fixed(offset) => offset.to_string(),
        };
        Fault::new(
            FaultKind::NotATime,
            format!("the clocks of `{place}` skip `{local:?}`: they go forward there"),
        )
    }
}

fn out_of_years(local: NaiveDateTime) -> Fault {
    Fault::new(FaultKind::NotATime, format!("`{local:?}` is not in the years 0 to 9999"))
}

/// Truncates an offset to whole minutes. RFC 3339 writes only whole minutes, and before 1900
/// offsets had seconds too.
fn in_minutes(offset: FixedOffset) -> FixedOffset {
    let seconds = offset.local_minus_utc();
    FixedOffset::east_opt(seconds - seconds % 60).unwrap_or(offset)
}

/// Parses `Z`, `+02:00`, `+0200` or `+02`.
pub(super) fn read_offset(text: &str) -> Option<FixedOffset> {
    if matches!(text, "Z" | "z") {
        return Some(Utc.fix());
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        5 => digits.split_once(':')?,
        4 => digits.split_at_checked(2)?,
        _ => (digits, "00"),
    };
    let (hours, minutes) = (super::two_digits(hours)?, super::two_digits(minutes)?);
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    FixedOffset::east_opt(sign * seconds).filter(|_| minutes < 60)
}

/// Returns advice for an unknown zone name: the same name in its correct case, or the zone of a
/// city with that name.
fn advice(name: &str) -> String {
    let wanted = name.replace(' ', "_");
    let is_near = |zone: &&Tz| {
        let name = zone.name();
        let city = name.rsplit('/').next().unwrap_or(name);
        name.eq_ignore_ascii_case(&wanted) || city.eq_ignore_ascii_case(&wanted)
    };
    match TZ_VARIANTS.iter().find(is_near) {
        Some(zone) => format!("did you mean `{zone}`?"),
        None => "a zone is a name of the IANA database (`Europe/Berlin`), `UTC`, or an offset (`+02:00`)".to_owned(),
    }
}
