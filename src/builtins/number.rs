//! Functions of the number family. All of them read a time as seconds since the epoch. Knows no
//! formats of times.

use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env, number_format};
use crate::value::{
    Fault, FaultKind, Heap, Kinds, Number, ParsedNumber, Value, plain_notation, quoted,
};

pub(super) const FUNCTIONS: &[Function] = &[
    INTEGER,
    DECIMAL,
    ROUND,
    FLOOR,
    CEIL,
    ABS,
    number_format::FORMAT_NUMBER,
    number_format::FORMAT_MINOR_UNITS,
];

const NUMERIC: Kinds = Kinds::NUMBER.or(Kinds::TIME);

const INTEGER: Function = Function {
    name: "INTEGER",
    family: Family::Number,
    params: &[Param::new("value", Kinds::TEXT.or(NUMERIC))],
    result: Kinds::NUMBER,
    doc: "The integer part of a number, or of the number in a string.",
    examples: &[
        example(r#"$INTEGER("7") + $INTEGER("4")"#, "11"),
        example("$INTEGER(-7.9)", "-7"),
        example(r#""18446744073709551615.9".$INTEGER()"#, "18446744073709551615"),
        example(r#"$INTEGER("x")"#, "E0307"),
        example(r#"$INTEGER(" 7")"#, "E0307"),
        example(r#"$INTEGER("٣")"#, "E0307"),
        example("$INTEGER(1e30)", "E0303"),
        example("$INTEGER(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(integer),
};

const DECIMAL: Function = Function {
    name: "DECIMAL",
    family: Family::Number,
    params: &[Param::new("value", Kinds::TEXT.or(NUMERIC))],
    result: Kinds::NUMBER,
    doc: "A number, or the number in a string, as a decimal. Arithmetic with a decimal is approximate and does not overflow.",
    examples: &[
        example(r#"$DECIMAL("2.50")"#, "2.5"),
        example(r#""1e3".$DECIMAL()"#, "1000"),
        example("$DECIMAL(18446744073709551615) + 1", "18446744073709551616"),
        example(r#"$DECIMAL("1,5")"#, "E0307"),
        example(r#"$DECIMAL("1e999")"#, "E0303"),
        example("$DECIMAL(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(decimal),
};

const ROUND: Function = Function {
    name: "ROUND",
    family: Family::Number,
    params: &[Param::new("number", NUMERIC), Param::new("digits", Kinds::NUMBER).optional()],
    result: Kinds::NUMBER,
    doc: "The number rounded to a number of digits after the decimal point: 0 by default, and before the point if negative. A half rounds away from zero.",
    examples: &[
        example("$ROUND(2.5)", "3"),
        example("$ROUND(-2.5)", "-3"),
        example("$ROUND(1.005, 2)", "1.01"),
        example("$ROUND(1250, -2)", "1300"),
        example("$ROUND(1, 99)", "E0314"),
        example("$ROUND(missing, 2)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(round),
};

const FLOOR: Function = Function {
    name: "FLOOR",
    family: Family::Number,
    params: &[Param::new("number", NUMERIC)],
    result: Kinds::NUMBER,
    doc: "The number rounded down to an integer.",
    examples: &[
        example("$FLOOR(2.9)", "2"),
        example("$FLOOR(-2.1)", "-3"),
        example("$FLOOR(18446744073709551615)", "18446744073709551615"),
        example("$FLOOR(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(floor),
};

const CEIL: Function = Function {
    name: "CEIL",
    family: Family::Number,
    params: &[Param::new("number", NUMERIC)],
    result: Kinds::NUMBER,
    doc: "The number rounded up to an integer.",
    examples: &[
        example("$CEIL(2.1)", "3"),
        example("$CEIL(-0.5)", "0"),
        example("$CEIL(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(ceil),
};

const ABS: Function = Function {
    name: "ABS",
    family: Family::Number,
    params: &[Param::new("number", NUMERIC)],
    result: Kinds::NUMBER,
    doc: "The absolute value of the number.",
    examples: &[
        example("$ABS(-2.5)", "2.5"),
        example("$ABS(-9223372036854775808)", "9223372036854775808"),
        example("$ABS(3)", "3"),
        example("$ABS(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(abs),
};

fn integer<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let number = match args.value(0) {
        Value::BigNumber(number) if number.is_integer() => return Ok(args.value(0)),
        Value::BigNumber(number) => return Err(number.not_calculated()),
        value => match value.as_text() {
            Some(text) => spelled(env.heap, without_fraction(text)?)?,
            None => args.number(0)?.into(),
        },
    };
    match number {
        Value::Number(Number::Decimal(value)) => match number_from_whole(value.trunc()) {
            beyond @ Number::Decimal(_) => Err(beyond_integers(beyond)),
            whole => Ok(Value::Number(whole)),
        },
        Value::BigNumber(number) if !number.is_integer() => Err(number.not_calculated()),
        exact => Ok(exact),
    }
}

fn beyond_integers(number: Number) -> Fault {
    Fault::new(FaultKind::OutOfRange, format!("`{number}` is out of range"))
        .help("a decimal becomes an integer from -9223372036854775808 to 18446744073709551615")
}

fn decimal<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let number = match args.value(0).as_text() {
        Some(text) => spelled(env.heap, text)?,
        None => args.value(0),
    };
    let float = match number {
        Value::Number(number) => number.to_f64(),
        Value::BigNumber(number) => {
            let float = number.to_f64();
            Number::decimal(float).ok_or_else(|| number.not_calculated())?.to_f64()
        }
        _ => args.number(0)?.to_f64(),
    };
    Ok(Value::Number(Number::decimal(float).unwrap_or(Number::ZERO)))
}

/// Parses a number of any length. White space around it is an error, not removed silently.
fn spelled<'a>(heap: &'a Heap, text: &str) -> Result<Value<'a>, Fault> {
    heap.work_on_bytes(text.len())?;
    match ParsedNumber::parse(&plain_notation(text)) {
        Some(ParsedNumber::Number(number)) => Ok(Value::Number(number)),
        Some(ParsedNumber::Big(number)) => heap.big_number(number).map(Value::BigNumber),
        None => Err(not_a_number(text)),
    }
}

/// Returns true for a text that begins as an ISO date does: `2025-08-20`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.get(..10).unwrap_or("").split('-').collect();
    let are_digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.as_slice(), [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2)
        && parts.iter().all(are_digits)
}

fn not_a_number(text: &str) -> Fault {
    let fault = Fault::new(FaultKind::NotANumber, format!("{} is not a number", quoted(text)));
    if ParsedNumber::parse(&plain_notation(text.trim())).is_some() {
        return fault.help("take away the white space around it first: `$TRIM(…)`");
    }
    if is_date(text) {
        return fault.help("read a time first: `$PARSE_TIME(…)`");
    }
    fault.help(
        "a number is digits, with a fraction or an exponent if it has one: `12`, `-2.5`, `1e3`",
    )
}

/// Removes the fraction of a number without an exponent. It is removed from the text, because a
/// float would round the digits before the point.
fn without_fraction(text: &str) -> Result<&str, Fault> {
    if text.contains(['e', 'E']) {
        return Ok(text);
    }
    match text.split_once('.') {
        Some((_, fraction)) if !fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(not_a_number(text))
        }
        Some((_, "")) => Err(not_a_number(text)),
        Some((whole, _)) => Ok(whole),
        None => Ok(text),
    }
}

/// Converts a whole float to an integer if it is in range.
fn number_from_whole(value: f64) -> Number {
    let decimal = Number::decimal(value).unwrap_or(Number::ZERO);
    decimal.as_whole().and_then(Number::integer).unwrap_or(decimal)
}

/// Maximum number of digits for rounding, after or before the decimal point.
const MAX_DIGITS: i64 = 30;

fn round<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let digits = args.optional_integer(1)?.unwrap_or(0);
    let digits = i32::try_from(digits)
        .ok()
        .filter(|digits| i64::from(*digits).abs() <= MAX_DIGITS)
        .ok_or_else(|| {
            let wanted = format!("a number from -{MAX_DIGITS} to {MAX_DIGITS}, not `{digits}`");
            args.meaningless(1, wanted)
        })?;
    let number = args.number(0)?;
    let rounded = match number.as_integer() {
        Some(integer) => Number::integer(rounded_off(integer, (-digits).max(0))),
        None => round_decimal(number.to_f64(), digits),
    };
    rounded.map(Value::Number).ok_or_else(|| {
        Fault::new(FaultKind::OutOfRange, format!("`{number}` rounds to a number out of range"))
    })
}

/// Rounds an integer: the last digits become zeros, and a half rounds away from zero.
fn rounded_off(integer: i128, digits: i32) -> i128 {
    let unit = 10i128.pow(digits.unsigned_abs());
    (integer.abs() + unit / 2) / unit * unit * integer.signum()
}

/// Rounds the decimal notation that users see, not the binary fraction that is slightly below it:
/// 1.005 becomes 1.01.
fn round_decimal(value: f64, digits: i32) -> Option<Number> {
    let shown = format!("{value:e}");
    let (mantissa, exponent) = shown.split_once('e')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let integer: i128 = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
    // A float shows at most 17 digits, so dropping more than that leaves zero.
    let dropped = (-exponent - digits).clamp(0, 20);
    let rounded: f64 = format!("{}e{exponent}", rounded_off(integer, dropped)).parse().ok()?;
    if digits > 0 { Number::decimal(rounded) } else { Some(number_from_whole(rounded)) }
}

fn floor<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    args.number(0).map(|number| Value::Number(to_whole(number, f64::floor)))
}

fn ceil<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    args.number(0).map(|number| Value::Number(to_whole(number, f64::ceil)))
}

fn to_whole(number: Number, whole: fn(f64) -> f64) -> Number {
    match number {
        Number::Decimal(value) => number_from_whole(whole(value)),
        exact => exact,
    }
}

fn abs<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let number = args.number(0)?;
    let negative = number.compare(Number::ZERO).is_lt();
    Ok(Value::Number(if negative { number.checked_neg()? } else { number }))
}

#[cfg(test)]
mod tests {
    use super::{Number, round_decimal};
    use crate::builtins::testing::call;
    use crate::value::Value;

    #[track_caller]
    fn rounds(value: f64, digits: i32, shown: &str) {
        assert_eq!(
            round_decimal(value, digits).map(|number| number.to_string()).as_deref(),
            Some(shown),
            "{value}"
        );
    }

    #[test]
    fn halves_round_away_from_zero_in_decimal_notation() {
        rounds(2.675, 2, "2.68");
        rounds(-1.115, 2, "-1.12");
        rounds(0.5, 0, "1");
        rounds(-0.4, 0, "0");
        rounds(0.49999999999999994, 0, "0");
        rounds(1e-300, 30, "0");
        rounds(1e300, 2, "1e300");
        rounds(1234.5, -2, "1200");
        rounds(9.5e17, -18, "1000000000000000000");
        rounds(4.9, -30, "0");
    }

    #[test]
    fn a_float_rounded_to_no_digits_is_an_integer() {
        assert!(matches!(round_decimal(2.0, 0), Some(Number::Int(2))));
        assert!(matches!(round_decimal(2.0, 1), Some(Number::Decimal(_))));
        assert!(matches!(round_decimal(1e30, 0), Some(Number::Decimal(_))));
    }

    #[test]
    fn integers_round_exactly() {
        let largest = Value::Number(Number::Big(u64::MAX));
        let digits = |digits| Value::Number(Number::Int(digits));
        assert_eq!(call("ROUND", &[largest, digits(5)]), "18446744073709551615");
        assert_eq!(call("ROUND", &[largest, digits(-1)]), "OutOfRange");
        assert_eq!(call("ROUND", &[largest, digits(-4)]), "18446744073709550000");
        assert_eq!(call("ROUND", &[largest, digits(-30)]), "0");
    }

    #[test]
    fn integer_parses_every_digit_of_a_string() {
        let integer = |text| call("INTEGER", &[Value::Text(text)]);
        assert_eq!(integer("9007199254740993.0"), "9007199254740993");
        assert_eq!(integer("-0.5"), "0");
        assert_eq!(integer("1.5e3"), "1500");
        assert_eq!(integer("18446744073709551616"), "18446744073709551616");
        assert_eq!(integer("18446744073709551616.9"), "18446744073709551616");
        assert_eq!(integer("-0018446744073709551616"), "-18446744073709551616");
        assert_eq!(integer("1e30"), "OutOfRange");
        assert_eq!(integer("-9223372036854775808"), "-9223372036854775808");
        assert_eq!(integer("-9223372036854775809"), "-9223372036854775809");
        assert_eq!(integer("1."), "NotANumber");
        assert_eq!(integer("1.x"), "NotANumber");
    }
}
