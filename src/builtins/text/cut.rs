//! Functions that shorten strings and replace parts of them. Knows no patterns.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value};

pub(super) const TRUNCATE: Function = Function {
    name: "TRUNCATE",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("length", Kinds::NUMBER),
        Param::new("ending", Kinds::TEXT).optional(),
    ],
    result: Kinds::TEXT,
    doc: "The string, or its start with an ending if it is longer than a number of characters. The result with its ending is never longer. The ending is `…` by default.",
    examples: &[
        example(r#"$TRUNCATE("a long message", 7)"#, r#""a long…""#),
        example(r#""a long message".$TRUNCATE(9, "...")"#, r#""a long...""#),
        example(r#"$TRUNCATE("naïve", 5)"#, r#""naïve""#),
        example(r#"$TRUNCATE("naïve", 3, "")"#, r#""naï""#),
        example(r#"$TRUNCATE("abc", 2, "...")"#, "E0314"),
        example("$TRUNCATE(missing, 3)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(truncate),
};

pub(super) const REPLACE_STRING: Function = Function {
    name: "REPLACE_STRING",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("part", Kinds::TEXT),
        Param::new("with", Kinds::TEXT),
    ],
    result: Kinds::TEXT,
    doc: "The string with every occurrence of a part replaced, from left to right. The part is no regular expression, and nothing in `with` has a special meaning.",
    examples: &[
        example(r#"$REPLACE_STRING("1.2.3", ".", "-")"#, r#""1-2-3""#),
        example(r#""a+b (c)".$REPLACE_STRING("+b (", "\\1")"#, r#""a\\1c)""#),
        example(r#"$REPLACE_STRING("aaa", "aa", "b")"#, r#""ba""#),
        example(r#"$REPLACE_STRING("abc", "x", "y")"#, r#""abc""#),
        example(r#"$REPLACE_STRING("abc", "", "-")"#, "E0314"),
        example(r#"$REPLACE_STRING(missing, "a", "b")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(replace_string),
};

fn truncate<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let length = usize::try_from(args.integer(1)?).unwrap_or(0);
    let ending = args.optional_text(2)?.unwrap_or("…");
    let Some(kept) = length.checked_sub(ending.chars().count()) else {
        return Err(args.meaningless(1, "at least the length of the ending"));
    };
    if text.chars().nth(length).is_none() {
        return Ok(Value::Text(text));
    }
    let end = text.char_indices().nth(kept).map_or(text.len(), |(at, _)| at);
    let mut cut = env.heap.text_builder();
    cut.push(text.get(..end).unwrap_or(text))?;
    cut.push(ending)?;
    Ok(Value::Text(cut.finish()))
}

fn replace_string<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, part, with) = (args.text(0)?, args.text(1)?, args.text(2)?);
    if part.is_empty() {
        return Err(args.meaningless(1, "at least one character, not an empty string"));
    }
    if !text.contains(part) {
        return Ok(Value::Text(text));
    }
    let mut replaced = env.heap.text_builder();
    for (at, piece) in text.split(part).enumerate() {
        if at > 0 {
            // A short replacement costs no step by its bytes.
            env.heap.work(1)?;
            replaced.push(with)?;
        }
        replaced.push(piece)?;
    }
    Ok(Value::Text(replaced.finish()))
}
