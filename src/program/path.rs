//! Paths: literal keys from a variable or a local. Does not resolve them.

use std::fmt;
use std::sync::Arc;

use super::{Chunk, Instruction};

/// A path with literal keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// The variable or local at its start.
    pub base: Base,
    /// The keys and indexes from there.
    pub keys: Arc<[Key]>,
}

/// The start of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// A variable of the context, by its index in the program's roots.
    Root(u16),
    /// A local: a parameter of a lambda, or a name of a mapper.
    Local(u16),
    /// A step that the programs of a rule set share. Occurs only in the predicate trees of a set.
    Shared(u16),
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A member.
    Name(Arc<str>),
    /// An index into a list, a string or bytes.
    Index(i64),
}

/// A path of the context that a program reads.
///
/// It includes everything below it: a program that reads `parsed_body.issue` may pass the whole
/// issue to a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Read {
    /// The variable.
    pub root: Box<str>,
    /// The keys from there.
    pub keys: Arc<[Key]>,
}

/// Writes the path in the syntax of a rule.
impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        write_keys(f, &self.keys)
    }
}

/// Writes keys in the syntax of a rule: `.name`, `["x-name"]`, `[0]`.
pub(super) fn write_keys(f: &mut impl fmt::Write, keys: &[Key]) -> fmt::Result {
    for key in keys {
        match key {
            Key::Name(name) if is_word(name) => write!(f, ".{name}")?,
            Key::Name(name) => write!(f, "[{}]", serde_json::Value::from(&**name))?,
            Key::Index(at) => write!(f, "[{at}]")?,
        }
    }
    Ok(())
}

fn is_word(name: &str) -> bool {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    first && characters.all(|c| c.is_alphanumeric() || c == '_')
}

/// Returns the paths of the context in a chunk, without duplicates.
pub(super) fn reads(chunk: &Chunk) -> Vec<Read> {
    let mut reads: Vec<Read> = Vec::new();
    for at in 0..chunk.code.len() {
        // A path that only gets a name is read where the name is.
        if chunk.named.iter().any(|named| named.source as usize == at && is_used(chunk, named)) {
            continue;
        }
        let Some(read) = read_at(chunk, at) else {
            continue;
        };
        if !reads.contains(&read) {
            reads.push(read);
        }
    }
    reads
}

/// A path that gets a name: the instruction that reads it, the local of the name, and the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedPath {
    /// The index of the instruction that reads the path.
    pub source: u32,
    /// The local.
    pub slot: u16,
    /// The index of the first instruction that can read the local.
    pub from: u32,
    /// The index of the first instruction after those.
    pub to: u32,
}

impl NamedPath {
    fn names(&self, slot: u16, at: usize) -> bool {
        self.slot == slot && (self.from as usize..self.to as usize).contains(&at)
    }
}

fn is_used(chunk: &Chunk, named: &NamedPath) -> bool {
    let mut body = named.from as usize..named.to as usize;
    body.any(|at| match path_at(chunk, at) {
        Some(Path { base: Base::Local(slot), .. }) => *slot == named.slot,
        _ => false,
    })
}

fn path_at(chunk: &Chunk, at: usize) -> Option<&Path> {
    match chunk.code.get(at)? {
        Instruction::Path { path } => chunk.paths.get(*path as usize),
        _ => None,
    }
}

/// Returns the path of the context that an instruction reads, also through names of paths.
fn read_at(chunk: &Chunk, mut at: usize) -> Option<Read> {
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let path = path_at(chunk, at)?;
        keys.splice(0..0, path.keys.iter().cloned());
        match path.base {
            Base::Root(root) => {
                let root = chunk.roots.get(usize::from(root))?;
                return Some(Read { root: root.name.clone(), keys: keys.into() });
            }
            // The source of a name comes before its uses, so this ends.
            Base::Local(slot) => {
                let named = chunk.named.iter().find(|named| named.names(slot, at))?;
                at = (named.source as usize).min(at.checked_sub(1)?);
            }
            Base::Shared(_) => return None,
        }
    }
}
