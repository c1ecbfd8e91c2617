//! Canonical JSON (RFC 8785, JCS): one text for each value, so that a signature of a value can be
//! verified. Knows no signatures.

use super::super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::super::{Args, Env};
use crate::value::{
    BigNumber, Fault, FaultKind, Kinds, List, Number, Object, TextBuilder, Value, shortened,
    too_deep_to_read, write_json_text,
};

pub(super) const CANONICAL_JSON: Function = Function {
    name: "CANONICAL_JSON",
    family: Family::Encoding,
    // The row accepts secrets only so that the code can reject them by name.
    params: &[Param::new("value", Kinds::ALL)],
    result: Kinds::TEXT,
    doc: "The value as canonical JSON (RFC 8785): numbers as ECMAScript writes them, keys sorted by UTF-16 code units. A time, bytes, a secret or an integer that is not exactly a float is an error.",
    examples: &[
        example(
            r#"$CANONICAL_JSON($PARSE_JSON('{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 1E-27], "B": 1}'))"#,
            r#""{\"B\":1,\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27]}""#,
        ),
        example(
            r#"$CANONICAL_JSON({ "b": [1.0, NULL], "a": "é\n" })"#,
            r#""{\"a\":\"é\\n\",\"b\":[1,null]}""#,
        ),
        example("$CANONICAL_JSON(missing)", r#""null""#),
        example("$CANONICAL_JSON(9007199254740993)", "E0303"),
        example("$CANONICAL_JSON({ \"at\": $TIME() })", "E0302"),
        example("$CANONICAL_JSON({ \"key\": $SECRET('ZOOM') }) == \"{}\"", "E0312"),
    ],
    null: NullPropagation::Passed,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(canonical_json),
};

fn canonical_json<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    if args.value(0).holds_secret() {
        return Err(Fault::new(
            FaultKind::SecretLeaves,
            "canonical JSON of a secret would hold the secret",
        )
        .help("sign the text instead: `$HMAC_SHA256($SECRET('NAME'), $CANONICAL_JSON(value))`"));
    }
    let mut writer = Writer { env, out: env.heap.text_builder() };
    writer.value(args.value(0), 0)?;
    Ok(Value::Text(writer.out.finish()))
}

/// Maximum nesting of a value, in levels, as of values that an evaluation builds.
const MAX_DEPTH: usize = crate::value::MAX_DEPTH;

struct Writer<'e, 'a> {
    env: &'e Env<'a>,
    out: TextBuilder<'a>,
}

impl<'a> Writer<'_, 'a> {
    fn value(&mut self, value: Value<'a>, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            let message = format!("the value is nested more than {MAX_DEPTH} deep");
            return Err(Fault::new(FaultKind::DepthLimit, message));
        }
        match value {
            Value::Number(number) => self.number(number),
            Value::BigNumber(number) => self.big_number(number),
            Value::Opaque(_) => Err(too_deep_to_read()),
            Value::List(list) => self.list(list, depth + 1),
            Value::Object(object) => self.object(object, depth + 1),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::Encoded(_) => {
                write_json_text(self.env.heap, &mut self.out, value)
            }
            Value::Time(_) => Err(no_form(value, "$FORMAT_TIME(…)")),
            Value::Bytes(_) | Value::SecretText(_) | Value::SecretBytes(_) => {
                Err(no_form(value, "$HEX(…)` or `$BASE64(…)"))
            }
        }
    }

    fn number(&mut self, number: Number) -> Result<(), Fault> {
        let float = number.to_f64();
        // Compared by exact value: rounding would sign another number.
        match Number::decimal(float) {
            Some(same) if same.compare(number).is_eq() => self.float(float),
            _ => Err(no_float(&number.to_string())),
        }
    }

    fn big_number(&mut self, number: BigNumber<'_>) -> Result<(), Fault> {
        self.env.heap.work_on_bytes(number.as_str().len())?;
        let float = number.to_f64();
        match Number::decimal(float) {
            Some(same) if number.compare_number(same).is_eq() => self.float(float),
            _ => Err(no_float(number.as_str())),
        }
    }

    fn float(&mut self, float: f64) -> Result<(), Fault> {
        self.out.push(ryu_js::Buffer::new().format_finite(float))
    }

    fn list(&mut self, list: List<'a>, depth: usize) -> Result<(), Fault> {
        self.env.heap.work(list.len())?;
        self.out.push("[")?;
        for (at, item) in list.iter().enumerate() {
            self.separate(at)?;
            self.value(item, depth)?;
        }
        self.out.push("]")
    }

    fn object(&mut self, object: Object<'a>, depth: usize) -> Result<(), Fault> {
        // Sorting compares each key with about ten others in an object of a thousand.
        self.env.heap.work(object.len().saturating_mul(SORTED_KEY))?;
        let mut entries: Vec<_> = object.iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        self.out.push("{")?;
        for (at, (key, value)) in entries.into_iter().enumerate() {
            self.separate(at)?;
            write_json_text(self.env.heap, &mut self.out, Value::Text(key))?;
            self.out.push(":")?;
            self.value(value, depth)?;
        }
        self.out.push("}")
    }

    fn separate(&mut self, at: usize) -> Result<(), Fault> {
        if at > 0 { self.out.push(",") } else { Ok(()) }
    }
}

/// Steps of work for a key to sort.
const SORTED_KEY: usize = 4;

fn no_float(number: &str) -> Fault {
    let shown = shortened(number);
    let message = format!("canonical JSON has only floats, and `{shown}` is not exactly one");
    Fault::new(FaultKind::OutOfRange, message)
        .help("a sender that signs such a number writes it as a string: `$TEXT(number)`")
}

fn no_form(value: Value<'_>, conversion: &str) -> Fault {
    let message = format!("canonical JSON has no form for {}", value.kind().phrase());
    Fault::new(FaultKind::WrongArgument, message)
        .help(format!("write it as the sender does: `{conversion}`"))
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::{call, told};
    use crate::value::{Number, Value, read_json};

    /// Returns the canonical form of JSON.
    fn canonical(json: &str) -> String {
        let value = read_json(json.as_bytes()).unwrap();
        let answer = call("CANONICAL_JSON", &[value.borrow()]);
        // The string is printed as JSON.
        serde_json::from_str(&answer).unwrap_or(answer)
    }

    /// RFC 8785, appendix B: the bits of floats, and their form.
    #[test]
    fn canonical_json_writes_the_numbers_of_the_rfc() {
        for (bits, expected) in [
            (0x0000000000000000, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            let number = Number::decimal(f64::from_bits(bits)).unwrap();
            let answer = call("CANONICAL_JSON", &[Value::Number(number)]);
            assert_eq!(answer, format!("\"{expected}\""), "{bits:x}");
        }
    }

    /// RFC 8785, sections 3.2.2 and 3.2.3.
    #[test]
    fn canonical_json_escapes_strings_and_sorts_keys_as_the_rfc() {
        let sample = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(canonical(sample), expected);
        let keys = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(canonical(keys), expected);
        assert_eq!(canonical(&canonical(keys)), expected);
        assert_eq!(canonical("{ }"), "{}");
        assert_eq!(canonical("[ ]"), "[]");
    }

    #[test]
    fn canonical_json_refuses_an_integer_that_is_not_exactly_a_float() {
        for (json, expected) in [
            ("9007199254740992", "9007199254740992"),
            ("-9007199254740992", "-9007199254740992"),
            ("9007199254740994", "9007199254740994"),
            ("9223372036854775808", "9223372036854776000"),
            ("9007199254740993", "OutOfRange"),
            ("-9007199254740993", "OutOfRange"),
            ("[{\"id\": 18446744073709551615}]", "OutOfRange"),
        ] {
            assert_eq!(canonical(json), expected, "{json}");
        }
    }

    #[test]
    fn canonical_json_refuses_values_without_a_form_in_json() {
        let answer = told("CANONICAL_JSON", &[Value::Bytes(b"abc")]);
        assert_eq!(answer, "WrongArgument: canonical JSON has no form for bytes");
        let answer = told("CANONICAL_JSON", &[Value::SecretText("hunter2")]);
        assert!(answer.starts_with("SecretLeaves") && !answer.contains("hunter2"), "{answer}");
    }

    #[test]
    fn canonical_json_of_a_host_value_has_a_depth_limit() {
        let deep = (0..200).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        assert_eq!(call("CANONICAL_JSON", &[Value::from(&deep)]), "DepthLimit");
    }
}
