//! Tests of every time notation, of clock changes, and of the limits of the calendar.

mod formats;

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
        // A space before the zone: Ruby, PostgreSQL, Go.
        ("2025-08-17 12:30:00 +0000", "2025-08-17T12:30:00Z"),
        ("2025-08-17T12:30:00 +02:00", "2025-08-17T12:30:00+02:00"),
        ("2025-08-17 12:30:00 UTC", "2025-08-17T12:30:00Z"),
        ("2025-08-17 12:30:00.25 GMT", "2025-08-17T12:30:00.250Z"),
        ("2025-08-17 12:30:00 Z", "2025-08-17T12:30:00Z"),
        ("2025-08-17 12:30:00.123456789 +0000 UTC", "2025-08-17T12:30:00.123456789Z"),
        ("2025-08-17 12:30:00 +0200 CEST", "2025-08-17T12:30:00+02:00"),
        ("2025-08-17 12:30:00 -0300 -03", "2025-08-17T12:30:00-03:00"),
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
        ("99999999999999", "5138-11-16T09:46:39.999Z"),
        ("100000000000000", "1973-03-03T09:46:40Z"),
        ("1755433800250000", "2025-08-17T12:30:00.250Z"),
        ("99999999999999999", "5138-11-16T09:46:39.999999Z"),
        ("100000000000000000", "1973-03-03T09:46:40Z"),
        ("1755433800250000001", "2025-08-17T12:30:00.250000001Z"),
        ("-1755433800250000001", "1914-05-17T11:29:59.749999999Z"),
        // Eight and fourteen digits that spell no date.
        ("20251317", "1970-08-23T09:21:57Z"),
        ("12345678", "1970-05-23T21:21:18Z"),
        ("17554338002501", "2526-04-11T05:00:02.501Z"),
        ("+20250817", "1970-08-23T09:13:37Z"),
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
        "2025-08-17T12:30:00  +02:00",
        "2025-08-17T12:30:00 CEST",
        "2025-08-17T12:30:00UTC",
        "2025-08-17T12:30:00 utc",
        "2025-08-17T12:30:00 +0200 UTC",
        "2025-08-17T12:30:00 +0200 GMT",
        "2025-08-17T12:30:00 +0300 +02",
        "2025-08-17T12:30:00 +0200 ",
        "2025-08-17T12:30:00 +0200 Berlin",
        "2025-08-17T12:30:00 +0200 CEST m=+0.01",
        "2025-08-17 UTC",
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
        "999999999999999999999",
        "-99999999999999",
        "20250817",
        "20250817123000",
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
        (Number::Int(1_755_433_800_250_001), "2025-08-17T12:30:00.250001Z"),
        (Number::Int(1_755_433_800_250_000_001), "2025-08-17T12:30:00.250000001Z"),
        (Number::Int(-1_755_433_800_250), "1914-05-17T11:29:59.750Z"),
        (Number::Big(u64::MAX), "2554-07-21T23:34:33.709551615Z"),
        (Number::Int(i64::MIN), "1677-09-21T00:12:43.145224192Z"),
        (Number::Decimal(-0.5), "1969-12-31T23:59:59.500Z"),
        (Number::Decimal(1_755_433_800_250.5), "2025-08-17T12:30:00.250500Z"),
        // A number is always a Unix time.
        (Number::Int(20_250_817), "1970-08-23T09:13:37Z"),
    ] {
        assert_eq!(answer("PARSE_TIME", &[number.into()]), expected);
    }
    for number in [Number::Int(-99_999_999_999_999), Number::Decimal(1e21), Number::Decimal(1e300)]
    {
        let answer = call("PARSE_TIME", &[number.into()]);
        assert!(answer.starts_with("NotATime"), "{answer}");
    }
    let compact = [Number::Int(20_250_817).into(), "%Y%m%d".into()];
    assert_eq!(answer("PARSE_TIME", &compact), "2025-08-17T00:00:00Z");
}

#[test]
fn digits_that_spell_a_date_are_refused_with_their_format() {
    for (text, format) in [
        ("20250829", "\"%Y%m%d\""),
        ("20240229", "\"%Y%m%d\""),
        ("20250829100000", "\"%Y%m%d%H%M%S\""),
        ("20161231235960", "\"%Y%m%d%H%M%S\""),
    ] {
        let fault = super::parse::read(text, None).unwrap_err();
        assert!(fault.advice().is_some_and(|help| help.contains(format)), "{fault:?}");
        let args = [text.into(), format.trim_matches('"').into()];
        assert!(answer("PARSE_TIME", &args).starts_with("20"), "{text}");
    }
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
    let there = answer("ADD_DATE", &[berlin("2025-01-31T12:00"), int(0), int(1), int(31)]);
    assert_eq!(there, "2025-03-31T12:00:00+02:00");
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

/// Returns a local time in Berlin.
fn berlin(text: &str) -> Value<'static> {
    Value::Time(super::parse::read(text, super::Zone::find("Europe/Berlin")).unwrap())
}

#[test]
fn add_date_keeps_the_wall_clock_of_a_zone() {
    for (from, days, expected) in [
        ("2025-03-29T12:00", 1, "2025-03-30T12:00:00+02:00"),
        ("2025-03-30T12:00", -1, "2025-03-29T12:00:00+01:00"),
        ("2025-10-25T12:00", 1, "2025-10-26T12:00:00+01:00"),
        // 02:30 is skipped on 30 March, and occurs twice on 26 October.
        ("2025-03-29T02:30", 1, "2025-03-30T03:30:00+02:00"),
        ("2025-03-31T02:30", -1, "2025-03-30T03:30:00+02:00"),
        ("2025-10-25T02:30", 1, "2025-10-26T02:30:00+02:00"),
        ("2025-10-27T02:30", -1, "2025-10-26T02:30:00+02:00"),
    ] {
        let args = [berlin(from), int(0), int(0), int(days)];
        assert_eq!(answer("ADD_DATE", &args), expected, "{from} {days}");
    }
    let zone = super::Zone::find("Europe/Berlin").unwrap();
    let second = zone.show(time("2025-10-26T01:30:00Z")).unwrap();
    let same = answer("ADD_DATE", &[Value::Time(second), int(1), int(-12), int(0)]);
    assert_eq!(same, "2025-10-26T02:30:00+01:00");
    // Samoa skipped the whole of 30 December 2011.
    let zone = super::Zone::find("Pacific/Apia");
    let before = super::parse::read("2011-12-29T12:00", zone).unwrap();
    let after = answer("ADD_DATE", &[Value::Time(before), int(0), int(0), int(1)]);
    assert_eq!(after, "2011-12-31T12:00:00+14:00");
}

#[test]
fn an_offset_is_no_zone_and_stays_the_same() {
    for from in ["2025-03-29T12:00:00+01:00", "2025-03-29T11:00:00Z"] {
        let next = answer("ADD_DATE", &[Value::Time(time(from)), int(0), int(0), int(1)]);
        assert_eq!(next, from.replace("-29T", "-30T"));
    }
    // A string with an offset carries its offset, not the zone of the argument.
    let at = super::parse::read("2025-03-29T12:00:00+01:00", super::Zone::find("Europe/Berlin"));
    let next = answer("ADD_DATE", &[Value::Time(at.unwrap()), int(0), int(0), int(1)]);
    assert_eq!(next, "2025-03-30T12:00:00+01:00");
}

#[test]
fn a_time_follows_the_clocks_of_its_zone() {
    let at = berlin("2025-03-29T12:00");
    assert_eq!(answer("ADD_TIME", &[at, int(24), int(0), int(0)]), "2025-03-30T13:00:00+02:00");
    assert_eq!(answer("FORMAT_TIME", &[at, "%H:%M %Z".into()]), "12:00 CET");
    assert_eq!(answer("FORMAT_TIME", &[at, "%H:%M %Z".into(), "UTC".into()]), "11:00 UTC");
    assert_eq!(answer("PARSE_TIME", &[at]), "2025-03-29T12:00:00+01:00");
    let Value::Time(zoned) = at else { unreachable!() };
    assert_eq!(zoned, time("2025-03-29T11:00:00Z"));
    assert_eq!(zoned.cmp(&time("2025-03-29T11:00:00Z")), std::cmp::Ordering::Equal);
}
