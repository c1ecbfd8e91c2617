//! Numbers: exact integers from -2^63 to 2^64-1, and floats. Does not know time units.
//!
//! Webhook ids are large, so integers are never converted to floats. There is no NaN and no
//! infinity: an operation that would produce one is a fault.

use std::cmp::Ordering;
use std::fmt;

use super::fault::{Fault, FaultKind};

/// An exact integer or a finite float.
///
/// `Big` only holds integers that do not fit `Int`, so equal integers have one form.
#[derive(Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer from -2^63 to 2^63-1.
    Int(i64),
    /// An integer from 2^63 to 2^64-1.
    Big(u64),
    /// A finite float; never -0.
    Decimal(f64),
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self::Int(0);

    /// Returns the number of a float. `None` for infinity and NaN. -0 becomes 0.
    pub fn decimal(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self::Decimal(value + 0.0))
    }

    /// Returns the number of an integer. `None` below -2^63 and above 2^64-1.
    pub fn integer(value: i128) -> Option<Self> {
        match i64::try_from(value) {
            Ok(small) => Some(Self::Int(small)),
            Err(_) => u64::try_from(value).ok().map(Self::Big),
        }
    }

    /// Returns the number of a length or count.
    pub fn count(value: usize) -> Self {
        Self::from(value as u64)
    }

    /// Returns the integer, if it is an integer by type (2.0 is a float).
    pub fn as_integer(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(i128::from(value)),
            Self::Big(value) => Some(i128::from(value)),
            Self::Decimal(_) => None,
        }
    }

    /// Returns the integer, if the number is whole: 2.0 gives 2.
    pub fn as_whole(self) -> Option<i128> {
        match self {
            // No caller needs integers beyond 2^100, and the cast would saturate.
            Self::Decimal(value) if value.fract() == 0.0 && value.abs() < 2f64.powi(100) => {
                Some(value as i128)
            }
            other => other.as_integer(),
        }
    }

    /// Returns the nearest float.
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Big(value) => value as f64,
            Self::Decimal(value) => value,
        }
    }

    /// Returns the float that equals the number.
    ///
    /// # Errors
    /// Returns an error for an integer that no float equals, so that no operation rounds silently.
    pub fn exact_f64(self) -> Result<f64, Fault> {
        let float = self.to_f64();
        // Integers have at most 64 bits, so the cast back is exact.
        match self.as_integer() {
            Some(integer) if float as i128 != integer => Err(not_exact(self)),
            _ => Ok(float),
        }
    }

    /// Returns true if the number is zero, which counts as false.
    pub fn is_zero(self) -> bool {
        match self {
            Self::Int(value) => value == 0,
            Self::Big(_) => false,
            Self::Decimal(value) => value == 0.0,
        }
    }

    /// Compares by exact mathematical value: an integer is never rounded to a float.
    pub fn compare(self, other: Self) -> Ordering {
        match (self.as_integer(), other.as_integer()) {
            (Some(left), Some(right)) => left.cmp(&right),
            (Some(left), None) => compare_integer_decimal(left, other.to_f64()),
            (None, Some(right)) => compare_integer_decimal(right, self.to_f64()).reverse(),
            (None, None) => self.to_f64().total_cmp(&other.to_f64()),
        }
    }

    /// Returns the sum.
    ///
    /// # Errors
    /// Returns an error if it is out of the range of its type.
    pub fn checked_add(self, other: Self) -> Result<Self, Fault> {
        self.combine(other, "+", i128::checked_add, |a, b| a + b)
    }

    /// Returns the difference.
    ///
    /// # Errors
    /// Returns an error if it is out of the range of its type.
    pub fn checked_sub(self, other: Self) -> Result<Self, Fault> {
        self.combine(other, "-", i128::checked_sub, |a, b| a - b)
    }

    /// Returns the product.
    ///
    /// # Errors
    /// Returns an error if it is out of the range of its type.
    pub fn checked_mul(self, other: Self) -> Result<Self, Fault> {
        self.combine(other, "*", i128::checked_mul, |a, b| a * b)
    }

    /// Returns the quotient: an exact integer if the division has no remainder, otherwise a float.
    ///
    /// # Errors
    /// Returns an error for a division by zero, or if the quotient is out of range.
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
        let quotient = self.exact_f64()? / other.exact_f64()?;
        Self::decimal(quotient).ok_or_else(|| out_of_range(self, "/", other))
    }

    /// Returns the negated number.
    ///
    /// # Errors
    /// Returns an error if an integer would be below -2^63.
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
            _ => Self::decimal(rounded(self.exact_f64()?, other.exact_f64()?)),
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

#[cold]
fn not_exact(integer: Number) -> Fault {
    Fault::new(
        FaultKind::OutOfRange,
        format!("`{integer}` has too many digits to calculate exactly with a decimal"),
    )
    .help("round it on purpose with `$DECIMAL(…)`")
}

fn compare_integer_decimal(integer: i128, decimal: f64) -> Ordering {
    // Every integer here is within ±2^65, so a float beyond that decides by its sign.
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

/// Writes the number as JSON does: whole floats without `.0`, so 2.0 prints as `2`. Whole floats up
/// to 2^64 are written exactly, larger ones with an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Big(value) => write!(f, "{value}"),
            Self::Decimal(value) if value.fract() == 0.0 && value.abs() <= 2f64.powi(64) => {
                write!(f, "{}", value as i128)
            }
            Self::Decimal(value) => write_float(value, f),
        }
    }
}

/// Writes the shortest digits that parse to the same float; of two that are equally near, the even
/// one, as ECMAScript does. The standard library takes the odd one.
fn write_float(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut buffer = ryu_js::Buffer::new();
    let written = buffer.format_finite(value);
    if let Some((digits, exponent)) = written.split_once('e') {
        return write!(f, "{digits}e{}", exponent.trim_start_matches('+'));
    }
    if (1e-5..1e16).contains(&value.abs()) {
        return f.write_str(written);
    }
    // ECMAScript writes these without an exponent. With a number of digits, the standard library
    // rounds to even.
    let digits = written.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
    let significant: Vec<u8> = digits.collect();
    let zeros = significant.iter().rev().take_while(|digit| **digit == b'0').count();
    let places = significant.len().saturating_sub(zeros + 1);
    write!(f, "{value:.places$e}")
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
