//! Laws: properties of all values.

use std::cmp::Ordering;

use hookgate::engine::{Heap, Number, OwnedValue, Time, Value};
use hookgate::value::{
    self, Budget, MAX_DEPTH, OwnedObject, RepeatedKeys, contains, equal, ordering, read_json,
    read_json_into, slice, sort_order,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;

fn heap() -> Heap {
    Heap::new(Budget { bytes: 16 << 20, steps: 1_000_000 })
}

pub(super) fn numbers() -> impl Strategy<Value = Number> {
    let near =
        |at: i128| (-3..=3i128).prop_filter_map("in range", move |d| Number::integer(at + d));
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        near(0),
        near(1 << 53),
        near(-(1 << 53)),
        near(1 << 63),
        near(-(1 << 63)),
        near((1 << 64) - 1),
        any::<f64>().prop_filter_map("finite", Number::decimal),
        (-3..=3i32, prop_oneof![Just(53), Just(63), Just(64)])
            .prop_filter_map("finite", |(d, e)| Number::decimal(2f64.powi(e) + f64::from(d))),
        (-1000i32..1000).prop_filter_map("finite", |n| Number::decimal(f64::from(n) / 8.0)),
    ]
}

pub(super) fn times() -> impl Strategy<Value = Time> {
    let seconds = prop_oneof![-5i64..5, -62_167_132_800i64..253_402_214_400];
    let nanos = prop_oneof![Just(0u32), 0..1_000_000_000u32, Just(500_000_000)];
    (seconds, nanos, -12..=12i32).prop_filter_map("in range", |(seconds, nanos, hours)| {
        let offset = chrono::FixedOffset::east_opt(hours * 3600)?;
        Time::new(chrono::DateTime::from_timestamp(seconds, nanos)?.with_timezone(&offset))
    })
}

pub(super) fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{0,6}", "[aé🙂\u{301}İ]{0,6}", any::<String>()]
}

/// Generates values of every kind that outlives an evaluation.
pub(super) fn values() -> impl Strategy<Value = OwnedValue> {
    let leaf = prop_oneof![
        Just(OwnedValue::Null),
        any::<bool>().prop_map(OwnedValue::Bool),
        numbers().prop_map(OwnedValue::Number),
        (-2..3i64).prop_map(|n| OwnedValue::Number(n.into())),
        texts().prop_map(|text| OwnedValue::Text(text.into())),
        times().prop_map(OwnedValue::Time),
        vec(any::<u8>(), 0..4).prop_map(|bytes| OwnedValue::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(OwnedValue::List),
            vec(("[abc]{1,2}", inner), 0..12).prop_map(|entries| {
                let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
                OwnedValue::Object(OwnedObject::new(entries.collect()).0)
            }),
        ]
    })
}

/// Returns a number as `mantissa * 2^exponent`, exactly.
fn parts(number: Number) -> (i128, i32) {
    if let Some(integer) = number.as_integer() {
        return (integer, 0);
    }
    let bits = number.to_f64().to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let mantissa = (bits & ((1 << 52) - 1)) as i128;
    let (mantissa, exponent) =
        if exponent == 0 { (mantissa, -1074) } else { (mantissa | 1 << 52, exponent - 1075) };
    (if number.to_f64() < 0.0 { -mantissa } else { mantissa }, exponent)
}

/// Compares `a * 2^e` with `b * 2^f`: with a common exponent if they are close, otherwise by size.
fn by_fractions(left: Number, right: Number) -> Ordering {
    let ((a, e), (b, f)) = (parts(left), parts(right));
    if a.signum() != b.signum() || a == 0 {
        return a.signum().cmp(&b.signum());
    }
    let size = |mantissa: i128, exponent: i32| {
        128 - mantissa.unsigned_abs().leading_zeros() as i32 + exponent
    };
    let by_size = size(a, e).cmp(&size(b, f));
    if by_size.is_ne() {
        return if a < 0 { by_size.reverse() } else { by_size };
    }
    // At the same size, the exponents differ by at most 64.
    let least = e.min(f);
    (a << (e - least)).cmp(&(b << (f - least)))
}

fn is_order(list: &[Value<'_>; 3]) -> Result<(), TestCaseError> {
    let heap = heap();
    let order = |a: usize, b: usize| ordering(&heap, list[a], list[b]).ok().flatten();
    if let Some(one) = order(0, 1) {
        prop_assert_eq!(order(1, 0), Some(one.reverse()), "either way");
        let same = equal(&heap, list[0], list[1]).unwrap();
        prop_assert_eq!(one.is_eq(), same, "order and equality");
        if let (Some(two), Some(whole)) = (order(1, 2), order(0, 2))
            && one == two
        {
            prop_assert_eq!(whole, one, "transitive");
        }
    }
    Ok(())
}

/// Returns Python's slice over characters.
fn python(text: &[char], from: Option<i128>, to: Option<i128>) -> String {
    let length = text.len() as i128;
    let bound = |bound: Option<i128>, open: i128| match bound {
        None => open,
        Some(at) if at < 0 => (at + length).max(0),
        Some(at) => at.min(length),
    };
    let (from, to) = (bound(from, 0), bound(to, length));
    (from..to).filter_map(|at| text.get(at as usize)).collect()
}

fn bounds() -> impl Strategy<Value = Option<i128>> {
    prop_oneof![
        Just(None),
        (-9..9i128).prop_map(Some),
        Just(Some(i128::from(u64::MAX))),
        Just(Some(i128::from(i64::MIN))),
    ]
}

fn bound(bound: Option<i128>) -> Value<'static> {
    bound.and_then(Number::integer).map_or(Value::Null, Value::Number)
}

/// Generates JSON text, with spaces, escapes and all number notations.
fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
    ];
    let text = any::<String>().prop_map(|text| serde_json::Value::from(text).to_string());
    let escaped =
        "\"(\\\\u00[0-7][0-9a-f]|\\\\ud83d\\\\ude00|\\\\[\"/bfnrt]|\\\\\\\\|[ a-z]){0,4}\"";
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number,
        text.clone(),
        escaped,
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let entry =
            ("[a-f]", inner.clone()).prop_map(|(key, value)| format!(" \"{key}\" :{value}"));
        prop_oneof![
            vec(inner, 0..4).prop_map(|items| format!("[{}\n]", items.join(" , "))),
            vec(entry, 0..4).prop_map(|entries| format!("{{{}\t}}", entries.join(","))),
        ]
    })
}

fn repeats_a_key(json: &str) -> bool {
    struct Keys(bool);
    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
            reader.deserialize_any(Seen)
        }
    }
    struct Seen;
    impl<'de> serde::de::Visitor<'de> for Seen {
        type Value = Keys;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }
        fn visit_unit<E>(self) -> Result<Keys, E> {
            Ok(Keys(false))
        }
        fn visit_bool<E>(self, _: bool) -> Result<Keys, E> {
            Ok(Keys(false))
        }
        fn visit_i64<E>(self, _: i64) -> Result<Keys, E> {
            Ok(Keys(false))
        }
        fn visit_u64<E>(self, _: u64) -> Result<Keys, E> {
            Ok(Keys(false))
        }
        fn visit_f64<E>(self, _: f64) -> Result<Keys, E> {
            Ok(Keys(false))
        }
        fn visit_str<E>(self, _: &str) -> Result<Keys, E> {
            Ok(Keys(false))
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Keys, A::Error> {
            let mut found = false;
            while let Some(Keys(inner)) = items.next_element()? {
                found |= inner;
            }
            Ok(Keys(found))
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut items: A) -> Result<Keys, A::Error> {
            let (mut found, mut seen) = (false, Vec::new());
            while let Some((key, Keys(inner))) = items.next_entry::<String, Keys>()? {
                found |= inner || seen.contains(&key);
                seen.push(key);
            }
            Ok(Keys(found))
        }
    }
    serde_json::from_str::<Keys>(json).is_ok_and(|keys| keys.0)
}

/// Returns true if a text may have an integer beyond 64 bits, which serde_json rounds.
fn has_big_integer(json: &str) -> bool {
    json.split(|mark: char| !mark.is_ascii_digit()).any(|digits| digits.len() > 18)
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn numbers_compare_by_exact_value(a in numbers(), b in numbers()) {
        prop_assert_eq!(a.compare(b), by_fractions(a, b));
        let equal = equal(&heap(), Value::Number(a), Value::Number(b)).unwrap();
        prop_assert_eq!(equal, by_fractions(a, b).is_eq());
    }

    #[test]
    fn integer_arithmetic_is_exact_or_an_overflow(a in numbers(), b in numbers()) {
        if let (Some(x), Some(y)) = (a.as_integer(), b.as_integer()) {
            prop_assert_eq!(a.checked_add(b).ok(), Number::integer(x + y));
            prop_assert_eq!(a.checked_sub(b).ok(), Number::integer(x - y));
            prop_assert_eq!(a.checked_mul(b).ok(), x.checked_mul(y).and_then(Number::integer));
            prop_assert_eq!(a.checked_neg().ok(), Number::integer(-x));
            if y != 0 && x % y == 0 {
                prop_assert_eq!(a.checked_div(b).ok(), Number::integer(x / y));
            }
        }
    }

    #[test]
    fn arithmetic_never_results_in_nan_infinity_or_negative_zero(a in numbers(), b in numbers()) {
        let answers = [a.checked_add(b), a.checked_sub(b), a.checked_mul(b), a.checked_div(b)];
        for number in answers.into_iter().flatten() {
            prop_assert!(number.to_f64().is_finite());
            prop_assert!(number.to_string() != "-0");
        }
    }

    #[test]
    fn printed_numbers_parse_to_the_same_number(a in numbers()) {
        let read = read_json(a.to_string().as_bytes()).unwrap();
        prop_assert!(equal(&heap(), read.borrow(), Value::Number(a)).unwrap(), "{} {}", a, read);
        prop_assert_eq!(read.to_string(), a.to_string());
        let json: serde_json::Number = a.to_string().parse().unwrap();
        prop_assert_eq!(json.as_f64().unwrap(), a.to_f64());
    }

    #[test]
    fn equality_is_reflexive_and_the_same_from_either_side(a in values(), b in values()) {
        let heap = heap();
        prop_assert!(equal(&heap, a.borrow(), a.borrow()).unwrap());
        prop_assert!(equal(&heap, a.borrow(), a.clone().borrow()).unwrap());
        let there = equal(&heap, a.borrow(), b.borrow()).unwrap();
        prop_assert_eq!(there, equal(&heap, b.borrow(), a.borrow()).unwrap());
    }

    #[test]
    fn equality_is_the_same_for_owned_borrowed_and_heap_values(json in json()) {
        let (Ok(ours), Ok(theirs)) = (
            read_json(json.as_bytes()), serde_json::from_str::<serde_json::Value>(&json),
        ) else {
            return Ok(());
        };
        prop_assume!(!has_big_integer(&json));
        let heap = heap();
        let built = read_json_into(&heap, &json, RepeatedKeys::Refuse).unwrap();
        for (a, b) in [
            (ours.borrow(), Value::from(&theirs)), (built, ours.borrow()), (Value::from(&theirs), built),
        ] {
            prop_assert!(equal(&heap, a, b).unwrap(), "{a:?} {b:?}");
            prop_assert!(equal(&heap, b, a).unwrap(), "{b:?} {a:?}");
        }
    }

    #[test]
    fn comparison_is_a_total_order_within_comparable_kinds(
        a in prop_oneof![numbers().prop_map(OwnedValue::Number), times().prop_map(OwnedValue::Time), values()],
        b in prop_oneof![numbers().prop_map(OwnedValue::Number), times().prop_map(OwnedValue::Time), values()],
        c in prop_oneof![numbers().prop_map(OwnedValue::Number), times().prop_map(OwnedValue::Time), values()],
    ) {
        let values = [a.borrow(), b.borrow(), c.borrow()];
        is_order(&values)?;
        let heap = heap();
        if let Ok(order) = sort_order(&heap, values[0], values[1]) {
            prop_assert_eq!(sort_order(&heap, values[1], values[0]).unwrap(), order.reverse());
        }
    }

    #[test]
    fn strings_are_ordered_by_code_points(a in texts(), b in texts()) {
        let order = ordering(&heap(), Value::Text(&a), Value::Text(&b)).unwrap();
        prop_assert_eq!(order, Some(a.chars().cmp(b.chars())));
    }

    #[test]
    fn a_time_compares_with_numbers_by_its_unix_seconds(time in times(), number in numbers()) {
        let nanos = nanos(time);
        let order = ordering(&heap(), Value::Time(time), Value::Number(number)).unwrap().unwrap();
        // Scaled by 10^9 both have one unit. Only a float far from the time may be inexact.
        let (mantissa, exponent) = parts(number);
        let exact = if exponent >= 0 {
            (exponent <= 20).then(|| nanos.cmp(&((mantissa << exponent) * 1_000_000_000)))
        } else if exponent >= -43 {
            Some((nanos << -exponent).cmp(&(mantissa * 1_000_000_000)))
        } else {
            None
        };
        if let Some(exact) = exact {
            prop_assert_eq!(order, exact);
        }
    }

    #[test]
    fn string_containment_agrees_with_a_naive_search(part in texts(), text in texts()) {
        let (part_bytes, bytes) = (part.as_bytes(), text.as_bytes());
        let naive = part.is_empty()
            || (0..bytes.len()).any(|at| bytes[at..].starts_with(part_bytes));
        prop_assert_eq!(contains(&heap(), Value::Text(&part), Value::Text(&text)).unwrap(), naive);
    }

    #[test]
    fn list_containment_is_equality_with_an_element(
        needle in values(), list in vec(values(), 0..5),
    ) {
        let heap = heap();
        let naive = list.iter().any(|item| equal(&heap, item.borrow(), needle.borrow()).unwrap());
        let list = OwnedValue::List(list);
        prop_assert_eq!(contains(&heap, needle.borrow(), list.borrow()).unwrap(), naive);
    }

    #[test]
    fn slices_agree_with_python(text in texts(), from in bounds(), to in bounds()) {
        let heap = heap();
        let characters: Vec<char> = text.chars().collect();
        let expected = python(&characters, from, to);
        let cut = slice(&heap, Value::Text(&text), bound(from), bound(to)).unwrap();
        prop_assert_eq!(cut.as_text(), Some(&*expected));
        let list = OwnedValue::List(
            characters.iter().map(|c| OwnedValue::Text(c.to_string().into())).collect(),
        );
        let cut = slice(&heap, list.borrow(), bound(from), bound(to)).unwrap().as_list().unwrap();
        let joined: String = cut.iter().filter_map(|item| item.as_text()).collect();
        prop_assert_eq!(joined, expected);
    }

    #[test]
    fn an_index_is_a_slice_of_length_one(text in texts(), at in -9..9i64) {
        let heap = heap();
        let one = value::index(&heap, Value::Text(&text), Value::Number(at.into())).unwrap();
        let characters: Vec<char> = text.chars().collect();
        let place = if at < 0 { at + characters.len() as i64 } else { at };
        let expected = usize::try_from(place).ok().and_then(|at| characters.get(at));
        prop_assert_eq!(one.as_text().map(str::to_owned), expected.map(char::to_string));
    }

    #[test]
    fn json_round_trips(value in values()) {
        let shown = value.to_string();
        let read = read_json(shown.as_bytes()).unwrap();
        prop_assert_eq!(read.to_string(), shown.clone());
        let theirs: serde_json::Value = serde_json::from_str(&shown).unwrap();
        prop_assert!(equal(&heap(), read.borrow(), Value::from(&theirs)).unwrap());
    }

    #[test]
    fn json_parsing_agrees_with_serde_json(json in json()) {
        prop_assume!(!has_big_integer(&json));
        let theirs = serde_json::from_str::<serde_json::Value>(&json);
        match read_json(json.as_bytes()) {
            Ok(ours) => {
                let theirs = theirs.unwrap();
                prop_assert!(equal(&heap(), ours.borrow(), Value::from(&theirs)).unwrap());
                prop_assert!(!repeats_a_key(&json));
            }
            Err(error) => prop_assert!(
                theirs.is_err() || repeats_a_key(&json), "{error}: {json}"
            ),
        }
    }

    #[test]
    fn json_on_the_heap_equals_owned_json(json in json()) {
        let heap = heap();
        match (read_json(json.as_bytes()), read_json_into(&heap, &json, RepeatedKeys::Refuse)) {
            (Ok(ours), Ok(built)) => prop_assert_eq!(built.to_owned_value(), Some(ours)),
            (Err(_), Err(_)) => {}
            (ours, built) => prop_assert!(false, "{ours:?} {built:?}"),
        }
    }

    #[test]
    fn malformed_json_is_refused_without_a_panic(bytes in vec(any::<u8>(), 0..40), json in json(), at in any::<prop::sample::Index>()) {
        let _ = read_json(&bytes);
        let cut = at.index(json.len());
        let mut broken = json.into_bytes();
        broken.truncate(cut);
        if let Ok(value) = read_json(&broken) {
            let theirs: serde_json::Value = serde_json::from_slice(&broken).unwrap();
            prop_assert!(equal(&heap(), value.borrow(), Value::from(&theirs)).unwrap());
        }
    }

    #[test]
    fn a_digest_equals_values_with_the_same_content(bytes in vec(any::<u8>(), 0..8), other in vec(any::<u8>(), 0..8)) {
        let heap = heap();
        let (a, b) = (hex(&bytes), hex(&other));
        let same = bytes == other;
        for (left, right) in [
            (Value::Bytes(&bytes), Value::Bytes(&other)),
            (Value::Encoded(&a), Value::Encoded(&b)),
            (Value::Encoded(&a), Value::Text(&b)),
            (Value::SecretText(&a), Value::Text(&b)),
            (Value::SecretText(&a), Value::Bytes(b.as_bytes())),
            (Value::SecretBytes(&bytes), Value::Bytes(&other)),
        ] {
            prop_assert_eq!(equal(&heap, left, right).unwrap(), same);
            prop_assert_eq!(equal(&heap, right, left).unwrap(), same);
        }
        prop_assert!(!equal(&heap, Value::Text(&a), Value::Bytes(a.as_bytes())).unwrap());
    }

    #[test]
    fn the_difference_of_times_is_the_nearest_number_of_seconds(a in times(), b in times()) {
        let nanos = nanos(a) - nanos(b);
        let sign = if nanos < 0 { "-" } else { "" };
        let (whole, rest) = (nanos.abs() / 1_000_000_000, nanos.abs() % 1_000_000_000);
        let nearest: Number = format!("{sign}{whole}.{rest:09}").parse().unwrap();
        prop_assert!(a.seconds_since(b).compare(nearest).is_eq(), "{} {}", a, b);
    }

    #[test]
    fn adding_seconds_to_a_time_rounds_to_the_nearest_nanosecond(time in times(), seconds in -1e6..1e6f64) {
        // As written: the shortest digits that identify the float.
        let shown = seconds.to_string();
        let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
        let fraction = format!("{fraction:0<10}");
        let whole: i128 = whole.parse::<i128>().unwrap().abs() * 1_000_000_000;
        let digits: i128 = fraction[..9].parse().unwrap();
        let up = i128::from(fraction.as_bytes()[9] >= b'5');
        let distance = (whole + digits + up) * if seconds < 0.0 { -1 } else { 1 };
        if let Ok(moved) = time.plus_seconds(Number::decimal(seconds).unwrap()) {
            prop_assert_eq!(nanos(moved) - nanos(time), distance);
        }
    }

    #[test]
    fn adding_and_subtracting_seconds_round_trips(time in times(), seconds in -1_000_000i64..1_000_000) {
        let by = Number::from(seconds);
        if let Ok(moved) = time.plus_seconds(by) {
            prop_assert_eq!(moved.seconds_since(time), by);
            prop_assert_eq!(moved.minus_seconds(by).unwrap(), time);
        }
    }
}

pub(super) fn nanos(time: Time) -> i128 {
    let at = time.get();
    i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn object_keys_keep_their_order() {
    let json = r#"{"z":1,"a":{"y":1,"b":2},"m":[{"q":1,"c":2}],"0":3}"#;
    assert_eq!(read_json(json.as_bytes()).unwrap().to_string(), json);
}

#[test]
fn json_past_the_depth_limit_of_128_is_passed_on_and_not_read() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |deep: usize| format!("{}null{}", open.repeat(deep), close.repeat(deep));
        let at_the_limit = nested(MAX_DEPTH);
        assert_eq!(read_json(at_the_limit.as_bytes()).unwrap().to_string(), at_the_limit);
        assert!(read_json_into(&heap(), &at_the_limit, RepeatedKeys::Refuse).is_ok());
        let beyond = nested(MAX_DEPTH + 1);
        assert_eq!(read_json(beyond.as_bytes()).unwrap().to_string(), beyond);
        let heap = heap();
        let value = read_json_into(&heap, &beyond, RepeatedKeys::Refuse).unwrap();
        assert_eq!(value.to_string(), beyond);
        let reads = equal(&heap, value, value).unwrap_err();
        assert!(reads.message().contains("128"), "{reads}");
    }
    assert_eq!(MAX_DEPTH, 128);
}
