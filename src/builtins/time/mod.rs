//! Functions of the time family.
//!
//! Knows no clock: `$TIME()` is a form that the compiler lowers, and it reads the time that the
//! host supplies.

mod duration;
mod format;
mod parse;
#[cfg(test)]
mod tests;
mod zone;

use chrono::Datelike;

use self::format::{Format, Purpose};
pub(crate) use self::parse::usual_time;
use self::zone::Zone;
use super::function::{
    Code, Family, Form, Function, NullPropagation, Param, ParamRole, Role, example,
};
use super::{Args, Env};
use crate::value::{Fault, Kinds, Number, Time, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "TIME",
        family: Family::Time,
        params: &[],
        result: Kinds::TIME,
        doc: "The time of the evaluation: the same wherever it stands in a rule.",
        examples: &[
            example("$TIME()", "\"2025-08-20T00:00:00Z\""),
            example("$TIME() - 3600", "\"2025-08-19T23:00:00Z\""),
            example("$TIME() - 1755648000 == 0", "true"),
        ],
        null: NullPropagation::Passed,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Form(Form::Time),
    },
    Function {
        name: "PARSE_TIME",
        family: Family::Time,
        params: &[
            Param::new("value", Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::TIME)),
            READ_FORMAT,
            ZONE.optional(),
        ],
        result: Kinds::TIME,
        doc: "A string or a Unix time as a time: RFC 3339, RFC 2822, ISO dates, or by a strftime format. A Unix time is in seconds below 10^11, in milliseconds below 10^14, in microseconds below 10^17, else in nanoseconds. A string without a zone is in the given zone, else in UTC, and the time carries that zone. Of a local time that occurs twice, the result is the earlier one; a local time that the clocks skip is an error.",
        examples: &[
            example("$PARSE_TIME(\"2025-08-17T12:30:00Z\")", "\"2025-08-17T12:30:00Z\""),
            example(
                "\"2025-08-17 12:30:00.250+0200\".$PARSE_TIME()",
                "\"2025-08-17T12:30:00.250+02:00\"",
            ),
            example("$PARSE_TIME(\"Sun, 17 Aug 2025 12:30:00 GMT\")", "\"2025-08-17T12:30:00Z\""),
            example(
                "$PARSE_TIME(\"2025-08-17\", NULL, \"Europe/Berlin\")",
                "\"2025-08-17T00:00:00+02:00\"",
            ),
            example("$PARSE_TIME(1755433800)", "\"2025-08-17T12:30:00Z\""),
            example("$PARSE_TIME(\"1755433800250\")", "\"2025-08-17T12:30:00.250Z\""),
            example("$PARSE_TIME(1755433800250000)", "\"2025-08-17T12:30:00.250Z\""),
            example("$PARSE_TIME(\"2025-08-17 12:30:00 UTC\")", "\"2025-08-17T12:30:00Z\""),
            example(
                "$PARSE_TIME(\"17.08.2025 12:30\", \"%d.%m.%Y %H:%M\")",
                "\"2025-08-17T12:30:00Z\"",
            ),
            example("$PARSE_TIME(\"12:30:04.9\", \"%H:%M:%S.%f\")", "E0314"),
            example(
                "$PARSE_TIME(\"17 Aug 2025 12:30:04.9\", \"%d %b %Y %H:%M:%S.%f\")",
                "\"2025-08-17T12:30:04.900Z\"",
            ),
            example("$PARSE_TIME(missing)", "null"),
            example("$PARSE_TIME(\"20250817\")", "E0308"),
            example("$PARSE_TIME(\"yesterday\")", "E0308"),
            example("$PARSE_TIME(\"2025-03-30T02:30:00\", NULL, \"Europe/Berlin\")", "E0308"),
            example("$PARSE_TIME(\"17 Aug\", \"%d %Q\")", "E0314"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::ParseTime,
        code: Code::Native(parse_time),
    },
    Function {
        name: "FORMAT_TIME",
        family: Family::Time,
        params: &[Param::new("time", Kinds::TIME), WRITE_FORMAT, ZONE.optional()],
        result: Kinds::TEXT,
        doc: "A time as a string: by a strftime format, else in RFC 3339. In the given zone, else in the zone or the offset of the time.",
        examples: &[
            example("$FORMAT_TIME($TIME())", "\"2025-08-20T00:00:00Z\""),
            example("$TIME().$FORMAT_TIME(\"%b %d, %Y\")", "\"Aug 20, 2025\""),
            example("$TIME().$FORMAT_TIME(\"%H:%M %Z\", \"Europe/Berlin\")", "\"02:00 CEST\""),
            example("$TIME().$FORMAT_TIME(\"%S.%3f\")", "\"00.000\""),
            example("$TIME().$FORMAT_TIME(NULL, \"+05:30\")", "\"2025-08-20T05:30:00+05:30\""),
            example("missing.$FORMAT_TIME()", "null"),
            example("$TIME().$FORMAT_TIME(\"%Q\")", "E0314"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Native(format_time),
    },
    Function {
        name: "ADD_DATE",
        family: Family::Time,
        params: &[
            Param::new("time", Kinds::TIME),
            Param::new("years", Kinds::NUMBER),
            Param::new("months", Kinds::NUMBER),
            Param::new("days", Kinds::NUMBER),
        ],
        result: Kinds::TIME,
        doc: "A time plus years, months and days; negative numbers subtract. A day that the month does not have becomes its last day. In a zone of the IANA database the result has the same time of day on the clocks there: if it occurs twice, the earlier one, and if the clocks skip it, the same time by the clocks before the change (02:30 becomes 03:30). The zone is that of `$IN_ZONE`, or of `$PARSE_TIME` for a string without an offset.",
        examples: &[
            example("$TIME().$ADD_DATE(0, 0, -7)", "\"2025-08-13T00:00:00Z\""),
            example("$PARSE_TIME(\"2024-01-31\").$ADD_DATE(0, 1, 0)", "\"2024-02-29T00:00:00Z\""),
            example(
                "$PARSE_TIME(\"2025-03-29T12:00\", NULL, \"Europe/Berlin\").$ADD_DATE(0, 0, 1)",
                "\"2025-03-30T12:00:00+02:00\"",
            ),
            example(
                "$PARSE_TIME(\"2025-03-29T02:30\", NULL, \"Europe/Berlin\").$ADD_DATE(0, 0, 1)",
                "\"2025-03-30T03:30:00+02:00\"",
            ),
            example("$ADD_DATE(missing, 1, 0, 0)", "null"),
            example("$TIME().$ADD_DATE(8000, 0, 0)", "E0308"),
            example("$TIME().$ADD_DATE(0, 0, 1.5)", "E0314"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::AddDate,
        code: Code::Native(add_date),
    },
    Function {
        name: "ADD_TIME",
        family: Family::Time,
        params: &[
            Param::new("time", Kinds::TIME),
            Param::new("hours", Kinds::NUMBER),
            Param::new("minutes", Kinds::NUMBER),
            Param::new("seconds", Kinds::NUMBER),
        ],
        result: Kinds::TIME,
        doc: "A time plus hours, minutes and seconds as they pass; negative numbers subtract. The result is on the clocks of the zone that the time carries.",
        examples: &[
            example("$TIME().$ADD_TIME(1, 30, 0)", "\"2025-08-20T01:30:00Z\""),
            example("$TIME().$ADD_TIME(0, 0, -0.5)", "\"2025-08-19T23:59:59.500Z\""),
            example("$ADD_TIME(missing, 1, 0, 0)", "null"),
            example("$TIME().$ADD_TIME(99999999, 0, 0)", "E0308"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Native(add_time),
    },
    Function {
        name: "EPOCH",
        family: Family::Time,
        params: &[Param::new("time", Kinds::TIME)],
        result: Kinds::NUMBER,
        doc: "A time as Unix time: whole seconds since 1970, rounded down.",
        examples: &[
            example("$TIME().$EPOCH()", "1755648000"),
            example("$EPOCH($PARSE_TIME(\"1969-12-31T23:59:59.5Z\"))", "-1"),
            example("$EPOCH(missing)", "null"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Native(epoch),
    },
    Function {
        name: "EPOCH_MILLIS",
        family: Family::Time,
        params: &[Param::new("time", Kinds::TIME)],
        result: Kinds::NUMBER,
        doc: "A time as Unix time in whole milliseconds, rounded down.",
        examples: &[
            example("$TIME().$EPOCH_MILLIS()", "1755648000000"),
            example("$PARSE_TIME(\"1970-01-01T00:00:00.0019Z\").$EPOCH_MILLIS()", "1"),
            example("$EPOCH_MILLIS(missing)", "null"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Native(epoch_millis),
    },
    Function {
        name: "WEEKDAY",
        family: Family::Time,
        params: &[Param::new("time", Kinds::TIME)],
        result: Kinds::NUMBER,
        doc: "The day of the week in the time's own zone or offset, as ISO counts it: Monday is 1, Sunday is 7.",
        examples: &[
            example("$TIME().$WEEKDAY()", "3"),
            example("$PARSE_TIME(\"2025-08-17\").$WEEKDAY()", "7"),
            example("$TIME().$IN_ZONE(\"America/New_York\").$WEEKDAY()", "2"),
            example("$WEEKDAY(missing)", "null"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Native(weekday),
    },
    Function {
        name: "IN_ZONE",
        family: Family::Time,
        params: &[Param::new("time", Kinds::TIME), ZONE],
        result: Kinds::TIME,
        doc: "The same instant as the clocks of a zone show it: a name of the IANA database, `UTC`, or an offset. The time carries a zone with a name: `$ADD_DATE` and `%Z` follow it.",
        examples: &[
            example("$TIME().$IN_ZONE(\"Europe/Berlin\")", "\"2025-08-20T02:00:00+02:00\""),
            example("$TIME().$IN_ZONE(\"-03:30\")", "\"2025-08-19T20:30:00-03:30\""),
            example("$TIME().$IN_ZONE(\"Asia/Tokyo\") == $TIME()", "true"),
            example("missing.$IN_ZONE(\"UTC\")", "null"),
            example("$TIME().$IN_ZONE(\"Berlin\")", "E0314"),
        ],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Native(in_zone),
    },
    duration::PARSE_DURATION,
    duration::FORMAT_DURATION,
];

const FORMAT: Param = Param::new("format", Kinds::TEXT).optional();
const READ_FORMAT: Param = FORMAT.role(ParamRole::ReadFormat);
const WRITE_FORMAT: Param = FORMAT.role(ParamRole::WriteFormat);
const ZONE: Param = Param::new("zone", Kinds::TEXT).role(ParamRole::TimeZone);

/// Returns the fault of a literal format or zone with which every call fails, or `None` if there is
/// none. `at` is the place of the argument.
pub(crate) fn literal_fault(function: &Function, at: usize, text: &str) -> Option<Fault> {
    let args = Args::new(function, &[]);
    let checked = match function.param(at)?.role {
        ParamRole::ReadFormat => {
            Format::new(args, at, text, Purpose::Reading).and_then(|format| format.can_match())
        }
        ParamRole::WriteFormat => Format::new(args, at, text, Purpose::Writing).map(drop),
        ParamRole::TimeZone => Zone::named(args, at, text).map(drop),
        _ => Ok(()),
    };
    checked.err()
}

fn parse_time<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    if let [Value::Text(text)] = args.rest(0) {
        return parse::read(text, None).map(Value::Time);
    }
    let format = Format::argument(args, 1, Purpose::Reading)?;
    let zone = Zone::argument(args, 2)?;
    let time = match (args.value(0), format) {
        (Value::Time(time), _) => time,
        (Value::Number(number), None) => Time::from_epoch(number)?,
        // Digits can be a date: `$PARSE_TIME(20250817, "%Y%m%d")`.
        (Value::Number(number), Some(format)) => format.read(&number.to_string(), zone)?,
        (Value::BigNumber(number), None) => return Err(number.not_calculated()),
        (Value::BigNumber(number), Some(format)) => format.read(number.as_str(), zone)?,
        (_, None) => parse::read(args.text(0)?, zone)?,
        (_, Some(format)) => format.read(args.text(0)?, zone)?,
    };
    Ok(Value::Time(time))
}

fn format_time<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let time = args.time(0)?;
    let zone = Zone::argument(args, 2)?.unwrap_or_else(|| Zone::of(time));
    if let Some(format) = Format::argument(args, 1, Purpose::Writing)? {
        return format.write(env, time, zone);
    }
    let mut text = env.heap.text_builder();
    text.push_display(zone.show(time)?)?;
    Ok(Value::Text(text.finish()))
}

fn add_date<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (years, months, days) = (args.integer(1)?, args.integer(2)?, args.integer(3)?);
    args.time(0)?.plus_date(years, months, days).map(Value::Time)
}

fn add_time<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let hours = args.number(1)?.checked_mul(Number::Int(3600))?;
    let minutes = args.number(2)?.checked_mul(Number::Int(60))?;
    let seconds = hours.checked_add(minutes)?.checked_add(args.number(3)?)?;
    args.time(0)?.plus_seconds(seconds).map(Value::Time)
}

fn epoch<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Number(Number::from(args.time(0)?.epoch_seconds())))
}

fn epoch_millis<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Number(Number::from(args.time(0)?.epoch_millis())))
}

fn weekday<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let day = args.time(0)?.get().weekday().number_from_monday();
    Ok(Value::Number(Number::from(i64::from(day))))
}

fn in_zone<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let zone = Zone::argument(args, 1)?.unwrap_or(Zone::UTC);
    zone.show(args.time(0)?).map(Value::Time)
}

/// Parses exactly `count` digits as a number.
fn digits(text: &str, count: usize) -> Option<u32> {
    let all_digits = text.len() == count && digits_only(text);
    text.parse().ok().filter(|_| all_digits)
}

fn digits_only(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn two_digits(text: &str) -> Option<u32> {
    digits(text, 2)
}
