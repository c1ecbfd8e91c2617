//! Escapes for the formats of messages. A format is one row.

use crate::builtins::encoding::urlencoded;
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, TextBuilder, Value, quoted};

pub(super) const ESCAPE: Function = Function {
    name: "ESCAPE",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("format", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "The string escaped so that a format shows it as it is: `html`, `slack`, `markdown`, `telegram` (MarkdownV2), `json` (the inside of a string), or `url` (as `$URLENCODE`).",
    examples: &[
        example(r#"$ESCAPE("a < b & 'c'", "html")"#, r#""a &lt; b &amp; &#39;c&#39;""#),
        example(r#""<!channel> & co".$ESCAPE("slack")"#, r#""&lt;!channel&gt; &amp; co""#),
        example(r#"$ESCAPE("*a*_[b]", "markdown")"#, r#""\\*a\\*\\_\\[b\\]""#),
        example(r#"$ESCAPE("a_b.c", "telegram")"#, r#""a\\_b\\.c""#),
        example(r#"$ESCAPE("\"é\"\n", "json")"#, r#""\\\"é\\\"\\n""#),
        example(r#"$ESCAPE("a b&c", "url")"#, r#""a%20b%26c""#),
        example(r#"$ESCAPE("a", "latex")"#, "E0314"),
        example(r#"$ESCAPE("a", missing)"#, "E0310"),
        example(r#"$ESCAPE(missing, "html")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(escape),
};

/// A format by its name, with its escape of a whole string.
struct EscapeFormat {
    name: &'static str,
    write: fn(&str, &mut TextBuilder<'_>) -> Result<(), Fault>,
}

const FORMATS: [EscapeFormat; 6] = [
    EscapeFormat { name: "html", write: |text, out| by_character(text, out, html) },
    EscapeFormat { name: "slack", write: |text, out| by_character(text, out, slack) },
    EscapeFormat { name: "markdown", write: |text, out| by_character(text, out, markdown) },
    EscapeFormat { name: "telegram", write: |text, out| by_character(text, out, telegram) },
    EscapeFormat { name: "json", write: |text, out| by_character(text, out, json) },
    EscapeFormat { name: "url", write: urlencoded },
];

fn escape<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let name = args.text(1)?;
    let Some(format) = FORMATS.iter().find(|format| format.name == name) else {
        let known: Vec<String> =
            FORMATS.iter().map(|format| format!("`\"{}\"`", format.name)).collect();
        let wanted = format!("one of {}, not {}", known.join(", "), quoted(name));
        return Err(args.meaningless(1, wanted));
    };
    let mut escaped = env.heap.text_builder();
    (format.write)(args.text(0)?, &mut escaped)?;
    Ok(Value::Text(escaped.finish()))
}

/// The escape of one character.
enum Escape {
    /// The character as it is.
    None,
    /// A backslash before the character.
    Backslash,
    /// Another text.
    Text(&'static str),
    /// `\u`, and four hex digits.
    Unicode,
}

fn by_character(
    text: &str,
    out: &mut TextBuilder<'_>,
    escape_of: fn(char) -> Escape,
) -> Result<(), Fault> {
    let mut done = 0;
    for (at, character) in text.char_indices() {
        let escape = escape_of(character);
        if matches!(escape, Escape::None) {
            continue;
        }
        out.push(text.get(done..at).unwrap_or(""))?;
        done = at + character.len_utf8();
        match escape {
            Escape::None => {}
            Escape::Backslash => {
                out.push("\\")?;
                out.push_char(character)?;
            }
            Escape::Text(escape) => out.push(escape)?,
            Escape::Unicode => out.push(&format!("\\u{:04x}", u32::from(character)))?,
        }
    }
    out.push(text.get(done..).unwrap_or(""))
}

fn html(character: char) -> Escape {
    match character {
        '"' => Escape::Text("&quot;"),
        '\'' => Escape::Text("&#39;"),
        other => slack(other),
    }
}

/// The three characters of mrkdwn that Slack asks to escape.
fn slack(character: char) -> Escape {
    match character {
        '&' => Escape::Text("&amp;"),
        '<' => Escape::Text("&lt;"),
        '>' => Escape::Text("&gt;"),
        _ => Escape::None,
    }
}

/// The punctuation that can have a meaning in CommonMark.
fn markdown(character: char) -> Escape {
    match character {
        '<' | '&' => Escape::Backslash,
        other => telegram(other),
    }
}

/// The characters that MarkdownV2 of the Telegram Bot API reserves, and the backslash.
fn telegram(character: char) -> Escape {
    match character {
        '_' | '*' | '[' | ']' | '(' | ')' | '~' | '`' | '>' | '#' | '+' | '-' | '=' | '|' | '{'
        | '}' | '.' | '!' | '\\' => Escape::Backslash,
        _ => Escape::None,
    }
}

/// The characters that a JSON string has to escape (RFC 8259, section 7).
fn json(character: char) -> Escape {
    match character {
        '"' | '\\' => Escape::Backslash,
        '\n' => Escape::Text("\\n"),
        '\r' => Escape::Text("\\r"),
        '\t' => Escape::Text("\\t"),
        '\u{8}' => Escape::Text("\\b"),
        '\u{c}' => Escape::Text("\\f"),
        '\0'..='\u{1f}' => Escape::Unicode,
        _ => Escape::None,
    }
}
