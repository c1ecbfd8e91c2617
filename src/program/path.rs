//! Paths: what a program reads, by literal keys from a root or a local.

use std::fmt;
use std::sync::Arc;

use super::{Chunk, Instruction};

/// A path with literal keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// Where it begins.
    pub base: Base,
    /// The keys and places from there.
    pub keys: Arc<[Key]>,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// A root of the context, by its place in the program's roots.
    Root(u16),
    /// A local: a lambda's parameter, a mapper's name.
    Local(u16),
    /// What the programs of a rule set find once; only in its trees.
    Shared(u16),
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A member.
    Name(Arc<str>),
    /// A place in a list, text or bytes.
    Index(i64),
}

/// A path of the context that a program reads.
///
/// What is read is everything below it: a program that reads `parsed_body.issue` may hand the
/// whole issue to a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Read {
    /// The root.
    pub root: Box<str>,
    /// The keys from there.
    pub keys: Arc<[Key]>,
}

/// As a rule writes it.
impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        write_keys(f, &self.keys)
    }
}

/// Writes keys as a rule does: `.name`, `["x-name"]`, `[0]`.
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

/// The paths of the context in a chunk, without repetition.
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
