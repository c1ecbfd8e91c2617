//! Tests of formats in strftime notation.

use super::{answer, call, time};
use crate::builtins::time::literal_fault;
use crate::value::Value;

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
        // The digits of `%f` are a fraction of a second.
        ("2026-04-08T19:05:04.9", "%Y-%m-%dT%H:%M:%S.%f", Value::Null, "2026-04-08T19:05:04.900Z"),
        ("2026-04-08 19:05:04,25", "%F %T,%f", Value::Null, "2026-04-08T19:05:04.250Z"),
        ("20260408190504250", "%Y%m%d%H%M%S%f", Value::Null, "2026-04-08T19:05:04.250Z"),
        ("20260408190504250", "%Y%m%d%H%M%S%3f", Value::Null, "2026-04-08T19:05:04.250Z"),
        (
            "19:05:04.1234567899Z 2026-04-08",
            "%T.%fZ %F",
            Value::Null,
            "2026-04-08T19:05:04.123456789Z",
        ),
        (
            "0.000000009 2026-04-08 19:05",
            "%-S.%f %F %R",
            Value::Null,
            "2026-04-08T19:05:00.000000009Z",
        ),
        ("1755433800.25", "%s.%f", Value::Null, "2025-08-17T12:30:00.250Z"),
        ("1761082076+0230", "%s%z", Value::Null, "2025-10-21T23:57:56+02:30"),
        ("1761082076 +02:30", "%s %:z", "Asia/Tokyo".into(), "2025-10-21T23:57:56+02:30"),
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
        ("2026-04-08 19:05:04.", "%F %T.%f"),
        ("2026-04-08 19:05:04. 9", "%F %T.%f"),
        ("2026-04-08 19:05:04.9x", "%F %T.%f"),
        ("2026-04-08 19:05:04.-9", "%F %T.%f"),
        ("1755433800 13", "%s %H"),
        ("999999999999999", "%s"),
    ] {
        let answer = call("PARSE_TIME", &[text.into(), format.into()]);
        assert!(answer.starts_with("NotATime"), "{text} {format}: {answer}");
    }
}

#[test]
fn a_fraction_is_read_as_it_is_written() {
    for nanos in ["0", "000000001", "9", "123456789", "99"] {
        let at = Value::Time(time(&format!("2025-08-17T12:30:04.{nanos}Z")));
        for format in ["%F %T.%f", "%Y%m%d%H%M%S%f", "%f%Y %m-%dT%T", "%F %T%.f", "%F %T.%9f"] {
            let written = answer("FORMAT_TIME", &[at, format.into()]);
            let read = answer("PARSE_TIME", &[written.as_str().into(), format.into()]);
            assert_eq!(read, answer("FORMAT_TIME", &[at]), "{format}: {written}");
        }
    }
}

#[test]
fn parse_time_refuses_formats_that_no_text_has() {
    for format in ["%s%f", "%s%3f", "%s%s", "%s000", "%s%Y-%m-%d"] {
        let answer = call("PARSE_TIME", &["1755433800250".into(), format.into()]);
        assert!(answer.starts_with("BadArgument"), "{format}: {answer}");
    }
    let fault = literal_fault(row("PARSE_TIME"), 1, "%s%f").unwrap();
    assert!(fault.advice().is_some_and(|help| help.contains("nanoseconds")), "{fault:?}");
}

#[test]
fn a_format_that_reads_some_text_is_not_refused() {
    for format in [
        "%s",
        "%s %z",
        "%z%s",
        "%s.%f",
        "%s %H",
        "%F",
        "%F %H",
        "%c",
        "%+",
        "%D %r",
        "%v",
        "%G-W%V-%u",
        "%Y %U %w",
        "%Y %W %a",
        "%y%j",
        "%C%y-%m-%d",
        "%-d%-m%Y",
        "%d %B %Y %I %P",
        "%F%#z",
        "%F %T%.3f%:z",
        "%F%%",
        "%Y%m%d%H%M%S%f",
        "%f%Y%m%d %T",
        "%e.%m.%Y%n%k:%M",
        "Grüße %F",
        "%F %T %::z",
    ] {
        let fault = literal_fault(row("PARSE_TIME"), 1, format);
        assert!(fault.is_none(), "{format}: {fault:?}");
    }
}

/// Returns the row of a function.
fn row(name: &str) -> &'static crate::builtins::Function {
    crate::builtins::find(name).unwrap()
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
        ("2025-08-17 12::30", "%F %H::%S"),
        ("2025-08-17 .5", "%F .%f"),
        ("2025-08-17", "%F %-f"),
        ("2025-08-17", "%F %_f"),
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
        ("%f", "250000000"),
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
        ("%S.%-f", "`%-f`"),
        ("%S.%_f", "`%_f`"),
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
