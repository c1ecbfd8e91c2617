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
    for instruction in &chunk.code {
        let Instruction::Path { path } = instruction else {
            continue;
        };
        let Some(Path { base: Base::Root(root), keys }) = chunk.paths.get(*path as usize) else {
            continue;
        };
        let Some(root) = chunk.roots.get(usize::from(*root)) else {
            continue;
        };
        let read = Read { root: root.name.clone(), keys: keys.clone() };
        if !reads.contains(&read) {
            reads.push(read);
        }
    }
    reads
}
