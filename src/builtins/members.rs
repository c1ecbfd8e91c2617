//! Functions that choose and rename the members of objects. Knows no paths.

use std::borrow::Cow;
use std::collections::HashMap;

use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Object, Value};

pub(super) const OMIT: Function = Function {
    name: "OMIT",
    family: Family::Object,
    params: &[Param::new("object", Kinds::OBJECT), KEYS],
    result: Kinds::OBJECT,
    doc: "The object without a key, or without the keys of a list. Keys that it does not have are passed over.",
    examples: &[
        example(r#"$OMIT({ "id": 7, "token": "x" }, "token")"#, r#"{"id":7}"#),
        example(r#"{ "a": 1, "b": NULL, "c": 3 }.$OMIT(["c", "a", "missing"])"#, r#"{"b":null}"#),
        example(r#"$OMIT({ "a": 1 }, [])"#, r#"{"a":1}"#),
        example(r#"$OMIT({ "a": 1 }, missing)"#, "E0310"),
        example(r#"$OMIT({ "a": 1 }, $PARSE_JSON("[1]"))"#, "E0302"),
        example(r#"$OMIT(missing, "a")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(omit),
};

pub(super) const PICK: Function = Function {
    name: "PICK",
    family: Family::Object,
    params: &[Param::new("object", Kinds::OBJECT), KEYS],
    result: Kinds::OBJECT,
    doc: "The object with only a key, or only the keys of a list, in the order of the object. Keys that it does not have are passed over.",
    examples: &[
        example(
            r#"$PICK({ "id": 7, "name": "a", "token": "x" }, ["name", "id"])"#,
            r#"{"id":7,"name":"a"}"#,
        ),
        example(r#"{ "a": NULL }.$PICK("a")"#, r#"{"a":null}"#),
        example(r#"$PICK({ "a": 1 }, "missing")"#, "{}"),
        example(r#"$PICK({ "a": 1 }, $PARSE_JSON("[null]"))"#, "E0302"),
        example(r#"$PICK(missing, "a")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(pick),
};

pub(super) const RENAME: Function = Function {
    name: "RENAME",
    family: Family::Object,
    params: &[
        Param::new("object", Kinds::OBJECT),
        Param::new("names", Kinds::OBJECT)
            .hint("the old names are the keys: `$RENAME(object, { \"old\": \"new\" })`"),
    ],
    result: Kinds::OBJECT,
    doc: "The object with other names for some keys; `names` has the new name under each old one. A renamed key keeps its place. Keys that the object does not have are passed over. If two entries get the same key, the value of the later one counts.",
    examples: &[
        example(
            r#"$RENAME({ "customer_id": 7, "a": 1 }, { "customer_id": "userId", "gone": "x" })"#,
            r#"{"userId":7,"a":1}"#,
        ),
        example(r#"{ "a": 1, "b": 2 }.$RENAME({ "a": "b", "b": "a" })"#, r#"{"b":1,"a":2}"#),
        example(r#"$RENAME({ "a": 1, "b": 2 }, { "a": "b" })"#, r#"{"b":2}"#),
        example(r#"$RENAME({ "a": 1 }, { "b": 2 })"#, "E0302"),
        example(r#"$RENAME(missing, { "a": "b" })"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(rename),
};

pub(super) const FROM_ENTRIES: Function = Function {
    name: "FROM_ENTRIES",
    family: Family::Object,
    params: &[Param::new("list", Kinds::LIST)],
    result: Kinds::OBJECT,
    doc: "The object of a list of entries, each an object with its `key` and its `value`; the inverse of `$ENTRIES`. Nulls are left out. For a repeated key the last value counts.",
    examples: &[
        example(
            r#"$FROM_ENTRIES([{ "key": "b", "value": 1 }, NULL, { "key": "a" }])"#,
            r#"{"b":1,"a":null}"#,
        ),
        example(
            r#"{ "b": 1, "a": 2 }.$ENTRIES().$SORT(e => e.key).$FROM_ENTRIES()"#,
            r#"{"a":2,"b":1}"#,
        ),
        example(r#"$FROM_ENTRIES([])"#, "{}"),
        example(r#"$FROM_ENTRIES([{ "key": 1, "value": 2 }])"#, "E0302"),
        example(r#"$FROM_ENTRIES($PARSE_JSON('["a"]'))"#, "E0302"),
        example("$FROM_ENTRIES(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(from_entries),
};

const KEYS: Param = Param::new("keys", Kinds::TEXT.or(Kinds::LIST));

fn omit<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    chosen(env, args, false)
}

fn pick<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    chosen(env, args, true)
}

/// Returns the entries whose key is among the keys, or those whose key is not.
fn chosen<'a>(env: &Env<'a>, args: Args<'_, 'a>, listed: bool) -> Result<Value<'a>, Fault> {
    let object = args.object(0)?;
    let mut keys = KeyTable::new(env, object);
    match args.value(1).as_list() {
        None => keys.insert(args.text(1)?, ())?,
        Some(list) => {
            for item in list.iter() {
                let key = item.as_text().ok_or_else(|| no_key(args, "keys", item))?;
                keys.insert(key, ())?;
            }
        }
    }
    // Entries that are left out are visited too.
    env.heap.work(object.len())?;
    let mut kept = env.heap.object_builder();
    for (key, value) in object.iter() {
        if keys.get(key).is_some() == listed {
            kept.push(key, value)?;
        }
    }
    kept.finish()
}

fn rename<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let object = args.object(0)?;
    let mut names = KeyTable::new(env, object);
    for (old, new) in args.object(1)?.iter() {
        names.insert(old, new.as_text().ok_or_else(|| no_key(args, "names", new))?)?;
    }
    let mut renamed = env.heap.object_builder();
    for (key, value) in object.iter() {
        renamed.push(names.get(key).unwrap_or(key), value)?;
    }
    renamed.finish()
}

fn from_entries<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let list = args.list(0)?;
    env.heap.work(list.len())?;
    let mut object = env.heap.object_builder();
    for item in list.iter().filter(|item| !item.is_null()) {
        let entry = item.as_object().ok_or_else(|| no_entry(item))?;
        let key = entry.get("key").unwrap_or(Value::Null);
        let key = key.as_text().ok_or_else(|| no_key(args, "list", key))?;
        env.heap.work_on_bytes(key.len())?;
        object.push(key, entry.get("value").unwrap_or(Value::Null))?;
    }
    object.finish()
}

/// Values by key. The keys match those of an object as members of the object do: in any case for
/// the headers of a request.
struct KeyTable<'e, 'a, V> {
    env: &'e Env<'a>,
    blind: bool,
    values: HashMap<Cow<'a, str>, V>,
}

impl<'e, 'a, V: Copy> KeyTable<'e, 'a, V> {
    fn new(env: &'e Env<'a>, object: Object<'a>) -> Self {
        Self { env, blind: object.is_case_insensitive(), values: HashMap::new() }
    }

    fn insert(&mut self, key: &'a str, value: V) -> Result<(), Fault> {
        self.env.heap.work(1)?;
        self.env.heap.work_on_bytes(key.len())?;
        self.env.heap.charge(size_of::<(Cow<'_, str>, V)>())?;
        self.values.insert(self.form(key), value);
        Ok(())
    }

    fn get(&self, key: &'a str) -> Option<V> {
        self.values.get(&self.form(key)).copied()
    }

    fn form(&self, key: &'a str) -> Cow<'a, str> {
        if self.blind { key.to_ascii_lowercase().into() } else { key.into() }
    }
}

fn no_key(args: Args<'_, '_>, among: &str, found: Value<'_>) -> Fault {
    let name = args.function_name();
    let message =
        format!("`${name}` needs a string as a key, and in `{among}` is {}", found.kind().phrase());
    Fault::new(FaultKind::WrongArgument, message)
}

fn no_entry(item: Value<'_>) -> Fault {
    Fault::new(
        FaultKind::WrongArgument,
        format!("`$FROM_ENTRIES` takes entries, and in the list is {}", item.kind().phrase()),
    )
    .help("an entry is `{ \"key\": \"a\", \"value\": 1 }`, as `$ENTRIES` returns it")
}
