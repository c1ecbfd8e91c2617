//! Syntax: from text to a tree, and nothing of what the tree means.
//!
//! `lexer` makes tokens (logos), the grammar in `grammar/` makes a tree of them (LALRPOP), and
//! `tree` is that tree. Faults are collected rather than thrown: one run reports as many as it
//! can tell apart.

mod brackets;
mod builder;
mod foreign;
mod graft;
mod lexer;
mod pace;
mod parser;
mod pending;
mod token;
mod tree;
mod words;

pub use lexer::tokens;
pub use parser::{Parsed, SyntaxLimits, parse, parse_template};
pub use token::Token;
pub use tree::{
    Binding, Called, Expr, ExprId, Node, Operator, Param, Part, Place, Run, Step, StepKind, Tree,
};
