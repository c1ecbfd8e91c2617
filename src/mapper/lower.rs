//! Lowering: converts a document to the syntax tree of an expression.
//!
//! The result uses only the nodes of ordinary expressions and calls of functions. Generated names
//! contain parentheses, so no author can write them. Knows no format of documents.

use super::keys;
use super::operators::{Operator, Parameter, Shape, Takes, operators};
use crate::diagnostic::{Code, Diagnostic, did_you_mean, nearest};
use crate::document::{Content, Entry, Node, Text, too_deep};
use crate::source::{Source, Span};
use crate::syntax::{Binding, Expr, ExprId, SyntaxLimits, Tree, parse};

/// Returns the syntax tree of a document, or all its errors.
pub(super) fn tree(document: &Node, limits: SyntaxLimits) -> Result<Tree, Vec<Diagnostic>> {
    let mut lowering = Lowering::new(limits);
    let root = lowering.value(document);
    lowering.tree.set_root(root);
    if lowering.diagnostics.is_empty() { Ok(lowering.tree) } else { Err(lowering.diagnostics) }
}

/// The state of lowering a document.
pub(super) struct Lowering {
    pub(super) tree: Tree,
    pub(super) diagnostics: Vec<Diagnostic>,
    limits: SyntaxLimits,
    /// The current nesting level in the document.
    level: u16,
    /// The total size of the parts that were lowered again, in bytes.
    unfolded: usize,
    /// True if a limit was exceeded. The error is reported once.
    stopped: bool,
}

/// A call of an operator with checked parameters.
pub(super) struct Call<'n> {
    /// The position of the operator name.
    pub(super) span: Span,
    arguments: Vec<(&'static str, &'n Node)>,
}

impl<'n> Call<'n> {
    /// Returns the argument of a parameter, or `None` if it is omitted. Null omits an optional
    /// argument.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.arguments.iter().find(|(known, _)| *known == name).map(|(_, node)| *node)
    }

    /// Returns the argument of a parameter if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<&'n Text> {
        match &self.get(name)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the entries of the argument if it is an object.
    pub(super) fn entries(&self, name: &str) -> Option<&'n [Entry]> {
        match &self.get(name)?.content {
            Content::Object(entries) => Some(entries),
            _ => None,
        }
    }
}

impl Lowering {
    fn new(limits: SyntaxLimits) -> Self {
        let (tree, diagnostics) = (Tree::default(), Vec::new());
        Self { tree, diagnostics, limits, level: 0, unfolded: 0, stopped: false }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Adds a node. A node beyond the depth limit becomes an error node; the error is reported
    /// once.
    pub(super) fn add(&mut self, expr: Expr, span: Span) -> ExprId {
        let id = self.tree.add(expr, span);
        if self.tree.depth(id) <= self.limits.depth {
            return id;
        }
        self.stop(too_deep(span, self.limits.depth));
        self.tree.add(Expr::Error, span)
    }

    /// Reports an exceeded limit and stops the lowering.
    fn stop(&mut self, diagnostic: Diagnostic) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.report(diagnostic);
        }
    }

    /// Counts a part that is lowered again. Returns false if a limit is exceeded. The limit keeps
    /// the size of the tree proportional to the size of the source.
    pub(super) fn unfold(&mut self, node: &Node) -> bool {
        let most = self.limits.bytes.saturating_mul(4);
        self.unfolded = self.unfolded.saturating_add(node.span.range().len());
        if self.unfolded > most {
            self.stop(too_large(node.span, most));
        }
        !self.stopped
    }

    /// Lowers a part of the document.
    pub(super) fn value(&mut self, node: &Node) -> ExprId {
        // Dotted keys can nest deeper than the document itself.
        if self.level > self.limits.depth {
            self.stop(too_deep(node.span, self.limits.depth));
        }
        if self.stopped {
            return self.tree.add(Expr::Error, node.span);
        }
        self.level += 1;
        let id = self.node(node);
        self.level -= 1;
        id
    }

    fn node(&mut self, node: &Node) -> ExprId {
        let expr = match &node.content {
            Content::Null => Expr::Null,
            Content::Bool(value) => Expr::Bool(*value),
            Content::Number(number) => Expr::Number(*number),
            Content::BigNumber(number) => Expr::BigNumber(number.clone()),
            Content::Text(text) => return self.expression(text),
            Content::List(items) => Expr::List(items.iter().map(|item| self.value(item)).collect()),
            Content::Object(entries) => return self.object(entries, node.span),
        };
        self.add(expr, node.span)
    }

    /// Lowers the argument of a parameter; null if it is omitted.
    pub(super) fn argument(&mut self, call: &Call<'_>, name: &str) -> ExprId {
        match call.get(name) {
            Some(node) => self.value(node),
            None => self.add(Expr::Null, call.span),
        }
    }

    /// Parses a string as an expression.
    fn expression(&mut self, text: &Text) -> ExprId {
        match parse(Source::new("expression", text.value.as_str()), self.limits) {
            Ok(parsed) => self.tree.graft(parsed.tree, |span| text.place(span)),
            Err(_) if text.value.contains("{{") => {
                self.report(braces(text, self.limits));
                self.add(Expr::Error, text.span)
            }
            Err(faults) => {
                let told = faults.list.into_iter().map(|fault| match fault.code {
                    Code::E0013 => empty(text.span),
                    _ => text.placed(fault),
                });
                self.diagnostics.extend(told);
                self.add(Expr::Error, text.span)
            }
        }
    }

    fn object(&mut self, entries: &[Entry], span: Span) -> ExprId {
        let entries = keys::nested(entries, &mut self.diagnostics);
        if let [entry] = &*entries
            && entry.key.is_call()
        {
            return self.operator(entry);
        }
        let mut pairs = Vec::with_capacity(entries.len());
        for Entry { key, value } in &*entries {
            if key.is_call() {
                self.report(not_alone(&key.text, key.span));
            }
            let name = self.add(Expr::Text(key.text.as_str().into()), key.span);
            pairs.push((name, self.value(value)));
        }
        self.add(Expr::Object(pairs), span)
    }

    fn operator(&mut self, entry: &Entry) -> ExprId {
        let span = entry.key.span;
        let Some(operator) = Operator::find(&entry.key.text) else {
            self.report(unknown_operator(&entry.key.text, span));
            return self.add(Expr::Error, span);
        };
        let before = self.diagnostics.len();
        let arguments = self.arguments(operator, entry);
        let call = Call { span, arguments };
        if self.diagnostics.len() == before {
            return (operator.lower)(self, &call);
        }
        self.look_into(operator, &call);
        self.add(Expr::Error, span)
    }

    /// Lowers the arguments of an invalid call, to report the errors inside them too.
    fn look_into(&mut self, operator: &Operator, call: &Call<'_>) {
        for parameter in operator.parameters() {
            let mapper = matches!(parameter.shape, Shape::Mapper | Shape::List | Shape::Expression);
            if let Some(node) = call.get(parameter.name).filter(|_| mapper) {
                self.value(node);
            }
        }
    }

    /// Returns the arguments of a call by parameter. Arguments of the wrong type are reported and
    /// skipped.
    fn arguments<'n>(
        &mut self,
        operator: &'static Operator,
        entry: &'n Entry,
    ) -> Vec<(&'static str, &'n Node)> {
        let given = match operator.takes {
            Takes::One(parameter) => vec![(parameter, &entry.value)],
            Takes::Named(parameters) => self.named(operator, parameters, entry),
        };
        let mut arguments = Vec::new();
        for (parameter, node) in given {
            if matches!(node.content, Content::Null) && !parameter.required {
                continue;
            }
            if fits(parameter.shape, node) {
                arguments.push((parameter.name, node));
            } else {
                self.report(wrong_shape(operator, parameter, node));
            }
        }
        arguments
    }

    fn named<'n>(
        &mut self,
        operator: &'static Operator,
        parameters: &'static [Parameter],
        entry: &'n Entry,
    ) -> Vec<(Parameter, &'n Node)> {
        let Content::Object(entries) = &entry.value.content else {
            self.report(no_parameters(operator, &entry.value));
            return Vec::new();
        };
        let mut given = Vec::new();
        for Entry { key, value } in entries {
            match parameters.iter().find(|parameter| parameter.name == key.text) {
                Some(parameter) => given.push((*parameter, value)),
                None => self.report(unknown_parameter(operator, &key.text, key.span)),
            }
        }
        for parameter in parameters.iter().filter(|parameter| parameter.required) {
            if !given.iter().any(|(known, _)| known.name == parameter.name) {
                self.report(missing(operator, parameter, entry.key.span));
            }
        }
        given
    }

    /// Adds a call of a function.
    pub(super) fn call(&mut self, name: &str, args: Vec<ExprId>, span: Span) -> ExprId {
        self.add(Expr::Call { name: name.into(), name_span: span, args }, span)
    }

    /// Adds a name.
    pub(super) fn name(&mut self, name: &str, span: Span) -> ExprId {
        self.add(Expr::Name(name.into()), span)
    }

    /// Adds a string literal.
    pub(super) fn literal(&mut self, text: &str, span: Span) -> ExprId {
        self.add(Expr::Text(text.into()), span)
    }

    /// Binds names to values in a body.
    pub(super) fn bind(&mut self, bindings: Vec<Binding>, body: ExprId, span: Span) -> ExprId {
        if bindings.is_empty() { body } else { self.add(Expr::Let { bindings, body }, span) }
    }
}

fn fits(shape: Shape, node: &Node) -> bool {
    match (shape, &node.content) {
        (Shape::Mapper, _) => true,
        (Shape::List, Content::List(_)) => true,
        (Shape::List, Content::Object(entries)) => {
            matches!(entries.as_slice(), [entry] if entry.key.is_call())
        }
        (Shape::List | Shape::Expression | Shape::Text | Shape::Template, Content::Text(_)) => true,
        (Shape::Object, Content::Object(_)) => true,
        _ => false,
    }
}

fn too_large(span: Span, most: usize) -> Diagnostic {
    let message = format!("unfolded for each item, this is more than {most} bytes");
    Diagnostic::new(Code::E0019, span, message)
        .help("name a value of it once: `EVAL()` has `args` for that; or filter the items first")
}

fn empty(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0013, span, "there is nothing to evaluate")
        .help("a string is quoted twice, and so is the empty one: `\"''\"`")
}

/// Returns the diagnostic for `{{ name }}` in a string that should be an expression, with the same
/// as an expression if that is one.
fn braces(text: &Text, limits: SyntaxLimits) -> Diagnostic {
    let whole = text.value.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let meant = match whole.filter(|inside| !inside.contains(['{', '}'])) {
        Some(name) => name.trim().to_owned(),
        None => format!("'{}'", text.value.replace("{{", "${").replace("}}", "}")),
    };
    let compiles = parse(Source::new("expression", meant.as_str()), limits).is_ok();
    let help = if compiles && meant.len() <= LONGEST_SHOWN && !meant.contains('\n') {
        format!("the string is an expression: write `\"{meant}\"`")
    } else {
        "the string is an expression: a name stands alone, `\"parsed_body.id\"`; text has quotes of its own, and `${ }` around names: `\"'Hello ${parsed_body.name}'\"`".to_owned()
    };
    Diagnostic::new(
        Code::E0010,
        text.span,
        "`{{ }}` reads no name here: it is for `$RENDER` and `RENDER()`",
    )
    .help(help)
}

/// Maximum length of a suggested expression, in bytes.
const LONGEST_SHOWN: usize = 200;

fn not_alone(key: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0505, span, format!("the operator `{key}` stands beside other keys"))
        .help("an operator is the only key of its object: put it under a key of its own, or join objects with `MERGE()`")
}

fn unknown_operator(key: &str, span: Span) -> Diagnostic {
    let name = key.strip_suffix("()").unwrap_or(key);
    let known = operators().map(|operator| operator.name);
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}()`?"),
        None if name.starts_with('$') => {
            "a function is called in an expression: `\"$LENGTH(items)\"`".to_owned()
        }
        None => format!(
            "the operators are {}",
            listed(operators().map(|one| format!("{}()", one.name)))
        ),
    };
    Diagnostic::new(Code::E0502, span, format!("there is no operator `{key}`")).help(help)
}

fn unknown_parameter(operator: &Operator, key: &str, span: Span) -> Diagnostic {
    let name = operator.name;
    let diagnostic =
        Diagnostic::new(Code::E0504, span, format!("`{name}()` has no parameter `{key}`"));
    if key == "context" {
        return diagnostic
            .label("what goes into it was never published")
            .help("the element is `item`, and `loop` has its `key`, `index0` and `index1`");
    }
    let known = || operator.parameters().iter().map(|parameter| parameter.name);
    let all = listed(known().map(ToOwned::to_owned));
    match did_you_mean(key, known()) {
        Some(near) => diagnostic.help(format!("{near} It has {all}")),
        None => diagnostic.help(format!("it has {all}")),
    }
}

fn missing(operator: &Operator, parameter: &Parameter, span: Span) -> Diagnostic {
    let (name, needs) = (operator.name, parameter.name);
    Diagnostic::new(Code::E0503, span, format!("`{name}()` needs `{needs}`"))
        .help(format!("add it: `\"{needs}\"`, {}", parameter.shape.phrase()))
}

fn no_parameters(operator: &Operator, node: &Node) -> Diagnostic {
    let known = operator.parameters().iter().map(|parameter| parameter.name.to_owned());
    let message =
        format!("`{}()` has an object of parameters, not {}", operator.name, node.phrase());
    Diagnostic::new(Code::E0506, node.span, message).help(format!("it has {}", listed(known)))
}

fn wrong_shape(operator: &Operator, parameter: Parameter, node: &Node) -> Diagnostic {
    let (name, wanted, found) = (operator.name, parameter.shape.phrase(), node.phrase());
    let message = match operator.takes {
        Takes::One(_) => format!("`{name}()` has {wanted} right under it, not {found}"),
        Takes::Named(_) => {
            format!("the `{}` of `{name}()` is {wanted}, not {found}", parameter.name)
        }
    };
    let help = match parameter.shape {
        Shape::Object if matches!(node.content, Content::Text(_)) => {
            Some("write the object out; in an expression, `object[key]` looks a value up")
        }
        Shape::Expression | Shape::Text | Shape::Template => Some("put it into quotes"),
        _ => None,
    };
    Diagnostic::new(Code::E0506, node.span, message).maybe_help(help)
}

/// Formats names as `` `a`, `b` and `c` ``.
fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
