//! Functions that split, measure and join strings.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Number, Value, interpolate, slice};

pub(super) const TRIM: Function = Function {
    name: "TRIM",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string without leading and trailing white space.",
    examples: &[
        example(r#"" INC12345 ".$TRIM()"#, r#""INC12345""#),
        example(r#"$TRIM("\n\ta  b\u00a0")"#, r#""a  b""#),
        example("$TRIM(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Normalizer,
    code: Code::Native(trim),
};

pub(super) const CONCAT: Function = Function {
    name: "CONCAT",
    family: Family::Text,
    params: &[
        Param::new("list", Kinds::LIST).hint("put the parts in a list: `$CONCAT([a, b])`"),
        Param::new("separator", Kinds::TEXT).optional(),
    ],
    result: Kinds::TEXT.or(Kinds::BYTES),
    doc: "The elements joined to one string, with a separator between them. Nulls are left out. If an element is bytes, the result is bytes.",
    examples: &[
        example(
            r#"$CONCAT(["Your adjusted age is", 12 + 1], " ")"#,
            r#""Your adjusted age is 13""#,
        ),
        example(r#"$CONCAT(["a", missing, "b", ""], ",")"#, r#""a,b,""#),
        example(r#"$CONCAT([TRUE, 1.50, [1, "x"]])"#, r#""true1.5[1,\"x\"]""#),
        example(r#"$CONCAT(["v0:", $BYTES("é")])"#, r#""76303ac3a9""#),
        example("$CONCAT(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Concatenation,
    code: Code::Native(concat),
};

pub(super) const SPLIT: Function = Function {
    name: "SPLIT",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("separator", Kinds::TEXT)],
    result: Kinds::LIST,
    doc: "The parts of the string between the separators. The separator is no regular expression. An empty separator gives the characters.",
    examples: &[
        example(r#""2025-08-17T12:30".$SPLIT("T")[0]"#, r#""2025-08-17""#),
        example(r#"$SPLIT("a.b..c", ".")"#, r#"["a","b","","c"]"#),
        example(r#"$SPLIT("né!", "")"#, r#"["n","é","!"]"#),
        example(r#"$SPLIT("", ",")"#, r#"[""]"#),
        example(r#"$SPLIT("a,b", missing)"#, "E0310"),
        example(r#"$SPLIT(missing, ",")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Split,
    code: Code::Native(split),
};

pub(super) const LENGTH: Function = Function {
    name: "LENGTH",
    family: Family::Text,
    params: &[Param::new("value", Kinds::TEXT.or(Kinds::LIST).or(Kinds::OBJECT).or(Kinds::BYTES))],
    result: Kinds::NUMBER,
    doc: "The length: characters of a string, elements of a list, entries of an object, or bytes. 0 for null.",
    examples: &[
        example(r#"$LENGTH("naïve 🙂")"#, "7"),
        example("[1, NULL, 3].$LENGTH()", "3"),
        example(r#"$LENGTH({ "a": 1 })"#, "1"),
        example(r#"$LENGTH($BYTES("é"))"#, "2"),
        example("$LENGTH(missing)", "0"),
        example(r#"$LENGTH($PARSE_JSON("12"))"#, "E0302"),
    ],
    null: NullPropagation::Zero,
    declassifies: false,
    role: Role::Length,
    code: Code::Native(length),
};

pub(super) const SUBSTRING: Function = Function {
    name: "SUBSTRING",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("start", Kinds::NUMBER),
        Param::new("length", Kinds::NUMBER).optional(),
    ],
    result: Kinds::TEXT,
    doc: "The substring from an index, counted from 0, or from the end if negative. A length beyond the end gives the characters up to the end.",
    examples: &[
        example(r#"$SUBSTRING("INC12345", 3)"#, r#""12345""#),
        example(r#"$SUBSTRING("naïve", 1, 3)"#, r#""aïv""#),
        example(r#"$SUBSTRING("INC12345", -2)"#, r#""45""#),
        example(r#"$SUBSTRING("abc", 1, 99)"#, r#""bc""#),
        example(r#"$SUBSTRING("abc", 1, -1)"#, r#""""#),
        example(r#"$SUBSTRING("abc", 1e300)"#, r#""""#),
        example(r#"$SUBSTRING("abc", 1, 1e300)"#, r#""bc""#),
        example(r#"$SUBSTRING("abc", 0.5)"#, "E0314"),
        example("$SUBSTRING(missing, 1)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(substring),
};

pub(super) const PAD_LEFT: Function = Function {
    name: "PAD_LEFT",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("width", Kinds::NUMBER),
        Param::new("fill", Kinds::TEXT).optional(),
    ],
    result: Kinds::TEXT,
    doc: "The string padded on the left to a number of characters, with spaces or with the given string.",
    examples: &[
        example(r#"$PAD_LEFT($TEXT(7), 3, "0")"#, r#""007""#),
        example(r#"$PAD_LEFT("é", 4)"#, r#""   é""#),
        example(r#"$PAD_LEFT("x", 6, "ab")"#, r#""ababax""#),
        example(r#"$PAD_LEFT("long enough", -5)"#, r#""long enough""#),
        example(r#"$PAD_LEFT("x", 3, "")"#, "E0314"),
        example("$PAD_LEFT(missing, 3)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(pad_left),
};

fn trim<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(args.text(0)?.trim()))
}

fn concat<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let list = args.list(0)?;
    let separator = args.value(1);
    env.heap.work(list.len())?;
    let mut parts = Vec::new();
    // A null also omits its separator: `$CONCAT([first, middle, last], " ")` has one space.
    for item in list.iter().filter(|item| !item.is_null()) {
        if !parts.is_empty() && !separator.is_null() {
            parts.push(separator);
        }
        parts.push(item);
    }
    interpolate(env.heap, &parts)
}

fn split<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, separator) = (args.text(0)?, args.text(1)?);
    let encoded = matches!(args.value(0), Value::Encoded(_));
    let mut parts = env.heap.list_builder();
    let mut push =
        |part| parts.push(if encoded { Value::Encoded(part) } else { Value::Text(part) });
    if separator.is_empty() {
        let ends = text.char_indices().map(|(at, character)| (at, at + character.len_utf8()));
        ends.filter_map(|(start, end)| text.get(start..end)).try_for_each(push)?;
    } else {
        text.split(separator).try_for_each(&mut push)?;
    }
    parts.finish()
}

fn length<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::count(match args.value(0) {
        Value::Text(text) | Value::Encoded(text) => text.chars().count(),
        Value::List(list) => list.len(),
        Value::Object(object) => object.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => return Err(args.wrong(0)),
    }))
}

fn substring<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let start = args.clamped_integer(1)?;
    if args.value(2).is_null() {
        return slice(env.heap, args.value(0), args.value(1), Value::Null);
    }
    let length = args.clamped_integer(2)?;
    let characters = i64::try_from(args.text(0)?.chars().count()).unwrap_or(i64::MAX);
    let first = if start < 0 { characters.saturating_add(start).max(0) } else { start };
    let end = first.saturating_add(length.max(0));
    let bound = |at| Value::Number(Number::Int(at));
    slice(env.heap, args.value(0), bound(first), bound(end))
}

fn pad_left<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let width = usize::try_from(args.integer(1)?).unwrap_or(0);
    let fill = args.optional_text(2)?.unwrap_or(" ");
    if fill.is_empty() {
        return Err(args.meaningless(2, "at least one character, not an empty text"));
    }
    let lacking = width.saturating_sub(text.chars().count());
    // Counted before the first character is written, so that an absurd width fails at once.
    env.heap.work_on_bytes(lacking)?;
    let mut padded = env.heap.text_builder();
    for character in fill.chars().cycle().take(lacking) {
        padded.push_char(character)?;
    }
    padded.push(text)?;
    Ok(Value::Text(padded.finish()))
}
