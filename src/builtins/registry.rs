//! The definition of a registry row, and the rows of the general family. Knows no other function.

use std::fmt;
use std::sync::Arc;

use super::invoke::{Args, Env};
use crate::value::{Fault, Kinds, Value};

/// A function of the language with its documentation, parameters, examples and code.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name in upper case, without the `$`.
    pub name: &'static str,
    /// The family that lists it on the reference page.
    pub family: Family,
    /// The parameters in order.
    pub params: &'static [Param],
    /// The kinds of the result, apart from null for a null subject.
    pub result: Kinds,
    /// One line: the result of the function.
    pub doc: &'static str,
    /// Expressions with their results; each runs as a test.
    pub examples: &'static [Example],
    /// The result if the first argument is null.
    pub null: NullPropagation,
    /// True if the result of a secret argument is public: a digest, a verification, a comparison.
    /// Any other result computed from a secret is secret too (taint).
    pub declassifies: bool,
    /// The implementation.
    pub code: Code,
}

impl Function {
    /// Creates a function of the host. A null first argument returns null without running it.
    pub fn host(
        name: &'static str,
        params: &'static [Param],
        result: Kinds,
        doc: &'static str,
        code: impl for<'a> Fn(&Env<'a>, Args<'_, 'a>) -> Result<Value<'a>, Fault>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            name,
            family: Family::Host,
            params,
            result,
            doc,
            examples: &[],
            null: NullPropagation::Null,
            declassifies: false,
            code: Code::Host(Arc::new(code)),
        }
    }

    /// Returns the minimum number of arguments.
    pub fn least_arguments(&self) -> usize {
        let required = |param: &&Param| param.mode == Mode::Required;
        self.params.iter().filter(required).count()
    }

    /// Returns the maximum number of arguments, or `None` if there is no maximum.
    pub fn most_arguments(&self) -> Option<usize> {
        let open = self.params.iter().any(|param| param.mode == Mode::Rest);
        (!open).then_some(self.params.len())
    }

    /// Returns the parameter for an argument, counted from zero. A rest parameter takes all
    /// remaining arguments.
    pub fn param(&self, at: usize) -> Option<&'static Param> {
        let last = self.params.last().filter(|param| param.mode == Mode::Rest);
        self.params.get(at).or(last)
    }

    /// Returns the name as users write it: `$SPLIT`, or `MAP()` for an operator of mappers.
    pub fn shown(&self) -> String {
        if self.family == Family::Mapper { self.name.to_owned() } else { format!("${}", self.name) }
    }

    /// Returns the signature for messages: `$SPLIT(text, separator)`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(ToString::to_string).collect();
        format!("${}({})", self.name, params.join(", "))
    }
}

/// The families of functions, as the reference page groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Strings.
    Text,
    /// Lists, and objects as lists of entries.
    List,
    /// Objects.
    Object,
    /// Numbers.
    Number,
    /// Times.
    Time,
    /// Encodings: JSON, hex, base64, URLs, forms.
    Encoding,
    /// Digests, signatures and secrets.
    Crypto,
    /// Addresses.
    Network,
    /// Any value.
    General,
    /// Operators of mappers, which no expression can name.
    Mapper,
    /// Functions of the host.
    Host,
}

impl Family {
    /// Returns the heading of the family.
    pub fn title(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::List => "Lists",
            Self::Object => "Objects",
            Self::Number => "Numbers",
            Self::Time => "Time",
            Self::Encoding => "Encoding",
            Self::Crypto => "Crypto",
            Self::Network => "Network",
            Self::General => "General",
            Self::Mapper => "Mapper",
            Self::Host => "Host",
        }
    }
}

/// A parameter: its name, its kinds and how it is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// The name in the documentation and in messages.
    pub name: &'static str,
    /// The accepted kinds. A secret is accepted in place of the kind of its content.
    pub kinds: Kinds,
    /// True if the argument is required, optional or repeatable.
    pub mode: Mode,
    /// The role of the argument, for arguments that need processing before the call.
    pub role: Role,
    /// Advice for a common mistake with this argument, if there is one.
    pub hint: Option<&'static str>,
}

/// The number of arguments that a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Exactly one argument.
    Required,
    /// No argument or one; null means that it is omitted.
    Optional,
    /// Any number of arguments.
    Rest,
}

/// The role of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An ordinary value.
    Value,
    /// A regular expression. A literal one is checked and compiled with the program.
    Pattern,
    /// A name that must be a string literal.
    LiteralName,
    /// A lambda with between `least` and `most` parameters.
    Lambda {
        /// The minimum number of parameters.
        least: u8,
        /// The maximum number of parameters.
        most: u8,
    },
}

impl Param {
    /// Creates a required parameter.
    pub const fn new(name: &'static str, kinds: Kinds) -> Self {
        Self { name, kinds, mode: Mode::Required, role: Role::Value, hint: None }
    }

    /// Creates a lambda parameter that takes between `least` and `most` parameters.
    pub const fn lambda(name: &'static str, least: u8, most: u8) -> Self {
        let mut param = Self::new(name, Kinds::NONE);
        param.role = Role::Lambda { least, most };
        param
    }

    /// Returns the same parameter as optional.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.mode = Mode::Optional;
        self
    }

    /// Returns the same parameter as repeatable.
    #[must_use]
    pub const fn rest(mut self) -> Self {
        self.mode = Mode::Rest;
        self
    }

    /// Returns the same parameter with the role of a regular expression.
    #[must_use]
    pub const fn pattern(mut self) -> Self {
        self.role = Role::Pattern;
        self
    }

    /// Returns the same parameter with the role of a name in a string literal.
    #[must_use]
    pub const fn literal_name(mut self) -> Self {
        self.role = Role::LiteralName;
        self
    }

    /// Returns the same parameter with advice for a common mistake.
    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Returns true for a lambda parameter.
    pub const fn is_lambda(&self) -> bool {
        matches!(self.role, Role::Lambda { .. })
    }
}

/// Formats the parameter for a signature: `format?` if it is optional, `part, …` if it repeats.
impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match (self.role, self.mode) {
            (Role::Lambda { .. }, _) => f.write_str(" => …")?,
            (_, Mode::Rest) => f.write_str(", …")?,
            _ => {}
        }
        if self.mode == Mode::Optional { f.write_str("?") } else { Ok(()) }
    }
}

/// An expression with its result: JSON, or the code of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The expression.
    pub source: &'static str,
    /// The result as JSON, or the code of a diagnostic: `E0307`.
    pub answer: &'static str,
}

/// Creates an example of a row.
pub const fn example(source: &'static str, answer: &'static str) -> Example {
    Example { source, answer }
}

/// The result of a function if its first argument is null (null propagation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullPropagation {
    /// Null: a call on missing data returns missing data.
    Null,
    /// False: a test of missing data does not pass.
    False,
    /// True: all elements of an empty list pass.
    True,
    /// Zero: missing data has length zero.
    Zero,
    /// A fault: an absent signature must never equal an absent digest.
    Fault,
    /// The result of the function's own code, which handles null like any other value.
    Passed,
}

/// The implementation of a function.
#[derive(Clone)]
pub enum Code {
    /// Native code that depends only on its arguments.
    Native(Native),
    /// Code of the host.
    Host(Arc<HostFunction>),
    /// A loop with a lambda as its body. The compiler lowers it.
    Loop(LoopKind),
    /// A special form. The compiler lowers it.
    Form(Form),
}

/// The native code of a function. Its arguments are checked against the row first.
pub type Native = for<'a> fn(&Env<'a>, Args<'_, 'a>) -> Result<Value<'a>, Fault>;

/// The code of a host function.
pub type HostFunction =
    dyn for<'a> Fn(&Env<'a>, Args<'_, 'a>) -> Result<Value<'a>, Fault> + Send + Sync;

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(_) => f.write_str("Native"),
            Self::Host(_) => f.write_str("Host"),
            Self::Loop(kind) => write!(f, "Loop({kind:?})"),
            Self::Form(form) => write!(f, "Form({form:?})"),
        }
    }
}

/// The loops, by their use of the body's result for each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoopKind {
    /// Collects the results. For an object the result is an object with the same keys, if the row
    /// allows objects.
    Map,
    /// Collects the elements that pass. For an object the result is an object of the entries that
    /// pass, if the row allows objects.
    Filter,
    /// Returns true if any element passes. Stops at the first one.
    Any,
    /// Returns true if all elements pass. Stops at the first one that does not.
    All,
    /// Returns the first element that passes, or null.
    Find,
    /// Returns the last result. Each run of the body receives the previous result.
    Reduce,
    /// Returns the elements in the order of the results.
    Sort,
}

/// The special forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Returns the first argument that is not null. The arguments after it are not evaluated.
    Coalesce,
    /// Returns the first argument, or the second if the first one fails.
    Try,
    /// Returns the time of the evaluation.
    Time,
    /// Returns the first active secret with a name.
    Secret,
    /// Returns all active secrets with a name.
    Secrets,
}

/// The functions that accept any value.
pub(super) const GENERAL: &[Function] = &[
    Function {
        name: "KIND",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL)],
        result: Kinds::TEXT,
        doc: "The kind of a value as text: `null`, `boolean`, `number`, `text`, `list`, `object`, `time`, `bytes` or `secret`.",
        examples: &[
            example("$KIND(12)", "\"number\""),
            example("$KIND(missing)", "\"null\""),
            example("[1].$KIND()", "\"list\""),
        ],
        null: NullPropagation::Passed,
        declassifies: true,
        code: Code::Native(kind),
    },
    Function {
        name: "COALESCE",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL), Param::new("other", Kinds::ALL).rest()],
        result: Kinds::ALL,
        doc: "The first argument that is not null; those after it do not run.",
        examples: &[
            example("$COALESCE(missing, \"\", \"x\")", "\"\""),
            example("$COALESCE(1, 1 / 0)", "1"),
            example("$COALESCE(NULL)", "null"),
        ],
        null: NullPropagation::Passed,
        declassifies: false,
        code: Code::Form(Form::Coalesce),
    },
    Function {
        name: "TRY",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL), Param::new("fallback", Kinds::ALL)],
        result: Kinds::ALL,
        doc: "The value, or the fallback where the value fails. Limits are not caught.",
        examples: &[example("$TRY($INTEGER(\"x\"), 0)", "0"), example("$TRY(7, 1 / 0)", "7")],
        null: NullPropagation::Passed,
        declassifies: false,
        code: Code::Form(Form::Try),
    },
];

fn kind<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(args.value(0).kind().name()))
}
