//! The listing of a program as text for people. Does not execute it.

use std::fmt::Write;

use super::{Base, Chunk, Instruction, Path, path::write_keys};

/// Returns one line for each instruction: index, mnemonic, operands, and the values that they refer
/// to.
pub(super) fn listing(chunk: &Chunk) -> String {
    let mut out = String::new();
    for (at, instruction) in chunk.code.iter().enumerate() {
        let operands = operands(chunk, *instruction);
        let line = format!("{at:4}  {:<14}{operands}", instruction.mnemonic());
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let _ = write!(out, "stack {}, locals {}", chunk.stack, chunk.locals);
    out
}

fn operands(chunk: &Chunk, instruction: Instruction) -> String {
    match instruction {
        Instruction::Constant { constant } | Instruction::Member { constant } => {
            chunk.constants.get(constant as usize).map(ToString::to_string).unwrap_or_default()
        }
        Instruction::Path { path } => {
            chunk.paths.get(path as usize).map(|path| show_path(chunk, path)).unwrap_or_default()
        }
        Instruction::Secret { name } | Instruction::Secrets { name } => {
            chunk.secrets.get(name as usize).map(ToString::to_string).unwrap_or_default()
        }
        Instruction::Store { slot } => format!("local {slot}"),
        Instruction::List { count }
        | Instruction::Object { count }
        | Instruction::Interpolate { count } => count.to_string(),
        Instruction::Call { function, count } => {
            let name = chunk.functions.get(usize::from(function)).map_or("", |callee| callee.name);
            format!("${name} {count}")
        }
        Instruction::Jump { target }
        | Instruction::JumpUnless { target }
        | Instruction::And { target }
        | Instruction::Or { target }
        | Instruction::Coalesce { target }
        | Instruction::Try { target }
        | Instruction::EndTry { target } => format!("-> {target}"),
        Instruction::ReadCache { definition, target } => format!("{definition} -> {target}"),
        Instruction::WriteCache { definition } => definition.to_string(),
        Instruction::Begin { index } | Instruction::Next { index } => chunk
            .loops
            .get(index as usize)
            .map(|info| {
                format!(
                    "${} local {}, body {}, end {}",
                    info.callee.name, info.slot, info.body, info.end
                )
            })
            .unwrap_or_default(),
        Instruction::Mark { place } => place.to_string(),
        _ => String::new(),
    }
}

fn show_path(chunk: &Chunk, path: &Path) -> String {
    let mut out = match path.base {
        Base::Root(root) => {
            chunk.roots.get(usize::from(root)).map(|root| root.name.to_string()).unwrap_or_default()
        }
        Base::Local(slot) => format!("local {slot}"),
        Base::Shared(place) => format!("shared {place}"),
    };
    let _ = write_keys(&mut out, &path.keys);
    out
}
