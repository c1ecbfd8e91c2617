//! Truth tables: the results of `AND`, `OR` and `NOT` for every pair and triple of operands,
//! compared with the tables of the manual.

use hookgate::engine::{Context, Engine, OwnedValue, Program, Trap, UndeclaredRoots};
use hookgate::value::{OwnedObject, read_json};
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;
use super::laws::{numbers, texts, times, values};

/// Operands as written, and their truth; an error names its code.
const OPERANDS: &[(&str, Truth)] = &[
    ("TRUE", Truth::True),
    ("FALSE", Truth::False),
    ("NULL", Truth::False),
    ("1", Truth::True),
    ("0", Truth::False),
    ("-0.5", Truth::True),
    ("\"a\"", Truth::True),
    ("\"\"", Truth::False),
    ("[0]", Truth::True),
    ("[]", Truth::False),
    ("{ \"\": 0 }", Truth::True),
    ("{}", Truth::False),
    ("$INTEGER(\"x\")", Truth::Error),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Error,
}

/// A result: the operand at an index, a boolean, or the error of the operand at an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Operand(usize),
    Bool(bool),
    Error(usize),
}

type Operand = (usize, Truth);

fn value((place, truth): Operand) -> Wanted {
    if truth == Truth::Error { Wanted::Error(place) } else { Wanted::Operand(place) }
}

/// Returns the deciding operand: the first error or the first with the truth that stops; otherwise
/// the last.
fn joined(operands: &[Operand], stops: Truth) -> Wanted {
    let decides = |operand: &&Operand| operand.1 == stops || operand.1 == Truth::Error;
    value(*operands.iter().find(decides).or(operands.last()).unwrap())
}

/// Returns the source of an operand. Its error depends on its index, to identify the failed
/// operand.
fn operand(name: &str, place: usize) -> String {
    let fails = ["$INTEGER(\"x\")", "$UNHEX(\"x\")", "$PARSE_TIME(\"x\")"][place];
    format!("(IF {name}.fails THEN {fails} ELSE {name}.value)")
}

fn code(place: usize) -> &'static str {
    ["E0307", "E0309", "E0308"][place]
}

fn compiled(shape: &str) -> Program {
    let mut source = shape.to_owned();
    for (place, name) in ["a", "b", "c"].into_iter().enumerate() {
        source = source.replace(&format!("<{name}>"), &operand(name, place));
    }
    engine().compile(&source).unwrap_or_else(|faults| panic!("{source}: {faults}"))
}

fn engine() -> Engine {
    Engine::new().strangers(UndeclaredRoots::Allow)
}

/// Returns the value of an operand in the context.
fn given(operand: usize) -> OwnedValue {
    let (source, truth) = OPERANDS[operand];
    let json = source.replace("TRUE", "true").replace("FALSE", "false").replace("NULL", "null");
    let fails = truth == Truth::Error;
    let value = if fails { OwnedValue::Null } else { read_json(json.as_bytes()).unwrap() };
    let entries = vec![("fails".into(), OwnedValue::Bool(fails)), ("value".into(), value)];
    OwnedValue::Object(OwnedObject::new(entries).0)
}

fn shown(run: Result<OwnedValue, Trap>) -> String {
    run.map_or_else(|trap| trap.code().to_string(), |value| value.to_string())
}

fn holds(program: &Program, what: &str, chosen: &[usize], wanted: Wanted) {
    let values: Vec<OwnedValue> = chosen.iter().map(|operand| given(*operand)).collect();
    let mut context = Context::new();
    for (name, value) in ["a", "b", "c"].into_iter().zip(&values) {
        context.set(name, value);
    }
    let wanted = match wanted {
        Wanted::Operand(place) => {
            let context = &values[place].borrow();
            context.as_object().unwrap().get("value").unwrap().to_string()
        }
        Wanted::Bool(value) => value.to_string(),
        Wanted::Error(place) => code(place).to_owned(),
    };
    let sources: Vec<&str> = chosen.iter().map(|operand| OPERANDS[*operand].0).collect();
    assert_eq!(shown(program.eval(&context)), wanted, "{what} with {sources:?}");
}

/// Returns the negation: an error stays, any other operand becomes the opposite boolean.
fn turned(wanted: Wanted, operands: &[Operand]) -> Wanted {
    match wanted {
        Wanted::Operand(place) => Wanted::Bool(operands[place].1 == Truth::False),
        Wanted::Bool(value) => Wanted::Bool(!value),
        error @ Wanted::Error(_) => error,
    }
}

#[test]
fn short_circuit_operators_follow_the_truth_tables_for_three_operands() {
    let (and, or) = (Truth::False, Truth::True);
    let shapes = [
        "<a>",
        "NOT <a>",
        "<a> AND <b>",
        "<a> OR <b>",
        "NOT (<a> AND <b>)",
        "NOT <a> OR NOT <b>",
        "NOT (<a> OR <b>)",
        "NOT <a> AND NOT <b>",
        "<a> AND <b> AND <c>",
        "<a> AND (<b> AND <c>)",
        "<a> OR <b> OR <c>",
        "<a> OR (<b> OR <c>)",
        "<a> AND <b> OR <c>",
        "<a> OR <b> AND <c>",
        "(<a> OR <b>) AND <c>",
    ];
    let programs = shapes.map(compiled);
    let all = 0..OPERANDS.len();
    let mut tried = 0;
    for a in all.clone() {
        for b in all.clone() {
            for c in all.clone() {
                let chosen = [a, b, c];
                let operands = [0, 1, 2].map(|place| (place, OPERANDS[chosen[place]].1));
                let [first, second, third] = operands;
                let join = |operands: &[Operand], stops| joined(operands, stops);
                let again = |wanted: Wanted, operand: Operand, stops| match wanted {
                    Wanted::Operand(place) => joined(&[operands[place], operand], stops),
                    other => other,
                };
                let both = turned(join(&[first, second], and), &operands);
                let either = turned(join(&[first, second], or), &operands);
                // `AND` binds tighter than `OR`.
                let last = match first.1 {
                    Truth::True | Truth::Error => value(first),
                    Truth::False => joined(&[second, third], and),
                };
                let wanted = [
                    value(first),
                    turned(value(first), &operands),
                    join(&operands[..2], and),
                    join(&operands[..2], or),
                    both,
                    both,
                    either,
                    either,
                    join(&operands, and),
                    join(&operands, and),
                    join(&operands, or),
                    join(&operands, or),
                    again(join(&[first, second], and), third, or),
                    last,
                    again(join(&[first, second], or), third, and),
                ];
                for ((program, shape), wanted) in programs.iter().zip(shapes).zip(wanted) {
                    holds(program, shape, &chosen, wanted);
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, OPERANDS.len().pow(3) * shapes.len());
}

/// Tests operands that are literals in the program, and so known to the compiler.
#[test]
fn constant_folding_of_logic_gives_the_run_time_result() {
    let dynamic = ["<a> AND <b>", "<a> OR <b>", "NOT (<a> AND <b>)"].map(compiled);
    for (a, (first, _)) in OPERANDS.iter().enumerate() {
        for (b, (second, _)) in OPERANDS.iter().enumerate() {
            let (left, right) = (given(a), given(b));
            let mut context = Context::new();
            context.set("a", &left).set("b", &right);
            let sources = [
                format!("({first}) AND ({second})"),
                format!("({first}) OR ({second})"),
                format!("NOT (({first}) AND ({second}))"),
            ];
            for (program, source) in dynamic.iter().zip(sources) {
                let known = match engine().compile(&source) {
                    Ok(program) => shown(program.eval(&Context::new())),
                    // An operation that always fails is rejected before it runs.
                    Err(faults) => faults.list.iter().map(|one| one.code.to_string()).collect(),
                };
                let unknown = shown(program.eval(&context)).replace("E0309", "E0307");
                let refused = known.contains("E020");
                assert!(
                    known == unknown || refused && unknown == "E0307",
                    "{source}: {known} {unknown}"
                );
            }
        }
    }
}

fn answers(source: &str, left: &OwnedValue, right: &OwnedValue) -> Result<bool, Trap> {
    let mut context = Context::new();
    context.set("a", left).set("b", right);
    engine().compile(source).unwrap().eval(&context).map(|answer| answer == OwnedValue::Bool(true))
}

/// Generates two values of one kind that has an order.
fn of_one_kind() -> impl Strategy<Value = (OwnedValue, OwnedValue)> {
    let number = || numbers().prop_map(OwnedValue::Number);
    let text = || texts().prop_map(|text| OwnedValue::Text(text.into()));
    let time = || times().prop_map(OwnedValue::Time);
    prop_oneof![(number(), number()), (text(), text()), (time(), time()), (time(), number())]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn ordered_values_are_less_equal_or_greater((a, b) in of_one_kind()) {
        let is = |source: &str| answers(source, &a, &b).unwrap();
        let (less, same, more) = (is("a < b"), is("a == b"), is("a > b"));
        prop_assert_eq!([less, same, more].iter().filter(|one| **one).count(), 1);
        prop_assert_eq!(is("a <= b"), less || same);
        prop_assert_eq!(is("a >= b"), more || same);
        prop_assert_eq!(is("a != b"), !same);
        prop_assert_eq!(answers("b > a", &a, &b).unwrap(), less);
    }

    #[test]
    fn every_comparison_with_null_is_false(a in values()) {
        for source in ["a < b", "a <= b", "a > b", "a >= b", "b < a", "b >= a"] {
            prop_assert!(!answers(source, &a, &OwnedValue::Null).unwrap(), "{}", source);
        }
    }

    #[test]
    fn object_containment_is_equality_with_a_key(
        key in "[abc]{1,2}", entries in vec(("[abc]{1,2}", values()), 0..12),
    ) {
        let naive = entries.iter().any(|(one, _)| *one == key);
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        let object = OwnedValue::Object(OwnedObject::new(entries).0);
        let key = OwnedValue::Text(key.into());
        prop_assert_eq!(answers("a IN b", &key, &object).unwrap(), naive);
        prop_assert_eq!(answers("a NOT IN b", &key, &object).unwrap(), !naive);
    }
}
