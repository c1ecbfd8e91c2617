//! Time zones: names of the IANA database, fixed offsets, and local times.
//!
//! Knows the clock changes of zones; knows no notation of times.

use chrono::{Datelike, FixedOffset, NaiveDateTime, Offset, TimeZone, Utc};

use crate::builtins::Args;
use crate::value::{Fault, FaultKind, NamedZone, Time, quoted};

/// A named zone, or a fixed offset.
#[derive(Debug, Clone, Copy)]
pub(super) enum Zone {
    /// A zone of the IANA database.
    Named(NamedZone),
    /// A fixed offset from UTC.
    Fixed(FixedOffset),
}

impl Zone {
    /// Coordinated Universal Time.
    pub(super) const UTC: Self = Self::Named(NamedZone::UTC);

    /// Returns the zone that an argument names, or `None` if it is omitted.
    pub(super) fn argument(args: Args<'_, '_>, at: usize) -> Result<Option<Self>, Fault> {
        let Some(name) = args.optional_text(at)? else {
            return Ok(None);
        };
        Self::named(args, at, name).map(Some)
    }

    /// Returns the zone with a name, which is an argument.
    pub(super) fn named(args: Args<'_, '_>, at: usize, name: &str) -> Result<Self, Fault> {
        Self::find(name).ok_or_else(|| {
            args.meaningless(at, format!("a time zone, not {}", quoted(name))).help(advice(name))
        })
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        match read_offset(name) {
            Some(offset) => Some(Self::Fixed(offset)),
            None => NamedZone::find(name).map(Self::Named),
        }
    }

    /// Returns the zone of a time: the zone that it carries, UTC, or its offset.
    pub(super) fn of(time: Time) -> Self {
        match (time.zone(), *time.get().offset()) {
            (Some(zone), _) => Self::Named(zone),
            (None, offset) if offset == Utc.fix() => Self::UTC,
            (None, offset) => Self::Fixed(offset),
        }
    }

    /// Converts a time to this zone; the instant stays the same.
    pub(super) fn show(self, time: Time) -> Result<Time, Fault> {
        match self {
            Self::Named(zone) => time.in_zone(zone),
            Self::Fixed(offset) => time.in_offset(offset),
        }
    }

    /// Returns the instant of a local time in this zone: the earlier one if the local time occurs
    /// twice.
    pub(super) fn at_local(self, local: NaiveDateTime) -> Result<Time, Fault> {
        if !(0..=9999).contains(&local.year()) {
            return Err(out_of_years(local));
        }
        let found = match self {
            Self::Named(zone) => zone.from_local_datetime(&local).map(|at| at.to_utc()),
            Self::Fixed(offset) => offset.from_local_datetime(&local).map(|at| at.to_utc()),
        };
        let at = found.earliest().ok_or_else(|| self.skipped(local))?;
        let shown = match self {
            Self::Named(zone) => Time::zoned(at, zone),
            Self::Fixed(offset) => Time::new(at.with_timezone(&offset)),
        };
        shown.ok_or_else(|| out_of_years(local))
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
    let is_near = |zone: &NamedZone| {
        let name = zone.name();
        let city = name.rsplit('/').next().unwrap_or(name);
        name.eq_ignore_ascii_case(&wanted) || city.eq_ignore_ascii_case(&wanted)
    };
    match NamedZone::all().find(is_near) {
        Some(zone) => format!("did you mean `{zone}`?"),
        None => "a zone is a name of the IANA database (`Europe/Berlin`), `UTC`, or an offset (`+02:00`)".to_owned(),
    }
}
