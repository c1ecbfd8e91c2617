//! Tests of every time notation, of clock changes, and of the limits of the calendar.

use crate::builtins::testing::told as call;
use crate::value::{Number, Time, Value};

/// Returns the result of a function without the quotes of its JSON.
fn answer(name: &str, args: &[Value<'_>]) -> String {
    call(name, args).trim_matches('"').to_owned()
}

fn time(text: &str) -> Time {
    super::parse::read(text, None).unwrap()
}

fn int(number: i64) -> Value<'static> {
    Value::Number(Number::Int(number))
}

#[test]
fn times_are_parsed_in_every_supported_format() {
    for (text, expected) in [
        // RFC 3339, and shorter forms of ISO 8601.
        ("2025-08-17T12:30:00Z", "2025-08-17T12:30:00Z"),
        ("2025-08-17t12:30:00z", "2025-08-17T12:30:00Z"),
        ("2025-08-17 12:30:00Z", "2025-08-17T12:30:00Z"),
        ("2025-08-17T12:30:00+02:00", "2025-08-17T12:30:00+02:00"),
        ("2025-08-17T12:30:00+0200", "2025-08-17T12:30:00+02:00"),
        ("2025-08-17T12:30:00-03", "2025-08-17T12:30:00-03:00"),
        ("2025-08-17T12:30:00-00:00", "2025-08-17T12:30:00Z"),
        ("2025-08-17T12:30:00.5Z", "2025-08-17T12:30:00.500Z"),
        ("2025-08-17T12:30:00.000000001Z", "2025-08-17T12:30:00.000000001Z"),
        ("2025-08-17T12:30:00.12345678999Z", "2025-08-17T12:30:00.123456789Z"),
        ("2025-08-17T12:30:00", "2025-08-17T12:30:00Z"),
        ("2025-08-17T12:30", "2025-08-17T12:30:00Z"),
        ("2025-08-17T12:30+02:00", "2025-08-17T12:30:00+02:00"),
        ("2025-08-17", "2025-08-17T00:00:00Z"),
        ("0000-01-01", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        // Leap seconds.
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00Z"),
        // RFC 2822.
        ("Sun, 17 Aug 2025 12:30:00 GMT", "2025-08-17T12:30:00Z"),
        ("Sun, 17 Aug 2025 12:30:00 +0000", "2025-08-17T12:30:00Z"),
        ("Sun, 17 Aug 2025 12:30:00 +0200", "2025-08-17T12:30:00+02:00"),
        ("Sun, 17 Aug 2025 12:30:00 EDT", "2025-08-17T12:30:00-04:00"),
        ("17 Aug 2025 12:30 UT", "2025-08-17T12:30:00Z"),
        // Unix times.
        ("0", "1970-01-01T00:00:00Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("+1755433800", "2025-08-17T12:30:00Z"),
        ("1755433800.25", "2025-08-17T12:30:00.250Z"),
        ("1755433800250", "2025-08-17T12:30:00.250Z"),
        ("99999999999", "5138-11-16T09:46:39Z"),
        ("100000000000", "1973-03-03T09:46:40Z"),
    ] {
        assert_eq!(answer("PARSE_TIME", &[text.into()]), expected, "{text}");
    }
}

#[test]
fn unsupported_time_formats_are_refused() {
    let long = "1".repeat(1 << 20);
    for text in [
        "",
        " ",
        "now",
        "2025-",
        "2025-08",
        "2025-8-17",
        "2025-02-29",
        "2025-13-01",
        "2025-08-17T",
        "2025-08-17T24:00:00Z",
        "2025-08-17T12",
        "2025-08-17T12:60:00Z",
        "2025-08-17T12:30:61Z",
        "2025-08-17T12:30:00.Z",
        "2025-08-17T12:30:00,5Z",
        "2025-08-17Z",
        "2025-08-17T12:30:00Zulu",
        "2025-08-17T12:30:00+24:00",
        "2025-08-17T12:30:00+02:60",
        "2025-08-17T12:30:00 +02:00",
        "2025-08-17T12:30:00+2",
        "2025-08-17  12:30:00",
        " 2025-08-17",
        "2025-08-17\n",
        "+2025-08-17",
        "20250817T123000Z",
        "17.08.2025",
        "08/17/2025",
        "Mon, 17 Aug 2025 12:30:00 GMT",
        "Sun, 17 Aug 2025 12:30:00",
        "Sun, 17 Aug 2025 12:30:00 CEST",
        "1e9",
        "1.",
        ".5",
        "NaN",
        "inf",
        "99999999999999999999",
        "-99999999999999",
        "２０２５-08-17",
        "2025-08-17é",
        "é025-08-17",
        &long,
    ] {
        let answer = call("PARSE_TIME", &[text.into()]);
        assert!(answer.starts_with("NotATime"), "{text}: {answer}");
        assert!(answer.len() < 200, "{answer}");
    }
}

#[test]
fn numbers_are_unix_times() {
    for (number, expected) in [
        (Number::Int(1_755_433_800), "2025-08-17T12:30:00Z"),
        (Number::Int(1_755_433_800_250), "2025-08-17T12:30:00.250Z"),
        (Number::Decimal(-0.5), "1969-12-31T23:59:59.500Z"),
    ] {
        assert_eq!(answer("PARSE_TIME", &[number.into()]), expected);
    }
    for number in [Number::Big(u64::MAX), Number::Int(i64::MIN), Number::Decimal(1e300)] {
        let answer = call("PARSE_TIME", &[number.into()]);
        assert!(answer.starts_with("NotATime"), "{answer}");
    }
    let compact = [Number::Int(20_250_817).into(), "%Y%m%d".into()];
    assert_eq!(answer("PARSE_TIME", &compact), "2025-08-17T00:00:00Z");
}

#[test]
fn a_zone_applies_to_times_without_an_offset() {
    for (text, zone, expected) in [
        ("2025-08-17T12:30:00", "Europe/Berlin", "2025-08-17T12:30:00+02:00"),
        ("2025-01-17T12:30:00", "Europe/Berlin", "2025-01-17T12:30:00+01:00"),
        ("2025-08-17T12:30:00Z", "Europe/Berlin", "2025-08-17T12:30:00Z"),
        ("2025-08-17", "-03:30", "2025-08-17T00:00:00-03:30"),
        ("2025-08-17", "UTC", "2025-08-17T00:00:00Z"),
        ("1755433800", "Asia/Tokyo", "2025-08-17T12:30:00Z"),
        // The clocks go back: 02:30 occurs twice.
        ("2025-10-26T02:30:00", "Europe/Berlin", "2025-10-26T02:30:00+02:00"),
        ("2025-11-02T01:30:00", "America/New_York", "2025-11-02T01:30:00-04:00"),
        // Local mean time, 53 minutes and 28 seconds ahead of Greenwich.
        ("1880-01-01T00:53:28", "Europe/Berlin", "1880-01-01T00:53:00+00:53"),
    ] {
        let args = [text.into(), Value::Null, zone.into()];
        assert_eq!(answer("PARSE_TIME", &args), expected, "{text} {zone}");
    }
    let skipped = ["2025-03-30T02:30:00".into(), Value::Null, "Europe/Berlin".into()];
    let answer = call("PARSE_TIME", &skipped);
    assert!(answer.contains("skip `2025-03-30T02:30:00`"), "{answer}");
}

#[test]
fn an_unknown_zone_is_refused_with_a_suggestion() {
    let at = time("2025-08-17").into();
    for zone in ["", "Berlin", "europe/berlin", "CEST", "+2", "+25:00", "02:00", "UTC+2", "é"] {
        let answer = call("IN_ZONE", &[at, zone.into()]);
        assert!(answer.starts_with("BadArgument"), "{zone}: {answer}");
    }
}

#[test]
fn in_zone_converts_instants_to_the_local_time_of_a_zone() {
    let at = Value::Time(time("2025-08-17T12:30:00Z"));
    for (zone, expected) in [
        ("Europe/Berlin", "2025-08-17T14:30:00+02:00"),
        ("Asia/Kolkata", "2025-08-17T18:00:00+05:30"),
        ("America/St_Johns", "2025-08-17T10:00:00-02:30"),
        ("UTC", "2025-08-17T12:30:00Z"),
        ("Z", "2025-08-17T12:30:00Z"),
        ("+14:00", "2025-08-18T02:30:00+14:00"),
    ] {
        assert_eq!(answer("IN_ZONE", &[at, zone.into()]), expected);
        assert_eq!(answer("FORMAT_TIME", &[at, Value::Null, zone.into()]), expected);
    }
    let last = Value::Time(time("9999-12-31T23:59:59Z"));
    for (name, args) in [
        ("IN_ZONE", &[last, "+01:00".into()][..]),
        ("FORMAT_TIME", &[last, Value::Null, "+01:00".into()]),
        ("FORMAT_TIME", &[last, "%Y".into(), "Asia/Tokyo".into()]),
    ] {
        let answer = call(name, args);
        assert!(answer.starts_with("NotATime"), "{answer}");
    }
}

#[test]
fn parse_time_uses_the_given_format() {
    for (text, format, zone, expected) in [
        ("17.08.2025", "%d.%m.%Y", Value::Null, "2025-08-17T00:00:00Z"),
        ("17.08.2025", "%d.%m.%Y", "Europe/Berlin".into(), "2025-08-17T00:00:00+02:00"),
        ("17.08.2025 12", "%d.%m.%Y %H", Value::Null, "2025-08-17T12:00:00Z"),
        ("8/7/25 1:05 PM", "%m/%d/%y %I:%M %p", Value::Null, "2025-08-07T13:05:00Z"),
        (
            "2025-08-17 12:30 +0200",
            "%Y-%m-%d %H:%M %z",
            "Asia/Tokyo".into(),
            "2025-08-17T12:30:00+02:00",
        ),
        ("2025-08-17+02:00", "%Y-%m-%d%:z", Value::Null, "2025-08-17T00:00:00+02:00"),
        ("2025-08-17Z", "%Y-%m-%d%#z", Value::Null, "2025-08-17T00:00:00Z"),
        (
            "Thu 07 Sep 2017 06:30:04 UTC",
            "%a %d %b %Y %H:%M:%S UTC",
            Value::Null,
            "2017-09-07T06:30:04Z",
        ),
        ("1755433800", "%s", "Asia/Tokyo".into(), "2025-08-17T12:30:00Z"),
        ("2025-229", "%Y-%j", Value::Null, "2025-08-17T00:00:00Z"),
        ("2016-12-31 23:59:60", "%F %T", Value::Null, "2017-01-01T00:00:00Z"),
        ("100% 2025-08-17", "100%% %F", Value::Null, "2025-08-17T00:00:00Z"),
        ("2025-08-17T12:30:00.25Z", "%+", Value::Null, "2025-08-17T12:30:00.250Z"),
    ] {
        let args = [text.into(), format.into(), zone];
        assert_eq!(answer("PARSE_TIME", &args), expected, "{text} {format}");
    }
}

#[test]
fn parse_time_refuses_strings_that_do_not_match_the_format() {
    for (text, format) in [
        ("", "%F"),
        ("17.08.2025 ", "%d.%m.%Y"),
        ("32.08.2025", "%d.%m.%Y"),
        ("Mon 17.08.2025", "%a %d.%m.%Y"),
        ("+262142-01-01", "%F"),
        ("-0001-01-01", "%F"),
        ("2025-08-17+99:00", "%F%:z"),
        ("99999999999999999999", "%s"),
        ("999999999999999", "%s"),
    ] {
        let answer = call("PARSE_TIME", &[text.into(), format.into()]);
        assert!(answer.starts_with("NotATime"), "{text} {format}: {answer}");
    }
}

#[test]
fn parse_time_refuses_incomplete_formats() {
    for (text, format) in [
        ("12:30", "%H:%M"),
        ("17 Aug", "%d %b"),
        ("2025", "%Y"),
        ("x", "x"),
        ("", ""),
        ("2025-08-17 01", "%F %I"),
        ("2025-08-17 30", "%F %M"),
        ("2025-08-17 CEST", "%F %Z"),
        ("2025-08-17", "%F%"),
        ("2025-08-17", "%Q"),
        ("2025-08-17", "%-F"),
        ("2025-08-17", "%é"),
    ] {
        let answer = call("PARSE_TIME", &[text.into(), format.into()]);
        assert!(answer.starts_with("BadArgument"), "{text} {format}: {answer}");
    }
}

#[test]
fn format_time_uses_the_given_format() {
    let at = Value::Time(time("2025-08-07T09:05:00.25Z"));
    for (format, expected) in [
        ("%Y-%m-%dT%H:%M:%S", "2025-08-07T09:05:00"),
        ("%-d.%-m.%y", "7.8.25"),
        ("%A, %B %e", "Thursday, August  7"),
        ("%.3f %3f %.f", ".250 250 .250"),
        ("%:z %z %Z %:::z", "+00:00 +0000 UTC +00"),
        ("%s", "1754557500"),
        ("%%", "%"),
        ("", ""),
        ("Grüße", "Grüße"),
    ] {
        assert_eq!(answer("FORMAT_TIME", &[at, format.into()]), expected, "{format}");
    }
    let there = Value::Time(time("2025-08-07T09:05:00+02:00"));
    assert_eq!(answer("FORMAT_TIME", &[there, "%H %Z".into()]), "09 +02:00");
}

#[test]
fn unknown_format_directives_are_a_fault_that_names_them() {
    let at = Value::Time(time("2025-08-07"));
    for (format, named) in [
        ("%Q", "`%Q`"),
        ("%Y %", "`%`"),
        ("%%%L", "`%L`"),
        ("%-Q", "`%-Q`"),
        ("%-T", "`%-T`"),
        ("%:::::z", "`%`"),
        ("%.5f", "`%.5f`"),
        ("%#z", "`%#z`"),
        ("%é", "`%é`"),
        ("% Y", "`% Y`"),
    ] {
        let answer = call("FORMAT_TIME", &[at, format.into()]);
        assert!(answer.starts_with("BadArgument") && answer.contains(named), "{format}: {answer}");
    }
    let long = "%+".repeat(1000);
    assert!(call("FORMAT_TIME", &[at, long.as_str().into()]).starts_with("BadArgument"));
}

#[test]
fn all_two_and_three_character_directives_run_without_a_panic() {
    let at = Value::Time(time("2025-08-07"));
    for first in ' '..='~' {
        for second in ' '..='~' {
            let format = format!("%{first}{second}");
            for (name, value) in [("FORMAT_TIME", at), ("PARSE_TIME", "2025-08-07".into())] {
                let answer = call(name, &[value, format.as_str().into()]);
                assert!(!answer.is_empty());
            }
        }
    }
}

#[test]
fn add_date_follows_the_calendar_and_stays_in_range() {
    for (from, (years, months, days), expected) in [
        ("2024-02-29", (1, 0, 0), "2025-02-28T00:00:00Z"),
        ("2024-02-29", (4, 0, 0), "2028-02-29T00:00:00Z"),
        ("2025-03-31", (0, -1, 0), "2025-02-28T00:00:00Z"),
        ("2025-01-31", (0, 1, 1), "2025-03-01T00:00:00Z"),
        ("2025-12-31", (0, 0, 1), "2026-01-01T00:00:00Z"),
        ("2025-08-17T23:00:00+02:00", (0, 0, 1), "2025-08-18T23:00:00+02:00"),
        ("2025-08-17", (-1, 12, 0), "2025-08-17T00:00:00Z"),
    ] {
        let args = [Value::Time(time(from)), int(years), int(months), int(days)];
        assert_eq!(answer("ADD_DATE", &args), expected, "{from}");
    }
    let extremes = [i64::MIN, -3_652_425, -9999, 9999, 3_652_425, i64::MAX];
    for amount in extremes {
        for at in 1..4 {
            let mut args = [Value::Time(time("2025-08-17")), int(0), int(0), int(0)];
            args[at] = Number::Int(amount).into();
            let answer = call("ADD_DATE", &args);
            assert!(answer.starts_with("NotATime") || answer.starts_with('"'), "{answer}");
        }
    }
    let args = [Value::Time(time("2025-08-17")), Number::Big(u64::MAX).into(), int(0), int(0)];
    assert!(call("ADD_DATE", &args).starts_with("BadArgument"));
}

#[test]
fn add_seconds_stays_in_the_range_of_times() {
    let at = Value::Time(time("2025-08-17"));
    let decimal = |value| Value::from(Number::decimal(value).unwrap());
    let half = [at, decimal(0.5), decimal(0.5), decimal(0.25)];
    assert_eq!(answer("ADD_TIME", &half), "2025-08-17T00:30:30.250Z");
    for amount in [
        Number::Int(i64::MAX),
        Number::Int(i64::MIN),
        Number::Big(u64::MAX),
        Number::Decimal(1e308),
    ] {
        for place in 1..4 {
            let mut args = [at, int(0), int(0), int(0)];
            args[place] = amount.into();
            let answer = call("ADD_TIME", &args);
            let refused = answer.starts_with("NotATime") || answer.starts_with("OutOfRange");
            assert!(refused, "{answer}");
        }
    }
}
