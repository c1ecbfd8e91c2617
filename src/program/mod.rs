//! Programs: bytecode with its tables, verified before it runs, and the predicate tree of a program
//! that only makes tests. Does not know source syntax or the virtual machine.
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
pub use path::{Base, Key, NamedPath, Path, Read};
pub use predicate::{Comparison, Node, Question};
pub use set::RuleSet;
pub(crate) use set::{Member, SetStep};
pub use verify::{Malformed, verify};

use crate::builtins::{Function, LoopKind, Pattern, PatternShare};
use crate::source::{Source, Span};
use crate::value::{OwnedValue, Projection};

/// The version of the language that programs are compiled from.
pub const LANGUAGE_VERSION: u32 = 2;

/// A compiled program.
#[derive(Debug, Clone)]
pub struct Program(Arc<Parts>);

/// The two forms of a program. The bytecode defines the results; the predicate tree gives the same
/// ones faster.
#[derive(Debug, Clone)]
struct Parts {
    chunk: Chunk,
    predicate: Option<Node>,
}

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
    /// The paths that get names.
    pub named: Vec<NamedPath>,
    /// The names of the secrets it reads.
    pub secrets: Vec<Box<str>>,
    /// The maximum number of locals in use at a time.
    pub locals: u16,
    /// The maximum stack height, computed by the verifier.
    pub stack: u16,
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

impl Loop {
    /// Returns the steps of work charged for each element: the instructions of the body.
    pub fn work(&self) -> u32 {
        self.end.saturating_sub(self.body)
    }
}

/// The estimated memory of a constant, a path or a function besides its text, in bytes.
const BYTES_PER_PART: usize = 128;

impl Program {
    /// Verifies a chunk, and returns its program, which the machine runs.
    ///
    /// It has no predicate tree: a tree is lowered from the source, not read from a chunk.
    ///
    /// # Errors
    /// Returns an error if the verifier rejects the chunk.
    pub fn new(mut chunk: Chunk) -> Result<Self, Malformed> {
        chunk.stack = verify(&chunk)?;
        Ok(Self(Arc::new(Parts { chunk, predicate: None })))
    }

    /// Adds the predicate tree that was lowered beside its bytecode.
    ///
    /// The verifier does not check it. A path, local or argument out of range stops its evaluation,
    /// and the machine runs the bytecode.
    #[must_use]
    pub(crate) fn with_predicate(mut self, predicate: Option<Node>) -> Self {
        Arc::make_mut(&mut self.0).predicate = predicate;
        self
    }

    /// Shares its regular expressions through a pool.
    #[must_use]
    pub fn pooled(mut self, share: &PatternShare) -> Self {
        let chunk = &mut Arc::make_mut(&mut self.0).chunk;
        let patterns = std::mem::take(&mut chunk.patterns);
        chunk.patterns = patterns.into_iter().map(|pattern| pattern.pooled(share)).collect();
        self
    }

    /// Returns the estimated memory of the program in bytes, without its regular expressions.
    pub fn bytes(&self) -> usize {
        let chunk = self.chunk();
        let source = chunk.source.as_ref().map_or(0, |source| source.text().len());
        let code = chunk.code.len() * (size_of::<Instruction>() + size_of::<Span>());
        let parts = chunk.constants.len() + chunk.paths.len() + chunk.functions.len();
        // Constants and paths copy parts of the source, and so does the predicate tree.
        3 * source + 2 * code + parts * BYTES_PER_PART
    }

    /// Returns the numbers of the definitions whose values it caches, with one entry for each use. A use in the body of a loop counts twice.
    pub(crate) fn cached_definitions(&self) -> impl Iterator<Item = u16> {
        let chunk = self.chunk();
        let is_in_loop = |at: usize| {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            chunk.loops.iter().any(|one| (one.body..one.end).contains(&at))
        };
        chunk.code.iter().enumerate().flat_map(move |(at, instruction)| {
            let (number, uses) = match instruction {
                Instruction::WriteCache { definition } => {
                    (*definition, 1 + usize::from(is_in_loop(at)))
                }
                _ => (0, 0),
            };
            std::iter::repeat_n(number, uses)
        })
    }

    /// Returns true if its literal regular expressions are compiled. Otherwise the first run
    /// compiles them, which takes time.
    pub fn is_warm(&self) -> bool {
        self.0.chunk.patterns.iter().all(Pattern::is_compiled)
    }

    /// Compiles its literal regular expressions. A failure is ignored here and occurs again at run
    /// time.
    pub fn warm(&self) {
        for pattern in &self.0.chunk.patterns {
            let _ = pattern.regex();
        }
    }

    /// Returns the contents of the program.
    pub fn chunk(&self) -> &Chunk {
        &self.0.chunk
    }

    /// Returns its predicate tree. `None` if the program does more than make tests.
    #[inline]
    pub fn predicate(&self) -> Option<&Node> {
        self.0.predicate.as_ref()
    }

    /// Returns the source that it was compiled from.
    pub fn source(&self) -> Option<&Source> {
        self.0.chunk.source.as_ref()
    }

    /// Returns the literal paths that it reads from the context, in the order of first use.
    pub fn reads(&self) -> Vec<Read> {
        path::reads(self.chunk())
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
        self.0.chunk.code.contains(&Instruction::Now)
    }

    /// Returns the names of the secrets that it reads.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.chunk.secrets.iter().map(|name| &**name)
    }

    /// Returns the version of the language that it was compiled from.
    pub fn language_version(&self) -> u32 {
        LANGUAGE_VERSION
    }

    /// Returns the listing: one line for each instruction, with the values that it refers to.
    pub fn listing(&self) -> String {
        listing::listing(self.chunk())
    }
}
