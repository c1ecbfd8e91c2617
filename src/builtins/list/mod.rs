//! The list family: its rows in the order of the reference page. Loops have no code here, because
//! the compiler lowers them. The code of the other functions is next to their rows.

mod loops;
mod parts;
mod range;
mod unique;

use std::cmp::Ordering;

pub(crate) use unique::unique_by_key;

use super::function::{Code, Family, Function, LoopKind, NullPropagation, Param, Role, example};
use super::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Number, Value, ordering};

pub(super) const FUNCTIONS: &[Function] = &[
    loops::MAP,
    loops::FILTER,
    loops::ANY,
    loops::ALL,
    loops::FIND,
    loops::REDUCE,
    loops::SORT,
    loops::GROUP,
    loops::COUNT,
    unique::UNIQUE,
    FLATTEN,
    FIRST,
    LAST,
    REVERSE,
    range::RANGE,
    SUM,
    MIN,
    MAX,
    parts::CHUNK,
    parts::LIST,
];

/// The loops that run if these functions are called with a key for each element.
const KEYED: &[Function] = &[
    keyed("UNIQUE", LoopKind::Unique),
    keyed("SUM", LoopKind::Sum),
    keyed("MIN", LoopKind::Min),
    keyed("MAX", LoopKind::Max),
];

/// The optional key of the functions in [`KEYED`].
const KEY: Param = Param::lambda("key", 1, 1).optional();

const KEYED_PARAMS: &[Param] = &[Param::new("list", Kinds::LIST), KEY];

const fn keyed(name: &'static str, kind: LoopKind) -> Function {
    Function {
        name,
        family: Family::List,
        params: KEYED_PARAMS,
        result: Kinds::ALL,
        doc: "The function with a key for each element.",
        examples: &[],
        null: NullPropagation::Null,
        declassifies: false,
        role: Role::Ordinary,
        code: Code::Loop(kind),
    }
}

/// Returns the loop that runs if a function is called with a key for each element.
pub(crate) fn with_key(row: &Function) -> Option<&'static Function> {
    let is_native = matches!(row.code, Code::Native(_)) && row.family == Family::List;
    KEYED.iter().find(|keyed| is_native && keyed.name == row.name)
}

const FLATTEN: Function = Function {
    name: "FLATTEN",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST)],
    result: Kinds::LIST,
    doc: "The list flattened by one level: an element that is a list is replaced by its elements.",
    examples: &[
        example("$FLATTEN([1, [2, [3]], [], NULL])", "[1,2,[3],null]"),
        example("[[1], [2, 3]].$FLATTEN()", "[1,2,3]"),
        example("$FLATTEN(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(flatten),
};

const FIRST: Function = Function {
    name: "FIRST",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST)],
    result: Kinds::ALL,
    doc: "The first element; null for an empty list.",
    examples: &[
        example("$FIRST([7, 8])", "7"),
        example("[].$FIRST()", "null"),
        example("$FIRST(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(first),
};

const LAST: Function = Function {
    name: "LAST",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST)],
    result: Kinds::ALL,
    doc: "The last element; null for an empty list.",
    examples: &[
        example("$LAST([7, 8])", "8"),
        example("[].$LAST()", "null"),
        example("$LAST(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(last),
};

const REVERSE: Function = Function {
    name: "REVERSE",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST)],
    result: Kinds::LIST,
    doc: "The elements from the last to the first.",
    examples: &[
        example("$REVERSE([1, NULL, \"c\"])", "[\"c\",null,1]"),
        example("[].$REVERSE()", "[]"),
        example("$REVERSE(missing)", "null"),
        example("$REVERSE($PARSE_JSON(\"12\"))", "E0302"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(reverse),
};

const SUM: Function = Function {
    name: "SUM",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST), KEY],
    result: Kinds::NUMBER,
    doc: "The sum of the numbers in the list, or of the results of the lambda for each element. Nulls are left out. The sum of an empty list is 0.",
    examples: &[
        example("$SUM([1, 2.5, NULL])", "3.5"),
        example(r#"[{ "n": 2 }, { "n": 3 }, {}].$SUM(x => x.n)"#, "5"),
        example("[].$SUM()", "0"),
        example("$SUM([18446744073709551615, 1])", "E0303"),
        example("$SUM($PARSE_JSON('[1, \"2\"]'))", "E0302"),
        example("$SUM(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(sum),
};

const MIN: Function = Function {
    name: "MIN",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST), KEY],
    result: Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::TIME).or(Kinds::NULL),
    doc: "The smallest element by `<`, the first of equal ones. With a lambda, the element with the smallest result. Nulls are left out. Null for an empty list.",
    examples: &[
        example(r#"[{ "n": 2 }, { "n": 1 }, {}].$MIN(x => x.n)"#, r#"{"n":1}"#),
        example("$MIN([3, 1.5, NULL])", "1.5"),
        example("[\"b\", \"é\", \"a\"].$MIN()", "\"a\""),
        example("$MIN([NULL])", "null"),
        example("$MIN($PARSE_JSON('[1, \"2\"]'))", "E0305"),
        example("$MIN(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(min),
};

const MAX: Function = Function {
    name: "MAX",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST), KEY],
    result: Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::TIME).or(Kinds::NULL),
    doc: "The largest element by `>`, the first of equal ones. With a lambda, the element with the largest result. Nulls are left out. Null for an empty list.",
    examples: &[
        example(r#"["kiwi", "fig", "plum"].$MAX(x => $LENGTH(x))"#, "\"kiwi\""),
        example("$MAX([3, 18446744073709551615, NULL])", "18446744073709551615"),
        example("[\"b\", \"é\", \"a\"].$MAX()", "\"é\""),
        example("$MAX([])", "null"),
        example("$MAX($PARSE_JSON('[{}]'))", "E0305"),
        example("$MAX(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(max),
};

fn flatten<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut flat = env.heap.list_builder();
    for item in args.list(0)?.iter() {
        match item {
            Value::List(list) => {
                // Empty lists add no elements, but visiting them is work.
                env.heap.work(1)?;
                list.iter().try_for_each(|inner| flat.push(inner))?;
            }
            other => flat.push(other)?,
        }
    }
    flat.finish()
}

fn first<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(args.list(0)?.get(0).unwrap_or(Value::Null))
}

fn last<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(args.list(0)?.iter().next_back().unwrap_or(Value::Null))
}

fn reverse<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut reversed = env.heap.list_builder();
    args.list(0)?.iter().rev().try_for_each(|item| reversed.push(item))?;
    reversed.finish()
}

fn sum<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let list = args.list(0)?;
    // Nulls are visited too.
    env.heap.work(list.len())?;
    let mut total = Total::default();
    for item in list.iter().filter(|item| !item.is_null()) {
        total.add(item)?;
    }
    total.finish().map(Value::Number)
}

/// A sum in progress. Integers are added exactly, and only the result must be in range.
#[derive(Default)]
pub(crate) struct Total {
    integers: i128,
    decimals: Option<Number>,
}

impl Total {
    /// Adds a number.
    ///
    /// # Errors
    /// Returns a fault if it is no number, or too large to calculate with.
    pub(crate) fn add(&mut self, item: Value<'_>) -> Result<(), Fault> {
        let number = match item {
            Value::BigNumber(number) => return Err(number.not_calculated()),
            item => item.as_number().ok_or_else(|| no_number(item))?,
        };
        match number.as_integer() {
            // A list has fewer than 2^60 elements, so the sum of 64-bit integers fits.
            Some(integer) => self.integers = self.integers.saturating_add(integer),
            None => {
                let so_far = self.decimals.unwrap_or(Number::ZERO);
                self.decimals = Some(so_far.checked_add(number)?);
            }
        }
        Ok(())
    }

    /// Returns the sum.
    ///
    /// # Errors
    /// Returns a fault if it is out of range.
    pub(crate) fn finish(self) -> Result<Number, Fault> {
        let integers = Number::integer(self.integers).ok_or_else(|| {
            let message = format!("the sum `{}` is out of range", self.integers);
            Fault::new(FaultKind::OutOfRange, message).help(
                "integers reach from -9223372036854775808 to 18446744073709551615; convert with `$DECIMAL` to calculate approximately",
            )
        })?;
        match self.decimals {
            Some(decimals) => decimals.checked_add(integers),
            None => Ok(integers),
        }
    }
}

fn no_number(item: Value<'_>) -> Fault {
    let fault = Fault::new(
        FaultKind::WrongArgument,
        format!("`$SUM` adds up numbers, and in the list is {}", item.kind().phrase()),
    );
    match item.as_text() {
        Some(_) => fault.help("convert the strings first: `list.$MAP(x => $INTEGER(x)).$SUM()`"),
        None => fault,
    }
}

fn min<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    foremost(env, args, Ordering::Less)
}

fn max<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    foremost(env, args, Ordering::Greater)
}

/// Returns the element that has the given order relative to all others.
fn foremost<'a>(env: &Env<'a>, args: Args<'_, 'a>, order: Ordering) -> Result<Value<'a>, Fault> {
    let list = args.list(0)?;
    env.heap.work(list.len())?;
    let mut best = Value::Null;
    for item in list.iter().filter(|item| !item.is_null()) {
        // The first element is compared with itself, so that a single element without an order
        // fails too.
        let other = if best.is_null() { item } else { best };
        if ordering(env.heap, item, other)? == Some(order) || best.is_null() {
            best = item;
        }
    }
    Ok(best)
}
