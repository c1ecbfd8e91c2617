//! Encodings: output decodes to the input, and is equal to that of other libraries.

use std::fmt::Write as _;

use hookgate::engine::{Context, Engine, OwnedValue, Program, Trap, UndeclaredRoots, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;

fn compiled(source: &str) -> Program {
    Engine::new().strangers(UndeclaredRoots::Allow).compile(source).unwrap()
}

fn answer(program: &Program, given: Value<'_>) -> Result<OwnedValue, Trap> {
    let mut context = Context::new();
    context.set("given", given);
    program.eval(&context)
}

fn text(answer: Result<OwnedValue, Trap>) -> String {
    answer.unwrap().borrow().as_text().unwrap().to_owned()
}

/// Returns base64 as RFC 4648 describes it: six bits for each character.
fn base64(bytes: &[u8], alphabet: &[u8; 64], pads: bool) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut bits = 0u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(*chunk.get(at).unwrap_or(&0));
        }
        for at in 0..4 {
            if at <= chunk.len() {
                out.push(char::from(alphabet[(bits >> (18 - 6 * at) & 63) as usize]));
            } else if pads {
                out.push('=');
            }
        }
    }
    out
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").unwrap(),
        }
    }
    out
}

fn escapes_in_small_letters(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |out, part| format!("{out}%{}{}", part[..2].to_lowercase(), &part[2..]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Generates strings that are almost valid encodings.
fn nearly() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-fA-F]{0,12}",
        "[0-9a-gG ]{0,12}",
        "[A-Za-z0-9+/]{0,12}={0,3}",
        "[A-Za-z0-9_-]{0,12}={0,3}",
        "[A-Za-z0-9+/_= -]{0,12}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn hex_and_base64_round_trip_in_both_alphabets(bytes in vec(any::<u8>(), 0..80)) {
        for (write, read, naive) in [
            ("given.$HEX()", "given.$UNHEX()", hex(&bytes)),
            ("given.$BASE64()", "given.$UNBASE64()", base64(&bytes, STANDARD, true)),
            ("given.$BASE64URL()", "given.$UNBASE64()", base64(&bytes, URL_SAFE, false)),
        ] {
            let written = text(answer(&compiled(write), Value::Bytes(&bytes)));
            prop_assert_eq!(&written, &naive);
            let back = answer(&compiled(read), Value::Text(&written)).unwrap();
            prop_assert_eq!(back, OwnedValue::Bytes(bytes.clone().into()));
        }
        let capitals = hex(&bytes).to_uppercase();
        let back = answer(&compiled("given.$UNHEX()"), Value::Text(&capitals)).unwrap();
        prop_assert_eq!(back, OwnedValue::Bytes(bytes.clone().into()));
        let bare = base64(&bytes, STANDARD, false);
        let back = answer(&compiled("given.$UNBASE64()"), Value::Text(&bare)).unwrap();
        prop_assert_eq!(back, OwnedValue::Bytes(bytes.into()));
    }

    #[test]
    fn decoded_hex_and_base64_encode_to_the_input(given in nearly()) {
        if let Ok(OwnedValue::Bytes(bytes)) = answer(&compiled("given.$UNHEX()"), Value::Text(&given)) {
            prop_assert_eq!(hex(&bytes), given.to_lowercase());
        } else {
            prop_assert!(given.len() % 2 == 1 || given.bytes().any(|one| !one.is_ascii_hexdigit()));
        }
        if let Ok(OwnedValue::Bytes(bytes)) = answer(&compiled("given.$UNBASE64()"), Value::Text(&given)) {
            // Apart from unused bits of the last character, and padding.
            let bare = given.trim_end_matches('=').replace('-', "+").replace('_', "/");
            let written = base64(&bytes, STANDARD, false);
            let sure = written.len().saturating_sub(usize::from(bytes.len() % 3 > 0));
            prop_assert_eq!(written.len(), bare.len());
            prop_assert_eq!(&written[..sure], &bare[..sure]);
        }
    }

    #[test]
    fn percent_encoding_round_trips(given in any::<String>(), spaced in "[ a+%é&=/]{0,12}") {
        for given in [given, spaced] {
            let written = text(answer(&compiled("given.$URLENCODE()"), Value::Text(&given)));
            prop_assert_eq!(&written, &percent(&given));
            let back = text(answer(&compiled("given.$URLDECODE()"), Value::Text(&written)));
            prop_assert_eq!(&back, &given);
            let small = escapes_in_small_letters(&written);
            let back = text(answer(&compiled("given.$URLDECODE()"), Value::Text(&small)));
            prop_assert_eq!(&back, &given);
        }
    }

    #[test]
    fn percent_decoding_agrees_with_the_percent_encoding_crate(given in "[a-z+%0-9A-Fé ]{0,12}") {
        let theirs = percent_encoding::percent_decode_str(&given).decode_utf8().ok();
        match answer(&compiled("given.$URLDECODE()"), Value::Text(&given)) {
            Ok(ours) => prop_assert_eq!(ours.borrow().as_text(), theirs.as_deref()),
            // The other library keeps a percent sign that starts no escape.
            Err(_) => {
                let bytes = given.as_bytes();
                let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
                let loose = (0..bytes.len()).any(|at| bytes[at] == b'%' && !(is_hex(at + 1) && is_hex(at + 2)));
                prop_assert!(theirs.is_none() || loose);
            }
        }
    }

    #[test]
    fn form_encoding_round_trips(pairs in vec(("[a-c]{1,2}", "[a-z &=+%é]{0,5}"), 0..6)) {
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let read = answer(&compiled("given.$PARSE_FORM()"), Value::Text(&written)).unwrap();
        let read: serde_json::Value = serde_json::from_str(&read.to_string()).unwrap();
        for (key, _) in &pairs {
            let of_key = pairs.iter().filter(|(one, _)| one == key);
            let all: Vec<&str> = of_key.map(|(_, value)| value.as_str()).collect();
            let wanted = if let [only] = all.as_slice() { serde_json::json!(only) } else { serde_json::json!(all) };
            prop_assert_eq!(&read[key], &wanted);
        }
    }
}
