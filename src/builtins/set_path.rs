//! Setting a value at a path of an object. Knows no other paths than those of `$SET`.

use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, List, Number, Object, Value, too_deep_to_read};

pub(super) const SET: Function = Function {
    name: "SET",
    family: Family::Object,
    params: &[
        Param::new("object", Kinds::OBJECT),
        Param::new("path", Kinds::TEXT.or(Kinds::LIST)),
        Param::new("value", Kinds::ANY),
    ],
    result: Kinds::OBJECT,
    doc: "The object with a value at a path. A string is a path of keys with `.` between them, `\\.` for a dot of a key. A list has keys and positions in lists, negative ones from the end. What is missing or null on the way becomes an object.",
    examples: &[
        example(
            r#"$SET({ "user": { "id": 7 } }, "user.name", "a")"#,
            r#"{"user":{"id":7,"name":"a"}}"#,
        ),
        example(r#"$SET({ "a": 1 }, "b.c", NULL)"#, r#"{"a":1,"b":{"c":null}}"#),
        example(r#"{ "l": [1, { "x": 2 }] }.$SET(["l", -1, "x"], 3)"#, r#"{"l":[1,{"x":3}]}"#),
        example(r#"$SET({}, "a\\.b", 1)"#, r#"{"a.b":1}"#),
        example(r#"$SET(missing, "a", 1)"#, r#"{"a":1}"#),
        example(r#"$SET({ "a": 1 }, "a.b", 2)"#, "E0302"),
        example(r#"$SET({ "l": [1] }, ["l", 1], 2)"#, "E0314"),
        example(r#"$SET({}, "", 1)"#, "E0314"),
        example(r#"$SET({}, missing, 1)"#, "E0310"),
    ],
    null: NullPropagation::Passed,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(set),
};

/// One step of a path.
#[derive(Clone, Copy)]
enum KeyOrPosition<'a> {
    Key(&'a str),
    Position(i64),
}

fn set<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let steps = path(env, args)?;
    let mut parents = Vec::with_capacity(steps.len());
    let mut here = args.value(0);
    for step in &steps {
        parents.push(here);
        here = child(args, here, *step)?;
    }
    // From the inside outward: each parent is copied with its changed child.
    let mut value = args.value(2);
    for (parent, step) in parents.into_iter().zip(steps).rev() {
        value = match (parent, step) {
            (Value::List(list), KeyOrPosition::Position(at)) => {
                with_item(env, args, list, at, value)?
            }
            (Value::Object(object), KeyOrPosition::Key(key)) => {
                with_member(env, object, key, value)?
            }
            (_, KeyOrPosition::Key(key)) => only_member(env, key, value)?,
            (parent, KeyOrPosition::Position(_)) => return Err(no_list(parent)),
        };
    }
    Ok(value)
}

fn path<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Vec<KeyOrPosition<'a>>, Fault> {
    let mut steps = Vec::new();
    let mut add = |step: KeyOrPosition<'a>| -> Result<(), Fault> {
        env.heap.work(1)?;
        // The step, and its parent.
        env.heap.charge(size_of::<KeyOrPosition<'_>>() + size_of::<Value<'_>>())?;
        steps.push(step);
        Ok(())
    };
    match args.value(1).as_list() {
        None => keys(env, args.text(1)?, &mut add)?,
        Some(list) => {
            for item in list.iter() {
                add(listed_step(args, item)?)?;
            }
        }
    }
    if steps.is_empty() {
        return Err(args.meaningless(1, "at least one key, not an empty path"));
    }
    Ok(steps)
}

/// Splits a path at its dots. A dot after a backslash is part of a key.
fn keys<'a>(
    env: &Env<'a>,
    path: &'a str,
    add: &mut impl FnMut(KeyOrPosition<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if path.is_empty() {
        return Ok(());
    }
    let mut start = 0;
    for (at, _) in path.match_indices('.') {
        let key = path.get(start..at).unwrap_or("");
        if !key.ends_with('\\') {
            add(KeyOrPosition::Key(unescaped(env, key)?))?;
            start = at + 1;
        }
    }
    add(KeyOrPosition::Key(unescaped(env, path.get(start..).unwrap_or(""))?))
}

fn unescaped<'a>(env: &Env<'a>, key: &'a str) -> Result<&'a str, Fault> {
    if key.contains("\\.") { env.heap.text(&key.replace("\\.", ".")) } else { Ok(key) }
}

fn listed_step<'a>(args: Args<'_, 'a>, item: Value<'a>) -> Result<KeyOrPosition<'a>, Fault> {
    if let Some(key) = item.as_text() {
        return Ok(KeyOrPosition::Key(key));
    }
    match item {
        Value::Number(number) => match number.as_whole().map(i64::try_from) {
            Some(Ok(position)) => Ok(KeyOrPosition::Position(position)),
            Some(Err(_)) => Err(out_of_range(args, number)),
            None => {
                Err(args.meaningless(1, format!("a path of keys and integers, not `{number}`")))
            }
        },
        Value::BigNumber(number) => Err(out_of_range(args, number.as_str())),
        other => Err(Fault::new(
            FaultKind::WrongArgument,
            format!("a path has strings and integers, and in it is {}", other.kind().phrase()),
        )),
    }
}

fn child<'a>(
    args: Args<'_, 'a>,
    parent: Value<'a>,
    step: KeyOrPosition<'a>,
) -> Result<Value<'a>, Fault> {
    match (parent, step) {
        (Value::Opaque(_), _) => Err(too_deep_to_read()),
        (Value::Null, KeyOrPosition::Key(_)) => Ok(Value::Null),
        (Value::Object(object), KeyOrPosition::Key(key)) => {
            Ok(object.get(key).unwrap_or(Value::Null))
        }
        (Value::List(list), KeyOrPosition::Position(at)) => {
            let at = position(list, at).ok_or_else(|| out_of_range(args, Number::Int(at)))?;
            Ok(list.get(at).unwrap_or(Value::Null))
        }
        (parent, KeyOrPosition::Position(_)) => Err(no_list(parent)),
        (parent, KeyOrPosition::Key(key)) => Err(Fault::new(
            FaultKind::WrongArgument,
            format!(
                "`$SET` finds {} where it needs an object with the key {}",
                parent.kind().phrase(),
                crate::value::quoted(key)
            ),
        )),
    }
}

/// Returns the index of a position, which counts from the end if it is negative.
fn position(list: List<'_>, at: i64) -> Option<usize> {
    let length = i64::try_from(list.len()).ok()?;
    let at = if at < 0 { at.checked_add(length)? } else { at };
    usize::try_from(at).ok().filter(|at| *at < list.len())
}

fn with_item<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    list: List<'a>,
    at: i64,
    value: Value<'a>,
) -> Result<Value<'a>, Fault> {
    let at = position(list, at).ok_or_else(|| out_of_range(args, Number::Int(at)))?;
    let mut items = env.heap.list_builder();
    for (index, item) in list.iter().enumerate() {
        items.push(if index == at { value } else { item })?;
    }
    items.finish()
}

fn with_member<'a>(
    env: &Env<'a>,
    object: Object<'a>,
    key: &'a str,
    value: Value<'a>,
) -> Result<Value<'a>, Fault> {
    let blind = object.is_case_insensitive();
    let is_it = |name: &str| name == key || (blind && name.eq_ignore_ascii_case(key));
    let mut members = env.heap.object_builder();
    let mut found = false;
    for (name, member) in object.iter() {
        found |= is_it(name);
        members.push(name, if is_it(name) { value } else { member })?;
    }
    if !found {
        members.push(key, value)?;
    }
    members.finish()
}

/// Returns a new object in the place of a missing one.
fn only_member<'a>(env: &Env<'a>, key: &'a str, value: Value<'a>) -> Result<Value<'a>, Fault> {
    let mut members = env.heap.object_builder();
    members.push(key, value)?;
    members.finish()
}

fn no_list(parent: Value<'_>) -> Fault {
    Fault::new(
        FaultKind::WrongArgument,
        format!("`$SET` finds {} where the path has a position in a list", parent.kind().phrase()),
    )
}

fn out_of_range(args: Args<'_, '_>, position: impl std::fmt::Display) -> Fault {
    args.meaningless(1, format!("a position in the list, and `{position}` is out of range"))
}
