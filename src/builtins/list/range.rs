//! Lists of consecutive numbers.

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Number, Value};

pub(super) const RANGE: Function = Function {
    name: "RANGE",
    family: Family::List,
    params: &[
        Param::new("start", Kinds::NUMBER),
        Param::new("end", Kinds::NUMBER).optional(),
        Param::new("step", Kinds::NUMBER).optional(),
    ],
    result: Kinds::LIST,
    doc: "The integers from a start to an end, which is not included, with a step. With one number, the integers from 0 to that number.",
    examples: &[
        example("$RANGE(3)", "[0,1,2]"),
        example("$RANGE(2, 5)", "[2,3,4]"),
        example("$RANGE(10, 0, -4)", "[10,6,2]"),
        example("$RANGE(5, 2)", "[]"),
        example("$RANGE(0, 3, 0)", "E0314"),
        example("$RANGE(1.5)", "E0314"),
        example("$RANGE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(range),
};

fn range<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (start, end) = match args.optional_integer(1)? {
        Some(end) => (args.integer(0)?, end),
        None => (0, args.integer(0)?),
    };
    let step = args.optional_integer(2)?.unwrap_or(1);
    if step == 0 {
        return Err(args.meaningless(2, "how far apart the numbers are, not 0"));
    }
    let mut numbers = env.heap.list_builder();
    let mut next = Some(start);
    while let Some(number) = next.filter(|number| (*number < end) == (step > 0) && *number != end) {
        numbers.push(Value::Number(Number::Int(number)))?;
        next = number.checked_add(step);
    }
    numbers.finish()
}
