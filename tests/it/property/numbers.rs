//! Numbers of any length compare and add as those of an arbitrary-precision library.

use std::cmp::Ordering;

use hookgate::engine::{Context, Engine, Machine, OwnedValue, UndeclaredRoots};
use hookgate::value::{read_json, write_key_form};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

use super::cases;

/// Generates numbers near the limits of integers and floats, where rounding would show.
fn number() -> impl Strategy<Value = String> {
    let near = prop_oneof![
        Just(BigInt::from(1) << 53),
        Just(BigInt::from(1) << 63),
        Just(BigInt::from(1) << 64),
        Just(BigInt::from(1) << 65),
        Just(BigInt::from(10).pow(30)),
        Just(BigInt::from(10).pow(309)),
    ];
    let integer = (near, -3i64..4, any::<bool>()).prop_map(|(near, step, negative)| {
        let number = near + step;
        if negative { -number } else { number }
    });
    let decimal = (-1000i64..1000, 0u32..5, -3i32..420);
    prop_oneof![
        3 => integer.clone().prop_map(|number| number.to_string()),
        1 => integer.prop_map(|number| format!("{number}.0")),
        1 => (-20i64..20).prop_map(|number| number.to_string()),
        1 => decimal.prop_map(|(whole, fraction, exponent)| format!("{whole}.{fraction}e{exponent}")),
    ]
}

/// Returns the exact value that the language gives a number: an integer is exact, another number is
/// its nearest float, and exact again beyond the floats.
fn exact(text: &str) -> BigRational {
    let is_integer = !text.contains(['.', 'e']);
    match text.parse::<f64>() {
        Ok(float) if !is_integer && float.is_finite() => BigRational::from_float(float).unwrap(),
        _ => written(text),
    }
}

fn written(text: &str) -> BigRational {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
    let exponent = exponent.parse::<i32>().unwrap() - i32::try_from(fraction.len()).unwrap();
    let power = BigInt::from(10).pow(exponent.unsigned_abs());
    if exponent < 0 { BigRational::new(digits, power) } else { BigRational::from(digits * power) }
}

/// Evaluates an expression over two numbers.
fn answer(source: &str, left: &str, right: &str) -> Result<OwnedValue, String> {
    let program = Engine::new().strangers(UndeclaredRoots::Allow).compile(source).unwrap();
    let (left, right) = (read(left), read(right));
    let mut context = Context::new();
    context.set("left", &left).set("right", &right);
    let mut machine = Machine::default();
    let answer = machine.eval(&program, &context);
    answer.map(|value| value.to_owned_value().unwrap()).map_err(|trap| trap.code().to_string())
}

fn read(text: &str) -> OwnedValue {
    read_json(text.as_bytes()).unwrap()
}

fn canonical(text: &str) -> Vec<u8> {
    let mut form = Vec::new();
    write_key_form(read(text).borrow(), &mut |piece| form.extend_from_slice(piece)).unwrap();
    form
}

fn holds(source: &str, left: &str, right: &str) -> bool {
    answer(source, left, right) == Ok(OwnedValue::Bool(true))
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn numbers_compare_by_their_exact_value(left in number(), right in number()) {
        let order = exact(&left).cmp(&exact(&right));
        prop_assert_eq!(holds("left < right", &left, &right), order == Ordering::Less);
        prop_assert_eq!(holds("left >= right", &left, &right), order != Ordering::Less);
        prop_assert_eq!(holds("left == right", &left, &right), order == Ordering::Equal);
        prop_assert_eq!(holds("left IN [right]", &left, &right), order == Ordering::Equal);
        prop_assert_eq!(holds("$LENGTH($UNIQUE([left, right])) == 1", &left, &right), order == Ordering::Equal);
        prop_assert_eq!(canonical(&left) == canonical(&right), order == Ordering::Equal);
    }

    #[test]
    fn integers_keep_every_digit(left in number()) {
        if !left.contains(['.', 'e']) {
            prop_assert_eq!(read(&left).to_string(), left.clone());
            prop_assert_eq!(answer("$TEXT(left)", &left, "0"), Ok(OwnedValue::Text(left.as_str().into())));
            let parsed = format!("$INTEGER(\"{left}\")");
            prop_assert_eq!(answer(&parsed, "0", "0").map(|value| value.to_string()), Ok(left.clone()));
            prop_assert_eq!(answer(&left, "0", "0").map(|value| value.to_string()), Ok(left));
        }
    }

    #[test]
    fn arithmetic_with_integers_is_exact_or_an_error(left in number(), right in number()) {
        let is_integer = |text: &str| !text.contains(['.', 'e']);
        if is_integer(&left) && is_integer(&right) {
            let (a, b): (BigInt, BigInt) = (left.parse().unwrap(), right.parse().unwrap());
            for (source, wanted) in [("left + right", &a + &b), ("left - right", &a - &b), ("left * right", &a * &b), ("$SUM([left, right])", &a + &b)] {
                match answer(source, &left, &right) {
                    Ok(value) => prop_assert_eq!(value.to_string(), wanted.to_string(), "{}", source),
                    Err(code) => prop_assert_eq!(code, "E0303", "{}", source),
                }
            }
        }
    }

    /// A float operation may round, but it never takes an integer that was rounded before.
    #[test]
    fn arithmetic_never_rounds_an_integer_operand(left in number(), right in number()) {
        let is_integer = |text: &str| !text.contains(['.', 'e']);
        let is_mixed = !is_integer(&left) && is_integer(&right);
        if is_mixed && let Ok(value) = answer("left + right", &left, &right) {
            let float: f64 = right.parse().unwrap();
            prop_assert_eq!(BigRational::from_float(float).unwrap(), exact(&right), "{}", value);
        }
    }
}
