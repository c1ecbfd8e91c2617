//! Parsers for texts of keys and values: forms, and headers such as `t=1,v1=ab`. Knows no header
//! names.

use std::collections::HashMap;

use smallvec::{SmallVec, smallvec};

use super::url::{Plus, decoded};
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Heap, Kinds, Value};

pub(super) const PARSE_FORM: Function = Function {
    name: "PARSE_FORM",
    family: Family::Encoding,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::OBJECT,
    doc: "The fields of a form or query text as an object; a repeated key gives a list.",
    examples: &[
        example(r#"$PARSE_FORM("text=a+b%26c&id=%C3%A9")"#, r#"{"text":"a b&c","id":"é"}"#),
        example(r#""a=1&b=2&a=3&flag&".$PARSE_FORM()"#, r#"{"a":["1","3"],"b":"2","flag":""}"#),
        example(r#"$PARSE_FORM("")"#, "{}"),
        example(r#"$PARSE_FORM("a=%zz")"#, "E0309"),
        example("$PARSE_FORM(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(parse_form),
};

pub(super) const PARSE_PAIRS: Function = Function {
    name: "PARSE_PAIRS",
    family: Family::Encoding,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("separator", Kinds::TEXT),
        Param::new("assign", Kinds::TEXT),
    ],
    result: Kinds::OBJECT,
    doc: "The pairs of a string such as `t=1,v1=ab` as an object, spaces around them left out; a repeated key gives a list, a key alone null.",
    examples: &[
        example(r#"$PARSE_PAIRS("t=1,v1=ab", ",", "=")"#, r#"{"t":"1","v1":"ab"}"#),
        example(
            r#""v1=a==; v1 = b ;; é".$PARSE_PAIRS(";", "=")"#,
            r#"{"v1":["a==","b"],"é":null}"#,
        ),
        example(r#"$PARSE_PAIRS("a=1", "", "=")"#, "E0314"),
        example(r#"$PARSE_PAIRS("a=1", ",", missing)"#, "E0310"),
        example(r#"$PARSE_PAIRS(missing, ",", "=")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(parse_pairs),
};

fn parse_form<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut fields = Grouped::new(env.heap);
    for field in args.text(0)?.split('&').filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let key = decoded(env.heap, key, Plus::IsSpace)?;
        fields.push(key, Value::Text(decoded(env.heap, value, Plus::IsSpace)?))?;
    }
    fields.finish()
}

fn parse_pairs<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, separator, assign) = (args.text(0)?, args.text(1)?, args.text(2)?);
    for (at, mark) in [(1, separator), (2, assign)] {
        if mark.is_empty() {
            return Err(args.meaningless(at, "at least one character, not an empty text"));
        }
    }
    let mut pairs = Grouped::new(env.heap);
    for pair in text.split(separator).map(str::trim) {
        match pair.split_once(assign) {
            Some((key, value)) => pairs.push(key.trim_end(), Value::Text(value.trim_start()))?,
            None if pair.is_empty() => env.heap.work(1)?,
            None => pairs.push(pair, Value::Null)?,
        }
    }
    pairs.finish()
}

/// Keys in order of appearance, each with its values.
pub(super) struct Grouped<'a> {
    heap: &'a Heap,
    places: HashMap<&'a str, usize>,
    groups: Vec<Group<'a>>,
}

/// A key with its values. Most keys have one value.
type Group<'a> = (&'a str, SmallVec<[Value<'a>; 1]>);

impl<'a> Grouped<'a> {
    pub(super) fn new(heap: &'a Heap) -> Self {
        Self { heap, places: HashMap::new(), groups: Vec::new() }
    }

    pub(super) fn push(&mut self, key: &'a str, value: Value<'a>) -> Result<(), Fault> {
        self.heap.work(1)?;
        self.heap.charge(size_of::<(usize, Group<'_>)>())?;
        let place = *self.places.entry(key).or_insert(self.groups.len());
        match self.groups.get_mut(place) {
            Some((_, values)) => values.push(value),
            None => self.groups.push((key, smallvec![value])),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Value<'a>, Fault> {
        let mut object = self.heap.object_builder();
        for (key, values) in self.groups {
            object.push(
                key,
                match values.as_slice() {
                    [value] => *value,
                    values => self.heap.list(values)?,
                },
            )?;
        }
        object.finish()
    }
}
