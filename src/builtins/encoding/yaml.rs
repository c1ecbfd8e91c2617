//! YAML 1.2 with the core schema, as values of the same shape as those of JSON. Knows no mapper
//! documents.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{
    Fault, FaultKind, Heap, Kinds, Number, ParsedNumber, Value, plain_notation, quoted,
};

pub(super) const PARSE_YAML: Function = Function {
    name: "PARSE_YAML",
    family: Family::Encoding,
    params: &[Param::new("yaml", Kinds::TEXT.or(Kinds::BYTES))],
    result: Kinds::ANY,
    doc: "The value parsed from one YAML 1.2 document in a string or in UTF-8 bytes, with the core schema: `yes`, `no` and dates are strings. Keys are strings, aliases are read, tags are errors.",
    examples: &[
        example(
            r#"$PARSE_YAML("name: a\nports: [80, 0x1F]\non: yes\n")"#,
            r#"{"name":"a","ports":[80,31],"on":"yes"}"#,
        ),
        example(r#""base: &b {x: 1}\ncopy: *b".$PARSE_YAML().copy.x"#, "1"),
        example(r#"$PARSE_YAML("- ~\n- '1'\n- 2.50\n- true")"#, r#"[null,"1",2.5,true]"#),
        example(r#"$PARSE_YAML("")"#, "null"),
        example(r#"$PARSE_YAML("a: b: c")"#, "E0309"),
        example(r#"$PARSE_YAML("a: 1\na: 2")"#, "E0316"),
        example(r#"$PARSE_YAML("!!str 1")"#, "E0309"),
        example("$PARSE_YAML(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(parse_yaml),
};

/// Maximum nesting depth of lists and objects, as in JSON.
const MAX_DEPTH: usize = 128;

/// Maximum length of a document in bytes. Documents are written by hand, and YAML is slow to read.
const MAX_BYTES: usize = 1 << 20;

/// The number of times that each byte counts as work: reading YAML takes longer than JSON.
const WEIGHT: usize = 8;

fn parse_yaml<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let bytes = args.content(0)?;
    if bytes.len() > MAX_BYTES {
        return Err(no_yaml(format!("it has more than {MAX_BYTES} bytes")));
    }
    env.heap.work_on_bytes(bytes.len().saturating_mul(WEIGHT))?;
    let text = std::str::from_utf8(bytes).map_err(|_| no_yaml("the bytes are not UTF-8"))?;
    // The parser keeps the events of a document that it has not delivered.
    env.heap.charge(text.len())?;
    let mut reader =
        YamlReader { heap: env.heap, events: Parser::new_from_str(text), anchors: HashMap::new() };
    reader.document()
}

struct YamlReader<'t, 'a> {
    heap: &'a Heap,
    events: Parser<'t, StrInput<'t>>,
    /// The values with an anchor, by its number.
    anchors: HashMap<usize, Value<'a>>,
}

impl<'t, 'a> YamlReader<'t, 'a> {
    fn document(&mut self) -> Result<Value<'a>, Fault> {
        self.next()?;
        if self.next()? == Event::StreamEnd {
            return Ok(Value::Null);
        }
        let first = self.next()?;
        let value = self.value(first, 0)?;
        self.next()?;
        match self.next()? {
            Event::StreamEnd => Ok(value),
            _ => Err(no_yaml("a second document begins").help("read one document at a time")),
        }
    }

    fn next(&mut self) -> Result<Event<'t>, Fault> {
        self.heap.work(1)?;
        match self.events.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker();
                Err(no_yaml(format!(
                    "{} at line {} column {}",
                    error.info(),
                    at.line(),
                    at.col() + 1
                )))
            }
            None => Ok(Event::StreamEnd),
        }
    }

    /// Returns the value that begins with an event, inside of `depth` lists and objects.
    fn value(&mut self, event: Event<'t>, depth: usize) -> Result<Value<'a>, Fault> {
        if depth > MAX_DEPTH {
            return Err(no_yaml(format!("it is nested more than {MAX_DEPTH} deep")));
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => (self.alias(anchor)?, 0),
            Event::Scalar(text, style, anchor, None) => (self.scalar(&text, style)?, anchor),
            Event::SequenceStart(anchor, None) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, None) => (self.object(depth)?, anchor),
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(tagged());
            }
            _ => return Err(no_yaml("a value is missing")),
        };
        if anchor > 0 {
            self.heap.charge(size_of::<(usize, Value<'_>)>())?;
            self.anchors.insert(anchor, value);
        }
        Ok(value)
    }

    /// Returns the value of an anchor, which all its aliases share. A part of itself has no value
    /// yet.
    fn alias(&self, anchor: usize) -> Result<Value<'a>, Fault> {
        let value = self.anchors.get(&anchor).copied();
        value.ok_or_else(|| no_yaml("an alias stands inside of its own anchor"))
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Fault> {
        let mut items = self.heap.list_builder();
        loop {
            match self.next()? {
                Event::SequenceEnd => return items.finish(),
                event => items.push(self.value(event, depth + 1)?)?,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Fault> {
        let mut members = self.heap.object_builder();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                event => self.key(event)?,
            };
            let event = self.next()?;
            members.push(key, self.value(event, depth + 1)?)?;
        }
        match members.build()? {
            (_, Some(key)) => Err(Fault::new(
                FaultKind::RepeatedKey,
                format!(
                    "this is not YAML with one value for each key: the key {} is repeated",
                    quoted(key)
                ),
            )),
            (object, None) => Ok(object),
        }
    }

    /// Returns the text of a key, also of one that would be another kind as a value: `1`, `true`.
    fn key(&mut self, event: Event<'t>) -> Result<&'a str, Fault> {
        let key = match event {
            Event::Scalar(text, _, anchor, None) => {
                let key = self.heap.text(&text)?;
                if anchor > 0 {
                    self.heap.charge(size_of::<(usize, Value<'_>)>())?;
                    self.anchors.insert(anchor, Value::Text(key));
                }
                return Ok(key);
            }
            Event::Alias(anchor) => self.alias(anchor)?.as_text(),
            Event::Scalar(..) => return Err(tagged()),
            _ => None,
        };
        key.ok_or_else(|| no_yaml("a key is a string, not a list or an object"))
    }

    fn scalar(&self, text: &str, style: ScalarStyle) -> Result<Value<'a>, Fault> {
        if style != ScalarStyle::Plain {
            return self.heap.text(text).map(Value::Text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
            "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
            _ => {}
        }
        match decimal_notation(text)? {
            Some(notation) => self.number(&notation),
            None => self.heap.text(text).map(Value::Text),
        }
    }

    fn number(&self, notation: &str) -> Result<Value<'a>, Fault> {
        match ParsedNumber::parse(&plain_notation(notation)) {
            Some(ParsedNumber::Number(number)) => Ok(Value::Number(number)),
            Some(ParsedNumber::Big(number)) => self.heap.big_number(number).map(Value::BigNumber),
            None => self.heap.text(notation).map(Value::Text),
        }
    }
}

/// Returns the notation of a plain scalar that is a number, as JSON writes it. `None` for a string.
fn decimal_notation(text: &str) -> Result<Option<Cow<'_, str>>, Fault> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        let digits = text.strip_prefix(prefix).filter(|digits| !digits.is_empty());
        if let Some(digits) = digits.filter(|digits| digits.chars().all(|c| c.is_digit(radix))) {
            let number = i128::from_str_radix(digits, radix).ok().and_then(Number::integer);
            let number = number.ok_or_else(|| {
                no_yaml("an integer in octal or hexadecimal digits is beyond 64 bits")
            })?;
            return Ok(Some(number.to_string().into()));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(
            no_yaml(format!("`{text}` is no number of JSON")).help("in quotes it is a string")
        );
    }
    if !is_decimal(unsigned) {
        return Ok(None);
    }
    Ok(Some(with_digits_around_the_point(text)))
}

/// Returns true for digits with a point and an exponent or without: `12`, `.5`, `1.`, `1e3`.
fn is_decimal(unsigned: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|text| !text.is_empty() && digits(text))
}

/// Adds the digit that JSON requires before a point and after it.
fn with_digits_around_the_point(text: &str) -> Cow<'_, str> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return text.into();
    };
    let before = if whole.ends_with(|last: char| last.is_ascii_digit()) { "" } else { "0" };
    let after = if fraction.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
    match (before, after) {
        ("", "") => text.into(),
        _ => format!("{whole}{before}.{after}{fraction}").into(),
    }
}

fn no_yaml(reason: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::BadData, format!("this is not YAML: {reason}"))
}

fn tagged() -> Fault {
    no_yaml("it has a tag, such as `!a` or `!!str`").help("quotes make a string: `'12'`")
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::call;
    use crate::value::Value;

    fn parsed(text: &str) -> String {
        call("PARSE_YAML", &[Value::Text(text)])
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        assert_eq!(parsed("[.5, 1., -1.5e3, +7, 010, 0o17]"), "[0.5,1,-1500,7,10,15]");
        assert_eq!(parsed("[no, 2025-01-01, 1_000, 0x]"), r#"["no","2025-01-01","1_000","0x"]"#);
        assert_eq!(parsed("36893488147419103233"), "36893488147419103233");
        assert_eq!(parsed("0xffffffffffffffffff"), "BadData");
        assert_eq!(parsed(".nan"), "BadData");
        assert_eq!(parsed("-.inf"), "BadData");
    }

    #[test]
    fn keys_are_strings() {
        assert_eq!(parsed("1: a\ntrue: b\n~: c\n"), r#"{"1":"a","true":"b","~":"c"}"#);
        assert_eq!(parsed("? [a]\n: b"), "BadData");
        assert_eq!(parsed("? {a: 1}\n: b"), "BadData");
        assert_eq!(parsed("a: &k x\n*k : 1"), r#"{"a":"x","x":1}"#);
        assert_eq!(parsed("<<: {a: 1}\nb: 2"), r#"{"<<":{"a":1},"b":2}"#);
    }

    #[test]
    fn aliases_share_a_value_and_do_not_multiply_memory() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let heap = crate::builtins::testing::heap();
        let args = [Value::Text(&bomb)];
        assert!(crate::builtins::testing::invoked(&heap, "PARSE_YAML", &args).is_ok());
        assert_eq!(parsed("&a [*a]"), "BadData");
        assert_eq!(parsed("*missing"), "BadData");
    }

    #[test]
    fn deep_documents_are_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parsed(&nested(127)).starts_with("[["));
        assert_eq!(parsed(&nested(2_000)), "BadData");
        assert_eq!(parsed(&"[".repeat(100_000)), "BadData");
        assert_eq!(parsed(&"- ".repeat(100_000)), "BadData");
        assert_eq!(parsed(&"{a: ".repeat(20_000)), "BadData");
    }

    #[test]
    fn a_stream_of_documents_is_refused() {
        assert_eq!(parsed("--- 1\n--- 2\n"), "BadData");
        assert_eq!(parsed("--- 1\n...\n"), "1");
        assert_eq!(parsed("# nothing\n"), "null");
    }
}
