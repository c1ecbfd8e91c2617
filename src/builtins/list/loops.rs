//! The functions that run a lambda for every element.

use crate::builtins::registry::{Code, Family, Function, LoopKind, NullSubject, Param, example};
use crate::value::Kinds;

/// What a loop runs over. Of an object it is the values, and lambdas may take `(value, key)`.
const SUBJECT: Param = Param::new("list", Kinds::LIST.or(Kinds::OBJECT));

const BODY: Param = Param::lambda("item", 1, 2);

pub(super) const MAP: Function = Function {
    name: "MAP",
    family: Family::List,
    params: &[SUBJECT, BODY],
    result: Kinds::LIST.or(Kinds::OBJECT),
    doc: "What the lambda answers for each element; of an object, under the same keys.",
    examples: &[
        example("[1, 2].$MAP(x => x * 2)", "[2,4]"),
        example(
            r#"$MAP({ "a": 1, "b": 2 }, (value, key) => "${key}${value}")"#,
            r#"{"a":"a1","b":"b2"}"#,
        ),
        example(r#"["1", "x"].$MAP(text => $INTEGER(text))"#, "E0307"),
        example("$MAP(missing, x => x)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Loop(LoopKind::Map),
};

pub(super) const FILTER: Function = Function {
    name: "FILTER",
    family: Family::List,
    params: &[SUBJECT, BODY],
    result: Kinds::LIST.or(Kinds::OBJECT),
    doc: "The elements for which the lambda answers something true; of an object, its entries.",
    examples: &[
        example(r#"["a", "", NULL, "b"].$FILTER(x => x)"#, r#"["a","b"]"#),
        example(r#"$FILTER({ "a": 1, "b": NULL }, value => value)"#, r#"{"a":1}"#),
        example(r#"$FILTER({ "a": 1, "b": 2 }, (value, key) => key IN ["b", "c"])"#, r#"{"b":2}"#),
        example("$FILTER(missing, x => x)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Loop(LoopKind::Filter),
};

pub(super) const ANY: Function = Function {
    name: "ANY",
    family: Family::List,
    params: &[SUBJECT, BODY],
    result: Kinds::BOOLEAN,
    doc: "Whether the lambda answers something true for one element at least; it stops at that one. False for null.",
    examples: &[
        example(r#"["bug", "ops"].$ANY(label => label == "ops")"#, "true"),
        example(r#"[1, "x"].$ANY(x => $INTEGER(x) == 1)"#, "true"),
        example("[].$ANY(x => TRUE)", "false"),
        example("$ANY(missing, x => x)", "false"),
    ],
    null: NullSubject::False,
    releases: false,
    code: Code::Loop(LoopKind::Any),
};

pub(super) const ALL: Function = Function {
    name: "ALL",
    family: Family::List,
    params: &[SUBJECT, BODY],
    result: Kinds::BOOLEAN,
    doc: "Whether the lambda answers something true for every element; it stops at the first for which it does not. True for null.",
    examples: &[
        example("[1, 2].$ALL(x => x > 0)", "true"),
        example(r#"$ALL({ "a": 1, "b": 0 }, value => value)"#, "false"),
        example("[].$ALL(x => FALSE)", "true"),
        example("$ALL(missing, x => x)", "true"),
    ],
    null: NullSubject::True,
    releases: false,
    code: Code::Loop(LoopKind::All),
};

pub(super) const FIND: Function = Function {
    name: "FIND",
    family: Family::List,
    params: &[SUBJECT, BODY],
    result: Kinds::ALL,
    doc: "The first element for which the lambda answers something true, or null.",
    examples: &[
        example(r#"[{ "id": 1 }, { "id": 2 }].$FIND(x => x.id > 1)"#, r#"{"id":2}"#),
        example("[1, 2].$FIND(x => x > 5)", "null"),
        example(r#"$FIND({ "a": 1, "b": 2 }, (value, key) => key == "b")"#, "2"),
        example("$FIND(missing, x => x)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Loop(LoopKind::Find),
};

pub(super) const REDUCE: Function = Function {
    name: "REDUCE",
    family: Family::List,
    params: &[
        Param::new("list", Kinds::LIST),
        Param::new("start", Kinds::ALL),
        Param::lambda("(result, item)", 2, 2),
    ],
    result: Kinds::ALL,
    doc: "One value of all elements: the lambda is given its last answer, at first the start, and the next element.",
    examples: &[
        example("[1, 2, 3].$REDUCE(0, (total, x) => total + x)", "6"),
        example(r#"["a", "b"].$REDUCE("", (text, x) => "${x}${text}")"#, r#""ba""#),
        example("[].$REDUCE(NULL, (a, x) => x)", "null"),
        example("$REDUCE(missing, 0, (total, x) => total + x)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Loop(LoopKind::Reduce),
};

pub(super) const SORT: Function = Function {
    name: "SORT",
    family: Family::List,
    params: &[
        Param::new("list", Kinds::LIST),
        Param::lambda("key", 1, 1).optional(),
        Param::new("descending", Kinds::BOOLEAN).optional(),
    ],
    result: Kinds::LIST,
    doc: "The elements in order, by themselves or by what the lambda answers for each; equal ones stay as they were, nulls come first.",
    examples: &[
        example("$SORT([3, NULL, 1.5, 2])", "[null,1.5,2,3]"),
        example(
            r#"[{ "n": 1, "id": "a" }, { "n": 2, "id": "b" }].$SORT(x => x.n, TRUE).$MAP(x => x.id)"#,
            r#"["b","a"]"#,
        ),
        example(r#"["b", "é", "B", "a"].$SORT()"#, r#"["B","a","b","é"]"#),
        example(r#"$SORT($PARSE_JSON('[1, "2"]'))"#, "E0305"),
        example("$SORT(missing)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Loop(LoopKind::Sort),
};
