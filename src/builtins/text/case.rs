//! Small letters and capitals, by Unicode and the same in every locale.

use crate::builtins::registry::{Code, Family, Function, NullSubject, Param, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value};

pub(super) const LOWERCASE: Function = Function {
    name: "LOWERCASE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The text in small letters.",
    examples: &[
        example(r#"$LOWERCASE("Application/JSON")"#, r#""application/json""#),
        example(r#""ÄÖÜ".$LOWERCASE()"#, r#""äöü""#),
        example("$LOWERCASE(missing)", "null"),
        example(r#"$LOWERCASE($PARSE_JSON("12"))"#, "E0302"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Native(lowercase),
};

pub(super) const UPPERCASE: Function = Function {
    name: "UPPERCASE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The text in capitals.",
    examples: &[
        example(r#"$UPPERCASE("inc-12")"#, r#""INC-12""#),
        example(r#""straße".$UPPERCASE()"#, r#""STRASSE""#),
        example("$UPPERCASE(missing)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
    code: Code::Native(uppercase),
};

pub(super) const TITLECASE: Function = Function {
    name: "TITLECASE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The text with a capital at the start of every word and small letters after it.",
    examples: &[
        example(r#"$TITLECASE("APPROVED")"#, r#""Approved""#),
        example(r#"$TITLECASE("in progress: don't wait")"#, r#""In Progress: Don't Wait""#),
        example(r#"$TITLECASE("élan vital")"#, r#""Élan Vital""#),
        example("$TITLECASE(missing)", "null"),
    ],
    null: NullSubject::Null,
    releases: false,
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
    // The whole text first: what a sigma becomes depends on the letters around it.
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

/// A capital may be several letters, of which only the first stays large: `ß` starts `Ss`.
fn push_capital(text: &mut crate::value::TextBuilder<'_>, character: char) -> Result<(), Fault> {
    let mut capital = character.to_uppercase();
    if let Some(first) = capital.next() {
        text.push_char(first)?;
    }
    capital.flat_map(char::to_lowercase).try_for_each(|rest| text.push_char(rest))
}

/// Whether the character after this one is inside a word. Apostrophes and combining marks do
/// not end one.
fn continues_word(character: char, in_word: bool) -> bool {
    match character {
        '\'' | '’' | '\u{300}'..='\u{36f}' => in_word,
        other => other.is_alphanumeric(),
    }
}

/// The new text, or the old one where nothing changed: most header names and states are as they
/// should be already.
fn changed<'a>(env: &Env<'a>, old: &'a str, new: &str) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(if old == new { old } else { env.heap.text(new)? }))
}
