//! Lower case, upper case and title case by Unicode, the same in every locale.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value};

pub(super) const LOWERCASE: Function = Function {
    name: "LOWERCASE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string in lowercase.",
    examples: &[
        example(r#"$LOWERCASE("Application/JSON")"#, r#""application/json""#),
        example(r#""ÄÖÜ".$LOWERCASE()"#, r#""äöü""#),
        example("$LOWERCASE(missing)", "null"),
        example(r#"$LOWERCASE($PARSE_JSON("12"))"#, "E0302"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Lowercase,
    code: Code::Native(lowercase),
};

pub(super) const UPPERCASE: Function = Function {
    name: "UPPERCASE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string in uppercase.",
    examples: &[
        example(r#"$UPPERCASE("inc-12")"#, r#""INC-12""#),
        example(r#""straße".$UPPERCASE()"#, r#""STRASSE""#),
        example("$UPPERCASE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Normalizer,
    code: Code::Native(uppercase),
};

pub(super) const TITLECASE: Function = Function {
    name: "TITLECASE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string in title case: the first letter of each word in uppercase, the others in lowercase.",
    examples: &[
        example(r#"$TITLECASE("APPROVED")"#, r#""Approved""#),
        example(r#"$TITLECASE("in progress: don't wait")"#, r#""In Progress: Don't Wait""#),
        example(r#"$TITLECASE("élan vital")"#, r#""Élan Vital""#),
        example("$TITLECASE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(titlecase),
};

fn lowercase<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    changed(env, text, &text.to_lowercase())
}

fn uppercase<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    changed(env, text, &text.to_uppercase())
}

fn titlecase<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut titled = env.heap.text_builder();
    let mut in_word = false;
    // The whole text is converted first, because the lower case of a sigma depends on its
    // neighbours.
    for character in args.text(0)?.to_lowercase().chars() {
        if in_word {
            titled.push_char(character)?;
        } else {
            push_capital(&mut titled, character)?;
        }
        in_word = continues_word(character, in_word);
    }
    Ok(Value::Text(titled.finish()))
}

/// Appends a title-case letter. The upper case may be several letters, of which only the first
/// stays upper case: `ß` becomes `Ss`.
fn push_capital(text: &mut crate::value::TextBuilder<'_>, character: char) -> Result<(), Fault> {
    let mut capital = character.to_uppercase();
    if let Some(first) = capital.next() {
        text.push_char(first)?;
    }
    capital.flat_map(char::to_lowercase).try_for_each(|rest| text.push_char(rest))
}

/// Returns true if the next character is inside a word. Apostrophes and combining marks do not end
/// a word.
fn continues_word(character: char, in_word: bool) -> bool {
    match character {
        '\'' | '’' | '\u{300}'..='\u{36f}' => in_word,
        other => other.is_alphanumeric(),
    }
}

/// Returns the new text, or the old one without a copy if nothing changed. Most header names and
/// states are already in the wanted case.
fn changed<'a>(env: &Env<'a>, old: &'a str, new: &str) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(if old == new { old } else { env.heap.text(new)? }))
}
