//! Canonical JSON and decryption: laws, and agreement with other libraries.

use hookgate::engine::{Context, Engine, OwnedValue, Program, Value};
use hookgate::value::read_json;
use proptest::collection::vec;
use proptest::prelude::*;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::Value as Json;

use super::cases;

fn program(source: &str) -> Program {
    Engine::new().compile(source).unwrap()
}

fn answer(program: &Program, given: &[(&str, Value<'_>)]) -> OwnedValue {
    let mut context = Context::new();
    for (name, value) in given {
        context.set(name, *value);
    }
    program.eval(&context).unwrap()
}

/// Returns JSON values whose numbers are floats.
fn json() -> impl Strategy<Value = Json> {
    // Between these, ECMAScript writes a float as an integer with zeros in place of its last digits.
    // Read again, this is another number, and not exactly a float.
    let is_written_exactly = |float: &f64| float.abs() < 2f64.powi(53) || float.abs() >= 1e21;
    let number = any::<f64>()
        .prop_filter("written exactly", is_written_exactly)
        .prop_filter_map("finite", |float| serde_json::Number::from_f64(float).map(Json::Number));
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number,
        any::<String>().prop_map(Json::String),
        "[\u{e000}-\u{ffff}\u{10000}-\u{10010}a\\\\\"\n\u{7f}]{0,3}".prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let key = "[\u{e000}-\u{ffff}\u{10000}-\u{10010}a-c\n]{0,2}";
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            vec((key, inner), 0..5).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

/// Writes JSON with the members of objects in reverse order.
fn reversed(json: &Json) -> String {
    match json {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(reversed).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(members) => {
            let member = |(key, value): (&String, &Json)| {
                format!("{}: {}", Json::from(key.as_str()), reversed(value))
            };
            let members: Vec<String> = members.iter().rev().map(member).collect();
            format!("{{{}}}", members.join(" , "))
        }
        other => other.to_string(),
    }
}

/// Returns true if the keys of each object are in the order of their UTF-16 code units.
fn is_sorted(value: Value<'_>) -> bool {
    match value {
        Value::List(items) => items.iter().all(is_sorted),
        Value::Object(object) => {
            let keys: Vec<Vec<u16>> =
                object.iter().map(|(key, _)| key.encode_utf16().collect()).collect();
            keys.is_sorted() && object.iter().all(|(_, value)| is_sorted(value))
        }
        _ => true,
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn canonical_json_has_one_form_that_reads_as_the_same_value(json in json()) {
        let canonical = program("$CANONICAL_JSON(given)");
        let text = answer(&canonical, &[("given", Value::from(&json))]);
        let text = text.borrow().as_text().unwrap().to_owned();
        let back = read_json(text.as_bytes()).unwrap();
        let other = read_json(reversed(&json).as_bytes()).unwrap();
        for value in [&back, &other] {
            let again = answer(&canonical, &[("given", value.borrow())]);
            prop_assert_eq!(again.borrow().as_text(), Some(text.as_str()));
        }
        prop_assert!(is_sorted(back.borrow()), "{}", text);
        let same = program("$PARSE_JSON($CANONICAL_JSON(given)) == given");
        prop_assert_eq!(answer(&same, &[("given", Value::from(&json))]), OwnedValue::Bool(true));
    }

    #[test]
    fn aes_gcm_decrypts_what_ring_encrypts_and_nothing_else(
        key in vec(any::<u8>(), 32),
        short in any::<bool>(),
        iv in any::<[u8; 12]>(),
        plain in vec(any::<u8>(), 0..100),
        aad in vec(any::<u8>(), 0..20),
        changed in any::<prop::sample::Index>(),
    ) {
        let (algorithm, key) =
            if short { (&AES_128_GCM, &key[..16]) } else { (&AES_256_GCM, &key[..]) };
        let sealing = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
        let mut data = plain.clone();
        let nonce = Nonce::assume_unique_for_key(iv);
        sealing.seal_in_place_append_tag(nonce, Aad::from(&aad), &mut data).unwrap();
        let decrypt = program("$DECRYPT_AES_GCM(key, iv, data, aad)");
        let decrypted = |data: &[u8]| {
            let given = [("key", key), ("iv", &iv[..]), ("data", data), ("aad", &aad[..])];
            answer(&decrypt, &given.map(|(name, bytes)| (name, Value::Bytes(bytes))))
        };
        prop_assert_eq!(decrypted(&data), OwnedValue::Bytes(plain.into()));
        let bit = changed.index(data.len() * 8);
        data[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(decrypted(&data), OwnedValue::Null);
    }
}
