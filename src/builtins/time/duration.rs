//! Durations as strings: `1h30m`, and ISO 8601 `PT1H30M`. A duration is a number of seconds. Knows
//! no calendar: a month and a year have no fixed length.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Number, Value, quoted};

pub(super) const PARSE_DURATION: Function = Function {
    name: "PARSE_DURATION",
    family: Family::Time,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::NUMBER,
    doc: "The seconds of a duration such as `1h30m`, `1.5h` or `250ms`, with the units `w`, `d`, `h`, `m`, `s`, `ms`, `us` and `ns`, or in ISO 8601, such as `PT1H30M`. A day has 24 hours. Months and years are errors, because their length differs.",
    examples: &[
        example(r#"$PARSE_DURATION("1h30m")"#, "5400"),
        example(r#""P1DT2H".$PARSE_DURATION()"#, "93600"),
        example(r#"$PARSE_DURATION("250ms")"#, "0.25"),
        example(r#"$PARSE_DURATION("-1.5h")"#, "-5400"),
        example(r#"$TIME() - $PARSE_DURATION("2d")"#, "\"2025-08-18T00:00:00Z\""),
        example(r#"$PARSE_DURATION("90")"#, "E0309"),
        example(r#"$PARSE_DURATION("P1M")"#, "E0309"),
        example("$PARSE_DURATION(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(parse_duration),
};

pub(super) const FORMAT_DURATION: Function = Function {
    name: "FORMAT_DURATION",
    family: Family::Time,
    params: &[Param::new("seconds", Kinds::NUMBER)],
    result: Kinds::TEXT,
    doc: "A number of seconds as days, hours, minutes and seconds, such as `1d2h` or `1m30.5s`; units that are zero are left out. A fraction is rounded to nanoseconds.",
    examples: &[
        example("$FORMAT_DURATION(5400)", r#""1h30m""#),
        example("(93600).$FORMAT_DURATION()", r#""1d2h""#),
        example("$FORMAT_DURATION(90.5)", r#""1m30.5s""#),
        example("$FORMAT_DURATION(-60)", r#""-1m""#),
        example("$FORMAT_DURATION(0)", r#""0s""#),
        example("$FORMAT_DURATION(1e30)", "E0303"),
        example("$FORMAT_DURATION(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(format_duration),
};

/// A unit by its name, in nanoseconds.
type Unit = (&'static str, i128);

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
const HOUR: i128 = 3_600 * SECOND;
const MINUTE: i128 = 60 * SECOND;
const WEEK: i128 = 7 * DAY;

const UNITS: &[Unit] = &[
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// The units of ISO 8601 before the `T`, and after it.
const ISO_DAYS: &[Unit] = &[("W", WEEK), ("D", DAY)];
const ISO_HOURS: &[Unit] = &[("H", HOUR), ("M", MINUTE), ("S", SECOND)];

/// Maximum number of digits before the point, and after it.
const MAX_DIGITS: usize = 18;

fn parse_duration<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanoseconds = match unsigned.strip_prefix('P') {
        Some(iso) => iso_nanoseconds(iso),
        None => sum(unsigned, UNITS),
    };
    let nanoseconds = nanoseconds.ok_or_else(|| no_duration(text))?;
    seconds(if negative { -nanoseconds } else { nanoseconds }).map(Value::Number)
}

/// Returns the nanoseconds of the text after the `P`.
fn iso_nanoseconds(iso: &str) -> Option<i128> {
    match iso.split_once('T') {
        None => sum(iso, ISO_DAYS),
        Some(("", hours)) => sum(hours, ISO_HOURS),
        Some((days, hours)) => sum(days, ISO_DAYS)?.checked_add(sum(hours, ISO_HOURS)?),
    }
}

/// Adds amounts that each have a unit. At least one is required.
fn sum(text: &str, units: &[Unit]) -> Option<i128> {
    let mut total = 0i128;
    let mut rest = text;
    loop {
        let (nanoseconds, after) = amount(rest, units)?;
        total = total.checked_add(nanoseconds)?;
        rest = after;
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// Returns the nanoseconds of the first amount with its unit, and the remaining text.
fn amount<'t>(text: &'t str, units: &[Unit]) -> Option<(i128, &'t str)> {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (digits, rest) = text.split_at_checked(end)?;
    let end = rest.find(|character: char| !character.is_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(end)?;
    let (_, nanoseconds) = units.iter().find(|(name, _)| *name == unit)?;
    Some((product(digits, *nanoseconds)?, rest))
}

/// Multiplies a decimal number with a unit, exactly, and rounds to nanoseconds.
fn product(digits: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() || whole.len() > MAX_DIGITS || fraction.len() > MAX_DIGITS {
        return None;
    }
    let scale = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
    let whole = whole.parse::<i128>().ok()?.checked_mul(unit)?;
    whole.checked_add((part.checked_mul(unit)? + scale / 2) / scale)
}

/// Returns nanoseconds as a number of seconds: an integer if it is whole.
fn seconds(nanoseconds: i128) -> Result<Number, Fault> {
    let whole = nanoseconds / SECOND;
    if nanoseconds % SECOND == 0 {
        return Number::integer(whole).ok_or_else(out_of_range);
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let fraction = (nanoseconds % SECOND).unsigned_abs();
    // The nearest float of the decimal notation.
    let float: Option<f64> = format!("{sign}{}.{fraction:09}", whole.unsigned_abs()).parse().ok();
    float.and_then(Number::decimal).ok_or_else(out_of_range)
}

fn format_duration<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let nanoseconds = nanoseconds(args.number(0)?)?;
    let mut text = env.heap.text_builder();
    if nanoseconds < 0 {
        text.push("-")?;
    }
    let mut rest = nanoseconds.unsigned_abs();
    for (name, unit) in [("d", DAY), ("h", HOUR), ("m", MINUTE)] {
        let unit = unit.unsigned_abs();
        if rest >= unit {
            text.push_display(format_args!("{}{name}", rest / unit))?;
        }
        rest %= unit;
    }
    let (whole, fraction) = (rest / SECOND.unsigned_abs(), rest % SECOND.unsigned_abs());
    if fraction > 0 {
        let fraction = format!("{fraction:09}");
        text.push_display(format_args!("{whole}.{}s", fraction.trim_end_matches('0')))?;
    } else if whole > 0 || nanoseconds == 0 {
        text.push_display(format_args!("{whole}s"))?;
    }
    Ok(Value::Text(text.finish()))
}

/// Returns a number of seconds in nanoseconds.
fn nanoseconds(seconds: Number) -> Result<i128, Fault> {
    if let Some(whole) = seconds.as_whole() {
        let in_range = Number::integer(whole).ok_or_else(out_of_range)?;
        return in_range.as_integer().map(|whole| whole * SECOND).ok_or_else(out_of_range);
    }
    let float = seconds.to_f64();
    // A float with a fraction is below 2^53.
    if float.abs() > 2f64.powi(63) {
        return Err(out_of_range());
    }
    let fraction = (float.fract() * 1e9).round();
    Ok(float.trunc() as i128 * SECOND + fraction as i128)
}

fn out_of_range() -> Fault {
    Fault::new(FaultKind::OutOfRange, "the duration is out of range")
        .help("a duration in seconds is an integer of 64 bits, or a decimal below it")
}

fn no_duration(text: &str) -> Fault {
    let fault = Fault::new(FaultKind::BadData, format!("{} is not a duration", quoted(text)));
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    fault.help(match (is_number, text.starts_with('P')) {
        (true, _) => "a number of seconds needs no reading; with a unit it is `90s`",
        (_, true) => "months and years have no fixed length; `$ADD_DATE` adds them to a time",
        _ => "a duration is numbers with units: `1h30m`, `250ms`, `PT1H30M`; the units are `w d h m s ms us ns`",
    })
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::call;
    use crate::value::{Number, Value};

    fn parsed(text: &str) -> String {
        call("PARSE_DURATION", &[Value::Text(text)])
    }

    #[test]
    fn amounts_are_added_exactly() {
        assert_eq!(parsed("1w2d3h4m5s6ms7us8ns"), "788645.006007008");
        assert_eq!(parsed("0.1s"), "0.1");
        assert_eq!(parsed("1.0000000005s"), "1.000000001");
        assert_eq!(parsed("P2W"), "1209600");
        assert_eq!(parsed("PT0.5S"), "0.5");
        assert_eq!(parsed("-PT15M"), "-900");
        assert_eq!(parsed("999999999999999999s"), "999999999999999999");
        assert_eq!(parsed("999999999999999999w"), "OutOfRange");
        assert_eq!(parsed("0s"), "0");
        assert_eq!(parsed("0s0s"), "0");
    }

    #[test]
    fn other_texts_are_no_durations() {
        for text in [
            "",
            "-",
            "1",
            "h",
            "1h30",
            "1 h",
            "1H",
            ".5h",
            "5.h",
            "1.5.5s",
            "P",
            "PT",
            "P1DT",
            "P1Y",
            "P1M",
            "PT1D",
            "P1H",
            "--1s",
            "1h-1m",
            "1mm",
            "1h 30m",
            "1µ",
            "٣s",
            "1000000000000000000s",
        ] {
            assert_eq!(parsed(text), "BadData", "{text}");
        }
    }

    #[test]
    fn fractions_are_rounded_to_nanoseconds() {
        let formatted =
            |seconds: f64| call("FORMAT_DURATION", &[Value::Number(Number::Decimal(seconds))]);
        assert_eq!(formatted(0.25), r#""0.25s""#);
        assert_eq!(formatted(-0.000_000_001), r#""-0.000000001s""#);
        assert_eq!(formatted(1e-10), r#""0s""#);
        assert_eq!(formatted(59.999_999_999_9), r#""1m""#);
        assert_eq!(formatted(86_400.5), r#""1d0.5s""#);
    }
}
