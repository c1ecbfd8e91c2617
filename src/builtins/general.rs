//! The functions that accept any value.

use super::function::{
    Args, Code, Env, Family, Form, Function, NullPropagation, Param, Role, example,
};
use crate::value::{Fault, Kinds, Value};

/// The functions that accept any value.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "KIND",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL)],
        result: Kinds::TEXT,
        doc: "The name of the kind of a value: `null`, `boolean`, `number`, `string`, `list`, `object`, `time`, `bytes` or `secret`.",
        examples: &[
            example("$KIND(12)", "\"number\""),
            example("$KIND(missing)", "\"null\""),
            example("[1].$KIND()", "\"list\""),
            example("\"a\".$KIND()", "\"string\""),
            example("$KIND(missing) == \"text\"", "E0205"),
        ],
        null: NullPropagation::Passed,
        declassifies: true,
        role: Role::KindName,
        code: Code::Native(kind),
    },
    Function {
        name: "COALESCE",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL), Param::new("other", Kinds::ALL).rest()],
        result: Kinds::ALL,
        doc: "The first argument that is not null; those after it do not run.",
        examples: &[
            example("$COALESCE(missing, \"\", \"x\")", "\"\""),
            example("$COALESCE(1, 1 / 0)", "1"),
            example("$COALESCE(NULL)", "null"),
        ],
        null: NullPropagation::Passed,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Form(Form::Coalesce),
    },
    Function {
        name: "TRY",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL), Param::new("fallback", Kinds::ALL)],
        result: Kinds::ALL,
        doc: "The value, or the fallback if the value fails with an error. Errors of limits are not caught.",
        examples: &[example("$TRY($INTEGER(\"x\"), 0)", "0"), example("$TRY(7, 1 / 0)", "7")],
        null: NullPropagation::Passed,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Form(Form::Try),
    },
    Function {
        name: "WITH",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL), Param::lambda("name", 1, u8::MAX).rest()],
        result: Kinds::ALL,
        doc: "The body of the lambda, which gives the values before it names. Each value runs once, from left to right, and there are as many names as values. A null is passed on, and the body runs.",
        examples: &[
            example(
                r#"$WITH("a b c".$SPLIT(" "), words => [words[0], words[1:].$CONCAT("-")])"#,
                r#"["a","b-c"]"#,
            ),
            example("$WITH(6, 7, (a, b) => a * b)", "42"),
            example("missing.$WITH(x => x == NULL)", "true"),
            example("$WITH(1, (a, b) => a)", "E0110"),
            example("$WITH($SECRET('NAME'), key => key)", "E0203"),
        ],
        null: NullPropagation::Passed,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Form(Form::With),
    },
];

fn kind<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(args.value(0).kind().name()))
}
