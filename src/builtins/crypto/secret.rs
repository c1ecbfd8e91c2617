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
    doc: "Whether two strings, bytes or secrets have the same bytes, in a time that does not tell how much of them is the same; false where either is null.",
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
    doc: "The secret of a name, the first where several are active. It is for digests, verifications and comparisons, and cannot be part of an answer.",
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
    doc: "All active secrets of a name: while one replaces another, `$SECRETS('NAME').$ANY(secret => …)` takes either.",
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
