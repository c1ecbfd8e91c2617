//! Secrets of the host, and comparison in constant time. Knows no store of secrets: the VM supplies
//! them.

use subtle::ConstantTimeEq;

use super::CONTENT;
use crate::builtins::function::{
    Code, Family, Form, Function, NullPropagation, Param, Role, example,
};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value};

pub(super) const SECURE_EQUALS: Function = Function {
    name: "SECURE_EQUALS",
    family: Family::Crypto,
    params: &[Param::new("a", CONTENT), Param::new("b", CONTENT.or(Kinds::NULL))],
    result: Kinds::BOOLEAN,
    doc: "True if two strings, bytes or secrets have the same bytes. The comparison is constant-time. False if one of them is null.",
    examples: &[
        example("$SECURE_EQUALS(\"zoom-secret\", $SECRET('ZOOM'))", "true"),
        example("$SECURE_EQUALS(\"zoom\", $SECRET('ZOOM'))", "false"),
        example("$SECURE_EQUALS($BYTES(\"abc\"), \"abc\")", "true"),
        example("$SECURE_EQUALS(missing, missing)", "false"),
        example("$SECURE_EQUALS($SECRET('ZOOM'), missing)", "false"),
        example("$SECURE_EQUALS(\"\", $SECRET('EMPTY'))", "E0311"),
    ],
    null: NullPropagation::False,
    declassifies: true,
    role: Role::SecureEquals,
    code: Code::Native(secure_equals),
};

pub(super) const SECRET: Function = Function {
    name: "SECRET",
    family: Family::Crypto,
    params: &[NAME],
    result: Kinds::SECRET,
    doc: "The secret with a name; the first if several are active. It can be used in digests, verifications and comparisons, and cannot be part of a result.",
    examples: &[
        example("$SECRET('ZOOM') == \"zoom-secret\"", "true"),
        example("$KIND($SECRET('ZOOM'))", "\"secret\""),
        example("$SECRET('EMPTY') == \"\"", "E0311"),
    ],
    null: NullPropagation::Fault,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Form(Form::Secret),
};

pub(super) const SECRETS: Function = Function {
    name: "SECRETS",
    family: Family::Crypto,
    params: &[NAME],
    result: Kinds::LIST,
    doc: "All active secrets with a name. During a rotation, `$SECRETS('NAME').$ANY(secret => …)` accepts the old one and the new one.",
    examples: &[
        example("$SECRETS('ZOOM').$ANY(secret => secret == \"zoom-secret\")", "true"),
        example("$SECRETS('ZOOM').$ANY(secret => secret == \"zoom\")", "false"),
        example("$SECRETS('EMPTY').$ANY(secret => secret == \"\")", "E0311"),
    ],
    null: NullPropagation::Fault,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Form(Form::Secrets),
};

const NAME: Param = Param::new("name", Kinds::TEXT).literal_name();

fn secure_equals<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    if args.value(1).is_null() {
        return Ok(Value::Bool(false));
    }
    // In constant time: an early exit would reveal the length of the matching prefix.
    let equal = args.content(0)?.ct_eq(args.content(1)?);
    Ok(Value::Bool(equal.into()))
}
