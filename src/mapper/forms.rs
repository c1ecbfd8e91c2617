//! Operators that lower to a single expression, without a loop over elements. Evaluates nothing.

use super::keys;
use super::lower::{Call, Lowering};
use crate::builtins::{Template, TemplateError, TemplateRead};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Content, Entry, Node, Text};
use crate::source::{Source, Span};
use crate::syntax::{Binding, Expr, ExprId, Operator, Run, SyntaxLimits, parse};

/// Lowers to a call of the function with the name of the operator and one argument.
pub(super) fn function(lowering: &mut Lowering, call: &Call<'_>, name: &str) -> ExprId {
    let argument = match call.get("items") {
        Some(node) => lowering.value(node),
        None => lowering.argument(call, "text"),
    };
    lowering.call(name, vec![argument], call.span)
}

pub(super) fn eval(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let mut layers = Vec::new();
    let mut bindings: Vec<Binding> = Vec::new();
    let args = keys::nested(call.entries("args").unwrap_or(&[]), &mut lowering.diagnostics);
    for Entry { key, value } in &*args {
        if !is_name(&key.text) {
            lowering.report(no_name(&key.text, key.span));
        }
        let value = lowering.value(value);
        if reads_any(lowering, value, &bindings) {
            layers.push(std::mem::take(&mut bindings));
        }
        bindings.push(Binding { name: key.text.as_str().into(), value });
    }
    layers.push(bindings);
    let body = lowering.argument(call, "expression");
    layers.into_iter().rev().fold(body, |body, layer| lowering.bind(layer, body, call.span))
}

/// Returns true if a value reads one of the names. The values of one `Let` do not see its names.
fn reads_any(lowering: &Lowering, value: ExprId, bindings: &[Binding]) -> bool {
    if bindings.is_empty() {
        return false;
    }
    let part = lowering.tree.part(value);
    let read = part.free_names();
    bindings.iter().any(|binding| read.contains(&*binding.name))
}

/// Returns true if an expression can use the name.
fn is_name(text: &str) -> bool {
    let parsed = parse(Source::new("name", text), SyntaxLimits::default());
    parsed.is_ok_and(|parsed| match parsed.tree.expr(parsed.tree.root()) {
        Expr::Name(name) => **name == *text,
        _ => false,
    })
}

fn no_name(key: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0506, span, format!("the key {key:?} of `args` is no name"))
        .help("an expression can say names of letters, digits and `_`, apart from keywords")
}

pub(super) fn conditional(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let condition = lowering.argument(call, "condition");
    let answer = lowering.argument(call, "on_pass");
    let otherwise = call.get("on_fail").map(|node| lowering.value(node));
    lowering.add(Expr::If { arms: vec![(condition, answer)], otherwise }, call.span)
}

/// The name of the key converted to a string. No mapping can use this name.
const KEY: &str = "(key)";

/// Lowers to a chain of comparisons, so that only the matching value is evaluated.
pub(super) fn lookup(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let key = lowering.argument(call, "key");
    let key = lowering.call("TEXT()", vec![key], call.span);
    let mut arms = Vec::new();
    for entry in call.entries("mapping").unwrap_or(&[]) {
        let condition = is_key(lowering, entry);
        arms.push((condition, lowering.value(&entry.value)));
    }
    let default = lowering.argument(call, "default");
    let body = if arms.is_empty() {
        default
    } else {
        lowering.add(Expr::If { arms, otherwise: Some(default) }, call.span)
    };
    lowering.bind(vec![Binding { name: KEY.into(), value: key }], body, call.span)
}

fn is_key(lowering: &mut Lowering, entry: &Entry) -> ExprId {
    let span = entry.key.span;
    let first = lowering.name(KEY, span);
    let operand = lowering.literal(&entry.key.text, span);
    let rest = vec![Run { operator: Operator::Equal, span, operand }];
    lowering.add(Expr::Run { first, rest }, span)
}

pub(super) fn concat(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let mut args = vec![lowering.argument(call, "items")];
    if let Some(separator) = call.text("separator") {
        args.push(lowering.literal(&separator.value, separator.span));
    }
    lowering.call("CONCAT()", args, call.span)
}

pub(super) fn render(lowering: &mut Lowering, call: &Call<'_>) -> ExprId {
    let Some(text) = call.text("template") else {
        return lowering.add(Expr::Error, call.span);
    };
    let args = match (Template::parse(&text.value), call.get("args")) {
        (Ok(template), None) => surroundings(lowering, &template, text),
        (Ok(_), Some(args)) => arguments(lowering, args),
        (Err(error), _) => {
            let place = text.place(Span::new(error.offset, error.offset));
            lowering.report(no_template(place, &error));
            lowering.add(Expr::Error, text.span)
        }
    };
    let words = lowering.literal(&text.value, text.span);
    lowering.call("RENDER()", vec![words, args], call.span)
}

fn no_template(place: Span, error: &TemplateError) -> Diagnostic {
    Diagnostic::new(Code::E0506, place, format!("this is no template: {error}"))
}

fn arguments(lowering: &mut Lowering, args: &Node) -> ExprId {
    if !matches!(args.content, Content::Object(_) | Content::Text(_)) {
        let message = format!("the `args` of `RENDER()` are an object, not {}", args.phrase());
        lowering.report(Diagnostic::new(Code::E0506, args.span, message));
    }
    lowering.value(args)
}

/// Builds an object with all names that the template reads. A template sees no other names of its
/// context.
fn surroundings(lowering: &mut Lowering, template: &Template, text: &Text) -> ExprId {
    let reads = template.reads();
    let mut entries = Vec::new();
    for name in template.names() {
        let mut places = reads.iter().filter(|read| read.name == name);
        let plain = places.clone().find(|read| !read.in_section);
        let Some(read) = plain.or_else(|| places.next()) else {
            continue;
        };
        let span = place(text, read);
        let value = lowering.name(name, span);
        if read.in_section {
            lowering.tree.set_optional(value);
        }
        entries.push((lowering.literal(name, span), value));
    }
    if let Some(all) = reads.iter().find(|read| read.name == "." && !read.in_section) {
        lowering.report(everything(place(text, all)));
    }
    lowering.add(Expr::Object(entries), text.span)
}

fn place(text: &Text, read: &TemplateRead<'_>) -> Span {
    text.place(Span::new(read.offset, read.offset + read.name.len()))
}

fn everything(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0506, span, "`{{.}}` stands in no section, and there it is everything")
        .help("write a name: `{{ parsed_body }}`")
}
