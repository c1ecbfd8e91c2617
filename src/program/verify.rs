//! The bytecode verifier: it guarantees these properties before a program runs, so the machine does
//! not test them. Does not execute code.
//!
//! Jumps go forward and stay in the code, so only loops, which count their steps, return to an
//! instruction. Operands are inside their tables. Every instruction is reached with one stack
//! height, on every path. The last instruction is a `return`.

use super::{Chunk, Instruction};
use crate::builtins::Code;

/// The reason that a chunk is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("instruction {at}: {what}")]
pub struct Malformed {
    /// The index of the instruction.
    pub at: usize,
    /// The violated rule.
    pub what: &'static str,
}

/// Verifies a chunk, and returns its maximum stack height.
///
/// # Errors
/// Returns an error for the first instruction that breaks a rule.
pub fn verify(chunk: &Chunk) -> Result<u16, Malformed> {
    if chunk.spans.len() != chunk.code.len() {
        return Err(Malformed { at: 0, what: "code and spans differ in length" });
    }
    let mut heights = Heights { of: vec![None; chunk.code.len()], pending: vec![], deepest: 0 };
    heights.reach(0, 0, 0)?;
    while let Some(at) = heights.pending.pop() {
        step(chunk, at, &mut heights)?;
    }
    u16::try_from(heights.deepest).map_err(|_| Malformed { at: 0, what: "the stack is too deep" })
}

/// The stack height before each reachable instruction found so far.
struct Heights {
    of: Vec<Option<usize>>,
    pending: Vec<usize>,
    deepest: usize,
}

impl Heights {
    fn reach(&mut self, from: usize, at: usize, height: usize) -> Result<(), Malformed> {
        self.deepest = self.deepest.max(height);
        match self.of.get_mut(at) {
            None => Err(Malformed { at: from, what: "it leads out of the code" }),
            Some(known @ None) => {
                *known = Some(height);
                self.pending.push(at);
                Ok(())
            }
            Some(Some(known)) if *known == height => Ok(()),
            Some(Some(_)) => {
                Err(Malformed { at: from, what: "the stack's height depends on the way" })
            }
        }
    }
}

/// Returns the target of a jump, which must come later.
fn forward(at: usize, target: u32) -> Result<usize, Malformed> {
    let target = target as usize;
    if target > at { Ok(target) } else { Err(Malformed { at, what: "it leads back" }) }
}

fn step(chunk: &Chunk, at: usize, heights: &mut Heights) -> Result<(), Malformed> {
    let height = heights.of.get(at).copied().flatten().unwrap_or(0);
    let Some(instruction) = chunk.code.get(at).copied() else {
        return Ok(());
    };
    check_operands(chunk, at, instruction)?;
    let (pops, pushes) = instruction.effect();
    let below = height.checked_sub(pops).ok_or(Malformed { at, what: "the stack is empty" })?;
    let after = below + pushes;
    match instruction {
        Instruction::Return => Ok(()),
        Instruction::Jump { target } | Instruction::EndTry { target } => {
            heights.reach(at, forward(at, target)?, height)
        }
        Instruction::JumpUnless { target } => {
            heights.reach(at, forward(at, target)?, after)?;
            heights.reach(at, at + 1, after)
        }
        Instruction::And { target }
        | Instruction::Or { target }
        | Instruction::Coalesce { target } => {
            heights.reach(at, forward(at, target)?, height)?;
            heights.reach(at, at + 1, after)
        }
        Instruction::Try { target } => {
            heights.reach(at, forward(at, target)?, height)?;
            heights.reach(at, at + 1, height)
        }
        Instruction::ReadCache { target, .. } => {
            heights.reach(at, forward(at, target)?, height + 1)?;
            heights.reach(at, at + 1, height)
        }
        Instruction::Begin { index } => {
            let Some(info) = chunk.loops.get(index as usize) else {
                return Err(Malformed { at, what: "there is no such loop" });
            };
            if info.body as usize != at + 1 || info.end <= info.body {
                return Err(Malformed {
                    at,
                    what: "the body of the loop is not the code after it",
                });
            }
            let below = height
                .checked_sub(usize::from(info.arguments))
                .ok_or(Malformed { at, what: "the stack is empty" })?;
            heights.reach(at, info.body as usize, below)?;
            heights.reach(at, info.end as usize, below + 1)
        }
        Instruction::Next { index } => {
            let Some(info) = chunk.loops.get(index as usize) else {
                return Err(Malformed { at, what: "there is no such loop" });
            };
            // Only the body may precede it, and each iteration counts as work.
            if info.end as usize != at + 1 || info.body as usize > at {
                return Err(Malformed { at, what: "the loop does not end here" });
            }
            heights.reach(at, info.body as usize, below)?;
            heights.reach(at, info.end as usize, below + 1)
        }
        _ => heights.reach(at, at + 1, after),
    }
}

fn check_operands(chunk: &Chunk, at: usize, instruction: Instruction) -> Result<(), Malformed> {
    let inside = |index: u32, length: usize| (index as usize) < length;
    let valid = match instruction {
        Instruction::Constant { constant } => inside(constant, chunk.constants.len()),
        Instruction::Member { constant } => {
            let key = chunk.constants.get(constant as usize);
            key.is_some_and(|key| key.borrow().as_text().is_some())
        }
        Instruction::Path { path } => {
            chunk.paths.get(path as usize).is_some_and(|path| match path.base {
                super::Base::Root(root) => usize::from(root) < chunk.roots.len(),
                super::Base::Local(slot) => slot < chunk.locals,
                super::Base::Shared(_) => false,
            })
        }
        Instruction::Secret { name } | Instruction::Secrets { name } => {
            inside(name, chunk.secrets.len())
        }
        Instruction::Store { slot } => slot < chunk.locals,
        Instruction::Call { function, .. } => {
            let callee = chunk.functions.get(usize::from(function));
            callee.is_some_and(|callee| matches!(callee.code, Code::Native(_) | Code::Host(_)))
        }
        Instruction::Begin { index } | Instruction::Next { index } => {
            chunk.loops.get(index as usize).is_some_and(|info| {
                u32::from(info.slot) + u32::from(info.params) <= u32::from(chunk.locals)
                    && info.arguments >= 1
            })
        }
        _ => true,
    };
    if valid { Ok(()) } else { Err(Malformed { at, what: "an operand names nothing" }) }
}
