//! The call of a function: null propagation, kinds of arguments, secrecy, then the code of the
//! function.
//!
//! The rules apply to every function, so they are implemented once here. The code of a function
//! sees only arguments that fit its row. Knows no function in particular.

use smallvec::SmallVec;

use super::function::{Args, Code, Env, Function, Mode, NullPropagation, wrong_kind};
use crate::value::{Fault, FaultKind, Heap, Kind, Kinds, Value};

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
    let args = Args::new(function, values);
    match &function.code {
        Code::Native(native) => native(env, args),
        Code::Host(host) => stored_result(function, args, host(env, args)?),
        // The compiler lowers loops and forms, and the verifier rejects calls of them.
        Code::Loop(_) | Code::Form(_) => Err(Fault::new(
            FaultKind::BadArgument,
            format!("`${}` is not called like a function", function.name),
        )),
    }
}

/// Checks that the result of a host function has a kind that its row declares. The checker and the
/// readers of the row rely on it.
fn stored_result<'a>(
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
            function.display_name(),
            answer.kind().phrase()
        ),
    )
    .help("this is a mistake of the host, not of the rule: its function declares another `result`"))
}

/// Runs a call that has a secret among its arguments. The code receives the content of the secret
/// unless its row accepts secrets. The result is secret unless the function releases it.
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
    let is_secret: SmallVec<[bool; 4]> = args.iter().map(|arg| arg.holds_secret()).collect();
    if function.releases(&is_secret) { Ok(answer) } else { keep_secret(env.heap, answer) }
}

/// Replaces the message of a fault, which may quote an argument. If an argument is secret, only the
/// kind of the fault is reported.
fn without_content(function: &Function, fault: &Fault) -> Fault {
    Fault::new(fault.kind(), format!("`${}` fails on the content of the secret", function.name))
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
        Value::Number(_) | Value::BigNumber(_) | Value::Opaque(_) | Value::Time(_) => {
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
