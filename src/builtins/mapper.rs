//! The looping operators of mappers. They differ from `$MAP` and similar functions in their result
//! for objects, and no expression can write their names.
//!
//! `mapper::operators` has their documentation and examples, and lowers to calls of these
//! functions. Knows no documents.

use super::function::{Code, Family, Function, LoopKind, NullPropagation, Param, Role};
use crate::value::Kinds;

pub(super) const OPERATORS: &[Function] = &[MAP, FILTER, SORT, COALESCE];

const ITEMS: Param = Param::new("items", Kinds::LIST.or(Kinds::OBJECT));

/// The lambda takes the element, its key or index, and its index.
const MAP: Function = operator(
    "MAP()",
    &[ITEMS, Param::lambda("converter", 1, 3)],
    Kinds::LIST,
    "The result of the converter for each element; for an object, for each value.",
    LoopKind::Map,
);

const FILTER: Function = operator(
    "FILTER()",
    &[ITEMS, Param::lambda("condition", 1, 3).optional()],
    Kinds::LIST,
    "The elements that pass; of an object, the values.",
    LoopKind::Filter,
);

const SORT: Function = operator(
    "SORT()",
    &[ITEMS, Param::lambda("key", 1, 3), Param::new("desc", Kinds::BOOLEAN).optional()],
    Kinds::LIST,
    "The elements in the order of their keys; of an object, the values.",
    LoopKind::Sort,
);

const COALESCE: Function = operator(
    "COALESCE()",
    &[ITEMS, Param::lambda("condition", 1, 3).optional()],
    Kinds::ALL,
    "The first element that passes, or null; of an object, the first value.",
    LoopKind::Find,
);

const fn operator(
    name: &'static str,
    params: &'static [Param],
    result: Kinds,
    doc: &'static str,
    kind: LoopKind,
) -> Function {
    Function {
        name,
        family: Family::Mapper,
        params,
        result,
        doc,
        examples: &[],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Loop(kind),
    }
}
