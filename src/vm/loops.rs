//! Loops: the handling of the body's result for each element. Does not know instructions.
//!
//! To add a kind, add its variant to `builtins::LoopKind`, and implement here its initial state,
//! the handling of a result, and its final result.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::builtins::{Env, LoopKind, Total, null_answer, unique_by_key};
use crate::program::Loop;
use crate::value::{
    self, Entries, Fault, FaultKind, Kind, List, ListBuilder, ObjectBuilder, Value,
};

/// A running loop: its position in the subject, and the results so far.
pub(super) struct Frame<'a> {
    kind: LoopKind,
    elements: Elements<'a>,
    current: Element<'a>,
    gathered: Gathered<'a>,
    descending: bool,
}

/// An element of a subject: its value, and its index in a list or its key in an object.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) value: Value<'a>,
    pub(super) place: Value<'a>,
    /// Index of the element, counted from zero, in a list and in an object.
    pub(super) index: usize,
}

enum Elements<'a> {
    List { list: List<'a>, at: usize },
    Object { entries: Entries<'a>, at: usize, secret: bool },
}

enum Gathered<'a> {
    Nothing,
    List(ListBuilder<'a>),
    Object(ObjectBuilder<'a>),
    Value(Value<'a>),
    /// The keys and their elements, in two parallel lists.
    Keyed(ListBuilder<'a>, ListBuilder<'a>),
    Count(usize),
    Sum(Total),
    /// The smallest or largest key so far, with its element.
    Best(Value<'a>, Value<'a>),
}

/// The next action of a loop.
pub(super) enum NextAction<'a> {
    /// Run the body with this element.
    Element(Element<'a>),
    /// End the loop with this result.
    Answer(Value<'a>),
}

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        match self {
            Self::List { list, at } => {
                let value = list.get(*at)?;
                let index = *at;
                *at += 1;
                Some(Element { value, place: Value::count(index), index })
            }
            Self::Object { entries, at, secret } => {
                let (key, value) = entries.next()?;
                let index = *at;
                *at += 1;
                // The keys of an object made with a secret may reveal it.
                let place = if *secret { Value::SecretText(key) } else { Value::Text(key) };
                Some(Element { value, place, index })
            }
        }
    }
}

impl<'a> Frame<'a> {
    /// Starts a loop with its arguments. Returns a result if there is nothing to run.
    pub(super) fn begin(
        env: &Env<'a>,
        info: &Loop,
        args: &[Value<'a>],
    ) -> Result<(Option<Self>, NextAction<'a>), Fault> {
        let subject = args.first().copied().unwrap_or(Value::Null);
        let extra = args.get(1).copied().unwrap_or(Value::Null);
        if subject.is_null() {
            let answer = null_answer(&info.callee)?.unwrap_or(Value::Null);
            return Ok((None, NextAction::Answer(answer)));
        }
        let elements = elements(info, subject)?;
        let gathered = match (info.kind, &elements) {
            (LoopKind::Map | LoopKind::Filter, Elements::Object { .. })
                if info.callee.result.contains(Kind::Object) =>
            {
                let mut object = env.heap.object_builder();
                // The result stays tainted by the keys of an object made with a secret.
                if subject.holds_secret() {
                    object.make_secret();
                }
                Gathered::Object(object)
            }
            (LoopKind::Map | LoopKind::Filter, _) => Gathered::List(env.heap.list_builder()),
            (LoopKind::Any | LoopKind::All | LoopKind::Find, _) => Gathered::Nothing,
            (LoopKind::Reduce, _) => Gathered::Value(extra),
            (LoopKind::Count, _) => Gathered::Count(0),
            (LoopKind::Sum, _) => Gathered::Sum(Total::default()),
            (LoopKind::Min | LoopKind::Max, _) => Gathered::Best(Value::Null, Value::Null),
            (LoopKind::Sort | LoopKind::Group | LoopKind::Unique, _) => {
                Gathered::Keyed(env.heap.list_builder(), env.heap.list_builder())
            }
        };
        let mut frame = Self {
            kind: info.kind,
            elements,
            current: Element { value: Value::Null, place: Value::Null, index: 0 },
            gathered,
            descending: descending(info, extra)?,
        };
        let turn = frame.advance(env)?;
        Ok((Some(frame), turn))
    }

    /// Processes the body's result for the current element.
    pub(super) fn next(
        &mut self,
        env: &Env<'a>,
        answer: Value<'a>,
    ) -> Result<NextAction<'a>, Fault> {
        let Element { value, place, .. } = self.current;
        match (self.kind, &mut self.gathered) {
            (LoopKind::Map, Gathered::List(list)) => list.push(answer)?,
            (LoopKind::Map, Gathered::Object(object)) => push(object, place, answer)?,
            (LoopKind::Filter, Gathered::List(list)) if answer.is_truthy() => list.push(value)?,
            (LoopKind::Filter, Gathered::Object(object)) if answer.is_truthy() => {
                push(object, place, value)?
            }
            (LoopKind::Any, _) if answer.is_truthy() => {
                return Ok(NextAction::Answer(Value::Bool(true)));
            }
            (LoopKind::All, _) if !answer.is_truthy() => {
                return Ok(NextAction::Answer(Value::Bool(false)));
            }
            (LoopKind::Find, _) if answer.is_truthy() => return Ok(NextAction::Answer(value)),
            (LoopKind::Reduce, Gathered::Value(accumulated)) => *accumulated = answer,
            (LoopKind::Count, Gathered::Count(count)) => {
                *count = count.saturating_add(usize::from(answer.is_truthy()));
            }
            (LoopKind::Sum, Gathered::Sum(total)) if !answer.is_null() => total.add(answer)?,
            (LoopKind::Min, Gathered::Best(key, best)) => {
                keep_best(env, (key, best), (answer, value), Ordering::Less)?;
            }
            (LoopKind::Max, Gathered::Best(key, best)) => {
                keep_best(env, (key, best), (answer, value), Ordering::Greater)?;
            }
            (kind, Gathered::Keyed(keys, values)) => {
                if kind == LoopKind::Group {
                    group_key(answer)?;
                }
                keys.push(answer)?;
                values.push(value)?;
            }
            _ => {}
        }
        self.advance(env)
    }

    /// Returns the values of the body's parameters, in order.
    pub(super) fn parameters(&self, element: Element<'a>) -> [Value<'a>; 3] {
        match &self.gathered {
            Gathered::Value(accumulated) => {
                [*accumulated, element.value, Value::count(element.index)]
            }
            _ => [element.value, element.place, Value::count(element.index)],
        }
    }

    fn advance(&mut self, env: &Env<'a>) -> Result<NextAction<'a>, Fault> {
        match self.elements.next() {
            Some(element) => {
                self.current = element;
                Ok(NextAction::Element(element))
            }
            None => self.finish(env).map(NextAction::Answer),
        }
    }

    fn finish(&mut self, env: &Env<'a>) -> Result<Value<'a>, Fault> {
        match std::mem::replace(&mut self.gathered, Gathered::Nothing) {
            Gathered::List(list) => list.finish(),
            Gathered::Object(object) => object.finish(),
            Gathered::Value(value) => Ok(value),
            Gathered::Count(count) => Ok(Value::count(count)),
            Gathered::Sum(total) => total.finish().map(Value::Number),
            Gathered::Best(_, best) => Ok(best),
            Gathered::Keyed(keys, values) => {
                let keyed = keys.items().iter().copied().zip(values.items().iter().copied());
                match self.kind {
                    LoopKind::Group => grouped(env, keyed),
                    LoopKind::Unique => unique_by_key(env, keyed),
                    _ => sorted(env, keyed, self.descending),
                }
            }
            Gathered::Nothing => Ok(match self.kind {
                LoopKind::All => Value::Bool(true),
                LoopKind::Any => Value::Bool(false),
                _ => Value::Null,
            }),
        }
    }
}

fn elements<'a>(info: &Loop, subject: Value<'a>) -> Result<Elements<'a>, Fault> {
    let takes = |kind| info.callee.params.first().is_some_and(|param| param.kinds.contains(kind));
    match subject {
        Value::List(list) => Ok(Elements::List { list, at: 0 }),
        Value::Object(object) if takes(Kind::Object) => {
            Ok(Elements::Object { entries: object.iter(), at: 0, secret: object.holds_secret() })
        }
        Value::Opaque(_) => Err(value::too_deep_to_read()),
        _ => Err(wrong_subject(info, subject)),
    }
}

fn wrong_subject(info: &Loop, subject: Value<'_>) -> Fault {
    let (name, kinds) = info
        .callee
        .params
        .first()
        .map_or(("list", value::Kinds::LIST), |param| (param.name, param.kinds));
    let fault = Fault::new(
        FaultKind::WrongArgument,
        format!(
            "`{}` takes {kinds} as its `{name}`, got {}",
            info.callee.display_name(),
            subject.kind().phrase()
        ),
    );
    match subject {
        Value::Text(_) => {
            fault.help("take the string apart first: `$SPLIT(…)` or `$PARSE_JSON(…)`")
        }
        Value::Object(_) => fault.help("take the object's values: `$VALUES(…)`"),
        _ => fault,
    }
}

fn descending(info: &Loop, extra: Value<'_>) -> Result<bool, Fault> {
    match extra {
        Value::Bool(value) => Ok(value),
        Value::Null => Ok(false),
        _ if info.kind != LoopKind::Sort => Ok(false),
        other => Err(Fault::new(
            FaultKind::WrongArgument,
            format!(
                "the `{}` of `{}` is a boolean, not {}",
                info.callee.param(2).map_or("descending", |param| param.name),
                info.callee.display_name(),
                other.kind().phrase()
            ),
        )),
    }
}

fn push<'a>(object: &mut ObjectBuilder<'a>, key: Value<'a>, value: Value<'a>) -> Result<(), Fault> {
    match key {
        Value::Text(key) | Value::SecretText(key) => object.push(key, value),
        _ => Ok(()),
    }
}

/// Keeps the element whose key has the order relative to the best key. Null keys are left out.
fn keep_best<'a>(
    env: &Env<'a>,
    (best_key, best): (&mut Value<'a>, &mut Value<'a>),
    (key, value): (Value<'a>, Value<'a>),
    order: Ordering,
) -> Result<(), Fault> {
    if key.is_null() {
        return Ok(());
    }
    // The first key is compared with itself, so that a single key without an order fails too.
    let other = if best_key.is_null() { key } else { *best_key };
    if value::ordering(env.heap, key, other)? == Some(order) || best_key.is_null() {
        (*best_key, *best) = (key, value);
    }
    Ok(())
}

fn group_key(key: Value<'_>) -> Result<&str, Fault> {
    key.as_text().ok_or_else(|| {
        Fault::new(
            FaultKind::WrongArgument,
            format!("`$GROUP` groups by strings, and the key is {}", key.kind().phrase()),
        )
        .help("convert the key, or give a fallback: `$TEXT(key)`, `key OR \"none\"`")
    })
}

/// Returns an object of the lists of values under each key, in the order of first appearance.
fn grouped<'a>(
    env: &Env<'a>,
    keyed: impl Iterator<Item = (Value<'a>, Value<'a>)>,
) -> Result<Value<'a>, Fault> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&str, ListBuilder<'a>)> = Vec::new();
    for (key, value) in keyed {
        let key = group_key(key)?;
        env.heap.work_on_bytes(key.len())?;
        let at = *places.entry(key).or_insert(groups.len());
        if at == groups.len() {
            env.heap.charge(size_of::<(&str, usize, ListBuilder<'_>)>())?;
            groups.push((key, env.heap.list_builder()));
        }
        if let Some((_, group)) = groups.get_mut(at) {
            group.push(value)?;
        }
    }
    let mut object = env.heap.object_builder();
    for (key, group) in groups {
        object.push(key, group.finish()?)?;
    }
    object.finish()
}

/// Compares two sort keys. Two lists compare item by item, and the shorter one comes first.
fn key_order(env: &Env<'_>, left: Value<'_>, right: Value<'_>) -> Result<Ordering, Fault> {
    let (Value::List(left), Value::List(right)) = (left, right) else {
        return value::sort_order(env.heap, left, right);
    };
    for (a, b) in left.iter().zip(right.iter()) {
        env.heap.work(1)?;
        let order = value::sort_order(env.heap, a, b)?;
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

/// Returns the elements sorted by key. The sort is stable.
fn sorted<'a>(
    env: &Env<'a>,
    keyed: impl Iterator<Item = (Value<'a>, Value<'a>)>,
    descending: bool,
) -> Result<Value<'a>, Fault> {
    let order = merge_sort(env, keyed.collect(), |(a, _), (b, _)| {
        let order = key_order(env, *a, *b)?;
        Ok(if descending { order.reverse() } else { order })
    })?;
    let mut list = env.heap.list_builder();
    for (_, value) in order {
        list.push(value)?;
    }
    list.finish()
}

/// Sorts stably with a comparison that may fail. Each comparison is a step of work. The sorts of
/// the standard library do not accept a failing comparison, and may panic on an inconsistent order.
fn merge_sort<T: Copy>(
    env: &Env<'_>,
    mut items: Vec<T>,
    compare: impl Fn(&T, &T) -> Result<std::cmp::Ordering, Fault>,
) -> Result<Vec<T>, Fault> {
    env.heap.charge(2 * size_of::<T>() * items.len())?;
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for run in items.chunks(2 * width) {
            let (mut left, mut right) = run.split_at_checked(width).unwrap_or((run, &[]));
            while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
                env.heap.work(1)?;
                if compare(a, b)?.is_gt() {
                    merged.push(*b);
                    right = right_rest;
                } else {
                    merged.push(*a);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}
