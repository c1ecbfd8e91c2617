//! The row of a function, and the arguments that its code gets. Knows no function in particular.

use std::fmt;
use std::sync::Arc;

use super::pattern::{Pattern, PatternCache};
use crate::value::too_deep_to_read;
use crate::value::{Fault, FaultKind, Heap, Kind, Kinds, List, Number, Object, Time, Value};

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
    /// Any other result computed from a secret is secret too (taint). A digest of secrets alone
    /// stays secret: see [`Function::releases`].
    pub declassifies: bool,
    /// The role for the code that treats a function in a special way.
    pub role: Role,
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
            role: Role::Ordinary,
            code: Code::Host(Arc::new(code)),
        }
    }

    /// Returns true if the result is public although arguments are secret. `is_secret` has an
    /// entry for each argument.
    ///
    /// A digest or HMAC of secrets alone is a derived key, so it stays secret. A plaintext stays
    /// secret if the ciphertext is secret, or the IV and not the key: with a known key, the IV could
    /// be calculated from a chosen ciphertext. Some providers derive the IV from the key.
    pub fn releases(&self, is_secret: &[bool]) -> bool {
        let stays_secret = match self.role {
            Role::Digest | Role::Hmac => is_secret.iter().all(|secret| *secret),
            Role::Decrypt | Role::DecryptUnauthenticated => {
                let [key, iv, data @ ..] = is_secret else {
                    return false;
                };
                data.contains(&true) || (*iv && !*key)
            }
            _ => false,
        };
        self.declassifies && !stays_secret
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
    pub fn display_name(&self) -> String {
        if self.family == Family::Mapper { self.name.to_owned() } else { format!("${}", self.name) }
    }

    /// Returns the signature for messages: `$SPLIT(text, separator)`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(ToString::to_string).collect();
        format!("${}({})", self.name, params.join(", "))
    }
}

/// The role of a function for the code that treats it in a special way: checks, lints and the fast
/// path. Such code knows a function by its role only, never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// No special treatment.
    Ordinary,
    /// Adds a time span to a time.
    AddDate,
    /// Joins strings, bytes or lists.
    Concatenation,
    /// Decodes base64.
    DecodeBase64,
    /// Reads a token without verifying it.
    DecodeToken,
    /// Decrypts with authentication of the ciphertext.
    Decrypt,
    /// Decrypts without authentication of the ciphertext.
    DecryptUnauthenticated,
    /// Computes a digest without a key.
    Digest,
    /// Encodes bytes as a string.
    Encoder,
    /// Computes a keyed digest.
    Hmac,
    /// Returns the name of a kind.
    KindName,
    /// Returns the number of elements, characters or bytes.
    Length,
    /// Converts a string to lower case.
    Lowercase,
    /// Converts a string to another spelling of the same text.
    Normalizer,
    /// Parses JSON.
    ParseJson,
    /// Reads a time from a string.
    ParseTime,
    /// Searches a string from its beginning, so the duration depends on the content.
    Search,
    /// Compares in constant time.
    SecureEquals,
    /// Splits a string at a separator.
    Split,
    /// Verifies a token and returns its claims.
    VerifyToken,
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
    pub role: ParamRole,
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
pub enum ParamRole {
    /// An ordinary value.
    Value,
    /// A regular expression. A literal one is checked and compiled with the program.
    Pattern,
    /// A name that must be a string literal.
    LiteralName,
    /// A strftime format to read times. A literal one is checked with the program.
    ReadFormat,
    /// A strftime format to write times. A literal one is checked with the program.
    WriteFormat,
    /// A time zone. A literal one is checked with the program.
    TimeZone,
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
        Self { name, kinds, mode: Mode::Required, role: ParamRole::Value, hint: None }
    }

    /// Creates a lambda parameter that takes between `least` and `most` parameters.
    pub const fn lambda(name: &'static str, least: u8, most: u8) -> Self {
        let mut param = Self::new(name, Kinds::NONE);
        param.role = ParamRole::Lambda { least, most };
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
        self.role = ParamRole::Pattern;
        self
    }

    /// Returns the same parameter with the role of a name in a string literal.
    #[must_use]
    pub const fn literal_name(mut self) -> Self {
        self.role = ParamRole::LiteralName;
        self
    }

    /// Returns the same parameter with the role of a format or of a time zone.
    #[must_use]
    pub(super) const fn role(mut self, role: ParamRole) -> Self {
        self.role = role;
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
        matches!(self.role, ParamRole::Lambda { .. })
    }
}

/// Formats the parameter for a signature: `format?` if it is optional, `part, …` if it repeats.
impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match (self.role, self.mode) {
            (ParamRole::Lambda { .. }, _) => f.write_str(" => …")?,
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
    /// Returns the elements in the order of the results. Results that are lists compare in turn.
    Sort,
    /// Returns an object of lists: the elements under each result, which is a string.
    Group,
    /// Returns the number of elements that pass.
    Count,
    /// Returns the elements without those whose result equals the result of an earlier element.
    Unique,
    /// Returns the first element with the smallest result. Null results are left out.
    Min,
    /// Returns the first element with the largest result. Null results are left out.
    Max,
    /// Returns the sum of the results. Null results are left out.
    Sum,
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
    /// Returns the body of the lambda, the last argument, which names the arguments before it.
    With,
}

/// The environment of a function: the heap and the regular expressions.
#[derive(Debug, Clone, Copy)]
pub struct Env<'a> {
    /// The heap, which builds values and counts work.
    pub heap: &'a Heap,
    /// The patterns that are literals in the program.
    pub literals: &'a [Pattern],
    /// The patterns that were compiled at run time.
    pub patterns: &'a PatternCache,
}

impl Env<'_> {
    /// Returns the compiled form of a pattern, and counts the work of one search in a text of
    /// `bytes` bytes.
    ///
    /// # Errors
    /// Returns a fault if the pattern does not compile, is too large, or exceeds the limit on
    /// steps.
    pub fn pattern(&self, pattern: &str, bytes: usize) -> Result<Pattern, Fault> {
        self.heap.work_on_bytes(pattern.len())?;
        let pattern = self.patterns.get(self.heap, self.literals, pattern)?;
        // The call itself already counted the bytes of the argument once.
        self.heap.work_on_bytes(bytes.saturating_mul(pattern.weight() - 1))?;
        Ok(pattern)
    }
}

/// The arguments of a call. Their kinds were checked against the row. An omitted optional argument
/// reads as null.
#[derive(Debug, Clone, Copy)]
pub struct Args<'s, 'a> {
    function: &'s Function,
    values: &'s [Value<'a>],
}

impl<'s, 'a> Args<'s, 'a> {
    /// Returns the arguments of a call of a function.
    pub(super) fn new(function: &'s Function, values: &'s [Value<'a>]) -> Self {
        Self { function, values }
    }

    /// Returns the name of the called function, for messages.
    pub(super) fn function_name(self) -> &'static str {
        self.function.name
    }

    /// Returns the number of arguments.
    pub fn len(self) -> usize {
        self.values.len()
    }

    /// Returns true if there are no arguments.
    pub fn is_empty(self) -> bool {
        self.values.is_empty()
    }

    /// Returns the arguments from an index on.
    pub fn rest(self, from: usize) -> &'s [Value<'a>] {
        self.values.get(from..).unwrap_or(&[])
    }

    /// Returns an argument, or null if it is omitted.
    pub fn value(self, at: usize) -> Value<'a> {
        self.values.get(at).copied().unwrap_or(Value::Null)
    }

    /// Returns an argument that is a string.
    ///
    /// # Errors
    /// Returns a fault if it is not a string.
    pub fn text(self, at: usize) -> Result<&'a str, Fault> {
        self.value(at).as_text().ok_or_else(|| self.wrong(at))
    }

    /// Returns an argument that is a string, or `None` if it is null or omitted.
    ///
    /// # Errors
    /// Returns a fault if it is of another kind.
    pub fn optional_text(self, at: usize) -> Result<Option<&'a str>, Fault> {
        if self.value(at).is_null() { Ok(None) } else { self.text(at).map(Some) }
    }

    /// Returns an argument that is a number. A time reads as seconds since the epoch.
    ///
    /// # Errors
    /// Returns a fault if it is neither a number nor a time.
    pub fn number(self, at: usize) -> Result<Number, Fault> {
        match self.value(at) {
            Value::Number(number) => Ok(number),
            Value::Time(time) => Ok(time.to_number()),
            Value::BigNumber(number) => Err(number.not_calculated()),
            _ => Err(self.wrong(at)),
        }
    }

    /// Returns an argument that is a whole number in the range of an `i64`.
    ///
    /// # Errors
    /// Returns a fault if it is not.
    pub fn integer(self, at: usize) -> Result<i64, Fault> {
        let number = self.number(at)?;
        if let Number::Int(whole) = number {
            return Ok(whole);
        }
        let whole = number.as_whole().and_then(|whole| i64::try_from(whole).ok());
        whole.ok_or_else(|| match number.as_integer() {
            Some(_) => self.meaningless(at, format!("far too large: `{number}`")),
            None if number.to_f64().fract() == 0.0 => {
                self.meaningless(at, format!("far too large: `{number}`"))
            }
            None => self
                .meaningless(at, format!("a whole number, not `{number}`"))
                .help("`$INTEGER(…)` drops a fraction, `$ROUND(…)` rounds it"),
        })
    }

    /// Returns an argument that is a whole number in the range of an `i64`, or `None` if it is null
    /// or omitted.
    ///
    /// # Errors
    /// Returns a fault if it is another value.
    pub fn optional_integer(self, at: usize) -> Result<Option<i64>, Fault> {
        if self.value(at).is_null() { Ok(None) } else { self.integer(at).map(Some) }
    }

    /// Returns an argument that is an index or a count: a whole number, clamped to the range of an
    /// `i64`, which is beyond every sequence.
    ///
    /// # Errors
    /// Returns a fault if it is no whole number.
    pub fn clamped_integer(self, at: usize) -> Result<i64, Fault> {
        match self.value(at) {
            Value::BigNumber(number) if number.is_integer() => {
                Ok(if number.is_negative() { i64::MIN } else { i64::MAX })
            }
            Value::Number(Number::Big(_)) => Ok(i64::MAX),
            // The cast saturates.
            Value::Number(Number::Decimal(value)) if value.fract() == 0.0 => Ok(value as i64),
            _ => self.integer(at),
        }
    }

    /// Returns an argument that is a list.
    ///
    /// # Errors
    /// Returns a fault if it is not a list.
    pub fn list(self, at: usize) -> Result<List<'a>, Fault> {
        self.value(at).as_list().ok_or_else(|| self.wrong(at))
    }

    /// Returns an argument that is an object.
    ///
    /// # Errors
    /// Returns a fault if it is not an object.
    pub fn object(self, at: usize) -> Result<Object<'a>, Fault> {
        self.value(at).as_object().ok_or_else(|| self.wrong(at))
    }

    /// Returns an argument that is a time.
    ///
    /// # Errors
    /// Returns a fault if it is not a time.
    pub fn time(self, at: usize) -> Result<Time, Fault> {
        self.value(at).as_time().ok_or_else(|| self.wrong(at))
    }

    /// Returns the bytes of an argument that is a string, bytes or a secret.
    ///
    /// # Errors
    /// Returns a fault if it is of another kind.
    pub fn content(self, at: usize) -> Result<&'a [u8], Fault> {
        self.value(at).content().ok_or_else(|| self.wrong(at))
    }

    /// Returns the fault for an argument of the right kind with a meaningless value. `wanted`
    /// describes the expected value.
    pub fn meaningless(self, at: usize, wanted: impl std::fmt::Display) -> Fault {
        let name = self.function.param(at).map_or("argument", |param| param.name);
        Fault::new(
            FaultKind::BadArgument,
            format!("the `{name}` of `${}` is {wanted}", self.function.name),
        )
    }

    /// Returns the fault for an argument with a kind that the row does not accept.
    pub fn wrong(self, at: usize) -> Fault {
        let param = self.function.param(at);
        match self.value(at) {
            Value::Opaque(_) => too_deep_to_read(),
            value => wrong_kind(self.function, param, value),
        }
    }
}

pub(super) fn wrong_kind(function: &Function, param: Option<&Param>, value: Value<'_>) -> Fault {
    let (name, kinds) = param.map_or(("argument", Kinds::ANY), |param| (param.name, param.kinds));
    let kinds = kinds.without(Kinds::NULL | Kinds::SECRET);
    let fault = Fault::new(
        FaultKind::WrongArgument,
        format!(
            "`${}` takes {kinds} as its `{name}`, got {}",
            function.name,
            value.kind().phrase()
        ),
    );
    if param.is_some_and(|param| matches!(param.role, ParamRole::Lambda { .. })) {
        return fault.help("write a lambda: `x => …`");
    }
    let hint = param.and_then(|param| param.hint);
    match hint.or_else(|| conversion(value.kind(), kinds)) {
        Some(help) => fault.help(help),
        None => fault,
    }
}

/// Returns advice for converting a value of one kind to one of the wanted kinds, if a conversion
/// exists.
pub fn conversion(found: Kind, wanted: Kinds) -> Option<&'static str> {
    Some(match found {
        Kind::Text if wanted.contains(Kind::Time) => {
            "read the string as a time first: `$PARSE_TIME(…)`"
        }
        Kind::Text if wanted.contains(Kind::Number) => {
            "convert the string first: `$INTEGER(…)` or `$DECIMAL(…)`"
        }
        Kind::Text if wanted.contains(Kind::Bytes) => {
            "decode the string first: `$UNHEX(…)` or `$UNBASE64(…)`; `$BYTES(…)` takes it as it is"
        }
        Kind::Text if wanted.meets(Kinds::LIST | Kinds::OBJECT) => {
            "take the string apart first: `$SPLIT(…)` or `$PARSE_JSON(…)`"
        }
        Kind::Number if wanted.contains(Kind::Time) => {
            "a Unix time becomes a time with `$PARSE_TIME(…)`"
        }
        Kind::Bytes if wanted.contains(Kind::Text) => {
            "write the bytes as a string first: `$HEX(…)` or `$BASE64(…)`; `$TEXT(…)` reads them as UTF-8"
        }
        Kind::List if wanted.contains(Kind::Text) => {
            "join the list first: `$CONCAT(…)`, or take an element: `list[0]`"
        }
        Kind::Object if wanted.contains(Kind::Text) => {
            "read a member of the object, or write it out: `$STRINGIFY_JSON(…)`"
        }
        Kind::Time if wanted.contains(Kind::Text) => "write the time out first: `$FORMAT_TIME(…)`",
        _ if wanted.contains(Kind::Text) => "convert it first: `$TEXT(…)`",
        _ => return None,
    })
}
