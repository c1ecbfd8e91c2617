//! The operators of mappers: one table with a row for each operator.
//!
//! To add an operator, write its row and its lowering: in `elements` if it processes each element
//! of a list or object, otherwise in `forms`. The reader, the parameter checks, the messages and
//! the reference page use the row. A test runs its example. Knows no bytecode.

use super::elements;
use super::forms;
use super::lower::{Call, Lowering};
use crate::syntax::ExprId;

/// An operator with its documentation, parameters and lowering.
#[derive(Debug)]
pub struct Operator {
    /// The name without the parentheses.
    pub name: &'static str,
    /// The parameters of the operator.
    pub takes: Takes,
    /// One line: the result of the operator.
    pub doc: &'static str,
    /// A document with its result; a test runs it.
    pub example: Example,
    pub(super) lower: fn(&mut Lowering, &Call<'_>) -> ExprId,
}

/// The parameters of an operator.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A single unnamed parameter: `{ "STRIP_HTML()": "body" }`.
    One(Parameter),
    /// An object of named parameters.
    Named(&'static [Parameter]),
}

/// A parameter of an operator.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// The accepted type.
    pub shape: Shape,
    /// True if the parameter is required. For an optional parameter, null means that it is omitted.
    pub required: bool,
}

/// The accepted type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any mapper.
    Mapper,
    /// A list of mappers, or a mapper whose result is a list.
    List,
    /// An object literal.
    Object,
    /// The source of an expression.
    Expression,
    /// A literal string, not an expression.
    Text,
    /// A Mustache template.
    Template,
}

impl Shape {
    /// Describes the type for messages.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Mapper => "any value",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Expression => "an expression as a string",
            Self::Text => "a string",
            Self::Template => "a template as a string",
        }
    }
}

/// A document, a context and the result, all as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The mapper.
    pub document: &'static str,
    /// The context: an object of variables.
    pub context: &'static str,
    /// The result.
    pub answer: &'static str,
}

/// Returns all operators in the order of the reference page.
pub fn operators() -> impl Iterator<Item = &'static Operator> {
    OPERATORS.iter()
}

impl Operator {
    /// Returns the operator of a key such as `MAP()`.
    pub(super) fn find(key: &str) -> Option<&'static Self> {
        let name = key.strip_suffix("()")?;
        operators().find(|operator| operator.name == name)
    }

    /// Returns the parameters. A single unnamed parameter is returned as the only one.
    pub fn parameters(&self) -> &[Parameter] {
        match &self.takes {
            Takes::One(parameter) => std::slice::from_ref(parameter),
            Takes::Named(parameters) => parameters,
        }
    }
}

const fn required(name: &'static str, shape: Shape) -> Parameter {
    Parameter { name, shape, required: true }
}

const fn optional(name: &'static str, shape: Shape) -> Parameter {
    Parameter { name, shape, required: false }
}

const OPERATORS: &[Operator] = &[
    Operator {
        name: "EVAL",
        takes: Takes::Named(&[
            required("expression", Shape::Expression),
            optional("args", Shape::Object),
        ]),
        doc: "The expression, with the `args` as names beside those around it, or instead of them. An argument can read those before it.",
        example: Example {
            document: r#"{ "EVAL()": { "expression": "x + y", "args": { "x": 3, "y": "$INTEGER(total)" } } }"#,
            context: r#"{ "total": "4" }"#,
            answer: "7",
        },
        lower: forms::eval,
    },
    Operator {
        name: "MAP",
        takes: Takes::Named(&[
            required("items", Shape::Mapper),
            required("converter", Shape::Mapper),
        ]),
        doc: "A list with the result of the converter for each `item`; for an object, for each value.",
        example: Example {
            document: r#"{ "MAP()": { "items": "labels", "converter": { "id": "item.id", "place": "loop.index1" } } }"#,
            context: r#"{ "labels": [{ "id": "bug" }, { "id": "ops" }] }"#,
            answer: r#"[{ "id": "bug", "place": 1 }, { "id": "ops", "place": 2 }]"#,
        },
        lower: elements::map,
    },
    Operator {
        name: "SORT",
        takes: Takes::Named(&[
            required("items", Shape::Mapper),
            required("key", Shape::Mapper),
            optional("desc", Shape::Mapper),
        ]),
        doc: "The elements in the order of the key of each `item`, or of several keys in a list; of an object, the values. Equal ones stay as they were.",
        example: Example {
            document: r#"{ "SORT()": { "items": "team", "key": ["item.age", "loop.key"] } }"#,
            context: r#"{ "team": { "zoe": { "age": 7 }, "bo": { "age": 9 }, "al": { "age": 7, "al": 1 } } }"#,
            answer: r#"[{ "age": 7, "al": 1 }, { "age": 7 }, { "age": 9 }]"#,
        },
        lower: elements::sort,
    },
    Operator {
        name: "COALESCE",
        takes: Takes::Named(&[
            required("items", Shape::Mapper),
            optional("condition", Shape::Mapper),
        ]),
        doc: "The first `item` that counts as true, or for which the condition does; else null. Of items that are written out, those after it do not run.",
        example: Example {
            document: r#"{ "COALESCE()": { "items": ["issue.key", "fallback", "1 / 0"] } }"#,
            context: r#"{ "issue": null, "fallback": "none" }"#,
            answer: r#""none""#,
        },
        lower: elements::coalesce,
    },
    Operator {
        name: "FILTER",
        takes: Takes::Named(&[
            required("items", Shape::Mapper),
            optional("condition", Shape::Mapper),
        ]),
        doc: "A list of each `item` that counts as true, or for which the condition does; of an object, of its values.",
        example: Example {
            document: r#"{ "FILTER()": { "items": "people", "condition": "item.age >= 18" } }"#,
            context: r#"{ "people": { "john": { "age": 28 }, "doe": { "age": 17 } } }"#,
            answer: r#"[{ "age": 28 }]"#,
        },
        lower: elements::filter,
    },
    Operator {
        name: "CONDITIONAL",
        takes: Takes::Named(&[
            required("condition", Shape::Mapper),
            optional("on_pass", Shape::Mapper),
            optional("on_fail", Shape::Mapper),
        ]),
        doc: "One of two values, as the condition counts as true or not; null for one that is left out. Only that one runs.",
        example: Example {
            document: r#"{ "CONDITIONAL()": { "condition": "total > 0", "on_pass": "100 / total", "on_fail": "'none'" } }"#,
            context: r#"{ "total": 0 }"#,
            answer: r#""none""#,
        },
        lower: forms::conditional,
    },
    Operator {
        name: "LOOKUP",
        takes: Takes::Named(&[
            required("key", Shape::Mapper),
            required("mapping", Shape::Object),
            optional("default", Shape::Mapper),
        ]),
        doc: "The value of the mapping under the key, compared as a string; else the default, or null. Only that one runs, and the keys of the mapping are taken as they are.",
        example: Example {
            document: r#"{ "LOOKUP()": { "key": "state", "mapping": { "1": "'New'", "2": "'Open'" }, "default": "'Unknown'" } }"#,
            context: r#"{ "state": 2 }"#,
            answer: r#""Open""#,
        },
        lower: forms::lookup,
    },
    Operator {
        name: "CONCAT",
        takes: Takes::Named(&[
            required("items", Shape::Mapper),
            optional("separator", Shape::Text),
        ]),
        doc: "The items as one string, with the separator between them, which is no expression; nulls are left out.",
        example: Example {
            document: r#"{ "CONCAT()": { "items": ["first", "middle", "last"], "separator": " | " } }"#,
            context: r#"{ "first": "Ada", "last": "Lovelace" }"#,
            answer: r#""Ada | Lovelace""#,
        },
        lower: forms::concat,
    },
    Operator {
        name: "RENDER",
        takes: Takes::Named(&[
            required("template", Shape::Template),
            optional("args", Shape::Mapper),
        ]),
        doc: "A Mustache template, filled from the `args`, or without them from all names around it: `{{x}}` escapes HTML, `{{{x}}}` does not.",
        example: Example {
            document: r#"{ "RENDER()": { "template": "{{ user.name }}: {{#labels}}{{{id}}}; {{/labels}}" } }"#,
            context: r#"{ "user": { "name": "Zoë & Co" }, "labels": [{ "id": "<a>" }, { "id": "b" }] }"#,
            answer: r#""Zoë &amp; Co: <a>; b; ""#,
        },
        lower: forms::render,
    },
    Operator {
        name: "STRIP_HTML",
        takes: Takes::One(required("text", Shape::Mapper)),
        doc: "HTML as plain text: without tags, a new line where a block ends.",
        example: Example {
            document: r#"{ "STRIP_HTML()": "body" }"#,
            context: r#"{ "body": "<p>Ada <b>Lovelace</b></p><p>London</p>" }"#,
            answer: r#""Ada Lovelace\nLondon""#,
        },
        lower: |lowering, call| forms::function(lowering, call, "STRIP_HTML()"),
    },
    Operator {
        name: "FLATTEN",
        takes: Takes::One(required("items", Shape::List)),
        doc: "The list flattened by one level: an element that is a list is replaced by its elements.",
        example: Example {
            document: r#"{ "FLATTEN()": ["first", "rest"] }"#,
            context: r#"{ "first": 1, "rest": [2, [3]] }"#,
            answer: "[1, 2, [3]]",
        },
        lower: |lowering, call| forms::function(lowering, call, "FLATTEN()"),
    },
    Operator {
        name: "MERGE",
        takes: Takes::One(required("items", Shape::List)),
        doc: "The entries of all objects of a list in one; of a repeated key the last value counts, and nulls are left out.",
        example: Example {
            document: r#"{ "MERGE()": ["issue", { "source": "'jira'" }, "missing"] }"#,
            context: r#"{ "issue": { "id": 7, "source": "web" } }"#,
            answer: r#"{ "id": 7, "source": "jira" }"#,
        },
        lower: |lowering, call| forms::function(lowering, call, "MERGE()"),
    },
];
