//! The shape of a row, and the rows that belong to no family of values.

use std::fmt;
use std::sync::Arc;

use super::invoke::{Args, Env};
use crate::value::{Fault, Kinds, Value};

/// A function of the language: everything there is to know of it.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name in upper case, without the `$`.
    pub name: &'static str,
    /// The family the reference page lists it under.
    pub family: Family,
    /// The parameters in order.
    pub params: &'static [Param],
    /// What kinds the answer may have, apart from null for a null subject.
    pub result: Kinds,
    /// One line: what it answers.
    pub doc: &'static str,
    /// Sources with their answers; each runs as a test.
    pub examples: &'static [Example],
    /// What it answers where its first argument is null.
    pub null: NullSubject,
    /// Whether the answer is free where an argument was secret: a digest, a verification, a
    /// comparison. Every other answer made with a secret is secret too.
    pub releases: bool,
    /// How it runs.
    pub code: Code,
}

impl Function {
    /// A function of the host's own. A null first argument gives null, without running it.
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
            null: NullSubject::Null,
            releases: false,
            code: Code::Host(Arc::new(code)),
        }
    }

    /// How many arguments it takes at least.
    pub fn least_arguments(&self) -> usize {
        let required = |param: &&Param| param.mode == Mode::Required;
        self.params.iter().filter(required).count()
    }

    /// How many arguments it takes at most; `None` where there is no end.
    pub fn most_arguments(&self) -> Option<usize> {
        let open = self.params.iter().any(|param| param.mode == Mode::Rest);
        (!open).then_some(self.params.len())
    }

    /// The parameter an argument goes to, counted from zero; the last one takes the rest where
    /// it may.
    pub fn param(&self, at: usize) -> Option<&'static Param> {
        let last = self.params.last().filter(|param| param.mode == Mode::Rest);
        self.params.get(at).or(last)
    }

    /// Its name as people write it: `$SPLIT`, and `MAP()` for an operator of mappers.
    pub fn shown(&self) -> String {
        if self.family == Family::Mapper { self.name.to_owned() } else { format!("${}", self.name) }
    }

    /// How it is called, for people: `$SPLIT(text, separator)`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(ToString::to_string).collect();
        format!("${}({})", self.name, params.join(", "))
    }
}

/// The families of functions, as the reference page has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Texts.
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
    /// Functions of the host's own.
    Host,
}

impl Family {
    /// The heading of the family.
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

/// A parameter: its name, the kinds it takes, and how it is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// The name in the documentation and in messages.
    pub name: &'static str,
    /// The kinds it takes. A secret passes for what it holds.
    pub kinds: Kinds,
    /// Whether it has to be there, and how often.
    pub mode: Mode,
    /// What the argument is for, where that matters before it runs.
    pub role: Role,
    /// What to write instead of the mistake that is usual here, where there is one.
    pub hint: Option<&'static str>,
}

/// Whether an argument has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It has to be there.
    Required,
    /// It may be left out, or null, which is the same.
    Optional,
    /// It may be there any number of times.
    Rest,
}

/// What an argument is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A value like any other.
    Value,
    /// A regular expression: a literal one is checked and compiled with the program.
    Pattern,
    /// A name that has to stand there as literal text.
    LiteralName,
    /// A lambda with at most so many parameters, and at least so many.
    Lambda {
        /// How many parameters it must have.
        least: u8,
        /// How many it may have.
        most: u8,
    },
}

impl Param {
    /// A parameter that has to be there.
    pub const fn new(name: &'static str, kinds: Kinds) -> Self {
        Self { name, kinds, mode: Mode::Required, role: Role::Value, hint: None }
    }

    /// A lambda of one parameter, or up to `most`.
    pub const fn lambda(name: &'static str, least: u8, most: u8) -> Self {
        let mut param = Self::new(name, Kinds::NONE);
        param.role = Role::Lambda { least, most };
        param
    }

    /// The same, but it may be left out.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.mode = Mode::Optional;
        self
    }

    /// The same, any number of times.
    #[must_use]
    pub const fn rest(mut self) -> Self {
        self.mode = Mode::Rest;
        self
    }

    /// The same, as a regular expression.
    #[must_use]
    pub const fn pattern(mut self) -> Self {
        self.role = Role::Pattern;
        self
    }

    /// The same, as a name in literal text.
    #[must_use]
    pub const fn literal_name(mut self) -> Self {
        self.role = Role::LiteralName;
        self
    }

    /// The same, with what to write instead of the mistake that is usual here.
    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Whether it is a lambda.
    pub const fn is_lambda(&self) -> bool {
        matches!(self.role, Role::Lambda { .. })
    }
}

/// As a signature shows it: `format?` where it may be left out, `part, …` where it repeats.
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

/// A source and what it answers: JSON, or the code of the diagnostic that it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The source.
    pub source: &'static str,
    /// Its answer as JSON, or a diagnostic's code: `E0307`.
    pub answer: &'static str,
}

/// An example of a row.
pub const fn example(source: &'static str, answer: &'static str) -> Example {
    Example { source, answer }
}

/// What a function answers where its first argument is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullSubject {
    /// Null, so that calls on missing data are missing data.
    Null,
    /// False: a test does not pass.
    False,
    /// True: all of nothing pass.
    True,
    /// Zero: nothing counts as none.
    Zero,
    /// A fault: an absent signature must never equal an absent digest.
    Fault,
    /// Whatever its code answers: null is a value like any other to it.
    Passed,
}

/// How a function runs.
#[derive(Clone)]
pub enum Code {
    /// Code that answers from its arguments.
    Native(Native),
    /// Code of the host's.
    Host(Arc<HostFunction>),
    /// A loop that the compiler lowers, with a lambda as its body.
    Loop(LoopKind),
    /// A form that the compiler lowers in a way of its own.
    Form(Form),
}

/// The code of a function: its arguments are checked against the row before.
pub type Native = for<'a> fn(&Env<'a>, Args<'_, 'a>) -> Result<Value<'a>, Fault>;

/// The code of a host's function.
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

/// The loops: what is done with the body's answer for each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoopKind {
    /// Collects the answers; of an object, under its keys, where the row may answer an object.
    Map,
    /// Collects the elements that pass; of an object, its entries, where the row may answer an
    /// object.
    Filter,
    /// Whether one passes; stops at it.
    Any,
    /// Whether all pass; stops at the first that does not.
    All,
    /// The first that passes, or null.
    Find,
    /// The last answer, each body seeing the one before.
    Reduce,
    /// The elements in the order of the answers.
    Sort,
}

/// The forms that are lowered in a way of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The first argument that is not null; those after it do not run.
    Coalesce,
    /// The first argument, or the second where it fails.
    Try,
    /// The time of the evaluation.
    Time,
    /// The first active secret of a name.
    Secret,
    /// All active secrets of a name.
    Secrets,
}

/// The functions of any value.
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
        null: NullSubject::Passed,
        releases: true,
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
        null: NullSubject::Passed,
        releases: false,
        code: Code::Form(Form::Coalesce),
    },
    Function {
        name: "TRY",
        family: Family::General,
        params: &[Param::new("value", Kinds::ALL), Param::new("fallback", Kinds::ALL)],
        result: Kinds::ALL,
        doc: "The value, or the fallback where the value fails. Limits are not caught.",
        examples: &[example("$TRY($INTEGER(\"x\"), 0)", "0"), example("$TRY(7, 1 / 0)", "7")],
        null: NullSubject::Passed,
        releases: false,
        code: Code::Form(Form::Try),
    },
];

fn kind<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(args.value(0).kind().name()))
}
