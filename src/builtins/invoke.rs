//! The call of a function: null propagation, kinds of arguments, secrecy, then the code of the
//! function.
//!
//! The rules apply to every function, so they are implemented once here. The code of a function
//! sees only arguments that fit its row. Knows no function in particular.

use smallvec::SmallVec;

use super::pattern::{Pattern, PatternCache};
use super::registry::{Code, Function, Mode, NullPropagation, Param, Role};
use crate::value::{Fault, FaultKind, Heap, Kind, Kinds, List, Number, Object, Time, Value};

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
        wrong_kind(self.function, param, self.value(at))
    }
}

/// Calls a function that has code of its own (not a loop or a form).
///
/// # Errors
/// Returns the fault of an argument that does not fit the row, or of the function itself.
pub fn invoke<'a>(
    env: &Env<'a>,
    function: &Function,
    args: &[Value<'a>],
) -> Result<Value<'a>, Fault> {
    env.heap.work(1)?;
    if let Some(first) = args.first()
        && first.is_null()
        && let Some(answer) = null_answer(function)?
    {
        return Ok(answer);
    }
    check_arguments(env, function, args)?;
    if args.iter().any(|arg| arg.holds_secret()) {
        return invoke_with_secret(env, function, args);
    }
    let answer = run(env, function, args)?;
    let encoded = args.iter().any(|arg| matches!(arg, Value::Encoded(_)));
    Ok(match answer {
        Value::Text(text) if encoded => Value::Encoded(text),
        other => other,
    })
}

/// Returns the result for a first argument that is null, or `None` if the function accepts null
/// like any other value.
///
/// # Errors
/// Returns a fault if the function does not accept null.
pub fn null_answer<'a>(function: &Function) -> Result<Option<Value<'a>>, Fault> {
    Ok(match function.null {
        NullPropagation::Null => Some(Value::Null),
        NullPropagation::False => Some(Value::Bool(false)),
        NullPropagation::True => Some(Value::Bool(true)),
        NullPropagation::Zero => Some(Value::count(0)),
        NullPropagation::Passed => None,
        NullPropagation::Fault => {
            let name = function.params.first().map_or("argument", |param| param.name);
            return Err(null_argument(function, name));
        }
    })
}

fn null_argument(function: &Function, name: &str) -> Fault {
    Fault::new(FaultKind::Null, format!("the `{name}` of `${}` is null", function.name))
        .help("test it first (`x != NULL AND …`), or give a fallback (`$COALESCE(x, \"\")`)")
}

fn check_arguments(env: &Env<'_>, function: &Function, args: &[Value<'_>]) -> Result<(), Fault> {
    for (at, arg) in args.iter().enumerate() {
        let Some(param) = function.param(at) else {
            break;
        };
        if arg.is_null() {
            let takes_null = param.kinds.contains(Kind::Null) || param.mode == Mode::Optional;
            if takes_null || (at == 0 && function.null == NullPropagation::Passed) {
                continue;
            }
            return Err(null_argument(function, param.name));
        }
        if !param.kinds.meets(Kinds::of(arg.kind())) && !param.kinds.meets(held(*arg)) {
            return Err(wrong_kind(function, Some(param), *arg));
        }
        if let Some(content) = arg.content() {
            env.heap.work_on_bytes(content.len())?;
        }
    }
    Ok(())
}

/// Returns the kind of the content of a secret. A secret is accepted in place of that kind.
fn held(value: Value<'_>) -> Kinds {
    match value {
        Value::SecretText(_) => Kinds::TEXT,
        Value::SecretBytes(_) => Kinds::BYTES,
        _ => Kinds::NONE,
    }
}

fn run<'a>(env: &Env<'a>, function: &Function, values: &[Value<'a>]) -> Result<Value<'a>, Fault> {
    let args = Args { function, values };
    match &function.code {
        Code::Native(native) => native(env, args),
        Code::Host(host) => kept(function, args, host(env, args)?),
        // The compiler lowers loops and forms, and the verifier rejects calls of them.
        Code::Loop(_) | Code::Form(_) => Err(Fault::new(
            FaultKind::BadArgument,
            format!("`${}` is not called like a function", function.name),
        )),
    }
}

/// Checks that the result of a host function has a kind that its row declares. The checker and the
/// readers of the row rely on it.
fn kept<'a>(
    function: &Function,
    args: Args<'_, 'a>,
    answer: Value<'a>,
) -> Result<Value<'a>, Fault> {
    let declared = function.result;
    let is_missing = answer.is_null() && args.value(0).is_null();
    if is_missing || declared.meets(Kinds::of(answer.kind())) || declared.meets(held(answer)) {
        return Ok(answer);
    }
    Err(Fault::new(
        FaultKind::WrongArgument,
        format!(
            "`{}` answers {declared} by its declaration, and answered {}",
            function.shown(),
            answer.kind().phrase()
        ),
    )
    .help("this is a mistake of the host, not of the rule: its function declares another `result`"))
}

/// Runs a call that has a secret among its arguments. The code receives the content of the secret
/// unless its row accepts secrets. The result is secret unless the function declassifies it.
fn invoke_with_secret<'a>(
    env: &Env<'a>,
    function: &Function,
    args: &[Value<'a>],
) -> Result<Value<'a>, Fault> {
    let shown: SmallVec<[Value<'a>; 4]> = args
        .iter()
        .enumerate()
        .map(|(at, arg)| {
            let takes_secrets =
                function.param(at).is_some_and(|param| param.kinds.contains(Kind::Secret));
            if takes_secrets { *arg } else { open(*arg) }
        })
        .collect();
    let answer = run(env, function, &shown).map_err(|fault| without_content(function, &fault))?;
    if function.declassifies { Ok(answer) } else { keep_secret(env.heap, answer) }
}

/// Replaces the message of a fault, which may quote an argument. If an argument is secret, only the
/// kind of the fault is reported.
fn without_content(function: &Function, fault: &Fault) -> Fault {
    Fault::new(fault.kind(), format!("`${}` fails on what the secret holds", function.name))
}

fn open(value: Value<'_>) -> Value<'_> {
    match value {
        Value::SecretText(text) => Value::Text(text),
        Value::SecretBytes(bytes) => Value::Bytes(bytes),
        other => other,
    }
}

/// Makes a value that was computed from a secret secret as well, at every depth. A boolean stays
/// public: it reveals only as much as a comparison.
fn keep_secret<'a>(heap: &'a Heap, value: Value<'a>) -> Result<Value<'a>, Fault> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::SecretText(_) | Value::SecretBytes(_) => value,
        Value::Text(text) | Value::Encoded(text) => Value::SecretText(text),
        Value::Bytes(bytes) => Value::SecretBytes(bytes),
        Value::Number(_) | Value::Time(_) => {
            return Err(Fault::new(
                FaultKind::SecretLeaves,
                format!("{} made from a secret would tell of it", value.kind().phrase()),
            )
            .help("a secret is for digests, verifications and comparisons: `$HMAC_SHA256($SECRET('NAME'), message)`"));
        }
        Value::List(list) => {
            let mut kept = heap.list_builder();
            kept.make_secret();
            for item in list.iter() {
                kept.push(keep_secret(heap, item)?)?;
            }
            kept.finish()?
        }
        Value::Object(object) => {
            let mut kept = heap.object_builder();
            kept.make_secret();
            for (key, value) in object.iter() {
                kept.push(key, keep_secret(heap, value)?)?;
            }
            kept.finish()?
        }
    })
}

fn wrong_kind(function: &Function, param: Option<&Param>, value: Value<'_>) -> Fault {
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
    if param.is_some_and(|param| matches!(param.role, Role::Lambda { .. })) {
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
            "read the text as a time first: `$PARSE_TIME(…)`"
        }
        Kind::Text if wanted.contains(Kind::Number) => {
            "convert the text first: `$INTEGER(…)` or `$DECIMAL(…)`"
        }
        Kind::Text if wanted.contains(Kind::Bytes) => {
            "decode the text first: `$UNHEX(…)` or `$UNBASE64(…)`; `$BYTES(…)` takes it as it is"
        }
        Kind::Text if wanted.meets(Kinds::LIST | Kinds::OBJECT) => {
            "take the text apart first: `$SPLIT(…)` or `$PARSE_JSON(…)`"
        }
        Kind::Number if wanted.contains(Kind::Time) => {
            "a Unix time becomes a time with `$PARSE_TIME(…)`"
        }
        Kind::Bytes if wanted.contains(Kind::Text) => {
            "write the bytes as text first: `$HEX(…)` or `$BASE64(…)`; `$TEXT(…)` reads them as UTF-8"
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
