//! Zones of the IANA database, with their clock changes in every year.
//!
//! The table of `chrono-tz` ends with the year 2099. Later years follow the rule that the database
//! gives for each zone (RFC 9636, 3.3), which `jiff` reads. Knows no notation of times.

use std::fmt;
use std::sync::LazyLock;

use arrayvec::ArrayString;
use chrono::{
    Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone,
    Timelike,
};
use chrono_tz::{TZ_VARIANTS, Tz};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZoneDatabase};

/// The first year beyond the table.
const FIRST_RULED_YEAR: i32 = 2100;

/// The database compiled into the program. The zones of the machine never count.
static RULES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone of the IANA database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamedZone(Tz);

/// The offset of a zone at an instant.
#[derive(Clone)]
pub(crate) enum ZoneOffset {
    /// From the table.
    Table(<Tz as TimeZone>::Offset),
    /// From the rule for the years beyond the table, with the abbreviation.
    Rule(NamedZone, FixedOffset, ArrayString<8>),
}

impl NamedZone {
    /// Coordinated Universal Time.
    pub(crate) const UTC: Self = Self(Tz::UTC);

    /// Returns the zone with a name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Returns every zone.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TZ_VARIANTS.iter().copied().map(Self)
    }

    /// Returns the name.
    pub(crate) fn name(self) -> &'static str {
        self.0.name()
    }

    /// Returns the offset by the rule of the zone, or `None` if the table has the instant.
    fn ruled_offset(self, at: &NaiveDateTime) -> Option<ZoneOffset> {
        if at.year() < FIRST_RULED_YEAR {
            return None;
        }
        let zone = RULES.get(self.name()).ok()?;
        // The last day of the year 9999 is beyond the greatest instant of `jiff`.
        let seconds = at.and_utc().timestamp().min(Timestamp::MAX.as_second());
        let found = zone.to_offset_info(Timestamp::from_second(seconds).ok()?);
        let name = ArrayString::from(found.abbreviation()).unwrap_or_default();
        Some(ZoneOffset::Rule(self, fixed(found.offset())?, name))
    }

    /// Returns the offsets of a local time by the rule of the zone, or `None` if the table has it.
    fn ruled_offsets(self, local: &NaiveDateTime) -> Option<MappedLocalTime<ZoneOffset>> {
        if local.year() < FIRST_RULED_YEAR {
            return None;
        }
        let zone = RULES.get(self.name()).ok()?;
        let at = |offset| {
            let offset = fixed(offset)?;
            self.ruled_offset(&local.checked_sub_offset(offset)?).or_else(|| {
                // Around the first hour of the year the table has the instant.
                Some(ZoneOffset::Rule(self, offset, ArrayString::default()))
            })
        };
        Some(match zone.to_ambiguous_timestamp(civil(local)?).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(at(offset)?),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(at(before)?, at(after)?)
            }
        })
    }
}

fn fixed(offset: jiff::tz::Offset) -> Option<FixedOffset> {
    FixedOffset::east_opt(offset.seconds())
}

fn civil(local: &NaiveDateTime) -> Option<jiff::civil::DateTime> {
    let small = |part: u32| i8::try_from(part).ok();
    jiff::civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        small(local.month())?,
        small(local.day())?,
        small(local.hour())?,
        small(local.minute())?,
        small(local.second())?,
        0,
    )
    .ok()
}

impl TimeZone for NamedZone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        match offset {
            ZoneOffset::Table(offset) => Self(Tz::from_offset(offset)),
            ZoneOffset::Rule(zone, ..) => *zone,
        }
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let table = || self.0.offset_from_local_datetime(local).map(ZoneOffset::Table);
        self.ruled_offsets(local).unwrap_or_else(table)
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let table = || ZoneOffset::Table(self.0.offset_from_utc_datetime(utc));
        self.ruled_offset(utc).unwrap_or_else(table)
    }
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        match self {
            Self::Table(offset) => offset.fix(),
            Self::Rule(_, offset, _) => *offset,
        }
    }
}

/// Writes the abbreviation, as `%Z` does.
impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(offset) => fmt::Display::fmt(offset, f),
            Self::Rule(.., name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.fix(), f)
    }
}

impl fmt::Debug for NamedZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for NamedZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Days, Weekday};

    fn offset(zone: NamedZone, at: NaiveDateTime) -> i32 {
        zone.offset_from_utc_datetime(&at).fix().local_minus_utc()
    }

    fn noon(date: NaiveDate) -> NaiveDateTime {
        date.and_hms_opt(12, 0, 0).unwrap()
    }

    fn new_year(year: i32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, 1, 1).unwrap()
    }

    #[test]
    fn years_beyond_the_table_have_the_clock_changes_of_an_equal_year_in_it() {
        let kind = |year: i32| (new_year(year).weekday(), new_year(year).leap_year());
        for name in ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"] {
            let zone = NamedZone::find(name).unwrap();
            for year in (2100..2500).step_by(7).chain([9998]) {
                let equal = (2072..2100).find(|one| kind(*one) == kind(year)).unwrap();
                for day in 0..365 {
                    let at = |year| noon(new_year(year) + Days::new(day));
                    assert_eq!(offset(zone, at(year)), offset(zone, at(equal)), "{name} {year}");
                }
            }
        }
    }

    #[test]
    fn every_zone_has_a_rule() {
        for zone in NamedZone::all() {
            assert!(zone.ruled_offset(&noon(new_year(9999))).is_some(), "{zone}");
        }
    }

    #[test]
    fn skipped_and_repeated_local_times_are_known_in_every_year() {
        let berlin = NamedZone::find("Europe/Berlin").unwrap();
        let sunday = |month| {
            let days = (25..=31).filter_map(|day| NaiveDate::from_ymd_opt(2101, month, day));
            days.into_iter().find(|day| day.weekday() == Weekday::Sun).unwrap()
        };
        let half_past_two = |month| sunday(month).and_hms_opt(2, 30, 0).unwrap();
        let found = berlin.offset_from_local_datetime(&half_past_two(3));
        assert!(matches!(found, MappedLocalTime::None), "{found:?}");
        let found = berlin.offset_from_local_datetime(&half_past_two(10));
        let MappedLocalTime::Ambiguous(first, second) = found else { panic!("{found:?}") };
        assert_eq!((first.to_string(), second.to_string()), ("CEST".into(), "CET".into()));
    }

    #[test]
    fn the_last_day_has_an_offset() {
        let sydney = NamedZone::find("Australia/Sydney").unwrap();
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap().and_hms_opt(23, 59, 59).unwrap();
        assert_eq!(offset(sydney, last), 11 * 3600);
    }
}
