//! Numbers as strings with a fixed number of decimals. Knows no locales.
//!
//! The digits come from the notation that users see, so 1.005 with two decimals is 1.01, as
//! `$ROUND` has it. An integer of any length keeps every digit.

use super::currency::exponent_of;
use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env};
use crate::value::{Fault, Heap, Kinds, Number, Value, quoted};

pub(super) const FORMAT_NUMBER: Function = Function {
    name: "FORMAT_NUMBER",
    family: Family::Number,
    params: &[
        Param::new("number", Kinds::NUMBER),
        Param::new("decimals", Kinds::NUMBER).optional(),
        Param::new("thousands", Kinds::TEXT).optional(),
        Param::new("point", Kinds::TEXT).optional(),
    ],
    result: Kinds::TEXT,
    doc: "The number as a string with a number of decimals, 0 to 15; without one, with the decimals that it has. A half rounds away from zero. `thousands` stands between groups of three digits, nothing by default; `point` is the decimal point, `.` by default.",
    examples: &[
        example("$FORMAT_NUMBER(40.5, 2)", r#""40.50""#),
        example(r#"(1234567.055).$FORMAT_NUMBER(2, ",")"#, r#""1,234,567.06""#),
        example(r#"$FORMAT_NUMBER(-1234.5, 0, ".", ",")"#, r#""-1.235""#),
        example(r#"$FORMAT_NUMBER(1234.5, NULL, " ")"#, r#""1 234.5""#),
        example(
            r#"$FORMAT_NUMBER(36893488147419103233, 1, ",")"#,
            r#""36,893,488,147,419,103,233.0""#,
        ),
        example("$FORMAT_NUMBER(-0.001, 2)", r#""0.00""#),
        example("$FORMAT_NUMBER(1, 16)", "E0314"),
        example(r#"$FORMAT_NUMBER(1.5, 1, ",", "")"#, "E0314"),
        example("$FORMAT_NUMBER(missing, 2)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(format_number),
};

pub(super) const FORMAT_MINOR_UNITS: Function = Function {
    name: "FORMAT_MINOR_UNITS",
    family: Family::Number,
    params: &[
        Param::new("integer", Kinds::NUMBER),
        Param::new("currency", Kinds::TEXT.or(Kinds::NUMBER)),
    ],
    result: Kinds::TEXT,
    doc: "An amount in minor units, such as cents, as a string in major units. The number of decimals is that of a currency in ISO 4217, by its code in any case. For a provider with a table of its own, give the number of decimals, 0 to 15.",
    examples: &[
        example(r#"$FORMAT_MINOR_UNITS(4050, "USD")"#, r#""40.50""#),
        example(r#"(4050).$FORMAT_MINOR_UNITS("jpy")"#, r#""4050""#),
        example(r#"$FORMAT_MINOR_UNITS(-5, "KWD")"#, r#""-0.005""#),
        example("$FORMAT_MINOR_UNITS(4050, 1)", r#""405.0""#),
        example(r#"$FORMAT_MINOR_UNITS(1, "XYZ")"#, "E0314"),
        example(r#"$FORMAT_MINOR_UNITS(1.5, "USD")"#, "E0314"),
        example(r#"$FORMAT_MINOR_UNITS(1, missing)"#, "E0310"),
        example(r#"$FORMAT_MINOR_UNITS(missing, "USD")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(format_minor_units),
};

/// Maximum number of decimals.
const MAX_DECIMALS: usize = 15;

fn format_number<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut digits = Digits::of(env.heap, args.value(0), args)?;
    if !args.value(1).is_null() {
        digits.round(decimals(args, 1)?);
    }
    let thousands = args.optional_text(2)?.unwrap_or("");
    let point = args.optional_text(3)?.unwrap_or(".");
    if point.is_empty() {
        return Err(args.meaningless(3, "at least one character, not an empty string"));
    }
    digits.write(env.heap, thousands, point)
}

fn format_minor_units<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let decimals = match args.value(1).as_text() {
        Some(code) => exponent_of(code).ok_or_else(|| {
            args.meaningless(1, format!("a currency of ISO 4217, not {}", quoted(code)))
                .help("give the number of decimals for a code of the provider's own: `$FORMAT_MINOR_UNITS(amount, 2)`")
        })?,
        None => decimals(args, 1)?,
    };
    let mut digits = Digits::of(env.heap, args.value(0), args)?;
    digits.round_to_shortest();
    if digits.places > 0 {
        let wanted = format!("a whole number of minor units, not `{}`", args.value(0));
        return Err(args.meaningless(0, wanted));
    }
    digits.places = decimals;
    digits.write(env.heap, "", ".")
}

/// Returns an argument that is a number of decimals.
fn decimals(args: Args<'_, '_>, at: usize) -> Result<usize, Fault> {
    let decimals = args.integer(at)?;
    let fitting = usize::try_from(decimals).ok().filter(|decimals| *decimals <= MAX_DECIMALS);
    fitting.ok_or_else(|| {
        args.meaningless(
            at,
            format!("a number of decimals from 0 to {MAX_DECIMALS}, not `{decimals}`"),
        )
    })
}

/// Returns the notation that users see, without an exponent.
fn plain(number: Number) -> String {
    match (number.to_string(), number) {
        // Rust writes the shortest digits of a float, and zeros in the place of an exponent.
        (shown, Number::Decimal(float)) if shown.contains('e') => format!("{float}"),
        (shown, _) => shown,
    }
}

/// A number as its decimal digits.
struct Digits {
    negative: bool,
    /// The digits in ASCII, without a point.
    digits: Vec<u8>,
    /// The number of digits after the point.
    places: usize,
}

impl Digits {
    fn of(heap: &Heap, value: Value<'_>, args: Args<'_, '_>) -> Result<Self, Fault> {
        let notation = match value {
            Value::BigNumber(number) if !number.is_integer() => return Err(number.not_calculated()),
            Value::BigNumber(number) => number.as_str().to_owned(),
            _ => plain(args.number(0)?),
        };
        heap.work_on_bytes(notation.len())?;
        heap.charge(notation.len())?;
        let (negative, unsigned) = match notation.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, notation.as_str()),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = whole.bytes().chain(fraction.bytes()).collect();
        Ok(Self { negative, digits, places: fraction.len() })
    }

    /// Rounds to a number of digits after the point, a half away from zero.
    fn round(&mut self, places: usize) {
        let Some(dropped) = self.places.checked_sub(places) else {
            self.digits.resize(self.digits.len() + places - self.places, b'0');
            self.places = places;
            return;
        };
        let kept = self.digits.len().saturating_sub(dropped);
        let up = self.digits.get(kept).is_some_and(|digit| *digit >= b'5');
        self.digits.truncate(kept);
        self.places = places;
        if up {
            self.increment();
        }
    }

    /// Adds one to the last digit.
    fn increment(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
    }

    /// Drops zeros at the end of the fraction.
    fn round_to_shortest(&mut self) {
        while self.places > 0 && self.digits.last() == Some(&b'0') {
            self.digits.pop();
            self.places -= 1;
        }
    }

    fn write<'a>(self, heap: &'a Heap, thousands: &str, point: &str) -> Result<Value<'a>, Fault> {
        // At least one digit stands before the point.
        let lacking = (self.places + 1).saturating_sub(self.digits.len());
        let digits = || std::iter::repeat_n(b'0', lacking).chain(self.digits.iter().copied());
        let whole = lacking + self.digits.len() - self.places;
        let mut out = heap.text_builder();
        if self.negative && digits().any(|digit| digit != b'0') {
            out.push("-")?;
        }
        for (at, digit) in digits().enumerate() {
            if at == whole {
                out.push(point)?;
            } else if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
                out.push(thousands)?;
            }
            out.push_char(char::from(digit))?;
        }
        Ok(Value::Text(out.finish()))
    }
}
