//! The numeric keywords of JSON Schema, compared exactly at any length. The crate for validation
//! compares integers beyond 64 bits as floats. Knows no other keywords.

use std::cmp::Ordering;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError, ValidationOptions};
use serde_json::{Map, Value as Json};

use super::instance::{Metered, count_digits};
use crate::value::{Number, OwnedValue};

/// A keyword that compares a number with a limit.
struct LimitKeyword {
    keyword: &'static str,
    /// Returns true for an allowed order of the number and the limit.
    allows: fn(Ordering) -> bool,
    /// The message for a number beyond the limit.
    message: &'static str,
}

/// JSON Schema 2020-12, validation, sections 6.2.2 to 6.2.5.
const BOUNDS: [LimitKeyword; 4] = [
    LimitKeyword {
        keyword: "minimum",
        allows: Ordering::is_ge,
        message: "is less than the minimum of",
    },
    LimitKeyword {
        keyword: "maximum",
        allows: Ordering::is_le,
        message: "is greater than the maximum of",
    },
    LimitKeyword {
        keyword: "exclusiveMinimum",
        allows: Ordering::is_gt,
        message: "is less than or equal to the minimum of",
    },
    LimitKeyword {
        keyword: "exclusiveMaximum",
        allows: Ordering::is_lt,
        message: "is greater than or equal to the maximum of",
    },
];

type SchemaOptions<'o, R> = ValidationOptions<'o, R, Metered>;
type CompiledKeyword<'a> = Result<Box<dyn for<'i> Keyword<'i, Metered>>, ValidationError<'a>>;

/// Replaces the numeric keywords of the crate.
pub(super) fn with_exact_numbers<R>(options: SchemaOptions<'_, R>) -> SchemaOptions<'_, R> {
    let bounded = BOUNDS.into_iter().fold(options, |options, bound| {
        let LimitKeyword { keyword, allows, message } = bound;
        options.with_keyword(keyword, move |_: &Map<String, Json>, limit: &Json, _: Location| {
            let limit = number(limit)?;
            Ok(Box::new(Limit { limit, allows, message }) as Box<_>)
        })
    });
    bounded.with_keyword("multipleOf", |_: &Map<String, Json>, divisor: &Json, _: Location| {
        multiple_of(divisor)
    })
}

fn number<'a>(limit: &Json) -> Result<Number, ValidationError<'a>> {
    let integer = limit.as_i64().map(Number::from).or_else(|| limit.as_u64().map(Number::from));
    integer
        .or_else(|| limit.as_f64().and_then(Number::decimal))
        .ok_or_else(|| ValidationError::custom("a limit is a number"))
}

/// A limit of a schema.
struct Limit {
    limit: Number,
    allows: fn(Ordering) -> bool,
    message: &'static str,
}

impl<'i> Keyword<'i, Metered> for Limit {
    fn validate(&self, instance: &'i OwnedValue) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("value {} {}", self.message, self.limit)))
    }

    fn is_valid(&self, instance: &'i OwnedValue) -> bool {
        let order = match instance {
            OwnedValue::Number(number) => number.compare(self.limit),
            OwnedValue::BigNumber(number) => {
                count_digits(number.borrow().as_str());
                number.borrow().compare_number(self.limit)
            }
            _ => return true,
        };
        (self.allows)(order)
    }
}

fn multiple_of<'a>(divisor: &Json) -> CompiledKeyword<'a> {
    let wrong = || ValidationError::custom("`multipleOf` is a number above 0");
    let text = number(divisor)?.to_string();
    let divisor = Decimal::new(&text);
    let digits = divisor.digits().parse().ok().filter(|digits| *digits > 0).ok_or_else(wrong)?;
    Ok(Box::new(MultipleOf { digits, power: divisor.power, shown: text }))
}

/// The keyword `multipleOf`, over decimals as they are written: 0.3 is a multiple of 0.1.
struct MultipleOf {
    /// The digits of the divisor, without zeros at the end.
    digits: u64,
    /// The power of ten of its last digit.
    power: i64,
    shown: String,
}

impl<'i> Keyword<'i, Metered> for MultipleOf {
    fn validate(&self, instance: &'i OwnedValue) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("value is not a multiple of {}", self.shown)))
    }

    fn is_valid(&self, instance: &'i OwnedValue) -> bool {
        let text = match instance {
            OwnedValue::Number(number) => number.to_string(),
            OwnedValue::BigNumber(number) => number.borrow().to_string(),
            _ => return true,
        };
        count_digits(&text);
        self.divides(&Decimal::new(&text))
    }
}

impl MultipleOf {
    fn divides(&self, number: &Decimal) -> bool {
        if number.whole.is_empty() && number.fraction.is_empty() {
            return true;
        }
        // The last digit of the number is not zero, so no power of ten divides it.
        let Ok(zeros) = u64::try_from(number.power.saturating_sub(self.power)) else {
            return false;
        };
        let modulus = u128::from(self.digits);
        let rest = number.digits().bytes().fold(0u128, |rest, digit| {
            (rest * 10 + u128::from(digit.wrapping_sub(b'0'))) % modulus
        });
        (rest * power_of_ten(zeros, modulus)).is_multiple_of(modulus)
    }
}

/// Returns 10 to a power, modulo a number below 2^64.
fn power_of_ten(power: u64, modulus: u128) -> u128 {
    let (mut result, mut square, mut left) = (1 % modulus, 10 % modulus, power);
    while left > 0 {
        if left % 2 == 1 {
            result = result * square % modulus;
        }
        square = square * square % modulus;
        left /= 2;
    }
    result
}

/// A number as digits times a power of ten. The last digit is not zero. The sign does not matter.
struct Decimal<'t> {
    whole: &'t str,
    fraction: &'t str,
    /// The power of ten of the last digit.
    power: i64,
}

impl<'t> Decimal<'t> {
    fn new(text: &'t str) -> Self {
        let unsigned = text.trim_start_matches('-');
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX);
        let whole = whole.trim_start_matches('0');
        if !fraction.is_empty() {
            let power = exponent.saturating_sub(fraction.len() as i64);
            return Self { whole, fraction, power };
        }
        let significant = whole.trim_end_matches('0');
        let zeros = whole.len() - significant.len();
        Self { whole: significant, fraction, power: exponent.saturating_add(zeros as i64) }
    }

    fn digits(&self) -> String {
        format!("{}{}", self.whole, self.fraction)
    }
}
