//! Evaluation of predicate trees, without a stack: see `program::predicate`. Does not report
//! faults.
//!
//! Operations and work counts are those of the machine, so the result is the same. A fault gives
//! `None`; then the machine runs the program and reports the fault.
//!
//! Functions marked `inline(always)` are inlined because measurements showed it necessary: a call
//! stores its result to memory and loads it again, which took longer than the test itself.

use memchr::memchr2_iter;

use super::context::{Context, Document, case_insensitive, document};
use super::shared::{Answer, End, Shared};
use crate::builtins::{Env, PatternCache, invoke, usual_time};
use crate::program::{Base, Callee, Chunk, Comparison, Key, Node, Path, Question};
use crate::value::{self, Heap, List, Object, OwnedValue, Value};

/// An evaluation of a predicate tree.
pub(super) struct Walk<'r, 'a> {
    pub(super) chunk: &'a Chunk,
    pub(super) context: &'r Context<'a>,
    pub(super) heap: &'a Heap,
    pub(super) patterns: &'a PatternCache,
    pub(super) locals: &'a mut [Value<'a>],
    /// The last variable read, by index, with its document: most tests read the same variable.
    pub(super) last: Option<(u16, Document<'a>)>,
    /// The results shared by the programs of a set.
    pub(super) shared: Option<&'a Shared<'a>>,
}

/// The maximum number of arguments of a call. Functions that filters call have fewer.
const MAX_ARGUMENTS: usize = 5;

impl<'a> Walk<'_, 'a> {
    pub(super) fn value(&mut self, node: &'a Node) -> Option<Value<'a>> {
        Some(match node {
            Node::All(operands) => return self.short(operands, false),
            Node::Any(operands) => return self.short(operands, true),
            Node::Constant(constant) => constant.borrow(),
            Node::Path(path) => self.at(path)?,
            Node::Now => Value::Time(self.context.now()?),
            Node::FromNow { years, months, days } => {
                let now = self.context.now()?;
                self.heap.work(1).ok()?;
                Value::Time(now.plus_date(*years, *months, *days).ok()?)
            }
            Node::Coalesce(operands) => self.coalesce(operands)?,
            Node::ParsedTime { path, function } => self.parsed_time(path, function)?,
            Node::Call { function, args } => self.call(function, args)?,
            Node::Each { question, list, slot, params, work, body } => {
                let list = self.value(list)?;
                let local = (usize::from(*slot), usize::from(*params));
                self.each(*question, list, local, *work, body)?
            }
            Node::Eq { .. }
            | Node::IsNull { .. }
            | Node::ContainsLower { .. }
            | Node::EqLower { .. }
            | Node::Compare { .. }
            | Node::Shared { .. }
            | Node::Not(_) => Value::Bool(self.truth(node)?),
        })
    }

    /// Returns true if the value of a node counts as true. Most nodes only have a truth, so no
    /// value is built. The most common test runs without a function call.
    #[inline(always)]
    pub(super) fn truth(&mut self, node: &'a Node) -> Option<bool> {
        match node {
            Node::Eq { path, text, negated } => Some(self.equals(path, text)? != *negated),
            other => self.other_truth(other),
        }
    }

    fn other_truth(&mut self, node: &'a Node) -> Option<bool> {
        match node {
            Node::IsNull { path, negated } => Some(self.is_null(path)? != *negated),
            Node::ContainsLower { part, path, function, negated } => {
                Some(self.contains_lower(part, path, function)? != *negated)
            }
            Node::EqLower { text, path, function, negated } => {
                Some(self.equals_lower(text, path, function)? != *negated)
            }
            Node::Compare { by, sides } => {
                let [left, right] = &**sides;
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.compare(*by, left, right)
            }
            Node::All(operands) => self.decided(operands, false),
            Node::Any(operands) => self.decided(operands, true),
            Node::Not(inner) => Some(!self.truth(inner)?),
            Node::Shared { test, inner } => self.shared_test(*test, inner),
            // A secret must not leave the machine, not even as a truth value.
            node => {
                let value = self.value(node)?;
                // The machine measures built values before they leave.
                (!value.holds_secret() && !is_built(value)).then(|| value.is_truthy())
            }
        }
    }

    /// Evaluates a shared test, or reads its cached result. Reading is charged the full cost.
    fn shared_test(&mut self, test: u32, inner: &'a Node) -> Option<bool> {
        let cell = self.shared?.answer(test)?;
        if let Some(answer) = cell.get() {
            self.heap.work(usize::try_from(answer.steps).ok()?).ok()?;
            self.heap.charge(answer.bytes).ok()?;
            return Some(answer.truth);
        }
        let before = self.heap.left();
        let truth = self.truth(inner)?;
        let after = self.heap.left();
        let (steps, bytes) = (before.steps - after.steps, before.bytes - after.bytes);
        cell.set(Some(Answer { truth, steps, bytes }));
        Some(truth)
    }

    fn decided(&mut self, operands: &'a [Node], decides: bool) -> Option<bool> {
        for operand in operands {
            if self.truth(operand)? == decides {
                return Some(decides);
            }
        }
        Some(!decides)
    }

    /// Returns the environment for functions. Built on demand, because few filters call functions.
    fn env(&self) -> Env<'a> {
        Env { heap: self.heap, literals: &self.chunk.patterns, patterns: self.patterns }
    }

    /// Evaluates operands until one decides (short-circuit).
    fn short(&mut self, operands: &'a [Node], decides: bool) -> Option<Value<'a>> {
        let mut last = Value::Null;
        for operand in operands {
            last = self.value(operand)?;
            if last.is_truthy() == decides {
                break;
            }
        }
        Some(last)
    }

    fn coalesce(&mut self, operands: &'a [Node]) -> Option<Value<'a>> {
        let mut last = Value::Null;
        for operand in operands {
            last = self.value(operand)?;
            if !last.is_null() {
                break;
            }
        }
        Some(last)
    }

    /// Returns the value at the start of a path.
    #[inline(always)]
    fn base(&self, path: &'a Path) -> Option<Value<'a>> {
        Some(match path.base {
            Base::Root(root) => {
                let root = self.chunk.roots.get(usize::from(root))?;
                let value = self.context.get(&root.name);
                if root.case_insensitive { case_insensitive(value) } else { value }
            }
            Base::Local(slot) => *self.locals.get(usize::from(slot))?,
            Base::Shared(place) => self.found(place)?.value(),
        })
    }

    /// Returns the value at a shared step, and charges its work.
    #[inline(always)]
    fn found(&self, place: u16) -> Option<End<'a>> {
        let found = self.shared?.found(place)?;
        self.heap.work(found.work).ok()?;
        Some(found.end)
    }

    fn follow(&self, path: &'a Path) -> Option<Value<'a>> {
        let mut value = self.base(path)?;
        for key in &*path.keys {
            value = match key {
                Key::Name(name) => value::member(self.heap, value, name).ok()?,
                Key::Index(at) => {
                    value::index(self.heap, value, Value::Number((*at).into())).ok()?
                }
            };
        }
        Some(value)
    }

    /// Returns the value at a path. If all keys are names, a fast path walks the document by
    /// reference and only converts the last member to a value.
    #[inline(always)]
    fn at(&mut self, path: &'a Path) -> Option<Value<'a>> {
        let end = match self.document(path) {
            Some(Document::Json(map)) => down(|name| value::json_member(map, name), &path.keys)
                .map(|end| end.map_or(Value::Null, Value::from)),
            Some(Document::Owned(object)) => down(|name| object.get(name), &path.keys)
                .map(|end| end.map_or(Value::Null, OwnedValue::borrow)),
            None => None,
        };
        end.or_else(|| self.follow(path))
    }

    /// Returns the document at the start of a path, if its keys are case-sensitive.
    #[inline(always)]
    fn document(&mut self, path: &'a Path) -> Option<Document<'a>> {
        match path.base {
            Base::Root(at) => {
                if let Some((_, document)) = self.last.filter(|(root, _)| *root == at) {
                    return Some(document);
                }
                let root = self.chunk.roots.get(usize::from(at))?;
                if root.case_insensitive {
                    return None;
                }
                let document = self.context.object(&root.name)?;
                self.last = Some((at, document));
                Some(document)
            }
            Base::Local(slot) => document(self.locals.get(usize::from(slot))?),
            Base::Shared(_) => None,
        }
    }

    /// Returns the string at a path without building a value. Storing and loading that value would
    /// take most of the time of a test, and most tests are of strings.
    #[inline(always)]
    fn text(&mut self, path: &'a Path) -> Option<StringAtPath<'a>> {
        if let Base::Shared(place) = path.base {
            return self.found(place).map(StringAtPath::from);
        }
        match self.document(path) {
            Some(Document::Json(map)) => {
                match down(|name| value::json_member(map, name), &path.keys) {
                    Some(Some(serde_json::Value::String(text))) => {
                        return Some(StringAtPath::Text(text));
                    }
                    Some(Some(serde_json::Value::Null) | None) => {
                        return Some(StringAtPath::Nothing);
                    }
                    _ => {}
                }
            }
            Some(Document::Owned(object)) => match down(|name| object.get(name), &path.keys) {
                Some(Some(OwnedValue::Text(text))) => return Some(StringAtPath::Text(text)),
                Some(Some(OwnedValue::Null) | None) => return Some(StringAtPath::Nothing),
                _ => {}
            },
            None => return self.header(path),
        }
        self.follow(path).map(StringAtPath::Other)
    }

    /// Returns the string under a case-insensitive name, such as a header.
    fn header(&self, path: &'a Path) -> Option<StringAtPath<'a>> {
        let (Base::Root(root), [Key::Name(name)]) = (path.base, &*path.keys) else {
            return self.follow(path).map(StringAtPath::Other);
        };
        let root = self.chunk.roots.get(usize::from(root))?;
        let map = match self.context.object(&root.name) {
            // A single member may be the `map` of a log entry.
            Some(Document::Json(map)) if root.case_insensitive && map.len() != 1 => map,
            _ => return self.follow(path).map(StringAtPath::Other),
        };
        self.heap.work(map.len() / value::SCANNED_PER_STEP).ok()?;
        let found = map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        Some(match found {
            Some((_, serde_json::Value::String(text))) => StringAtPath::Text(text),
            Some((_, other)) => StringAtPath::Other(other.into()),
            None => StringAtPath::Nothing,
        })
    }

    #[inline(always)]
    fn equals(&mut self, path: &'a Path, text: &'a str) -> Option<bool> {
        match self.text(path)? {
            StringAtPath::Text(found) => {
                self.heap.work_on_bytes(found.len().min(text.len())).ok()?;
                Some(value::same_text(found, text))
            }
            StringAtPath::Nothing => Some(false),
            StringAtPath::Other(other) => value::equal(self.heap, other, Value::Text(text)).ok(),
        }
    }

    fn is_null(&mut self, path: &'a Path) -> Option<bool> {
        match self.text(path)? {
            StringAtPath::Text(_) => Some(false),
            StringAtPath::Nothing => Some(true),
            StringAtPath::Other(Value::SecretText(_) | Value::SecretBytes(_)) => None,
            StringAtPath::Other(other) => Some(other.is_null()),
        }
    }

    /// Returns true for ASCII, which needs no lower-case copy, and charges the cost of that copy.
    #[inline(always)]
    fn is_ascii(&self, text: &str) -> Option<bool> {
        if !text.is_ascii() {
            return Some(false);
        }
        let heap = self.heap;
        heap.work(1).ok()?;
        heap.work_on_bytes(text.len()).ok()?;
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            heap.charge(text.len()).ok()?;
        }
        Some(true)
    }

    fn contains_lower(&mut self, part: &'a str, path: &'a Path, function: &Callee) -> Option<bool> {
        let value = match self.text(path)? {
            StringAtPath::Text(text) if self.is_ascii(text)? => {
                self.heap.work_on_bytes(text.len()).ok()?;
                return Some(contains_lower_case(text.as_bytes(), part.as_bytes()));
            }
            found => found.value(),
        };
        let small = invoke(&self.env(), function, &[value]).ok()?;
        value::contains(self.heap, Value::Text(part), small).ok()
    }

    fn equals_lower(&mut self, text: &'a str, path: &'a Path, function: &Callee) -> Option<bool> {
        let value = match self.text(path)? {
            StringAtPath::Text(found) if self.is_ascii(found)? => {
                self.heap.work_on_bytes(found.len().min(text.len())).ok()?;
                let same = |(found, wanted): (u8, u8)| found.to_ascii_lowercase() == wanted;
                return Some(
                    found.len() == text.len() && found.bytes().zip(text.bytes()).all(same),
                );
            }
            found => found.value(),
        };
        let small = invoke(&self.env(), function, &[value]).ok()?;
        value::equal(self.heap, small, Value::Text(text)).ok()
    }

    fn compare(&self, by: Comparison, left: Value<'a>, right: Value<'a>) -> Option<bool> {
        let heap = self.heap;
        match by {
            Comparison::Equal => value::equal(heap, left, right).ok(),
            Comparison::NotEqual => value::equal(heap, left, right).ok().map(|equal| !equal),
            Comparison::In => value::contains(heap, left, right).ok(),
            Comparison::NotIn => value::contains(heap, left, right).ok().map(|found| !found),
            order => {
                let found = value::ordering(heap, left, right).ok()?;
                Some(found.is_some_and(|found| order.holds(found)))
            }
        }
    }

    #[inline(always)]
    fn parsed_time(&mut self, path: &'a Path, function: &'a Callee) -> Option<Value<'a>> {
        let value = match self.text(path)? {
            StringAtPath::Text(text) => {
                if let Some(time) = usual_time(text) {
                    self.heap.work(1).ok()?;
                    return Some(Value::Time(time));
                }
                Value::Text(text)
            }
            other => other.value(),
        };
        invoke(&self.env(), function, &[value]).ok()
    }

    fn call(&mut self, function: &'a Callee, args: &'a [Node]) -> Option<Value<'a>> {
        let mut values = [Value::Null; MAX_ARGUMENTS];
        let given = values.get_mut(..args.len())?;
        for (place, arg) in given.iter_mut().zip(args) {
            *place = self.value(arg)?;
        }
        invoke(&self.env(), function, given).ok()
    }

    fn each(
        &mut self,
        question: Question,
        list: Value<'a>,
        (slot, params): (usize, usize),
        work: u32,
        body: &'a Node,
    ) -> Option<Value<'a>> {
        // The machine handles loops over other values.
        let Value::List(list) = list else {
            return None;
        };
        let heap = self.heap;
        let mut passed = 0;
        for at in 0..list.len() {
            let element = list.get(at)?;
            heap.work(work as usize).ok()?;
            let parameters = [element, Value::count(at), Value::count(at)];
            for (offset, parameter) in parameters.into_iter().take(params).enumerate() {
                *self.locals.get_mut(slot + offset)? = parameter;
            }
            match (question, self.truth(body)?) {
                (Question::Any, true) => return Some(Value::Bool(true)),
                (Question::All, false) => return Some(Value::Bool(false)),
                (Question::Count, true) => {
                    // Charged as if the list were built.
                    heap.work(1).ok()?;
                    heap.charge(size_of::<Value<'_>>()).ok()?;
                    // A list would keep the built or secret element, so the machine must decide.
                    if is_built(element) || element.holds_secret() {
                        return None;
                    }
                    passed += 1;
                }
                _ => {}
            }
        }
        Some(match question {
            Question::Any => Value::Bool(false),
            Question::All => Value::Bool(true),
            Question::Count => {
                heap.work(1).ok()?;
                Value::count(passed)
            }
        })
    }
}

/// Evaluates a program that is one test of a string in a JSON document. Setting up a walk takes
/// longer than this test. `None` for any other program, and if the test costs steps of work.
#[inline(always)]
pub(super) fn single_comparison(chunk: &Chunk, tree: &Node, context: &Context<'_>) -> Option<bool> {
    let Node::Eq { path: Path { base: Base::Root(root), keys }, text, negated } = tree else {
        return None;
    };
    let root = chunk.roots.get(usize::from(*root)).filter(|root| !root.case_insensitive)?;
    let Document::Json(map) = context.object(&root.name)? else {
        return None;
    };
    match down(|name| value::json_member(map, name), keys)? {
        Some(serde_json::Value::String(found)) if !Heap::counts(found.len().min(text.len())) => {
            Some(value::same_text(found, text) != *negated)
        }
        Some(serde_json::Value::Null) | None => Some(*negated),
        Some(_) => None,
    }
}

/// The value at a path that is expected to be a string.
enum StringAtPath<'a> {
    Text(&'a str),
    Nothing,
    Other(Value<'a>),
}

impl<'a> From<End<'a>> for StringAtPath<'a> {
    #[inline(always)]
    fn from(end: End<'a>) -> Self {
        match end {
            End::Json(serde_json::Value::String(text)) => Self::Text(text),
            End::Owned(OwnedValue::Text(text)) => Self::Text(text),
            other => match other.value() {
                Value::Text(text) => Self::Text(text),
                Value::Null => Self::Nothing,
                other => Self::Other(other),
            },
        }
    }
}

impl<'a> StringAtPath<'a> {
    fn value(self) -> Value<'a> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Nothing => Value::Null,
            Self::Other(other) => other,
        }
    }
}

/// A value of a document, with members if it is an object.
trait Tree {
    fn member(&self, name: &str) -> Option<&Self>;
}

impl Tree for serde_json::Value {
    #[inline(always)]
    fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(map) => value::json_member(map, name),
            _ => None,
        }
    }
}

impl Tree for OwnedValue {
    #[inline(always)]
    fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(name),
            _ => None,
        }
    }
}

/// Returns the end of a path of names. `first` looks up the first name. The outer `None` means that
/// the path contains an index.
#[inline(always)]
fn down<'a, T: Tree>(
    first: impl FnOnce(&str) -> Option<&'a T>,
    keys: &[Key],
) -> Option<Option<&'a T>> {
    let (Key::Name(name), rest) = keys.split_first()? else {
        return None;
    };
    let mut here = first(name);
    for key in rest {
        let Key::Name(name) = key else {
            return None;
        };
        here = here.and_then(|value| value.member(name));
    }
    Some(here)
}

fn is_built(value: Value<'_>) -> bool {
    matches!(value, Value::List(List::Built(_)) | Value::Object(Object::Built(_)))
}

/// Returns true if an ASCII text, in lower case, contains a part.
fn contains_lower_case(text: &[u8], part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else {
        return true;
    };
    // A lower-case text contains no capital.
    if first.is_ascii_uppercase() {
        return false;
    }
    let Some(last) = text.len().checked_sub(part.len()) else {
        return false;
    };
    let starts = text.get(..=last).unwrap_or_default();
    memchr2_iter(*first, first.to_ascii_uppercase(), starts).any(|at| {
        text.get(at + 1..at + part.len()).is_some_and(|found| {
            found.iter().zip(rest).all(|(byte, wanted)| byte.to_ascii_lowercase() == *wanted)
        })
    })
}
