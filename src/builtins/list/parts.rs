//! Functions that make lists of values, and lists of parts of a list.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kind, Kinds, Value};

pub(super) const LIST: Function = Function {
    name: "LIST",
    family: Family::List,
    params: &[Param::new("value", Kinds::ANY)],
    result: Kinds::LIST,
    doc: "The value as a list: a list as it is, an empty list for null, and any other value as the only element. For a member that is one value or several.",
    examples: &[
        example(r#"$LIST("a")"#, r#"["a"]"#),
        example(r#"["a", "b"].$LIST()"#, r#"["a","b"]"#),
        example(r#"$LIST({ "a": 1 })"#, r#"[{"a":1}]"#),
        example("$LIST(missing)", "[]"),
    ],
    null: NullPropagation::Passed,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(list),
};

pub(super) const CHUNK: Function = Function {
    name: "CHUNK",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST), Param::new("size", Kinds::NUMBER)],
    result: Kinds::LIST,
    doc: "The elements in lists of a size. The last list has the rest, so it may be shorter.",
    examples: &[
        example("$CHUNK([1, 2, 3, 4, 5], 2)", "[[1,2],[3,4],[5]]"),
        example("[1, NULL].$CHUNK(9)", "[[1,null]]"),
        example("$CHUNK([], 2)", "[]"),
        example("$CHUNK([1], 0)", "E0314"),
        example("$CHUNK([1], missing)", "E0310"),
        example("$CHUNK(missing, 2)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(chunk),
};

fn list<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    match args.value(0) {
        Value::Null => env.heap.list(&[]),
        value if value.kind() == Kind::List => Ok(value),
        value => env.heap.list(&[value]),
    }
}

fn chunk<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let list = args.list(0)?;
    let size = args.integer(1)?;
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| args.meaningless(1, format!("an integer above 0, not `{size}`")))?;
    let mut chunks = env.heap.list_builder();
    let mut items = list.iter().peekable();
    while items.peek().is_some() {
        let mut chunk = env.heap.list_builder();
        items.by_ref().take(size).try_for_each(|item| chunk.push(item))?;
        chunks.push(chunk.finish()?)?;
    }
    chunks.finish()
}
