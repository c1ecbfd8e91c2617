//! Numbers beyond 64-bit integers and floats, kept as their digits. Does not know arithmetic.
//!
//! Ids of webhooks may have any length. Such a number compares and prints exactly, and is never
//! converted to binary: work on it is linear in its digits.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::fault::{Fault, FaultKind, quoted, shortened};
use super::number::Number;

/// A number that [`Number`] cannot hold: an integer below -2^63 or above 2^64-1, or a decimal beyond
/// the floats.
///
/// An integer is in canonical digits. A decimal prints as it was written.
#[derive(Clone, Copy)]
pub struct BigNumber<'a> {
    text: &'a str,
}

/// A number in one of its two forms.
#[derive(Debug, Clone, Copy)]
pub enum ParsedNumber<'a> {
    /// A number that fits an integer or a float.
    Number(Number),
    /// A number that does not.
    Big(BigNumber<'a>),
}

impl<'a> ParsedNumber<'a> {
    /// Parses a number in the notation of JSON. Leading zeros and a leading `+` are also accepted
    /// in a number that fits a [`Number`]; [`plain_notation`] removes them for the others.
    ///
    /// Returns `None` if the text is not a number, or is a big one with leading zeros.
    pub fn parse(text: &'a str) -> Option<Self> {
        if !is_decimal_notation(text) {
            return None;
        }
        let plain = plain_notation(text);
        match ParsedNumber::of_json(&plain) {
            ParsedNumber::Number(number) => Some(Self::Number(number)),
            ParsedNumber::Big(_) if plain.len() == text.len() => Some(Self::of_json(text)),
            ParsedNumber::Big(_) => None,
        }
    }
}

impl<'a> ParsedNumber<'a> {
    /// Returns the number of a text that a JSON reader has tested.
    pub(super) fn of_json(text: &'a str) -> Self {
        if let Ok(integer) = text.parse::<i64>() {
            return Self::Number(Number::Int(integer));
        }
        let number = if is_integer_notation(text) {
            text.parse::<u64>().ok().map(Number::from)
        } else {
            text.parse::<f64>().ok().and_then(Number::decimal)
        };
        number.map_or(Self::Big(BigNumber { text }), Self::Number)
    }
}

fn is_integer_notation(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// Returns the notation of a number without a `+` and without leading zeros, as JSON writes it.
pub(crate) fn plain_notation(text: &str) -> Cow<'_, str> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let significant = digits.trim_start_matches('0');
    let needs_zero = !significant.starts_with(|first: char| first.is_ascii_digit());
    match (negative, needs_zero) {
        (false, false) => significant.into(),
        (false, true) if significant.len() + 1 == text.len() => text.into(),
        (false, true) => format!("0{significant}").into(),
        (true, false) if significant.len() == digits.len() => text.into(),
        (true, true) if significant.len() + 1 == digits.len() => text.into(),
        (true, false) => format!("-{significant}").into(),
        (true, true) => format!("-0{significant}").into(),
    }
}

/// A [`BigNumber`] that owns its digits.
#[derive(Debug, Clone)]
pub struct OwnedBigNumber(Box<str>);

impl OwnedBigNumber {
    /// Returns the number, borrowed.
    pub fn borrow(&self) -> BigNumber<'_> {
        BigNumber { text: &self.0 }
    }
}

impl From<BigNumber<'_>> for OwnedBigNumber {
    fn from(number: BigNumber<'_>) -> Self {
        Self(number.text.into())
    }
}

impl PartialEq for OwnedBigNumber {
    fn eq(&self, other: &Self) -> bool {
        self.borrow() == other.borrow()
    }
}

impl<'a> BigNumber<'a> {
    /// Returns the digits as they are printed.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the same number over a copy of its digits.
    pub(super) fn at(self, copy: &str) -> BigNumber<'_> {
        BigNumber { text: copy }
    }

    /// Returns true for an integer by type: no point and no exponent.
    pub fn is_integer(self) -> bool {
        is_integer_notation(self.text)
    }

    /// Returns true for a whole number in any notation: `1e400` is one.
    pub fn is_whole(self) -> bool {
        let magnitude = self.magnitude();
        let digits = magnitude.digits().count() as i128;
        // place + exponent is at least the number of digits.
        let none = Exponent { negative: false, digits: "" };
        magnitude.exponent.minus(&none).saturating_add(magnitude.place) >= digits
    }

    /// Returns true if it is below zero. It is never zero.
    pub fn is_negative(self) -> bool {
        self.text.starts_with('-')
    }

    /// Returns the nearest float; infinite beyond the floats.
    pub fn to_f64(self) -> f64 {
        // The notation was tested when the number was made.
        self.text.parse().unwrap_or(f64::INFINITY)
    }

    /// Returns the fault of an operation that cannot work on the number exactly.
    #[cold]
    pub fn not_calculated(self) -> Fault {
        let shown = shortened(self.text);
        let fault = Fault::new(FaultKind::OutOfRange, format!("`{shown}` is out of range"));
        fault.help(if self.is_integer() {
            "arithmetic is exact from -9223372036854775808 to 18446744073709551615; convert with `$DECIMAL` to calculate approximately"
        } else {
            "decimals reach to about 1.8e308"
        })
    }

    /// Compares two numbers by exact value.
    pub fn compare(self, other: BigNumber<'_>) -> Ordering {
        match (self.is_negative(), other.is_negative()) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.magnitude().compare(&other.magnitude()),
            (true, true) => other.magnitude().compare(&self.magnitude()),
        }
    }

    /// Compares with a number that fits, by exact value.
    pub fn compare_number(self, other: Number) -> Ordering {
        let by_sign = if self.is_negative() { Ordering::Less } else { Ordering::Greater };
        match other {
            // Only a float beyond the integers can be as large.
            Number::Decimal(float) if self.is_integer() && float.abs() >= 2f64.powi(63) => {
                // Floats of this size are whole. Rust prints every digit of them.
                let digits = format!("{float:.0}");
                self.compare(BigNumber { text: &digits })
            }
            _ => by_sign,
        }
    }

    fn magnitude(self) -> Magnitude<'a> {
        let unsigned = self.text.strip_prefix('-').unwrap_or(self.text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, ""));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Magnitude::new(whole, fraction, exponent)
    }

    /// Returns the form that all equal whole numbers share, for the digits of one that may fit a
    /// [`Number`] too.
    pub(super) fn normalised_digits(digits: &str) -> String {
        BigNumber { text: digits }.normalised()
    }

    /// Returns the form that all equal numbers share: digits without zeros at either end, and the
    /// power of ten of the first digit. Used for hashes of exact values.
    pub fn normalised(self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        let magnitude = self.magnitude();
        let digits: String = magnitude.digits().map(char::from).collect();
        format!("{sign}{digits}e{}", magnitude.exact_place())
    }
}

/// A positive number as `0.d1d2d3… * 10^(place + exponent)`, where the first digit is not zero.
struct Magnitude<'a> {
    whole: &'a str,
    fraction: &'a str,
    /// The number of digits before the point.
    place: i128,
    exponent: Exponent<'a>,
}

/// A written exponent, of any length.
struct Exponent<'a> {
    negative: bool,
    digits: &'a str,
}

impl<'a> Magnitude<'a> {
    fn new(whole: &'a str, fraction: &'a str, exponent: &'a str) -> Self {
        let exponent = Exponent {
            negative: exponent.starts_with('-'),
            digits: exponent.trim_start_matches(['+', '-']).trim_start_matches('0'),
        };
        // The notation has no leading zeros, and a big number is not below one before its exponent
        // unless the exponent is large; then the zeros after the point count.
        if whole == "0" {
            let significant = fraction.trim_start_matches('0');
            let place = significant.len() as i128 - fraction.len() as i128;
            return Self { whole: "", fraction: significant, place, exponent };
        }
        Self { whole, fraction, place: whole.len() as i128, exponent }
    }

    /// Returns the digits from the first that is not zero to the last that is not zero.
    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        let fraction = self.fraction.trim_end_matches('0');
        let whole = match fraction {
            "" => self.whole.trim_end_matches('0'),
            _ => self.whole,
        };
        whole.bytes().chain(fraction.bytes())
    }

    fn compare(&self, other: &Self) -> Ordering {
        // place + exponent against place + exponent, without adding: an exponent has any length.
        let exponents = self.exponent.minus(&other.exponent);
        let places = exponents.saturating_add(self.place - other.place);
        places.cmp(&0).then_with(|| self.digits().cmp(other.digits()))
    }

    /// Returns the sum of place and exponent in digits, of any length.
    fn exact_place(&self) -> String {
        let short = self.exponent.digits.len() < 30;
        match self.exponent.digits.parse::<i128>() {
            Ok(exponent) if short => {
                let signed = if self.exponent.negative { -exponent } else { exponent };
                (signed + self.place).to_string()
            }
            _ if self.exponent.digits.is_empty() => self.place.to_string(),
            _ => added(self.exponent.digits, self.place, self.exponent.negative),
        }
    }
}

/// Adds a small number to a long one in digits, as on paper: from the last digit, with a carry.
fn added(digits: &str, number: i128, negative: bool) -> String {
    let mut carry = if negative { -number } else { number };
    let mut sum: Vec<u8> = Vec::with_capacity(digits.len() + 1);
    for digit in digits.bytes().rev() {
        let here = i128::from(digit - b'0') + carry;
        sum.push(b'0' + here.rem_euclid(10) as u8);
        carry = here.div_euclid(10);
    }
    let mut text = if negative { "-".to_owned() } else { String::new() };
    let sum = sum.iter().rev().map(|digit| char::from(*digit));
    if carry > 0 {
        text.push_str(&carry.to_string());
        text.extend(sum);
    } else {
        text.extend(sum.skip_while(|digit| *digit == '0'));
    }
    text
}

/// The bound beyond which a difference of exponents decides by its sign: no number has as many
/// digits before its exponent.
const FAR: i128 = 1 << 100;

impl Exponent<'_> {
    /// Returns the difference, clamped to ±[`FAR`].
    fn minus(&self, other: &Self) -> i128 {
        let length = self.digits.len().max(other.digits.len());
        let mut difference = 0i128;
        for at in 0..length {
            let own = self.signed_digit(at, length);
            let others = other.signed_digit(at, length);
            difference = difference * 10 + own - others;
            // Later digits cannot bring a difference back that is so far from zero.
            if difference.abs() > FAR {
                return difference.signum() * FAR;
            }
        }
        difference
    }

    /// Returns the digit at an index of the number, written with leading zeros to a length.
    fn signed_digit(&self, at: usize, length: usize) -> i128 {
        let zeros = length - self.digits.len();
        let digit = at.checked_sub(zeros).and_then(|at| self.digits.as_bytes().get(at));
        let value = digit.map_or(0, |digit| i128::from(digit - b'0'));
        if self.negative { -value } else { value }
    }
}

/// Parses a number in the notation of the language and of JSON: an optional sign, digits, a
/// fraction, an exponent. A number that only a `BigNumber` can hold is out of
/// range.
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
        match ParsedNumber::parse(&plain_notation(text)) {
            Some(ParsedNumber::Number(number)) => Ok(number),
            Some(ParsedNumber::Big(number)) => Err(number.not_calculated()),
            None => Err(not_a_number()),
        }
    }
}

/// Returns true if the text is a sign, digits, a fraction and an exponent, the last three as in
/// JSON. `f64::from_str` also accepts `inf`, `.5` and `1.`, which are not numbers here.
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

impl PartialEq for BigNumber<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other).is_eq()
    }
}

/// Writes the digits: a decimal as it was written.
impl fmt::Display for BigNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Debug for BigNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{BigNumber, ParsedNumber, plain_notation};
    use crate::value::Number;

    fn big(text: &str) -> BigNumber<'_> {
        match ParsedNumber::parse(text) {
            Some(ParsedNumber::Big(number)) => number,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn only_numbers_beyond_integers_and_floats_are_big() {
        for text in ["18446744073709551616", "-9223372036854775809", "1e309", "-2.5E+400"] {
            assert_eq!(big(text).to_string(), text);
        }
        for text in
            ["0", "-9223372036854775808", "18446744073709551615", "1e308", "1e-400", "0e999"]
        {
            assert!(matches!(ParsedNumber::parse(text), Some(ParsedNumber::Number(_))), "{text}");
        }
        for text in ["", "-", "1.", "x", "00018446744073709551616"] {
            assert!(ParsedNumber::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn equal_values_in_different_notations_are_equal_and_share_the_normalised_form() {
        let forms = ["10e399", "1e400", "1.0e400", "0.1e401", "100.00E+398"];
        for other in forms {
            assert_eq!(big("1e400").compare(big(other)), Ordering::Equal, "{other}");
            assert_eq!(big("1e400").normalised(), big(other).normalised(), "{other}");
        }
        let long = format!("1{}", "0".repeat(400));
        assert_eq!(big(&long), big("1e400"));
        assert_eq!(big(&long).normalised(), big("1e400").normalised());
    }

    #[test]
    fn exponents_of_any_length_compare_exactly() {
        let nines = format!("10e{}", "9".repeat(50));
        let next = format!("1e1{}", "0".repeat(50));
        assert_eq!(big(&nines), big(&next));
        assert_eq!(big(&nines).normalised(), big(&next).normalised());
        let more = format!("1.1e1{}", "0".repeat(50));
        assert_eq!(big(&next).compare(big(&more)), Ordering::Less);
        let minus = format!("-{more}");
        assert_eq!(big(&minus).compare(big(&next)), Ordering::Less);
    }

    #[test]
    fn a_float_compares_with_a_big_integer_by_its_exact_value() {
        let float = Number::decimal(2f64.powi(64)).unwrap();
        assert_eq!(big("18446744073709551616").compare_number(float), Ordering::Equal);
        assert_eq!(big("18446744073709551617").compare_number(float), Ordering::Greater);
        let huge = Number::decimal(1e300).unwrap();
        assert_eq!(big("18446744073709551617").compare_number(huge), Ordering::Less);
        assert_eq!(big("1e309").compare_number(huge), Ordering::Greater);
        assert_eq!(big("-1e309").compare_number(Number::Int(i64::MIN)), Ordering::Less);
    }

    #[test]
    fn canonical_notation_has_no_plus_and_no_leading_zeros() {
        assert_eq!(plain_notation("+007"), "7");
        assert_eq!(plain_notation("-00018446744073709551616"), "-18446744073709551616");
        assert_eq!(plain_notation("-18446744073709551616"), "-18446744073709551616");
        assert_eq!(plain_notation("000.5e400"), "0.5e400");
    }
}
