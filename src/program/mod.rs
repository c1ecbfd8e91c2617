//! Programs: bytecode and everything it refers to, checked before it runs.
//!
//! A program is immutable and cheap to clone. It knows the paths it reads, whether it reads the
//! clock and which secrets it names, so a host can parse only those parts of a body.

mod direct;
mod instruction;
mod listing;
mod path;
mod set;
mod verify;

use std::sync::Arc;

pub use direct::{Comparison, Node, Question};
pub use instruction::{Instruction, InstructionRow, instruction_table};
pub use path::{Base, Key, Path, Read};
pub use set::RuleSet;
pub(crate) use set::{Member, Step};
pub use verify::{Malformed, verify};

use crate::builtins::{Function, LoopKind, Pattern, PatternShare};
use crate::source::{Source, Span};
use crate::value::OwnedValue;

/// The version of the language that programs are compiled from.
pub const LANGUAGE_VERSION: u32 = 1;

/// A compiled program.
#[derive(Debug, Clone)]
pub struct Program(Arc<Chunk>);

// A host compiles once and runs everywhere.
const _: () = {
    const fn shared<T: Send + Sync + Clone>() {}
    shared::<Program>();
};

/// What a program consists of.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    /// The source it was compiled from.
    pub source: Option<Source>,
    /// The instructions.
    pub code: Vec<Instruction>,
    /// Where each instruction comes from.
    pub spans: Vec<Span>,
    /// The constants.
    pub constants: Vec<OwnedValue>,
    /// The names it reads from the context.
    pub roots: Vec<Root>,
    /// The paths it reads.
    pub paths: Vec<Path>,
    /// The functions it calls.
    pub functions: Vec<Callee>,
    /// Its literal regular expressions.
    pub patterns: Vec<Pattern>,
    /// Its loops.
    pub loops: Vec<Loop>,
    /// The names of the secrets it reads.
    pub secrets: Vec<Box<str>>,
    /// How many local values it has at most at a time.
    pub locals: u16,
    /// How deep its stack gets; the verifier counts.
    pub stack: u16,
    /// The same as a tree of tests, where it is no more than that.
    pub direct: Option<Node>,
}

/// A name that a program reads from the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The name.
    pub name: Box<str>,
    /// Whether its members are found in any case, as HTTP headers are.
    pub case_blind: bool,
}

/// A function that a program calls: a row of the language's, or of the host's.
#[derive(Debug, Clone)]
pub enum Callee {
    /// A function of the language.
    Builtin(&'static Function),
    /// A function of the host.
    Host(Arc<Function>),
}

/// Whether they are the same row.
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
    /// What is done with the body's answers.
    pub kind: LoopKind,
    /// The function it came from, for its words.
    pub callee: Callee,
    /// How many arguments stand on the stack when it begins: the subject, and what the kind
    /// takes besides.
    pub arguments: u8,
    /// The first local of its parameters.
    pub slot: u16,
    /// How many parameters its body has.
    pub params: u8,
    /// Where the body begins.
    pub body: u32,
    /// Where the code goes on after it.
    pub end: u32,
}

/// Bytes of a constant, a path or a function beside its text.
const BYTES_PER_PART: usize = 128;

impl Program {
    /// A program of a chunk that holds what it says.
    ///
    /// # Errors
    /// What the verifier finds wrong with it.
    pub fn new(mut chunk: Chunk) -> Result<Self, Malformed> {
        chunk.stack = verify(&chunk)?;
        chunk.direct = direct::direct(&chunk);
        Ok(Self(Arc::new(chunk)))
    }

    /// The same, to be run by its instructions alone: what the tree of a program is held to.
    ///
    /// # Errors
    /// What the verifier finds wrong with it.
    pub fn of_instructions(mut chunk: Chunk) -> Result<Self, Malformed> {
        chunk.stack = verify(&chunk)?;
        chunk.direct = None;
        Ok(Self(Arc::new(chunk)))
    }

    /// The same, whose regular expressions are kept in a pool.
    #[must_use]
    pub fn pooled(mut self, share: &PatternShare) -> Self {
        let chunk = Arc::make_mut(&mut self.0);
        let patterns = std::mem::take(&mut chunk.patterns);
        chunk.patterns = patterns.into_iter().map(|pattern| pattern.pooled(share)).collect();
        self
    }

    /// Bytes of memory that it takes, estimated, without its regular expressions.
    pub fn bytes(&self) -> usize {
        let chunk = &*self.0;
        let source = chunk.source.as_ref().map_or(0, |source| source.text().len());
        let code = chunk.code.len() * (size_of::<Instruction>() + size_of::<Span>());
        let parts = chunk.constants.len() + chunk.paths.len() + chunk.functions.len();
        // Constants and paths have texts of the source once more, and once more in the tree.
        3 * source + 2 * code + parts * BYTES_PER_PART
    }

    /// Whether its literal regular expressions are compiled. Compiling them takes time, which a
    /// run does where it was not done before.
    pub fn is_warm(&self) -> bool {
        self.0.patterns.iter().all(Pattern::is_compiled)
    }

    /// Compiles its literal regular expressions. One that fails fails again where it is run.
    pub fn warm(&self) {
        for pattern in &self.0.patterns {
            let _ = pattern.regex();
        }
    }

    /// What the program consists of.
    pub fn chunk(&self) -> &Chunk {
        &self.0
    }

    /// The source it was compiled from.
    pub fn source(&self) -> Option<&Source> {
        self.0.source.as_ref()
    }

    /// The paths of the context it reads, as far as they are literal, in the order of their
    /// first use.
    pub fn reads(&self) -> Vec<Read> {
        path::reads(&self.0)
    }

    /// Whether it reads the clock.
    pub fn reads_clock(&self) -> bool {
        self.0.code.contains(&Instruction::Now)
    }

    /// The names of the secrets it reads.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.secrets.iter().map(|name| &**name)
    }

    /// The version of the language it was compiled from.
    pub fn language_version(&self) -> u32 {
        LANGUAGE_VERSION
    }

    /// The instructions as text, a line each, with what they refer to.
    pub fn listing(&self) -> String {
        listing::listing(&self.0)
    }
}
