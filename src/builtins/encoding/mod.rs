//! The encoding family: its rows in the order of the reference page. JSON is in this file; the
//! other rows are in the files of their topics. Knows no cryptography.

mod canonical;
mod form;
mod parse_url;
mod spelling;
mod url;
mod yaml;

pub(super) use self::url::urlencoded;
use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env};
use crate::value::{
    Fault, FaultKind, Kinds, RepeatedKeys, Value, read_json_into, read_xml_into, write_json_text,
};

pub(super) const FUNCTIONS: &[Function] = &[
    PARSE_JSON,
    STRINGIFY_JSON,
    canonical::CANONICAL_JSON,
    PARSE_XML,
    spelling::HEX,
    spelling::UNHEX,
    spelling::BASE64,
    spelling::BASE64URL,
    spelling::UNBASE64,
    spelling::BYTES,
    url::URLENCODE,
    url::URLDECODE,
    form::PARSE_FORM,
    form::PARSE_PAIRS,
    parse_url::PARSE_URL,
    yaml::PARSE_YAML,
];

const PARSE_JSON: Function = Function {
    name: "PARSE_JSON",
    family: Family::Encoding,
    params: &[Param::new("json", Kinds::TEXT.or(Kinds::BYTES))],
    result: Kinds::ANY,
    doc: "The value parsed from JSON in a string or in UTF-8 bytes.",
    examples: &[
        example(r#"$PARSE_JSON('{"id": 18446744073709551615}').id"#, "18446744073709551615"),
        example(r#"$UNBASE64("eyJhIjpbMV19").$PARSE_JSON().a[0]"#, "1"),
        example(r#"$PARSE_JSON('"caf\u00e9"')"#, r#""café""#),
        example(r#"$PARSE_JSON("{")"#, "E0309"),
        example(r#"$PARSE_JSON('{"a": 1, "a": 2}')"#, "E0316"),
        example("$PARSE_JSON(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::ParseJson,
    code: Code::Native(parse_json),
};

/// `$PARSE_JSON` for hosts where the last one of repeated keys counts. It takes the place of the
/// row above, so it is not in the table.
pub(crate) static PARSE_JSON_LAST_KEY: Function =
    Function { code: Code::Native(parse_json_last_key), ..PARSE_JSON };

const STRINGIFY_JSON: Function = Function {
    name: "STRINGIFY_JSON",
    family: Family::Encoding,
    params: &[Param::new("value", Kinds::ANY)],
    result: Kinds::TEXT,
    doc: "The value as compact JSON; null is `null`.",
    examples: &[
        example(r#"$STRINGIFY_JSON({ "days": [1.0, NULL] })"#, r#""{\"days\":[1,null]}""#),
        example(r#""é\n".$STRINGIFY_JSON()"#, r#""\"é\\n\"""#),
        example("$STRINGIFY_JSON(missing)", r#""null""#),
    ],
    null: NullPropagation::Passed,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(stringify_json),
};

const PARSE_XML: Function = Function {
    name: "PARSE_XML",
    family: Family::Encoding,
    params: &[Param::new("xml", Kinds::TEXT.or(Kinds::BYTES))],
    result: Kinds::OBJECT,
    doc: "The object parsed from XML in a string or in UTF-8 bytes. Attributes are `@name`, text beside attributes or elements is `#text`, and a repeated element is a list.",
    examples: &[
        example(r#"$PARSE_XML("<a>1</a>").a"#, r#""1""#),
        example(
            r#"$PARSE_XML('<order id="7"><item>a</item><item>b</item></order>')"#,
            r#"{"order":{"@id":"7","item":["a","b"]}}"#,
        ),
        example(r##"$PARSE_XML('<a b="1">x</a>').a["#text"]"##, r#""x""#),
        example(r#"$PARSE_XML("<a>")"#, "E0309"),
        example("$PARSE_XML(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(parse_xml),
};

fn parse_xml<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    match std::str::from_utf8(args.content(0)?) {
        Ok(xml) => read_xml_into(env.heap, xml),
        Err(_) => Err(Fault::new(FaultKind::BadData, "this is not XML: the bytes are not UTF-8")),
    }
}

fn parse_json<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    json(env, args, RepeatedKeys::Refuse)
}

fn parse_json_last_key<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    json(env, args, RepeatedKeys::LastCounts)
}

fn json<'a>(env: &Env<'a>, args: Args<'_, 'a>, repeated: RepeatedKeys) -> Result<Value<'a>, Fault> {
    match std::str::from_utf8(args.content(0)?) {
        Ok(json) => read_json_into(env.heap, json, repeated),
        Err(_) => Err(Fault::new(FaultKind::BadData, "this is not JSON: the bytes are not UTF-8")),
    }
}

fn stringify_json<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut json = env.heap.text_builder();
    write_json_text(env.heap, &mut json, args.value(0))?;
    Ok(Value::Text(json.finish()))
}
