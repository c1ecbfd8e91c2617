//! Dates, times and zones, compared with a library that shares no code with that in `src`.

use hookgate::engine::{Context, Engine, OwnedValue, Program, Time, Trap, UndeclaredRoots, Value};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};
use proptest::prelude::*;

use super::cases;
use super::laws::{nanos, times};

fn compiled(source: &str) -> Program {
    Engine::new().strangers(UndeclaredRoots::Allow).compile(source).unwrap()
}

fn run(source: &str, given: &[(&str, Value<'_>)]) -> Result<OwnedValue, Trap> {
    let mut context = Context::new();
    for (name, value) in given {
        context.set(name, *value);
    }
    compiled(source).eval(&context)
}

fn text(answer: Result<OwnedValue, Trap>) -> String {
    answer.unwrap().borrow().as_text().unwrap().to_owned()
}

fn time_of(answer: Result<OwnedValue, Trap>) -> Time {
    match answer.unwrap() {
        OwnedValue::Time(time) => time,
        other => panic!("{other}"),
    }
}

fn offset(time: Time) -> i32 {
    time.get().offset().local_minus_utc()
}

/// Returns a time in the other library: its instant, in its offset.
fn theirs(time: Time) -> Zoned {
    let offset = Offset::from_seconds(self::offset(time)).unwrap();
    Timestamp::from_nanosecond(nanos(time)).unwrap().to_zoned(TimeZone::fixed(offset))
}

/// The directives with the same meaning in both libraries. Not `%s`: for a time before 1970 it is
/// rounded down here, as in `$EPOCH`, and towards zero there.
const FORMATS: &[&str] = &[
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%F %T",
    "%D %R",
    "%a, %d %b %Y %H:%M:%S %z",
    "%A %e %B %y",
    "%I:%M %p",
    "%j %u %w",
    "%U %W",
    "%G-W%V-%u",
    "%H%M%S%:z",
    "%%%n%t",
];

/// Formats that contain everything of a time in whole seconds, apart from its offset.
const WHOLE: &[&str] =
    &["%Y-%m-%dT%H:%M:%S", "%F %T", "%d.%m.%Y %H:%M:%S", "%Y/%j %H-%M-%S", "%B %d, %Y %I:%M:%S %p"];

/// Zones with daylight saving time, without it, with half-hour offsets, and with skipped days.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Nairobi",
];

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES)
}

/// Generates times from 1972 to 2024. Zone databases disagree about the future between releases.
fn known() -> impl Strategy<Value = i64> {
    63_072_000i64..1_735_689_600
}

/// Moves a time near a clock change, if there is one: other local times are unambiguous.
fn near_change(tz: &TimeZone, seconds: i64, near: bool, off: i64) -> Timestamp {
    let at = Timestamp::new(seconds, 0).unwrap();
    let change = tz.following(at).next().map(|change| change.timestamp());
    let at = change.filter(|at| near && at.as_second() < 1_735_000_000).unwrap_or(at);
    Timestamp::new(at.as_second() + off, 0).unwrap()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn times_are_parsed_and_printed_like_jiff(time in times()) {
        let read: Timestamp = time.to_string().parse().unwrap();
        prop_assert_eq!(read.as_nanosecond(), nanos(time));
        let zoned = theirs(time);
        let written = zoned.timestamp().display_with_offset(zoned.offset()).to_string();
        let back = time_of(run("$PARSE_TIME(given)", &[("given", Value::Text(&written))]));
        prop_assert_eq!(nanos(back), nanos(time));
        prop_assert_eq!(offset(back), offset(time));
    }

    #[test]
    fn add_date_agrees_with_jiff(
        time in times(), years in -400i64..400, months in -60i64..60, days in -2_000i64..2_000,
    ) {
        let numbers = [years, months, days].map(|one| Value::Number(one.into()));
        let given = [("t", Value::Time(time)), ("y", numbers[0]), ("m", numbers[1]), ("d", numbers[2])];
        let ours = run("$ADD_DATE(t, y, m, d)", &given);
        let local = theirs(time).datetime();
        let moved = Span::new()
            .try_months(years * 12 + months)
            .and_then(|months| local.checked_add(months))
            .and_then(|moved| moved.checked_add(Span::new().try_days(days)?));
        let Ok(moved) = moved else { return Ok(()) };
        match ours {
            Ok(OwnedValue::Time(ours)) => prop_assert_eq!(theirs(ours).datetime(), moved),
            Ok(other) => prop_assert!(false, "{other}"),
            // In UTC the year may be out of range although it is in range in its offset.
            Err(trap) => prop_assert!(!(1..9999).contains(&moved.year()), "{trap} {moved}"),
        }
    }

    #[test]
    fn add_date_in_a_zone_agrees_with_jiff(
        seconds in known(), zone in zones(), near in any::<bool>(), off in -100_000i64..100_000,
        months in -30i64..30, days in -40i64..40,
    ) {
        let tz = TimeZone::get(zone).unwrap();
        let at = near_change(&tz, seconds, near, off);
        let given = [
            ("t", Value::Time(Time::from_epoch(at.as_second().into()).unwrap())),
            ("z", Value::Text(zone)),
            ("m", Value::Number(months.into())),
            ("d", Value::Number(days.into())),
        ];
        let ours = time_of(run("$ADD_DATE($IN_ZONE(t, z), 0, m, d)", &given));
        let local = at.to_zoned(tz.clone()).datetime();
        let span = |span: Span| local.checked_add(span).unwrap();
        let moved = span(Span::new().months(months)).checked_add(Span::new().days(days)).unwrap();
        let wanted = if (months, days) == (0, 0) { at } else { moved.to_zoned(tz.clone()).unwrap().timestamp() };
        prop_assume!(wanted.as_second() < 1_735_689_600);
        prop_assert_eq!(ours.get().timestamp(), wanted.as_second(), "{} {} {}", at, zone, moved);
        prop_assert_eq!(offset(ours), wanted.to_zoned(tz).offset().seconds());
    }

    #[test]
    fn seconds_are_added_on_the_clocks_of_a_zone_as_in_jiff(
        seconds in known(), zone in zones(), near in any::<bool>(), off in -100_000i64..100_000,
    ) {
        let tz = TimeZone::get(zone).unwrap();
        let at = near_change(&tz, seconds, near, 0);
        let wanted = Timestamp::new(at.as_second() + off, 0).unwrap();
        prop_assume!(wanted.as_second() < 1_735_689_600);
        let time = Time::from_epoch(at.as_second().into()).unwrap();
        let given =
            [("t", Value::Time(time)), ("z", Value::Text(zone)), ("s", Value::Number(off.into()))];
        let ours = time_of(run("$IN_ZONE(t, z) + s", &given));
        prop_assert_eq!(ours.get().timestamp(), wanted.as_second());
        prop_assert_eq!(offset(ours), wanted.to_zoned(tz).offset().seconds());
    }

    #[test]
    fn a_fraction_is_read_by_its_digits(seconds in known(), digits in "[0-9]{1,12}") {
        let at = Timestamp::new(seconds, 0).unwrap().to_zoned(TimeZone::UTC).datetime();
        let written = format!("{}.{digits}", at.strftime("%FT%T"));
        let read = |source: &str| time_of(run(source, &[("given", Value::Text(&written))]));
        let by_format = read("$PARSE_TIME(given, \"%Y-%m-%dT%H:%M:%S.%f\")");
        prop_assert_eq!(nanos(by_format), nanos(read("$PARSE_TIME(given)")));
    }

    #[test]
    fn format_time_agrees_with_jiff(time in times(), format in prop::sample::select(FORMATS)) {
        let given = [("t", Value::Time(time)), ("f", Value::Text(format))];
        let ours = text(run("$FORMAT_TIME(t, f)", &given));
        prop_assert_eq!(ours, theirs(time).strftime(format).to_string(), "{}", format);
    }

    #[test]
    fn parse_time_and_format_time_round_trip_with_jiff(
        time in times(), format in prop::sample::select(WHOLE),
    ) {
        let seconds = time.get().timestamp();
        let local = Timestamp::new(seconds, 0).unwrap().to_zoned(TimeZone::UTC).datetime();
        let written = local.strftime(format).to_string();
        let given = [("given", Value::Text(&written)), ("f", Value::Text(format))];
        let read = time_of(run("$PARSE_TIME(given, f)", &given));
        prop_assert_eq!(read.get().timestamp(), seconds, "{}", &written);
        let ours = text(run("$FORMAT_TIME(t, f)", &[("t", Value::Time(read)), ("f", Value::Text(format))]));
        prop_assert_eq!(DateTime::strptime(format, &ours).unwrap(), local, "{}", ours);
    }

    #[test]
    fn weekday_agrees_with_jiff(time in times()) {
        let ours = run("$WEEKDAY(t)", &[("t", Value::Time(time))]).unwrap();
        let day = theirs(time).weekday().to_monday_one_offset();
        prop_assert_eq!(ours.to_string(), day.to_string());
    }

    #[test]
    fn in_zone_agrees_with_jiff(seconds in known(), zone in zones()) {
        let time = Time::from_epoch(seconds.into()).unwrap();
        let ours = time_of(run("$IN_ZONE(t, z)", &[("t", Value::Time(time)), ("z", Value::Text(zone))]));
        let there = Timestamp::new(seconds, 0).unwrap().to_zoned(TimeZone::get(zone).unwrap());
        prop_assert_eq!(offset(ours), there.offset().seconds());
        prop_assert_eq!(ours.get().naive_local().to_string(), there.strftime("%F %T").to_string());
    }

    #[test]
    fn an_ambiguous_local_time_is_the_earlier_and_a_skipped_one_is_an_error(
        seconds in known(), zone in zones(), near in any::<bool>(), off in -7_200i64..7_200,
    ) {
        let tz = TimeZone::get(zone).unwrap();
        let local = near_change(&tz, seconds, near, 0).to_zoned(tz.clone()).datetime();
        let local = local.checked_add(Span::new().try_seconds(off).unwrap()).unwrap();
        let written = local.strftime("%FT%T").to_string();
        let given = [("given", Value::Text(&written)), ("z", Value::Text(zone))];
        let ours = run("$PARSE_TIME(given, NULL, z)", &given);
        let ambiguous = tz.to_ambiguous_timestamp(local);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            prop_assert!(ours.is_err(), "{written} {zone}: {ours:?}");
        } else {
            let wanted = ambiguous.earlier().unwrap();
            prop_assert_eq!(time_of(ours).get().timestamp(), wanted.as_second(), "{} {}", written, zone);
        }
    }
}
