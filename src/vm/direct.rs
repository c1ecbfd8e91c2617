//! Programs that are trees of tests, walked without a stack: see `program::direct`.
//!
//! Every operation and every count of work is the machine's own, so the answer is too. A fault
//! is only that there is one: the machine runs again and says which.

use super::context::{Context, case_blind};
use crate::builtins::{Env, invoke};
use crate::program::{Base, Callee, Chunk, Comparison, Key, Node, Path, Question};
use crate::value::{self, Fault, FaultKind, List, Object, Value};

/// A walk over the tree of a program.
pub(super) struct Walk<'r, 'a> {
    pub(super) chunk: &'a Chunk,
    pub(super) context: &'r Context<'a>,
    pub(super) env: Env<'a>,
    pub(super) locals: &'a mut [Value<'a>],
}

#[cold]
fn broken() -> Fault {
    Fault::new(FaultKind::BadArgument, "the program is damaged")
}

/// More arguments than a function takes that filters call.
const MOST_ARGUMENTS: usize = 5;

impl<'a> Walk<'_, 'a> {
    pub(super) fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Fault> {
        Ok(match node {
            Node::Is { path, text, negated } => Value::Bool(self.is(path, text)? != *negated),
            Node::InSmall { part, path, function, negated } => {
                Value::Bool(self.in_small(part, path, function)? != *negated)
            }
            Node::IsSmall { text, path, function } => {
                Value::Bool(self.is_small(text, path, function)?)
            }
            Node::Compare { by, sides } => {
                let [left, right] = &**sides;
                let (left, right) = (self.value(left)?, self.value(right)?);
                Value::Bool(self.compare(*by, left, right)?)
            }
            Node::All(operands) => return self.short(operands, false),
            Node::Any(operands) => return self.short(operands, true),
            Node::Not(inner) => Value::Bool(!self.value(inner)?.is_truthy()),
            Node::Constant(constant) => constant.borrow(),
            Node::Path(path) => self.follow(path)?,
            Node::Now => Value::Time(self.context.now().ok_or_else(broken)?),
            Node::Call { function, args } => self.call(function, args)?,
            Node::Each { question, list, slot, params, work, body } => {
                let list = self.value(list)?;
                let local = (usize::from(*slot), usize::from(*params));
                self.each(*question, list, local, *work, body)?
            }
        })
    }

    /// Whether the value of a node counts as true: most are nothing but that, and have no value to
    /// carry around.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, Fault> {
        match node {
            Node::Is { path, text, negated } => Ok(self.is(path, text)? != *negated),
            Node::InSmall { part, path, function, negated } => {
                Ok(self.in_small(part, path, function)? != *negated)
            }
            Node::IsSmall { text, path, function } => self.is_small(text, path, function),
            Node::Compare { by, sides } => {
                let [left, right] = &**sides;
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.compare(*by, left, right)
            }
            Node::All(operands) => self.decided(operands, false),
            Node::Any(operands) => self.decided(operands, true),
            Node::Not(inner) => Ok(!self.truth(inner)?),
            // A secret may not leave, not even as its truth.
            node => self.value(node).and_then(|value| match value.holds_secret() {
                true => Err(broken()),
                false => Ok(value.is_truthy()),
            }),
        }
    }

    fn decided(&mut self, operands: &'a [Node], decides: bool) -> Result<bool, Fault> {
        for operand in operands {
            if self.truth(operand)? == decides {
                return Ok(decides);
            }
        }
        Ok(!decides)
    }

    /// Operands until one is as it takes to decide.
    fn short(&mut self, operands: &'a [Node], decides: bool) -> Result<Value<'a>, Fault> {
        let mut last = Value::Null;
        for operand in operands {
            last = self.value(operand)?;
            if last.is_truthy() == decides {
                break;
            }
        }
        Ok(last)
    }

    #[inline]
    fn follow(&self, path: &'a Path) -> Result<Value<'a>, Fault> {
        let mut value = match path.base {
            Base::Root(root) => {
                let root = self.chunk.roots.get(usize::from(root)).ok_or_else(broken)?;
                let value = self.context.get(&root.name);
                if root.case_blind { case_blind(value) } else { value }
            }
            Base::Local(slot) => *self.locals.get(usize::from(slot)).ok_or_else(broken)?,
        };
        for key in &path.keys {
            value = match key {
                Key::Name(name) => value::member(self.env.heap, value, name)?,
                Key::Index(at) => value::index(self.env.heap, value, Value::Number((*at).into()))?,
            };
        }
        Ok(value)
    }

    #[inline]
    fn is(&self, path: &'a Path, text: &'a str) -> Result<bool, Fault> {
        match self.follow(path)? {
            Value::Text(found) => {
                self.env.heap.work_on_bytes(found.len().min(text.len()))?;
                Ok(found == text)
            }
            Value::Null => Ok(false),
            other => value::equal(self.env.heap, other, Value::Text(text)),
        }
    }

    /// What a path leads to, if it is plain text whose letters are ASCII. Their small forms are
    /// found without writing them down; the work and the memory count all the same.
    fn ascii(&self, value: Value<'a>) -> Result<Option<&'a str>, Fault> {
        let Value::Text(text) = value else {
            return Ok(None);
        };
        if !text.is_ascii() {
            return Ok(None);
        }
        let heap = self.env.heap;
        heap.work(1)?;
        heap.work_on_bytes(text.len())?;
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            heap.charge(text.len())?;
        }
        Ok(Some(text))
    }

    fn in_small(&self, part: &'a str, path: &'a Path, function: &Callee) -> Result<bool, Fault> {
        let value = self.follow(path)?;
        if let Some(text) = self.ascii(value)? {
            self.env.heap.work_on_bytes(text.len())?;
            return Ok(contains_small(text.as_bytes(), part.as_bytes()));
        }
        let small = invoke(&self.env, function, &[value])?;
        value::contains(self.env.heap, Value::Text(part), small)
    }

    fn is_small(&self, text: &'a str, path: &'a Path, function: &Callee) -> Result<bool, Fault> {
        let value = self.follow(path)?;
        if let Some(found) = self.ascii(value)? {
            self.env.heap.work_on_bytes(found.len().min(text.len()))?;
            let same = |(found, wanted): (u8, u8)| found.to_ascii_lowercase() == wanted;
            return Ok(found.len() == text.len() && found.bytes().zip(text.bytes()).all(same));
        }
        let small = invoke(&self.env, function, &[value])?;
        value::equal(self.env.heap, small, Value::Text(text))
    }

    fn compare(&self, by: Comparison, left: Value<'a>, right: Value<'a>) -> Result<bool, Fault> {
        let heap = self.env.heap;
        match by {
            Comparison::Equal => value::equal(heap, left, right),
            Comparison::NotEqual => value::equal(heap, left, right).map(|equal| !equal),
            Comparison::In => value::contains(heap, left, right),
            Comparison::NotIn => value::contains(heap, left, right).map(|found| !found),
            order => {
                let found = value::ordering(heap, left, right)?;
                Ok(found.is_some_and(|found| order.holds(found)))
            }
        }
    }

    fn call(&mut self, function: &'a Callee, args: &'a [Node]) -> Result<Value<'a>, Fault> {
        let mut values = [Value::Null; MOST_ARGUMENTS];
        let given = values.get_mut(..args.len()).ok_or_else(broken)?;
        for (place, arg) in given.iter_mut().zip(args) {
            *place = self.value(arg)?;
        }
        invoke(&self.env, function, given)
    }

    fn each(
        &mut self,
        question: Question,
        list: Value<'a>,
        (slot, params): (usize, usize),
        work: u32,
        body: &'a Node,
    ) -> Result<Value<'a>, Fault> {
        // What else a loop takes, the machine knows.
        let Value::List(list) = list else {
            return Err(broken());
        };
        let heap = self.env.heap;
        let mut passed = 0;
        for at in 0..list.len() {
            let element = list.get(at).ok_or_else(broken)?;
            heap.work(work as usize)?;
            let parameters = [element, Value::count(at), Value::count(at)];
            for (offset, parameter) in parameters.into_iter().take(params).enumerate() {
                *self.locals.get_mut(slot + offset).ok_or_else(broken)? = parameter;
            }
            match (question, self.truth(body)?) {
                (Question::Any, true) => return Ok(Value::Bool(true)),
                (Question::All, false) => return Ok(Value::Bool(false)),
                (Question::Count, true) => {
                    // As if the list were built.
                    heap.work(1)?;
                    heap.charge(size_of::<Value<'_>>())?;
                    // What was built, or is secret, the list would know of.
                    if is_built(element) || element.holds_secret() {
                        return Err(broken());
                    }
                    passed += 1;
                }
                _ => {}
            }
        }
        Ok(match question {
            Question::Any => Value::Bool(false),
            Question::All => Value::Bool(true),
            Question::Count => {
                heap.work(1)?;
                Value::count(passed)
            }
        })
    }
}

fn is_built(value: Value<'_>) -> bool {
    matches!(value, Value::List(List::Built(_)) | Value::Object(Object::Built(_)))
}

/// Whether a part is in a text of ASCII letters, once those are small.
fn contains_small(text: &[u8], part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else {
        return true;
    };
    let Some(last) = text.len().checked_sub(part.len()) else {
        return false;
    };
    let starts = text.get(..=last).unwrap_or_default();
    starts.iter().enumerate().any(|(at, byte)| {
        byte.to_ascii_lowercase() == *first
            && text.get(at + 1..at + part.len()).is_some_and(|found| {
                found.iter().zip(rest).all(|(byte, wanted)| byte.to_ascii_lowercase() == *wanted)
            })
    })
}
