//! Conversion to a boolean. Knows no truth of other values: that is for conditions.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Number, Value, quoted};

pub(super) const BOOLEAN: Function = Function {
    name: "BOOLEAN",
    family: Family::Text,
    params: &[Param::new("value", Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOLEAN))],
    result: Kinds::BOOLEAN,
    doc: "The boolean that a string or a number spells: `true`, `t`, `yes`, `y`, `on` and `1`, or `false`, `f`, `no`, `n`, `off` and `0`, in any case. Any other value is an error.",
    examples: &[
        example(r#"$BOOLEAN("Yes")"#, "true"),
        example(r#""off".$BOOLEAN()"#, "false"),
        example("[1, 0, TRUE].$MAP(x => $BOOLEAN(x))", "[true,false,true]"),
        example(r#"$BOOLEAN("")"#, "E0314"),
        example(r#"$BOOLEAN("maybe")"#, "E0314"),
        example("$BOOLEAN(2)", "E0314"),
        example("$BOOLEAN(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(boolean),
};

const YES: [&str; 6] = ["true", "t", "yes", "y", "on", "1"];
const NO: [&str; 6] = ["false", "f", "no", "n", "off", "0"];

fn boolean<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let found = match args.value(0) {
        Value::Bool(value) => Some(value),
        Value::Number(number) => by_number(number),
        Value::BigNumber(_) => None,
        _ => by_word(args.text(0)?),
    };
    found.map(Value::Bool).ok_or_else(|| no_boolean(args.value(0)))
}

fn by_number(number: Number) -> Option<bool> {
    match number.as_whole() {
        Some(1) => Some(true),
        Some(0) => Some(false),
        _ => None,
    }
}

fn by_word(text: &str) -> Option<bool> {
    let is_among = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match (is_among(&YES), is_among(&NO)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn no_boolean(value: Value<'_>) -> Fault {
    let shown = value.as_text().map_or_else(|| value.to_string(), quoted);
    Fault::new(FaultKind::BadArgument, format!("{shown} is not a boolean"))
        .help("a boolean is spelled `true` or `false`, `yes` or `no`, `on` or `off`, `1` or `0`")
}
