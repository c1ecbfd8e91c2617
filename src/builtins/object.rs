//! Functions of the object family. Knows no lambdas: loops over objects are in the list family.

use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env, members, set_path};
use crate::value::{Fault, FaultKind, Kinds, Object, ObjectBuilder, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    MERGE,
    KEYS,
    VALUES,
    ENTRIES,
    members::FROM_ENTRIES,
    members::OMIT,
    members::PICK,
    members::RENAME,
    set_path::SET,
];

const MERGE: Function = Function {
    name: "MERGE",
    family: Family::Object,
    params: &[
        Param::new("object", Kinds::OBJECT.or(Kinds::LIST)),
        Param::new("other", Kinds::OBJECT).rest(),
    ],
    result: Kinds::OBJECT,
    doc: "The entries of all objects in one object. For a repeated key the last value counts. A list of objects may be given instead; its nulls are left out.",
    examples: &[
        example(
            r#"$MERGE({ "a": 1, "b": { "x": 1 } }, { "b": { "y": 2 } }, { "c": 3 })"#,
            r#"{"a":1,"b":{"y":2},"c":3}"#,
        ),
        example(r#"[{ "a": 1 }, NULL, { "a": 2 }].$MERGE()"#, r#"{"a":2}"#),
        example("$MERGE([])", "{}"),
        example(r#"$MERGE({ "a": 1 }, missing)"#, "E0310"),
        example("$MERGE($PARSE_JSON('[1]'))", "E0302"),
        example("$MERGE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(merge),
};

const KEYS: Function = Function {
    name: "KEYS",
    family: Family::Object,
    params: &[Param::new("object", Kinds::OBJECT)],
    result: Kinds::LIST,
    doc: "The keys of the object, in its order.",
    examples: &[
        example(r#"$KEYS({ "b": 1, "ä": NULL })"#, r#"["b","ä"]"#),
        example("{}.$KEYS()", "[]"),
        example("$KEYS(missing)", "null"),
        example("$KEYS($PARSE_JSON('[1]'))", "E0302"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(keys),
};

const VALUES: Function = Function {
    name: "VALUES",
    family: Family::Object,
    params: &[Param::new("object", Kinds::OBJECT)],
    result: Kinds::LIST,
    doc: "The values of the object, in its order.",
    examples: &[
        example(r#"$VALUES({ "b": 1, "a": NULL })"#, "[1,null]"),
        example("{}.$VALUES()", "[]"),
        example("$VALUES(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(values),
};

const ENTRIES: Function = Function {
    name: "ENTRIES",
    family: Family::Object,
    params: &[Param::new("object", Kinds::OBJECT)],
    result: Kinds::LIST,
    doc: "The entries of the object, each an object with its `key` and its `value`.",
    examples: &[
        example(
            r#"$ENTRIES({ "b": 1, "a": [] })"#,
            r#"[{"key":"b","value":1},{"key":"a","value":[]}]"#,
        ),
        example(r#"{ "id": 7 }.$ENTRIES()[0].value"#, "7"),
        example("$ENTRIES(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(entries),
};

fn merge<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut merged = env.heap.object_builder();
    if let Value::List(list) = args.value(0) {
        if args.len() > 1 {
            return Err(args.meaningless(0, "an object, or a list on its own"));
        }
        env.heap.work(list.len())?;
        for item in list.iter().filter(|item| !item.is_null()) {
            push_all(&mut merged, item.as_object().ok_or_else(|| no_object(item))?)?;
        }
        return merged.finish();
    }
    for at in 0..args.len() {
        push_all(&mut merged, args.object(at)?)?;
    }
    merged.finish()
}

fn push_all<'a>(merged: &mut ObjectBuilder<'a>, object: Object<'a>) -> Result<(), Fault> {
    object.iter().try_for_each(|(key, value)| merged.push(key, value))
}

fn no_object(item: Value<'_>) -> Fault {
    Fault::new(
        FaultKind::WrongArgument,
        format!("`$MERGE` merges objects, and in the list is {}", item.kind().phrase()),
    )
}

fn keys<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut keys = env.heap.list_builder();
    args.object(0)?.iter().try_for_each(|(key, _)| keys.push(Value::Text(key)))?;
    keys.finish()
}

fn values<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut values = env.heap.list_builder();
    args.object(0)?.iter().try_for_each(|(_, value)| values.push(value))?;
    values.finish()
}

fn entries<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut entries = env.heap.list_builder();
    for (key, value) in args.object(0)?.iter() {
        let mut entry = env.heap.object_builder();
        entry.push("key", Value::Text(key))?;
        entry.push("value", value)?;
        entries.push(entry.finish()?)?;
    }
    entries.finish()
}
