//! Programs: bytecode with its tables, verified before it runs. Does not know source syntax or the
//! virtual machine.
//!
//! A program is immutable and cheap to clone. It lists the paths and secrets that it reads, and if
//! it reads the clock, so a host can parse only the necessary parts of a body.

mod instruction;
mod listing;
mod path;
mod predicate;
mod set;
mod verify;

use std::sync::Arc;

pub use instruction::{Instruction, InstructionRow, instruction_table};
pub use path::{Base, Key, Path, Read};
pub use predicate::{Comparison, Node, Question};
pub use set::RuleSet;
pub(crate) use set::{Member, Step};
pub use verify::{Malformed, verify};

use crate::builtins::{Function, LoopKind, Pattern, PatternShare};
use crate::source::{Source, Span};
use crate::value::{OwnedValue, Projection};

/// The version of the language that programs are compiled from.
pub const LANGUAGE_VERSION: u32 = 1;

/// A compiled program.
#[derive(Debug, Clone)]
pub struct Program(Arc<Chunk>);

// A host compiles a program once and runs it in any thread.
const _: () = {
    const fn shared<T: Send + Sync + Clone>() {}
    shared::<Program>();
};

/// The contents of a program.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    /// The source it was compiled from.
    pub source: Option<Source>,
    /// The instructions.
    pub code: Vec<Instruction>,
    /// The span in the source for each instruction.
    pub spans: Vec<Span>,
    /// The constants.
    pub constants: Vec<OwnedValue>,
    /// The variables that it reads from the context.
    pub roots: Vec<Root>,
    /// The paths it reads.
    pub paths: Vec<Path>,
    /// The functions it calls.
    pub functions: Vec<Callee>,
    /// Literal regular expressions.
    pub patterns: Vec<Pattern>,
    /// Loops of the program.
    pub loops: Vec<Loop>,
    /// The names of the secrets it reads.
    pub secrets: Vec<Box<str>>,
    /// The maximum number of locals in use at a time.
    pub locals: u16,
    /// The maximum stack height, computed by the verifier.
    pub stack: u16,
    /// The predicate tree, if the program only makes tests.
    pub direct: Option<Node>,
}

/// A variable that a program reads from the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The name.
    pub name: Box<str>,
    /// True if its members are case-insensitive, as HTTP headers are.
    pub case_insensitive: bool,
}

/// A function that a program calls: a row of the built-in functions or of the host's.
#[derive(Debug, Clone)]
pub enum Callee {
    /// A function of the language.
    Builtin(&'static Function),
    /// A function of the host.
    Host(Arc<Function>),
}

/// Compares the identity of the rows.
impl PartialEq for Callee {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Builtin(one), Self::Builtin(other)) => std::ptr::eq(*one, *other),
            (Self::Host(one), Self::Host(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl std::ops::Deref for Callee {
    type Target = Function;

    fn deref(&self) -> &Function {
        match self {
            Self::Builtin(function) => function,
            Self::Host(function) => function,
        }
    }
}

/// A loop of a program.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The handling of the body's results.
    pub kind: LoopKind,
    /// The function that it was compiled from, for messages.
    pub callee: Callee,
    /// The number of arguments on the stack at the start: the subject, and the others of its kind.
    pub arguments: u8,
    /// The first local of its parameters.
    pub slot: u16,
    /// The number of parameters of its body.
    pub params: u8,
    /// The index of the body's first instruction.
    pub body: u32,
    /// The index of the first instruction after the loop.
    pub end: u32,
}

/// The estimated memory of a constant, a path or a function besides its text, in bytes.
const BYTES_PER_PART: usize = 128;

impl Program {
    /// Verifies a chunk, and returns its program.
    ///
    /// # Errors
    /// Returns an error if the verifier rejects the chunk.
    pub fn new(mut chunk: Chunk) -> Result<Self, Malformed> {
        chunk.stack = verify(&chunk)?;
        chunk.direct = predicate::direct(&chunk);
        Ok(Self(Arc::new(chunk)))
    }

    /// Returns the same program without a predicate tree, to compare the tree against its
    /// instructions.
    ///
    /// # Errors
    /// Returns an error if the verifier rejects the chunk.
    pub fn of_instructions(mut chunk: Chunk) -> Result<Self, Malformed> {
        chunk.stack = verify(&chunk)?;
        chunk.direct = None;
        Ok(Self(Arc::new(chunk)))
    }

    /// Shares its regular expressions through a pool.
    #[must_use]
    pub fn pooled(mut self, share: &PatternShare) -> Self {
        let chunk = Arc::make_mut(&mut self.0);
        let patterns = std::mem::take(&mut chunk.patterns);
        chunk.patterns = patterns.into_iter().map(|pattern| pattern.pooled(share)).collect();
        self
    }

    /// Returns the estimated memory of the program in bytes, without its regular expressions.
    pub fn bytes(&self) -> usize {
        let chunk = &*self.0;
        let source = chunk.source.as_ref().map_or(0, |source| source.text().len());
        let code = chunk.code.len() * (size_of::<Instruction>() + size_of::<Span>());
        let parts = chunk.constants.len() + chunk.paths.len() + chunk.functions.len();
        // Constants and paths copy parts of the source, and so does the predicate tree.
        3 * source + 2 * code + parts * BYTES_PER_PART
    }

    /// Returns true if its literal regular expressions are compiled. Otherwise the first run
    /// compiles them, which takes time.
    pub fn is_warm(&self) -> bool {
        self.0.patterns.iter().all(Pattern::is_compiled)
    }

    /// Compiles its literal regular expressions. A failure is ignored here and occurs again at run
    /// time.
    pub fn warm(&self) {
        for pattern in &self.0.patterns {
            let _ = pattern.regex();
        }
    }

    /// Returns the contents of the program.
    pub fn chunk(&self) -> &Chunk {
        &self.0
    }

    /// Returns the source that it was compiled from.
    pub fn source(&self) -> Option<&Source> {
        self.0.source.as_ref()
    }

    /// Returns the literal paths that it reads from the context, in the order of first use.
    pub fn reads(&self) -> Vec<Read> {
        path::reads(&self.0)
    }

    /// Adds the parts of a variable that it reads to those that are wanted. From the first list
    /// index of a path on, the whole value is wanted.
    pub fn add_reads(&self, root: &str, wanted: &mut Projection) {
        for read in self.reads().iter().filter(|read| &*read.root == root) {
            wanted.add(read.keys.iter().map_while(|key| match key {
                Key::Name(name) => Some(&**name),
                Key::Index(_) => None,
            }));
        }
    }

    /// Returns true if it reads the clock.
    pub fn reads_clock(&self) -> bool {
        self.0.code.contains(&Instruction::Now)
    }

    /// Returns the names of the secrets that it reads.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.secrets.iter().map(|name| &**name)
    }

    /// Returns the version of the language that it was compiled from.
    pub fn language_version(&self) -> u32 {
        LANGUAGE_VERSION
    }

    /// Returns the listing: one line for each instruction, with the values that it refers to.
    pub fn listing(&self) -> String {
        listing::listing(&self.0)
    }
}
