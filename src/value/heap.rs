//! Where one evaluation builds its values: an arena with a budget.
//!
//! Nothing in it is freed one by one; the whole is emptied before the next evaluation, which
//! keeps values `Copy` and lets them refer to one another freely.

use std::cell::Cell;
use std::fmt;

use bumpalo::Bump;

use super::fault::{Fault, FaultKind};
use super::{BuiltList, BuiltObject, Value};

/// An arena for texts, bytes, lists and objects, with a limit on what is built in it and a
/// count of the work done.
///
/// Work is counted in steps: an element, or 64 bytes of text, hash or pattern input.
#[derive(Debug)]
pub struct Heap {
    arena: Bump,
    /// The room in the arena when nothing is in it.
    empty: usize,
    limits: Budget,
    left: Cell<Budget>,
}

/// How much one evaluation may build and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of values built.
    pub bytes: usize,
    /// Steps of work.
    pub steps: u64,
}

/// What a list or object built here knows of what is in it, so that nobody has to look again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nature {
    /// Whether a secret is in it, at any depth, or it was made with one.
    pub(super) secret: bool,
    /// How many lists and objects deep the evaluation built it.
    depth: u16,
}

/// How deep lists and objects that an evaluation builds may nest. Everything that walks them
/// may recurse, because of it.
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

/// An emptied heap keeps at most this much for the next evaluation.
const KEPT_BYTES: usize = 1 << 20;

/// What one step of work covers, in bytes of text.
const BYTES_PER_STEP: usize = 64;

impl Heap {
    /// An empty heap with its budget.
    pub fn new(limits: Budget) -> Self {
        let arena = Bump::new();
        let empty = arena.chunk_capacity();
        Self { arena, empty, limits, left: Cell::new(limits) }
    }

    /// Empties the heap and renews its budget.
    #[inline]
    pub fn reset(&mut self, limits: Budget) {
        // Where nothing was built, there is nothing to empty.
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

    /// Renews the budget, and leaves what was built where it is.
    pub fn renew(&self, limits: Budget) {
        self.left.set(limits);
    }

    /// What is left of the budget.
    pub(crate) fn left(&self) -> Budget {
        self.left.get()
    }

    /// Counts work.
    ///
    /// # Errors
    /// A fault where the limit on steps is passed.
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

    /// Whether reading this many bytes of text is work that counts.
    #[inline]
    pub(crate) fn counts(bytes: usize) -> bool {
        bytes >= BYTES_PER_STEP
    }

    /// Counts the work of reading this many bytes of text.
    ///
    /// # Errors
    /// A fault where the limit on steps is passed.
    #[inline]
    pub fn work_on_bytes(&self, bytes: usize) -> Result<(), Fault> {
        // Most texts of a request are too short to count.
        if Self::counts(bytes) { self.work(bytes / BYTES_PER_STEP) } else { Ok(()) }
    }

    /// Lets a value leave as an answer. Lists and objects may share what is in them, and whoever
    /// takes the answer sees it as often as it is shared: written out, it keeps to the same limits
    /// as what is built.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn release<'a>(&self, answer: Value<'a>) -> Result<Value<'a>, Fault> {
        // What was only read is as large and as deep as it came.
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

    /// Copies a text in.
    ///
    /// # Errors
    /// A fault where the limit on memory is passed.
    pub fn text(&self, text: &str) -> Result<&str, Fault> {
        self.charge(text.len())?;
        Ok(self.arena.alloc_str(text))
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// A fault where the limit on memory is passed.
    pub fn bytes(&self, bytes: &[u8]) -> Result<&[u8], Fault> {
        self.charge(bytes.len())?;
        Ok(self.arena.alloc_slice_copy(bytes))
    }

    /// Starts a text that is written piece by piece.
    pub fn text_builder(&self) -> TextBuilder<'_> {
        TextBuilder { heap: self, text: bumpalo::collections::String::new_in(&self.arena) }
    }

    /// Starts bytes that are written piece by piece.
    pub fn bytes_builder(&self) -> BytesBuilder<'_> {
        BytesBuilder { heap: self, bytes: bumpalo::collections::Vec::new_in(&self.arena) }
    }

    /// Starts a list that is filled element by element.
    pub fn list_builder(&self) -> ListBuilder<'_> {
        let items = bumpalo::collections::Vec::new_in(&self.arena);
        ListBuilder { heap: self, items, secret: false }
    }

    /// Starts an object that is filled entry by entry.
    pub fn object_builder(&self) -> ObjectBuilder<'_> {
        let entries = bumpalo::collections::Vec::new_in(&self.arena);
        ObjectBuilder { heap: self, entries, secret: false }
    }

    /// A list of these values.
    ///
    /// # Errors
    /// A fault where the limit on memory is passed.
    pub fn list<'a>(&'a self, items: &[Value<'a>]) -> Result<Value<'a>, Fault> {
        self.charge(size_of_val(items))?;
        self.list_of(self.arena.alloc_slice_copy(items), false)
    }

    /// Room for values that the machine keeps while it runs: its stack. Not charged.
    pub fn slots(&self, count: usize) -> &mut [Value<'_>] {
        self.arena.alloc_slice_fill_copy(count, Value::Null)
    }

    /// Makes room for the bytes in the budget.
    ///
    /// # Errors
    /// A fault where the limit on memory is passed.
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
        .help("narrow the list or the text first: `$FILTER`, a slice, a single member")
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

/// A text on the heap, written piece by piece.
pub struct TextBuilder<'a> {
    heap: &'a Heap,
    text: bumpalo::collections::String<'a>,
}

impl<'a> TextBuilder<'a> {
    /// Appends a text.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.heap.work_on_bytes(text.len())?;
        self.heap.charge(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// Appends a character.
    ///
    /// # Errors
    /// A fault where the limit on memory is passed.
    pub fn push_char(&mut self, character: char) -> Result<(), Fault> {
        self.push(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends what the value displays as.
    ///
    /// # Errors
    /// A fault where a limit is passed, before more than that is written.
    pub fn push_display(&mut self, value: impl fmt::Display) -> Result<(), Fault> {
        use fmt::Write;
        let before = self.text.len();
        let mut pieces = Pieces { text: self, fault: None };
        // Writing to a text fails for its limit alone, and that is kept.
        let _ = write!(pieces, "{value}");
        pieces.fault.map_or(Ok(()), Err)?;
        // Pieces may each be too short to count.
        self.heap.work_on_bytes(self.text.len() - before)
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text written so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Ends the text.
    pub fn finish(self) -> &'a str {
        self.text.into_bump_str()
    }
}

/// What a value displays as on its way into a text, paid for piece by piece.
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

/// Bytes on the heap, written piece by piece.
pub struct BytesBuilder<'a> {
    heap: &'a Heap,
    bytes: bumpalo::collections::Vec<'a, u8>,
}

impl<'a> BytesBuilder<'a> {
    /// Appends bytes.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.heap.work_on_bytes(bytes.len())?;
        self.heap.charge(bytes.len())?;
        self.bytes.extend_from_slice_copy(bytes);
        Ok(())
    }

    /// Ends the bytes.
    pub fn finish(self) -> &'a [u8] {
        self.bytes.into_bump_slice()
    }
}

/// A list on the heap, filled element by element.
pub struct ListBuilder<'a> {
    heap: &'a Heap,
    items: bumpalo::collections::Vec<'a, Value<'a>>,
    secret: bool,
}

impl<'a> ListBuilder<'a> {
    /// Appends an element, one step of work.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn push(&mut self, item: Value<'a>) -> Result<(), Fault> {
        self.heap.work(1)?;
        self.heap.charge(size_of::<Value<'_>>())?;
        self.items.push(item);
        Ok(())
    }

    /// The elements so far.
    pub fn items(&self) -> &[Value<'a>] {
        &self.items
    }

    /// The elements so far, to reorder them.
    pub fn items_mut(&mut self) -> &mut [Value<'a>] {
        &mut self.items
    }

    /// Says that the list was made with a secret: even how long it is may tell of it.
    pub fn make_secret(&mut self) {
        self.secret = true;
    }

    /// Ends the list.
    ///
    /// # Errors
    /// A fault where it is nested too deeply.
    pub fn finish(self) -> Result<Value<'a>, Fault> {
        self.heap.list_of(self.items.into_bump_slice(), self.secret)
    }
}

/// An object on the heap, filled entry by entry.
pub struct ObjectBuilder<'a> {
    heap: &'a Heap,
    entries: bumpalo::collections::Vec<'a, (&'a str, Value<'a>)>,
    secret: bool,
}

impl<'a> ObjectBuilder<'a> {
    /// Appends an entry, one step of work. Where a key comes again, `finish` keeps its first
    /// place and its last value.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn push(&mut self, key: &'a str, value: Value<'a>) -> Result<(), Fault> {
        self.heap.work(1)?;
        self.heap.charge(size_of::<(&str, Value<'_>)>())?;
        self.entries.push((key, value));
        Ok(())
    }

    /// Says that the object was made with a secret: its keys may tell of it too.
    pub fn make_secret(&mut self) {
        self.secret = true;
    }

    /// Ends the object, a repeated key keeping its first place and its last value.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn finish(self) -> Result<Value<'a>, Fault> {
        self.build().map(|(object, _)| object)
    }

    /// Ends the object, and tells a key that came twice, if one did.
    ///
    /// # Errors
    /// A fault where a limit is passed.
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

/// The entries' places in the order of their keys, equal keys in the order they came in.
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

/// Gives each key's first entry the value of its last one, and drops the others.
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
