//! Operators that process each element of a list or object. Inside them, `item` is the element and
//! `loop` has its `key`, `index0` and `index1`. Lowers them only; the VM runs the loops.

use std::borrow::Cow;

use super::keys;
use super::lower::{Call, Lowering};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Content, Entry, Key, Node};
use crate::source::Span;
use crate::syntax::{Binding, Expr, ExprId, Operator, Param, Run, Step, StepKind};
use crate::value::Number;

const ITEM: &str = "item";
const LOOP: &str = "loop";

/// The names of the other parameters of a loop body: the key or index of the element, and its
/// index.
const PLACE: &str = "(place)";
const INDEX: &str = "(index)";

/// The name of an element together with its positions, for sorting by several keys.
const ENTRY: &str = "(entry)";

/// The name of the flag for descending order.
const DESCENDING: &str = "(descending)";

pub(super) fn map(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let items = lowering.argument(call, "items");
    let body = each(lowering, call, "converter");
    lowering.call("MAP()", vec![items, body], call.span)
}

pub(super) fn filter(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let mut args = vec![lowering.argument(call, "items")];
    if call.get("condition").is_some() {
        args.push(each(lowering, call, "condition"));
    }
    lowering.call("FILTER()", args, call.span)
}

/// Lowers a parameter to a lambda over the elements.
fn each(lowering: &mut Lowering, call: &Call<'_>, name: &str) -> ExprId {
    match call.get(name) {
        Some(node) => lambda(lowering, node, call.span),
        None => lowering.add(Expr::Error, call.span),
    }
}

fn lambda(lowering: &mut Lowering, node: &Node, span: Span) -> ExprId {
    let before = lowering.tree.len();
    let body = lowering.value(node);
    if !mentions_loop(lowering, before) {
        return abstracted(lowering, &[ITEM], body, span);
    }
    let place = lowering.name(PLACE, span);
    let index = lowering.name(INDEX, span);
    let around = around(lowering, place, index, span);
    let body = lowering.bind(vec![around], body, span);
    abstracted(lowering, &[ITEM, PLACE, INDEX], body, span)
}

fn abstracted(lowering: &mut Lowering, names: &[&str], body: ExprId, span: Span) -> ExprId {
    let params = names.iter().map(|name| Param { name: (*name).into(), span }).collect();
    lowering.add(Expr::Lambda { params, body }, span)
}

/// Returns true if the nodes added since `since` refer to `loop`. `loop` is built only if they do.
fn mentions_loop(lowering: &Lowering, since: usize) -> bool {
    let fresh = lowering.tree.len() - since;
    lowering
        .tree
        .iter()
        .rev()
        .take(fresh)
        .any(|(_, expr)| matches!(expr, Expr::Name(name) if **name == *LOOP))
}

/// Builds `loop` from the key or index of an element and its index. For a list both are equal, and
/// `key` is null.
fn around(lowering: &mut Lowering, place: ExprId, index: ExprId, span: Span) -> Binding {
    let is_list = run(lowering, place, Operator::Equal, index, span);
    let null = lowering.add(Expr::Null, span);
    let key = lowering.add(Expr::If { arms: vec![(is_list, null)], otherwise: Some(place) }, span);
    let one = lowering.add(Expr::Number(Number::Int(1)), span);
    let next = run(lowering, index, Operator::Add, one, span);
    binding_of_loop(lowering, key, index, next, span)
}

fn binding_of_loop(
    lowering: &mut Lowering,
    key: ExprId,
    index0: ExprId,
    index1: ExprId,
    span: Span,
) -> Binding {
    let members = [("key", key), ("index0", index0), ("index1", index1)];
    let entries = members.map(|(name, value)| (lowering.literal(name, span), value));
    Binding { name: LOOP.into(), value: lowering.add(Expr::Object(entries.to_vec()), span) }
}

fn run(
    lowering: &mut Lowering,
    first: ExprId,
    operator: Operator,
    operand: ExprId,
    span: Span,
) -> ExprId {
    lowering.add(Expr::Run { first, rest: vec![Run { operator, span, operand }] }, span)
}

pub(super) fn sort(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let keys = match call.get("key").map(|key| &key.content) {
        Some(Content::List(keys)) => keys.as_slice(),
        _ => call.get("key").map_or(&[] as &[Node], std::slice::from_ref),
    };
    match keys {
        [] => {
            let span = call.get("key").map_or(call.span, |key| key.span);
            lowering.report(
                Diagnostic::new(Code::E0506, span, "the `key` of `SORT()` is a list without keys")
                    .help("to sort by the elements themselves, write `\"item\"`"),
            );
            lowering.add(Expr::Error, call.span)
        }
        [key] => {
            let items = lowering.argument(call, "items");
            let body = lambda(lowering, key, call.span);
            let mut args = vec![items, body];
            args.extend(call.get("desc").map(|node| lowering.value(node)));
            lowering.call("SORT()", args, call.span)
        }
        _ => sort_by_several(lowering, call, keys),
    }
}

/// Lowers a sort with several keys to one stable sort for each key, the last key first. Equal
/// elements keep their order, so earlier keys take precedence. Each element is sorted together with
/// its positions, because any key may use `loop`.
fn sort_by_several(lowering: &mut Lowering, call: &Call<'_>, keys: &[Node]) -> ExprId {
    let span = call.span;
    let descending = lowering.argument(call, "desc");
    let items = lowering.argument(call, "items");
    let names = [ITEM, PLACE, INDEX];
    let parts = names.map(|name| lowering.name(name, span)).to_vec();
    let entry = lowering.add(Expr::List(parts), span);
    let entry = abstracted(lowering, &names, entry, span);
    let mut sorted = lowering.call("MAP()", vec![items, entry], span);
    for key in keys.iter().rev() {
        let body = entry_key(lowering, key, span);
        let descending = lowering.name(DESCENDING, span);
        sorted = lowering.call("SORT()", vec![sorted, body, descending], span);
    }
    let value = entry_part(lowering, 0, span);
    let value = abstracted(lowering, &[ENTRY], value, span);
    let answer = lowering.call("MAP()", vec![sorted, value], span);
    lowering.bind(vec![Binding { name: DESCENDING.into(), value: descending }], answer, span)
}

/// Builds the lambda for one sort key over an element with its positions.
fn entry_key(lowering: &mut Lowering, key: &Node, span: Span) -> ExprId {
    let before = lowering.tree.len();
    let body = lowering.value(key);
    let mentions_loop = mentions_loop(lowering, before);
    let item = entry_part(lowering, 0, span);
    let mut bindings = vec![Binding { name: ITEM.into(), value: item }];
    if mentions_loop {
        let (place, index) = (entry_part(lowering, 1, span), entry_part(lowering, 2, span));
        bindings.push(around(lowering, place, index, span));
    }
    let body = lowering.bind(bindings, body, span);
    abstracted(lowering, &[ENTRY], body, span)
}

fn entry_part(lowering: &mut Lowering, at: i64, span: Span) -> ExprId {
    let base = lowering.name(ENTRY, span);
    element(lowering, base, at, span)
}

fn element(lowering: &mut Lowering, base: ExprId, at: i64, span: Span) -> ExprId {
    let index = lowering.add(Expr::Number(Number::Int(at)), span);
    let step = Step { kind: StepKind::Index(index), span, own: span };
    lowering.add(Expr::Chain { base, steps: vec![step] }, span)
}

pub(super) fn coalesce(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let written = call.get("items").and_then(|node| written_out(lowering, node));
    match (written, call.get("condition")) {
        (Some(items), Some(condition)) => first_that_passes(lowering, call, &items, condition),
        (Some(items), None) => first_true(lowering, call, &items),
        (None, condition) => {
            let mut args = vec![lowering.argument(call, "items")];
            args.extend(condition.map(|condition| lambda(lowering, condition, call.span)));
            lowering.call("COALESCE()", args, call.span)
        }
    }
}

/// An item of a list or object literal.
struct Item<'n> {
    key: Option<Key>,
    node: Cow<'n, Node>,
}

fn written_out<'n>(lowering: &mut Lowering, node: &'n Node) -> Option<Vec<Item<'n>>> {
    match &node.content {
        Content::List(items) => {
            Some(items.iter().map(|item| Item { key: None, node: Cow::Borrowed(item) }).collect())
        }
        Content::Object(entries) if !matches!(entries.as_slice(), [entry] if entry.key.is_call()) =>
        {
            let entries = keys::nested(entries, &mut lowering.diagnostics).into_owned();
            let item = |Entry { key, value }| Item { key: Some(key), node: Cow::Owned(value) };
            Some(entries.into_iter().map(item).collect())
        }
        _ => None,
    }
}

/// Lowers to `a OR b OR c`; the result is null if all operands are false.
fn first_true(lowering: &mut Lowering, call: &Call<'_>, items: &[Item<'_>]) -> ExprId {
    let values: Vec<ExprId> = items.iter().map(|item| operand(lowering, &item.node)).collect();
    let first = any_of(lowering, values, call.span);
    let list = lowering.add(Expr::List(first.into_iter().collect()), call.span);
    lowering.call("COALESCE()", vec![list], call.span)
}

fn any_of(lowering: &mut Lowering, mut operands: Vec<ExprId>, span: Span) -> Option<ExprId> {
    match operands.as_slice() {
        [] | [_] => operands.pop(),
        _ => Some(lowering.add(Expr::Or(operands), span)),
    }
}

/// Lowers an item as an operand. `AND` is grouped, because the author did not write the `OR` and
/// needs no hint about its precedence.
fn operand(lowering: &mut Lowering, node: &Node) -> ExprId {
    let value = lowering.value(node);
    match lowering.tree.expr(value) {
        Expr::And(_) => lowering.add(Expr::Group(value), node.span),
        _ => value,
    }
}

/// Finds the first item that passes the condition. Items are wrapped in a list, because the item
/// itself may be false. The condition is copied for each item, so that it does not run after the
/// first match.
fn first_that_passes(
    lowering: &mut Lowering,
    call: &Call<'_>,
    items: &[Item<'_>],
    condition: &Node,
) -> ExprId {
    let span = call.span;
    let before = lowering.diagnostics.len();
    let mut found = Vec::new();
    for (at, item) in items.iter().enumerate() {
        // Errors of the condition are reported only once.
        let sound = lowering.diagnostics.len() == before && lowering.unfold(condition);
        found.push(match sound {
            true => one_that_passes(lowering, item, at, condition, span),
            false => lowering.value(&item.node),
        });
    }
    match any_of(lowering, found, span) {
        Some(first) => element(lowering, first, 0, span),
        None => {
            // The condition never runs, but its errors are reported.
            lowering.value(condition);
            lowering.add(Expr::Null, span)
        }
    }
}

fn one_that_passes(
    lowering: &mut Lowering,
    item: &Item<'_>,
    at: usize,
    condition: &Node,
    span: Span,
) -> ExprId {
    let value = lowering.value(&item.node);
    let mut bindings = vec![Binding { name: ITEM.into(), value }];
    let before = lowering.tree.len();
    let condition = lowering.value(condition);
    if mentions_loop(lowering, before) {
        let key = match &item.key {
            Some(key) => lowering.literal(&key.text, key.span),
            None => lowering.add(Expr::Null, span),
        };
        let [index0, index1] =
            [at, at + 1].map(|count| lowering.add(Expr::Number(Number::count(count)), span));
        bindings.push(binding_of_loop(lowering, key, index0, index1, span));
    }
    let value = lowering.name(ITEM, span);
    let list = lowering.add(Expr::List(vec![value]), span);
    let body = lowering.add(Expr::If { arms: vec![(condition, list)], otherwise: None }, span);
    lowering.bind(bindings, body, span)
}
