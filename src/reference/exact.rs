//! Numbers and times as exact decimal digits. Does not use floating-point arithmetic.
//!
//! Slow and simple: two numbers are compared digit by digit, as on paper.

use std::cmp::Ordering;

use crate::value::{BigNumber, Number, Time};

/// The number of fraction digits that represents every finite float exactly.
const ALL_DIGITS: usize = 1074;

/// The number of fraction digits of a second in nanoseconds.
const NANO_DIGITS: usize = 9;

/// The largest exponent that is written out in zeros.
const LONGEST: i64 = 100_000;

/// A number in digits, without leading or trailing zeros, and without a sign on zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exact {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Exact {
    pub(super) fn of_number(number: Number) -> Self {
        match number {
            Number::Int(integer) => Self::read(&integer.to_string()),
            Number::Big(integer) => Self::read(&integer.to_string()),
            Number::Decimal(decimal) => Self::read(&format!("{decimal:.ALL_DIGITS$}")),
        }
    }

    /// Returns a big number, with its exponent written out in zeros.
    pub(super) fn of_big(number: BigNumber<'_>) -> Self {
        let text = number.as_str();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // A longer exponent would fill the memory with zeros. The machine's own tests compare those.
        let places = exponent.parse::<i64>().unwrap_or(LONGEST).clamp(-LONGEST, LONGEST);
        let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
        for _ in 0..places {
            whole.push(if fraction.is_empty() { '0' } else { fraction.remove(0) });
        }
        for _ in places..0 {
            let moved = whole.pop().filter(char::is_ascii_digit).unwrap_or('0');
            fraction.insert(0, moved);
        }
        Self::read(&format!("{whole}.{fraction}"))
    }

    /// Returns the number as written: for a float, the shortest digits that identify it.
    pub(super) fn as_written(number: Number) -> Self {
        match number {
            Number::Decimal(decimal) => Self::read(&decimal.to_string()),
            integer => Self::of_number(integer),
        }
    }

    /// Returns a time as seconds since the epoch.
    pub(super) fn of_time(time: Time) -> Self {
        Self::of_nanos(nanos(time))
    }

    /// Returns nanoseconds as seconds.
    pub(super) fn of_nanos(nanos: i128) -> Self {
        let sign = if nanos < 0 { "-" } else { "" };
        let digits = format!("{:0>10}", nanos.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len() - NANO_DIGITS);
        Self::read(&format!("{sign}{whole}.{fraction}"))
    }

    fn read(digits: &str) -> Self {
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, digits),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self { negative: negative && !is_zero, whole, fraction }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.size(other),
            (true, true) => self.size(other).reverse(),
        }
    }

    /// Compares without signs: the longer whole part is larger; for equal lengths the first
    /// different digit decides.
    fn size(&self, other: &Self) -> Ordering {
        let whole = self.whole.len().cmp(&other.whole.len());
        whole.then(self.whole.cmp(&other.whole)).then(self.fraction.cmp(&other.fraction))
    }

    /// Returns the seconds as nanoseconds, rounded to the nearest, halves away from zero. `None` if
    /// the value does not fit.
    pub(super) fn to_nanos(&self) -> Option<i128> {
        let digits = format!("{:0<10}", self.fraction);
        let (kept, rest) = digits.split_at(NANO_DIGITS);
        let up = i128::from(rest.starts_with(['5', '6', '7', '8', '9']));
        let size = format!("0{}{kept}", self.whole).parse::<i128>().ok()?.checked_add(up)?;
        Some(if self.negative { -size } else { size })
    }

    /// Returns the nearest number: an integer if it is whole.
    pub(super) fn to_number(&self) -> Number {
        let sign = if self.negative { "-" } else { "" };
        let written = format!("{sign}0{}", self.whole);
        let number = if self.fraction.is_empty() {
            written.parse::<i128>().ok().and_then(Number::integer)
        } else {
            let decimal = format!("{written}.{}", self.fraction).parse::<f64>().ok();
            decimal.and_then(Number::decimal)
        };
        number.unwrap_or(Number::ZERO)
    }
}

/// Returns the nanoseconds since the epoch.
pub(super) fn nanos(time: Time) -> i128 {
    let at = time.get();
    i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos())
}
