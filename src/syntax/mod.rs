//! Syntax: from source text to a syntax tree. Does not know the meaning of the tree.
//!
//! `lexer` makes tokens (logos), the grammar in `grammar/` builds a tree from them (LALRPOP), and
//! `tree` defines that tree. One run collects all the errors that it can tell apart.

mod brackets;
mod builder;
mod error_messages;
mod fingerprint;
mod foreign;
mod graft;
mod lexer;
mod nesting;
mod parser;
mod recovery_limit;
mod splice;
mod token;
mod tree;

pub use lexer::tokens;
pub use parser::{Parsed, SyntaxLimits, parse, parse_template};
pub use splice::{DefinitionTree, Definitions, TooLarge};
pub use token::Token;
pub use tree::{
    Binding, Called, Expr, ExprId, Node, Operator, Param, Part, Place, Run, Step, StepKind, Tree,
};
