//! Conversion of values to strings, and of markup to plain text.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env, Template, html};
use crate::value::{Fault, FaultKind, Kinds, Value, interpolate};

pub(super) const TEXT: Function = Function {
    name: "TEXT",
    family: Family::Text,
    params: &[Param::new("value", Kinds::ANY)],
    result: Kinds::TEXT,
    doc: "The value as a string: a time as RFC 3339, a list or object as JSON, bytes decoded as UTF-8.",
    examples: &[
        example("$TEXT(2.0)", r#""2""#),
        example("TRUE.$TEXT()", r#""true""#),
        example(r#"$TEXT({ "a": [1, NULL] })"#, r#""{\"a\":[1,null]}""#),
        example(r#"$TEXT($UNHEX("c3a9"))"#, r#""é""#),
        example(r#"$TEXT($UNHEX("ff"))"#, "E0309"),
        example("$TEXT(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(text),
};

pub(super) const STRIP_HTML: Function = Function {
    name: "STRIP_HTML",
    family: Family::Text,
    params: &[Param::new("html", Kinds::TEXT)],
    result: Kinds::TEXT,
    doc: "HTML as plain text: tags, scripts and styles are removed, entities are decoded, and a block ends with a new line.",
    examples: &[
        example(
            r#"$STRIP_HTML("<div>Issue reported: <strong>System crash</strong> on <em>2023-03-10</em>.</div><div>Urgency: <span style='color:red;'>High</span></div>")"#,
            r#""Issue reported: System crash on 2023-03-10.\nUrgency: High""#,
        ),
        example(r#"$STRIP_HTML("caf&eacute; &lt;3<br>  x")"#, r#""café <3\nx""#),
        example(r#"$STRIP_HTML("1 < 2 <!-- no -->")"#, r#""1 < 2""#),
        example("$STRIP_HTML(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(strip_html),
};

pub(super) const RENDER: Function = Function {
    name: "RENDER",
    family: Family::Text,
    params: &[Param::new("template", Kinds::TEXT), Param::new("object", Kinds::OBJECT)],
    result: Kinds::TEXT,
    doc: "A Mustache template rendered with an object. `{{x}}` escapes HTML, `{{{x}}}` does not. Partials are not supported.",
    examples: &[
        example(
            r#"$RENDER("Hey {{ user.name }}!", { "user": { "name": "Zoë & Co" } })"#,
            r#""Hey Zoë &amp; Co!""#,
        ),
        example(
            r#"$RENDER("{{#items}}{{{.}}};{{/items}}{{^items}}none{{/items}}", { "items": ["<a>", 2] })"#,
            r#""<a>;2;""#,
        ),
        example(r#"$RENDER("{{xs.0.id}}{{gone}}", { "xs": [{ "id": 7 }] })"#, r#""7""#),
        example(r#"$RENDER("{{#open}}", { "open": 1 })"#, "E0314"),
        example(r#"$RENDER("x", missing)"#, "E0310"),
        example(r#"$RENDER(missing, {})"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(render),
};

fn text<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    match args.value(0) {
        value @ (Value::Text(_) | Value::Encoded(_)) => Ok(value),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).map(Value::Text).map_err(|_| {
            Fault::new(FaultKind::BadData, "these bytes are not UTF-8 text")
                .help("`$HEX(…)` and `$BASE64(…)` write any bytes as a string")
        }),
        other => interpolate(env.heap, &[other]),
    }
}

fn strip_html<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    html::strip(env.heap, args.text(0)?).map(Value::Text)
}

fn render<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let template = Template::parse(args.text(0)?).map_err(|error| {
        Fault::new(
            FaultKind::BadArgument,
            format!("the `template` of `$RENDER` is not one: {error}, at byte {}", error.offset),
        )
    })?;
    template.render(env.heap, Value::Object(args.object(1)?)).map(Value::Text)
}
