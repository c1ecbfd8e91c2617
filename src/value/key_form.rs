//! A byte form that equal values share, for keys that are stored. Does not know who hashes it.
//!
//! Version 2 of the keys. The form never changes without a new version, because stored keys would
//! no longer match.

use super::{BigNumber, Fault, FaultKind, List, Number, Object, Value, too_deep_to_read};

/// The first byte of each kind of value.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum KindTag {
    Null = 0,
    False = 1,
    True = 2,
    /// A whole number, or one beyond the floats: its digits and their place.
    Digits = 3,
    /// A float with a fraction: its bits. No other number equals it.
    Float = 4,
    Text = 5,
    Bytes = 6,
    Time = 7,
    List = 8,
    Object = 9,
}

/// Writes the form of a value in pieces. Two values of JSON have the same form exactly if
/// they are equal by `==`: `1`, `1.0` and `1e0` are one number, and the order of keys does not
/// count. A time has a form of its own, by its instant.
///
/// # Errors
/// Returns an error for a value that is or contains a secret, and for JSON that is nested too deeply
/// to be read.
pub fn write_key_form(value: Value<'_>, out: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
    match value {
        Value::Null => tag(out, KindTag::Null),
        Value::Bool(false) => tag(out, KindTag::False),
        Value::Bool(true) => tag(out, KindTag::True),
        Value::Number(number) => write_number(number, out),
        Value::BigNumber(number) => {
            write_sized(out, KindTag::Digits, number.normalised().as_bytes())
        }
        Value::Text(text) | Value::Encoded(text) => {
            write_sized(out, KindTag::Text, text.as_bytes())
        }
        Value::Bytes(bytes) => write_sized(out, KindTag::Bytes, bytes),
        Value::Time(time) => {
            tag(out, KindTag::Time);
            out(&time.epoch_seconds().to_le_bytes());
            out(&time.get().timestamp_subsec_nanos().to_le_bytes());
        }
        Value::List(list) => write_list(list, out)?,
        Value::Object(object) => write_object(object, out)?,
        Value::Opaque(_) => return Err(too_deep_to_read()),
        Value::SecretText(_) | Value::SecretBytes(_) => {
            let message = "a secret has no form that is stored";
            return Err(Fault::new(FaultKind::SecretLeaves, message));
        }
    }
    Ok(())
}

fn tag(out: &mut dyn FnMut(&[u8]), tag: KindTag) {
    out(&[tag as u8]);
}

/// Writes a length before the content, so that `a` and `bc` differ from `ab` and `c`.
fn write_sized(out: &mut dyn FnMut(&[u8]), kind: KindTag, content: &[u8]) {
    tag(out, kind);
    write_count(out, content.len());
    out(content);
}

fn write_count(out: &mut dyn FnMut(&[u8]), count: usize) {
    out(&(count as u64).to_le_bytes());
}

fn write_number(number: Number, out: &mut dyn FnMut(&[u8])) {
    let digits = match number {
        Number::Decimal(value) if value.fract() != 0.0 => {
            tag(out, KindTag::Float);
            return out(&value.to_bits().to_le_bytes());
        }
        // Rust prints every digit of a whole float.
        Number::Decimal(value) => format!("{value:.0}"),
        integer => integer.to_string(),
    };
    write_sized(out, KindTag::Digits, BigNumber::normalised_digits(&digits).as_bytes());
}

fn write_list(list: List<'_>, out: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
    tag(out, KindTag::List);
    write_count(out, list.len());
    list.iter().try_for_each(|item| write_key_form(item, out))
}

fn write_object(object: Object<'_>, out: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
    tag(out, KindTag::Object);
    write_count(out, object.len());
    let mut entries: Vec<(&str, Value<'_>)> = object.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in entries {
        write_sized(out, KindTag::Text, key.as_bytes());
        write_key_form(value, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::write_key_form;
    use crate::value::{Time, Value, read_json};

    fn form(json: &str) -> Vec<u8> {
        form_of(read_json(json.as_bytes()).unwrap().borrow())
    }

    fn form_of(value: Value<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_key_form(value, &mut |piece| bytes.extend_from_slice(piece)).unwrap();
        bytes
    }

    #[test]
    fn equal_values_have_the_same_form() {
        for (left, right) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("-0", "0"),
            ("0.0", "0"),
            ("1000", "1e3"),
            ("18446744073709551616", "18446744073709551616.0"),
            ("1e400", "10.0E+399"),
            (r#"{"a":1,"b":[2]}"#, r#"{"b":[2.0],"a":1}"#),
            (r#""\u0041""#, r#""A""#),
        ] {
            assert_eq!(form(left), form(right), "{left} {right}");
        }
    }

    #[test]
    fn different_values_have_different_forms() {
        let all = [
            "null",
            "false",
            "true",
            "0",
            "1",
            "-1",
            "10",
            "0.5",
            r#""""#,
            r#""1""#,
            "[]",
            "{}",
            "[[]]",
            "[1,2]",
            "[12]",
            r#"["a","bc"]"#,
            r#"["ab","c"]"#,
            r#"{"a":{}}"#,
            r#"{"a":null}"#,
            "9007199254740993",
            "9007199254740992",
            "36893488147419103233",
            "36893488147419103232",
            "1e400",
            "1.5",
            "1e-7",
        ];
        for (at, left) in all.iter().enumerate() {
            for right in &all[at + 1..] {
                assert_ne!(form(left), form(right), "{left} {right}");
            }
        }
    }

    #[test]
    fn a_time_has_the_form_of_its_instant() {
        let time = |text: &str| Value::Time(text.parse::<Time>().unwrap());
        assert_eq!(
            form_of(time("2025-08-17T12:00:00Z")),
            form_of(time("2025-08-17T14:00:00+02:00"))
        );
        assert_ne!(form_of(time("2025-08-17T12:00:00Z")), form("1755432000"));
    }

    #[test]
    fn secrets_have_no_form() {
        assert!(write_key_form(Value::SecretText("x"), &mut |_| {}).is_err());
    }
}
