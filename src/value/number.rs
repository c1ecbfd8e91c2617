//! Numbers: exact integers from -2^63 to 2^64-1, and decimals.
//!
//! Webhook ids are large, so integers never pass through a float. There is no NaN and no
//! infinity: the operation that would make one is a fault.

use std::cmp::Ordering;
use std::fmt;

use super::fault::{Fault, FaultKind, quoted, shortened};

/// An exact integer or a finite decimal.
///
/// `Big` holds only what `Int` cannot, so that equal integers have one form.
#[derive(Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer from -2^63 to 2^63-1.
    Int(i64),
    /// An integer from 2^63 to 2^64-1.
    Big(u64),
    /// A finite decimal; never -0.
    Decimal(f64),
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self::Int(0);

    /// The decimal, or nothing where it is infinite or not a number. -0 becomes 0.
    pub fn decimal(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self::Decimal(value + 0.0))
    }

    /// The integer, or nothing where it is below -2^63 or above 2^64-1.
    pub fn integer(value: i128) -> Option<Self> {
        match i64::try_from(value) {
            Ok(small) => Some(Self::Int(small)),
            Err(_) => u64::try_from(value).ok().map(Self::Big),
        }
    }

    /// A length or a count.
    pub fn count(value: usize) -> Self {
        Self::from(value as u64)
    }

    /// The exact integer, if it is one by kind (2.0 is a decimal).
    pub fn as_integer(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(i128::from(value)),
            Self::Big(value) => Some(i128::from(value)),
            Self::Decimal(_) => None,
        }
    }

    /// The exact integer, if the number is whole: 2.0 gives 2.
    pub fn as_whole(self) -> Option<i128> {
        match self {
            // Beyond 2^100 nothing here counts with it, and the cast would saturate.
            Self::Decimal(value) if value.fract() == 0.0 && value.abs() < 2f64.powi(100) => {
                Some(value as i128)
            }
            other => other.as_integer(),
        }
    }

    /// The nearest decimal.
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Big(value) => value as f64,
            Self::Decimal(value) => value,
        }
    }

    /// Whether the number is zero, and so false as a condition.
    pub fn is_zero(self) -> bool {
        match self {
            Self::Int(value) => value == 0,
            Self::Big(_) => false,
            Self::Decimal(value) => value == 0.0,
        }
    }

    /// Compares by exact mathematical value: no integer is rounded to a decimal first.
    pub fn compare(self, other: Self) -> Ordering {
        match (self.as_integer(), other.as_integer()) {
            (Some(left), Some(right)) => left.cmp(&right),
            (Some(left), None) => compare_integer_decimal(left, other.to_f64()),
            (None, Some(right)) => compare_integer_decimal(right, self.to_f64()).reverse(),
            (None, None) => self.to_f64().total_cmp(&other.to_f64()),
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// A fault where it leaves the range of its kind.
    pub fn checked_add(self, other: Self) -> Result<Self, Fault> {
        self.combine(other, "+", i128::checked_add, |a, b| a + b)
    }

    /// The difference.
    ///
    /// # Errors
    /// A fault where it leaves the range of its kind.
    pub fn checked_sub(self, other: Self) -> Result<Self, Fault> {
        self.combine(other, "-", i128::checked_sub, |a, b| a - b)
    }

    /// The product.
    ///
    /// # Errors
    /// A fault where it leaves the range of its kind.
    pub fn checked_mul(self, other: Self) -> Result<Self, Fault> {
        self.combine(other, "*", i128::checked_mul, |a, b| a * b)
    }

    /// The quotient: an exact integer where the division comes out even, else a decimal.
    ///
    /// # Errors
    /// A fault for division by zero, or where the quotient leaves the range.
    pub fn checked_div(self, other: Self) -> Result<Self, Fault> {
        if other.is_zero() {
            return Err(Fault::new(
                FaultKind::DivisionByZero,
                format!("`{self} / {other}` divides by zero"),
            )
            .help("test the divisor first: `IF n != 0 THEN x / n ELSE 0`"));
        }
        if let (Some(left), Some(right)) = (self.as_integer(), other.as_integer())
            && left % right == 0
        {
            return Self::integer(left / right).ok_or_else(|| out_of_range(self, "/", other));
        }
        Self::decimal(self.to_f64() / other.to_f64()).ok_or_else(|| out_of_range(self, "/", other))
    }

    /// The number with its sign turned.
    ///
    /// # Errors
    /// A fault where an integer would fall below -2^63.
    pub fn checked_neg(self) -> Result<Self, Fault> {
        let negated = match self.as_integer() {
            Some(value) => Self::integer(-value),
            None => Self::decimal(-self.to_f64()),
        };
        negated.ok_or_else(|| {
            Fault::new(
                FaultKind::OutOfRange,
                format!("`-{self}` is below the least integer, -9223372036854775808"),
            )
        })
    }

    fn combine(
        self,
        other: Self,
        sign: &str,
        exact: fn(i128, i128) -> Option<i128>,
        rounded: fn(f64, f64) -> f64,
    ) -> Result<Self, Fault> {
        let answer = match (self.as_integer(), other.as_integer()) {
            (Some(left), Some(right)) => exact(left, right).and_then(Self::integer),
            _ => Self::decimal(rounded(self.to_f64(), other.to_f64())),
        };
        answer.ok_or_else(|| out_of_range(self, sign, other))
    }
}

fn out_of_range(left: Number, sign: &str, right: Number) -> Fault {
    let fault =
        Fault::new(FaultKind::OutOfRange, format!("`{left} {sign} {right}` is out of range"));
    let integers = left.as_integer().is_some() && right.as_integer().is_some();
    fault.help(if integers {
        "integers reach from -9223372036854775808 to 18446744073709551615; convert with `$DECIMAL` to calculate approximately"
    } else {
        "decimals reach to about 1.8e308"
    })
}

fn compare_integer_decimal(integer: i128, decimal: f64) -> Ordering {
    // Every integer here lies well within ±2^65, so a decimal beyond that decides by its sign.
    if decimal >= 2f64.powi(65) {
        return Ordering::Less;
    }
    if decimal <= -2f64.powi(65) {
        return Ordering::Greater;
    }
    let whole = decimal.floor();
    integer
        .cmp(&(whole as i128))
        .then_with(|| if decimal > whole { Ordering::Less } else { Ordering::Equal })
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(small) => Self::Int(small),
            Err(_) => Self::Big(value),
        }
    }
}

/// Reads a number as the language and JSON write it: digits, a fraction, an exponent, a sign
/// in front. Integers in range are exact; integers beyond it become decimals, as in JSON.
impl std::str::FromStr for Number {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let not_a_number = || {
            Fault::new(FaultKind::NotANumber, format!("{} is not a number", quoted(text)))
                .help("a number is digits, with a fraction or an exponent if it has one: `12`, `-2.5`, `1e3`")
        };
        if !is_decimal_notation(text) {
            return Err(not_a_number());
        }
        if let Some(integer) = text.parse::<i128>().ok().and_then(Self::integer) {
            return Ok(integer);
        }
        let value: f64 = text.parse().map_err(|_| not_a_number())?;
        Self::decimal(value).ok_or_else(|| {
            let text = shortened(text);
            Fault::new(FaultKind::OutOfRange, format!("`{text}` is too large for a decimal"))
        })
    }
}

/// Whether the text is a sign, digits, a fraction and an exponent, the last three as JSON has
/// them: what `f64::from_str` takes beyond that (`inf`, `.5`, `1.`) is not a number here.
fn is_decimal_notation(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)))
}

/// As JSON prints it: whole decimals without `.0`, so that 2.0 reads `2`. Whole decimals up to
/// 2^64 are written out exactly, larger ones with an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Big(value) => write!(f, "{value}"),
            Self::Decimal(value) if value.fract() == 0.0 && value.abs() <= 2f64.powi(64) => {
                write!(f, "{}", value as i128)
            }
            // The shortest digits that read back as the same decimal.
            Self::Decimal(value) if (1e-5..1e16).contains(&value.abs()) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value:e}"),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
