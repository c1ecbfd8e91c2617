//! The heap of one evaluation: an arena with a budget. Does not know programs.
//!
//! Values are not freed one by one. The arena is emptied before the next evaluation, so values are
//! `Copy` and may refer to one another freely.

use std::cell::Cell;
use std::fmt;

use bumpalo::Bump;

use super::fault::{Fault, FaultKind};
use super::nature::Nature;
use super::{BigNumber, BuiltList, BuiltObject, Value};

/// An arena for strings, bytes, lists and objects, with a limit on memory and on work.
///
/// Work is counted in steps. A step is an element, or 64 bytes of string, hash or pattern input.
#[derive(Debug)]
pub struct Heap {
    arena: Bump,
    /// The capacity of the arena when it is empty, in bytes.
    empty: usize,
    limits: Budget,
    left: Cell<Budget>,
}

/// The budget of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The size of the values that it may build, in bytes.
    pub bytes: usize,
    /// The steps of work that it may do.
    pub steps: u64,
}

/// The maximum nesting depth of built lists and objects, in levels. It allows all code that walks
/// them to recurse.
const BUILT_DEPTH: u16 = 128;

impl Nature {
    fn of<'a>(content: impl Iterator<Item = Value<'a>>, secret: bool) -> Result<Self, Fault> {
        let mut nature = Self { secret, depth: 0 };
        for value in content {
            let inner = match value {
                Value::List(super::List::Built(list)) => list.nature,
                Value::Object(super::Object::Built(object)) => object.nature,
                Value::SecretText(_) | Value::SecretBytes(_) => Self { secret: true, depth: 0 },
                _ => continue,
            };
            nature.secret |= inner.secret;
            nature.depth = nature.depth.max(inner.depth);
        }
        nature.depth += 1;
        if nature.depth > BUILT_DEPTH {
            return Err(too_deep());
        }
        Ok(nature)
    }
}

#[cold]
fn too_deep() -> Fault {
    Fault::new(
        FaultKind::DepthLimit,
        format!("this builds a list or object nested more than {BUILT_DEPTH} deep"),
    )
}

/// The maximum memory that an emptied heap keeps for the next evaluation, in bytes.
const KEPT_BYTES: usize = 1 << 20;

/// The number of string bytes that one step of work covers.
const BYTES_PER_STEP: usize = 64;

impl Heap {
    /// Returns an empty heap with its budget.
    pub fn new(limits: Budget) -> Self {
        let arena = Bump::new();
        let empty = arena.chunk_capacity();
        Self { arena, empty, limits, left: Cell::new(limits) }
    }

    /// Empties the heap and resets its budget.
    #[inline]
    pub fn reset(&mut self, limits: Budget) {
        // An arena without allocations needs no reset.
        if self.arena.chunk_capacity() != self.empty {
            self.clear();
        }
        self.limits = limits;
        self.left.set(limits);
    }

    #[cold]
    fn clear(&mut self) {
        if self.arena.allocated_bytes() > KEPT_BYTES {
            self.arena = Bump::new();
        } else {
            self.arena.reset();
        }
        self.empty = self.arena.chunk_capacity();
    }

    /// Resets the budget, and keeps all values.
    pub fn renew(&self, limits: Budget) {
        self.left.set(limits);
    }

    /// Returns the remaining budget.
    pub(crate) fn left(&self) -> Budget {
        self.left.get()
    }

    /// Charges work, in steps.
    ///
    /// # Errors
    /// Returns an error if the step limit is exceeded.
    #[inline]
    pub fn work(&self, steps: usize) -> Result<(), Fault> {
        let mut left = self.left.get();
        match left.steps.checked_sub(steps as u64) {
            Some(rest) => {
                left.steps = rest;
                self.left.set(left);
                Ok(())
            }
            None => Err(self.out_of_steps()),
        }
    }

    /// Returns true if reading this number of bytes costs at least one step.
    #[inline]
    pub(crate) fn counts(bytes: usize) -> bool {
        bytes >= BYTES_PER_STEP
    }

    /// Charges the work of reading a number of bytes.
    ///
    /// # Errors
    /// Returns an error if the step limit is exceeded.
    #[inline]
    pub fn work_on_bytes(&self, bytes: usize) -> Result<(), Fault> {
        // Most strings of a request are too short to cost a step.
        if Self::counts(bytes) { self.work(bytes / BYTES_PER_STEP) } else { Ok(()) }
    }

    /// Returns a value as the result of the evaluation. Lists and objects may share parts, and a
    /// reader of the result sees a part at each occurrence. So the fully expanded size must stay
    /// within the memory and depth limits.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn release<'a>(&self, answer: Value<'a>) -> Result<Value<'a>, Fault> {
        // A value that was only read keeps the size and depth of the input.
        if matches!(
            answer,
            Value::List(super::List::Built(_)) | Value::Object(super::Object::Built(_))
        ) {
            let mut left = self.limits.bytes;
            self.measure(answer, &mut left, 0)?;
        }
        Ok(answer)
    }

    fn measure(&self, value: Value<'_>, left: &mut usize, depth: u16) -> Result<(), Fault> {
        let content = match value {
            Value::List(_) | Value::Object(_) if depth == BUILT_DEPTH => return Err(too_deep()),
            Value::List(list) => {
                for item in list.iter() {
                    self.measure(item, left, depth + 1)?;
                }
                0
            }
            Value::Object(object) => {
                let mut keys = 0;
                for (key, value) in object.iter() {
                    keys += key.len();
                    self.measure(value, left, depth + 1)?;
                }
                keys
            }
            scalar => scalar.content().map_or(0, <[u8]>::len),
        };
        let size = content.saturating_add(size_of::<Value<'_>>());
        *left = left.checked_sub(size).ok_or_else(|| self.out_of_memory())?;
        Ok(())
    }

    /// Copies a string to the heap.
    ///
    /// # Errors
    /// Returns an error if the memory limit is exceeded.
    pub fn text(&self, text: &str) -> Result<&str, Fault> {
        self.charge(text.len())?;
        Ok(self.arena.alloc_str(text))
    }

    /// Copies a big number to the heap.
    ///
    /// # Errors
    /// Returns an error if the memory limit is exceeded.
    pub fn big_number(&self, number: BigNumber<'_>) -> Result<BigNumber<'_>, Fault> {
        Ok(number.at(self.text(number.as_str())?))
    }

    /// Copies bytes to the heap.
    ///
    /// # Errors
    /// Returns an error if the memory limit is exceeded.
    pub fn bytes(&self, bytes: &[u8]) -> Result<&[u8], Fault> {
        self.charge(bytes.len())?;
        Ok(self.arena.alloc_slice_copy(bytes))
    }

    /// Returns a builder for a string.
    pub fn text_builder(&self) -> TextBuilder<'_> {
        TextBuilder { heap: self, text: bumpalo::collections::String::new_in(&self.arena) }
    }

    /// Returns a builder for bytes.
    pub fn bytes_builder(&self) -> BytesBuilder<'_> {
        BytesBuilder { heap: self, bytes: bumpalo::collections::Vec::new_in(&self.arena) }
    }

    /// Returns a builder for a list.
    pub fn list_builder(&self) -> ListBuilder<'_> {
        let items = bumpalo::collections::Vec::new_in(&self.arena);
        ListBuilder { heap: self, items, secret: false }
    }

    /// Returns a builder for an object.
    pub fn object_builder(&self) -> ObjectBuilder<'_> {
        let entries = bumpalo::collections::Vec::new_in(&self.arena);
        ObjectBuilder { heap: self, entries, secret: false }
    }

    /// Builds a list of values.
    ///
    /// # Errors
    /// Returns an error if the memory limit is exceeded.
    pub fn list<'a>(&'a self, items: &[Value<'a>]) -> Result<Value<'a>, Fault> {
        self.charge(size_of_val(items))?;
        self.list_of(self.arena.alloc_slice_copy(items), false)
    }

    /// Allocates slots for the machine's stack. They are not charged to the budget.
    pub fn slots(&self, count: usize) -> &mut [Value<'_>] {
        self.arena.alloc_slice_fill_copy(count, Value::Null)
    }

    /// Charges memory, in bytes.
    ///
    /// # Errors
    /// Returns an error if the memory limit is exceeded.
    pub fn charge(&self, bytes: usize) -> Result<(), Fault> {
        let mut left = self.left.get();
        match left.bytes.checked_sub(bytes) {
            Some(rest) => {
                left.bytes = rest;
                self.left.set(left);
                Ok(())
            }
            None => Err(self.out_of_memory()),
        }
    }

    fn list_of<'a>(&'a self, items: &'a [Value<'a>], secret: bool) -> Result<Value<'a>, Fault> {
        let nature = Nature::of(items.iter().copied(), secret)?;
        Ok(Value::List(super::List::Built(self.arena.alloc(BuiltList { items, nature }))))
    }

    #[cold]
    fn out_of_steps(&self) -> Fault {
        Fault::new(
            FaultKind::StepLimit,
            format!(
                "this takes more than {} steps, the limit of one evaluation",
                self.limits.steps
            ),
        )
        .help("narrow the list or the string first: `$FILTER`, a slice, a single member")
    }

    #[cold]
    fn out_of_memory(&self) -> Fault {
        Fault::new(
            FaultKind::MemoryLimit,
            format!(
                "this builds more than {} bytes, the limit of one evaluation",
                self.limits.bytes
            ),
        )
        .help("build less: select members with `$MAP` before joining or copying them")
    }
}

/// A builder for a string on the heap.
pub struct TextBuilder<'a> {
    heap: &'a Heap,
    text: bumpalo::collections::String<'a>,
}

impl<'a> TextBuilder<'a> {
    /// Appends a string.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.heap.work_on_bytes(text.len())?;
        self.heap.charge(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// Appends a character.
    ///
    /// # Errors
    /// Returns an error if the memory limit is exceeded.
    pub fn push_char(&mut self, character: char) -> Result<(), Fault> {
        self.push(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends the displayed form of a value.
    ///
    /// # Errors
    /// Returns an error as soon as a limit is exceeded, before the excess is written.
    pub fn push_display(&mut self, value: impl fmt::Display) -> Result<(), Fault> {
        use fmt::Write;
        let before = self.text.len();
        let mut pieces = Pieces { text: self, fault: None };
        // Writing fails only at a limit, and the fault of that is kept in `pieces`.
        let _ = write!(pieces, "{value}");
        pieces.fault.map_or(Ok(()), Err)?;
        // Each piece may be too short to cost a step.
        self.heap.work_on_bytes(self.text.len() - before)
    }

    /// Returns the number of bytes written.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns true if nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the string written so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Finishes the string.
    pub fn finish(self) -> &'a str {
        self.text.into_bump_str()
    }
}

/// A writer that charges memory for each piece of a displayed value.
struct Pieces<'t, 'a> {
    text: &'t mut TextBuilder<'a>,
    fault: Option<Fault>,
}

impl fmt::Write for Pieces<'_, '_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.text.heap.charge(piece.len()).map_err(|fault| {
            self.fault = Some(fault);
            fmt::Error
        })?;
        self.text.text.push_str(piece);
        Ok(())
    }
}

/// A builder for bytes on the heap.
pub struct BytesBuilder<'a> {
    heap: &'a Heap,
    bytes: bumpalo::collections::Vec<'a, u8>,
}

impl<'a> BytesBuilder<'a> {
    /// Appends bytes.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.heap.work_on_bytes(bytes.len())?;
        self.heap.charge(bytes.len())?;
        self.bytes.extend_from_slice_copy(bytes);
        Ok(())
    }

    /// Finishes the bytes.
    pub fn finish(self) -> &'a [u8] {
        self.bytes.into_bump_slice()
    }
}

/// A builder for a list on the heap.
pub struct ListBuilder<'a> {
    heap: &'a Heap,
    items: bumpalo::collections::Vec<'a, Value<'a>>,
    secret: bool,
}

impl<'a> ListBuilder<'a> {
    /// Appends an element, for one step of work.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn push(&mut self, item: Value<'a>) -> Result<(), Fault> {
        self.heap.work(1)?;
        self.heap.charge(size_of::<Value<'_>>())?;
        self.items.push(item);
        Ok(())
    }

    /// Returns the elements so far.
    pub fn items(&self) -> &[Value<'a>] {
        &self.items
    }

    /// Returns the elements so far, to reorder them.
    pub fn items_mut(&mut self) -> &mut [Value<'a>] {
        &mut self.items
    }

    /// Marks the list as made with a secret: even its length may reveal the secret.
    pub fn make_secret(&mut self) {
        self.secret = true;
    }

    /// Finishes the list.
    ///
    /// # Errors
    /// Returns an error if it is nested too deeply.
    pub fn finish(self) -> Result<Value<'a>, Fault> {
        self.heap.list_of(self.items.into_bump_slice(), self.secret)
    }
}

/// A builder for an object on the heap.
pub struct ObjectBuilder<'a> {
    heap: &'a Heap,
    entries: bumpalo::collections::Vec<'a, (&'a str, Value<'a>)>,
    secret: bool,
}

impl<'a> ObjectBuilder<'a> {
    /// Appends an entry, for one step of work. For a repeated key, `finish` keeps the first
    /// position and the last value.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn push(&mut self, key: &'a str, value: Value<'a>) -> Result<(), Fault> {
        self.heap.work(1)?;
        self.heap.charge(size_of::<(&str, Value<'_>)>())?;
        self.entries.push((key, value));
        Ok(())
    }

    /// Marks the object as made with a secret: its keys may reveal the secret too.
    pub fn make_secret(&mut self) {
        self.secret = true;
    }

    /// Finishes the object. A repeated key keeps its first position and its last value.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn finish(self) -> Result<Value<'a>, Fault> {
        self.build().map(|(object, _)| object)
    }

    /// Finishes the object. Also returns a repeated key, if there is one.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded.
    pub fn build(mut self) -> Result<(Value<'a>, Option<&'a str>), Fault> {
        let heap = self.heap;
        let mut order = sorted_order(heap, &self.entries)?;
        let repeated = order.windows(2).find_map(|pair| match pair {
            [a, b] => {
                let (first, second) =
                    (self.entries.get(*a as usize)?.0, self.entries.get(*b as usize)?.0);
                (first == second).then_some(first)
            }
            _ => None,
        });
        if repeated.is_some() {
            keep_last_values(&mut self.entries, &order);
            order = sorted_order(heap, &self.entries)?;
        }
        let entries = self.entries.into_bump_slice();
        let nature = Nature::of(entries.iter().map(|(_, value)| *value), self.secret)?;
        let object =
            heap.arena.alloc(BuiltObject { entries, order: order.into_bump_slice(), nature });
        Ok((Value::Object(super::Object::Built(object)), repeated))
    }
}

/// Returns the indexes of the entries sorted by key. Equal keys keep their order.
fn sorted_order<'a>(
    heap: &'a Heap,
    entries: &[(&str, Value<'_>)],
) -> Result<bumpalo::collections::Vec<'a, u32>, Fault> {
    heap.charge(entries.len().saturating_mul(size_of::<u32>()))?;
    let mut order = bumpalo::collections::Vec::with_capacity_in(entries.len(), &heap.arena);
    order.extend((0..entries.len()).map(|at| at as u32));
    order.sort_unstable_by_key(|at| (entries.get(*at as usize).map(|(key, _)| *key), *at));
    Ok(order)
}

/// Sets the first entry of each key to the value of its last entry, and drops the others.
fn keep_last_values<'a>(
    entries: &mut bumpalo::collections::Vec<'a, (&'a str, Value<'a>)>,
    order: &[u32],
) {
    let mut dropped = vec![false; entries.len()];
    let mut first = 0u32;
    let mut key = None;
    for &at in order {
        let Some(&(name, value)) = entries.get(at as usize) else {
            continue;
        };
        if key != Some(name) {
            (key, first) = (Some(name), at);
            continue;
        }
        if let Some(kept) = entries.get_mut(first as usize) {
            kept.1 = value;
        }
        if let Some(flag) = dropped.get_mut(at as usize) {
            *flag = true;
        }
    }
    let mut flags = dropped.into_iter();
    entries.retain(|_| !flags.next().unwrap_or(false));
}
