//! Wildcard patterns: `*` and `?`. Knows no paths: a `*` also matches a slash.
//!
//! A pattern is a sequence of pieces with `*` between them. The first piece is a prefix, the last
//! one a suffix, and each piece between them is searched after the one before it. The first
//! occurrence is always the best one, so nothing is ever tried again.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Heap, Kinds, Value};

pub(super) const GLOB: Function = Function {
    name: "GLOB",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("pattern", Kinds::TEXT.or(Kinds::LIST))],
    result: Kinds::BOOLEAN,
    doc: "True if the whole string matches a pattern, or one of a list of patterns. `*` is any run of characters, also of slashes, `?` is one character, and a backslash takes away the meaning of the character after it. False for null.",
    examples: &[
        example(r#"$GLOB("/usr/bin/app.jar", "*/bin/*.jar")"#, "true"),
        example(r#""release/2.1".$GLOB(["main", "release/?.?"])"#, "true"),
        example(r#"$GLOB("Main", "main")"#, "false"),
        example(r#"$GLOB("maintenance", "main")"#, "false"),
        example(r#"$GLOB("a*b", "a\\*b")"#, "true"),
        example(r#"$GLOB("a", [])"#, "false"),
        example(r#"$GLOB("a", $PARSE_JSON("[1]"))"#, "E0302"),
        example(r#"$GLOB("a", missing)"#, "E0310"),
        example(r#"$GLOB(missing, "*")"#, "false"),
    ],
    null: NullPropagation::False,
    declassifies: false,
    role: Role::Search,
    code: Code::Native(glob),
};

fn glob<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let Some(patterns) = args.value(1).as_list() else {
        return matches(env.heap, text, args.text(1)?).map(Value::Bool);
    };
    for item in patterns.iter() {
        env.heap.work(1)?;
        let pattern = item.as_text().ok_or_else(|| no_pattern(item))?;
        env.heap.work_on_bytes(text.len().saturating_add(pattern.len()))?;
        if matches(env.heap, text, pattern)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn no_pattern(item: Value<'_>) -> Fault {
    Fault::new(
        FaultKind::WrongArgument,
        format!("`$GLOB` takes strings as patterns, and in the list is {}", item.kind().phrase()),
    )
}

/// Returns true if a whole text matches a pattern.
fn matches(heap: &Heap, text: &str, pattern: &str) -> Result<bool, Fault> {
    let pieces = pieces(heap, pattern)?;
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return Ok(false);
    };
    let Some(mut rest) = first.strip_from(text) else {
        return Ok(false);
    };
    if pieces.len() == 1 {
        return Ok(rest.is_empty());
    }
    for piece in pieces.get(1..pieces.len() - 1).unwrap_or(&[]) {
        match piece.find_in(heap, rest)? {
            Some(after) => rest = after,
            None => return Ok(false),
        }
    }
    Ok(last.ends(rest))
}

/// Returns the pieces of a pattern: the characters between its stars.
fn pieces(heap: &Heap, pattern: &str) -> Result<Vec<GlobPiece>, Fault> {
    // A pattern is short, but one from data may be long.
    heap.work_on_bytes(pattern.len())?;
    let mut pieces = Vec::new();
    let mut piece = GlobPiece::default();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => {
                heap.work(1)?;
                heap.charge(size_of::<GlobPiece>())?;
                pieces.push(std::mem::take(&mut piece));
            }
            '?' => piece.push_any(),
            '\\' => piece.push(characters.next().unwrap_or('\\')),
            other => piece.push(other),
        }
    }
    heap.charge(pattern.len())?;
    pieces.push(piece);
    Ok(pieces)
}

/// Characters without a star among them.
#[derive(Debug, Default)]
struct GlobPiece {
    /// Strings with any one character between two of them. Never empty after the first push.
    literals: Vec<String>,
}

impl GlobPiece {
    fn push(&mut self, character: char) {
        match self.literals.last_mut() {
            Some(literal) => literal.push(character),
            None => self.literals.push(character.into()),
        }
    }

    fn push_any(&mut self) {
        if self.literals.is_empty() {
            self.literals.push(String::new());
        }
        self.literals.push(String::new());
    }

    /// Returns the text after the piece, if the text starts with it.
    fn strip_from<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        for (at, literal) in self.literals.iter().enumerate() {
            if at > 0 {
                let mut characters = rest.chars();
                characters.next()?;
                rest = characters.as_str();
            }
            rest = rest.strip_prefix(literal.as_str())?;
        }
        Some(rest)
    }

    /// Returns the text after the first occurrence of the piece.
    fn find_in<'t>(&self, heap: &Heap, text: &'t str) -> Result<Option<&'t str>, Fault> {
        match self.literals.as_slice() {
            [] => return Ok(Some(text)),
            [literal] => return Ok(text.split_once(literal.as_str()).map(|(_, after)| after)),
            _ => {}
        }
        let mut rest = text;
        loop {
            // Each position may compare all of the piece.
            heap.work(1 + self.bytes() / BYTES_PER_STEP)?;
            if let Some(after) = self.strip_from(rest) {
                return Ok(Some(after));
            }
            let mut characters = rest.chars();
            if characters.next().is_none() {
                return Ok(None);
            }
            rest = characters.as_str();
        }
    }

    /// Returns true if a text ends with the piece.
    fn ends(&self, text: &str) -> bool {
        let mut rest = text;
        for (at, literal) in self.literals.iter().rev().enumerate() {
            if at > 0 {
                let mut characters = rest.chars();
                if characters.next_back().is_none() {
                    return false;
                }
                rest = characters.as_str();
            }
            match rest.strip_suffix(literal.as_str()) {
                Some(before) => rest = before,
                None => return false,
            }
        }
        true
    }

    fn bytes(&self) -> usize {
        self.literals.iter().map(|literal| literal.len() + 1).sum()
    }
}

/// Bytes of a piece that count as one step at each position of a search.
const BYTES_PER_STEP: usize = 64;
