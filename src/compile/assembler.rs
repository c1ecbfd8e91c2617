//! The assembler: builds a chunk from instructions and the tables that they refer to. Does not know
//! the syntax tree.

use crate::builtins::Pattern;
use crate::check::Table;
use crate::program::{Callee, Chunk, Instruction, Path};
use crate::source::Span;
use crate::value::{OwnedValue, Value};

/// A chunk under construction. Equal strings, paths and callees are stored once.
#[derive(Debug, Default)]
pub(super) struct Assembler<'c> {
    pub(super) chunk: Chunk,
    texts: Table<&'c str, u32>,
    paths: Table<Path, u32>,
}

impl<'c> Assembler<'c> {
    /// Appends an instruction, and returns its index.
    pub(super) fn emit(&mut self, instruction: Instruction, span: Span) -> usize {
        self.chunk.code.push(instruction);
        self.chunk.spans.push(span);
        self.chunk.code.len() - 1
    }

    /// Returns the index of the next instruction.
    pub(super) fn here(&self) -> u32 {
        index(self.chunk.code.len())
    }

    /// Sets the target of a jump to the next instruction.
    pub(super) fn land(&mut self, at: usize) {
        let here = self.here();
        let Some(instruction) = self.chunk.code.get_mut(at) else {
            return;
        };
        match instruction {
            Instruction::Jump { target }
            | Instruction::JumpUnless { target }
            | Instruction::And { target }
            | Instruction::Or { target }
            | Instruction::Coalesce { target }
            | Instruction::Try { target }
            | Instruction::ReadCache { target, .. }
            | Instruction::EndTry { target } => *target = here,
            _ => {}
        }
    }

    pub(super) fn constant(&mut self, value: Value<'c>) -> u32 {
        let Value::Text(text) = value else {
            return self.new_constant(value);
        };
        if let Some(known) = self.texts.get(text) {
            return *known;
        }
        let place = self.new_constant(value);
        self.texts.insert(text, place);
        place
    }

    /// Adds a constant. A constant is never a secret.
    fn new_constant(&mut self, value: Value<'_>) -> u32 {
        self.chunk.constants.push(value.to_owned_value().unwrap_or(OwnedValue::Null));
        index(self.chunk.constants.len() - 1)
    }

    pub(super) fn path(&mut self, path: Path) -> u32 {
        if let Some(known) = self.paths.get(&path) {
            return *known;
        }
        self.chunk.paths.push(path.clone());
        let place = index(self.chunk.paths.len() - 1);
        self.paths.insert(path, place);
        place
    }

    /// Returns the index of a callee. `None` if there are too many.
    pub(super) fn callee(&mut self, callee: &Callee) -> Option<u16> {
        let known = self.chunk.functions.iter().position(|known| known.name == callee.name);
        let place = known.unwrap_or_else(|| {
            self.chunk.functions.push(callee.clone());
            self.chunk.functions.len() - 1
        });
        u16::try_from(place).ok()
    }

    pub(super) fn secret(&mut self, name: &str) -> u32 {
        let known = self.chunk.secrets.iter().position(|known| **known == *name);
        let place = known.unwrap_or_else(|| {
            self.chunk.secrets.push(name.into());
            self.chunk.secrets.len() - 1
        });
        index(place)
    }

    /// Adds a pattern, unless the patterns together exceed the limit, in bytes.
    pub(super) fn pattern(&mut self, pattern: Pattern, limit: usize) {
        let is_new = self.chunk.patterns.iter().all(|known| known.text() != pattern.text());
        let bytes: usize = self.chunk.patterns.iter().map(Pattern::held_bytes).sum();
        if is_new && bytes.saturating_add(pattern.held_bytes()) <= limit {
            self.chunk.patterns.push(pattern);
        }
    }
}

/// Returns an index as stored in an instruction. A source of the maximum size needs far fewer than
/// `u32::MAX`.
pub(super) fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
